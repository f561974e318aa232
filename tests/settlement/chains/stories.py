"""Short histories of a card, for tests: what it did, and elements as the walk reads them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from schemas.codes import TapKind
from settlement.chains.element import OPENING, Element

START = datetime(2026, 1, 5, 8)  # noqa: DTZ001 - local time, as records are
TERMINALS = (b"\x71\x00\x00\x11\x00\x01", b"\x71\x00\x00\x11\x00\x02")


def opening(balance_fen: int = 5_000, offline: int = 0, online: int = 0) -> Element:
    """The position that a card was registered with."""
    return Element(
        offline=offline,
        online=online,
        before_fen=balance_fen,
        after_fen=balance_fen,
        kind=OPENING,
        tapped_at=datetime.min,  # noqa: DTZ901
    )


def history(story: str, *, balance_fen: int = 5_000, minutes: int = 60) -> list[Element]:
    """Every event of a card in its order: ``-50`` rides for 50 fen, ``+2000`` loads 2,000 fen.

    The first is an hour after START, each in a batch of its own numbered from 1, at alternating terminals.
    """
    offline = online = 0
    found = []
    for number, word in enumerate(story.split(), 1):
        amount, load = int(word[1:]), word[0] == "+"
        offline, online = offline + (not load), online + load
        after = balance_fen + (amount if load else -amount)
        at = START + timedelta(minutes=minutes * number)
        found.append(
            Element(
                offline=offline,
                online=online,
                before_fen=balance_fen,
                after_fen=after,
                amount_fen=amount,
                kind=TapKind.TOP_UP if load else TapKind.BUS_FLAT,
                tapped_at=at,
                terminal=TERMINALS[number % 2],
                batch_seq=number,
                business_date=at.date(),
            )
        )
        balance_fen = after
    return found


def day(number: int) -> date:
    """The 5th of January and the days after it: 0, 1, 2 …"""
    return START.date() + timedelta(days=number)
