"""Six dates of a city whose presentment window is three days: every kind of item that a tap or a load
log opens, what time and data make of it, and one decision of two people."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from clearing import store as clearing_store
from schemas import record
from schemas.codes import TapKind
from schemas.items import Action
from schemas.registry import Staff
from settlement.context import Context
from settlement.decisions import Words, decide, propose
from settlement.store.loads import LoadRow, add_complete_until, add_loads
from tests import world
from tests.settlement.chains.nights import City
from tests.world import AGENT, BUS, FOREIGN_ISSUER, OPEN, OWN_ISSUER, Card

STRANGE = "710000110009"
"""A terminal that nobody registered: its taps are held."""
RIDER, PAYER, TORN, LEAVER, DEBTOR, LOADER, UNLOGGED, UNRECORDED = range(1, 9)
DATES = [OPEN + timedelta(days=n) for n in range(6)]
DUE = DATES[4]
"""Three days and one after the first date."""
ANNA, BO = "anna", "bo"


def card_bytes(number: int) -> bytes:
    """The 19 bytes of an own card."""
    return bytes([1]) + bytes.fromhex(OWN_ISSUER + world.serial(number))


def torn(data: bytes) -> bytes:
    """The record of a tap whose card left before it gave its TAC."""
    tac = record.FIELD["tac"]
    return data[: tac.offset] + b"\xff" * 4 + data[tac.end :]


def refund(card: Card, fen: int, at: str, number: int) -> bytes:
    """A card refund. It is no event of the card's purse: neither counter nor balance move."""
    data = card.tap(AGENT, fen, at=at, number=number, kind=TapKind.CARD_REFUND, gross_fen=0)
    card.offline, card.balance_fen = card.offline - 1, card.balance_fen + fen
    return data


def load(card: int, fen: int, authorisation: str, minute: int, imported_on: date) -> LoadRow:
    """A load that the issuer authorised on the first date, the card's first one."""
    return LoadRow(
        issuer_no=1,
        authorisation=authorisation,
        card=card_bytes(card),
        online_counter=1,
        amount_fen=fen,
        loaded_at=datetime(OPEN.year, OPEN.month, OPEN.day, 8, minute),  # noqa: DTZ001 - local
        operator_no=AGENT,
        imported_on=imported_on,
    )


def first_taps(deck: dict[int, Card]) -> list[bytes]:
    """Batch 1 is the bus's, batch 2 the agent's, rows in this order."""
    abroad = Card(99, issuer=FOREIGN_ISSUER)
    at = f"{OPEN:%Y%m%d}08{{:02}}00"
    top_up: dict[str, Any] = {"kind": TapKind.TOP_UP, "gross_fen": 0}
    return [
        deck[RIDER].tap(BUS, 50, at=at.format(1), gross_fen=100, terminal_id=STRANGE),
        deck[PAYER].tap(BUS, 80, at=at.format(2), gross_fen=100, number=1),
        torn(deck[TORN].tap(BUS, 50, at=at.format(3), gross_fen=100, number=2)),
        abroad.tap(BUS, 130, at=at.format(4), gross_fen=100, number=3),
        abroad.tap(BUS, 100, at=at.format(5), gross_fen=100, terminal_id=STRANGE),
        refund(deck[LEAVER], 4_000, at.format(6), 1),
        refund(deck[DEBTOR], 6_000, at.format(7), 2),
        deck[LOADER].tap(AGENT, 1_000, at=at.format(8), number=3, **top_up),
        deck[UNLOGGED].tap(AGENT, 900, at=at.format(9), number=4, **top_up),
    ]


async def live(dsn: str, home: Path) -> Context:
    """Live through the dates; the sixth is sealed at the end."""
    deck = {number: Card(number) for number in range(1, 9)}
    city = await City.founded(dsn, home, list(deck.values()))
    connection = await asyncpg.connect(dsn)
    try:
        people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in (ANNA, BO)]
        async with connection.transaction():
            await clearing_store.change_registry(connection, [("staff", row) for row in people])
        await city.hand_in(*first_taps(deck))
        await city.sleep()
        await _second_date(connection, city, deck)
        await city.sleep()
        await add_loads(connection, [load(UNLOGGED, 900, "A3", 9, city.today)])
        await city.sleep(3)
        late = {"kind": TapKind.TOP_UP, "gross_fen": 0, "number": 5}
        await city.hand_in(
            deck[UNRECORDED].tap(AGENT, 3_000, at=f"{OPEN:%Y%m%d}081000", **late)  # type: ignore[arg-type]
        )
        await city.sleep()
    finally:
        await connection.close()
    return city.context


async def _second_date(
    connection: asyncpg.Connection[Any], city: City, deck: dict[int, Card]
) -> None:
    """The load log comes, complete up to midnight; two people release the held ride; a refunded card is
    used again."""
    rows = [
        load(LOADER, 1_000, "A1", 8, city.today),
        load(UNRECORDED, 3_000, "A2", 10, city.today),
    ]
    midnight = datetime.combine(city.today, datetime.min.time())
    async with connection.transaction():
        await add_loads(connection, rows)
        await add_complete_until(connection, 1, midnight, city.today)
    words = Words("the terminal is new", 0)
    proposal = await propose(connection, city.context, "held/1/0", Action.RELEASE, words, ANNA)
    await decide(connection, city.context, proposal.proposal_no, True, "agreed", BO)
    await city.hand_in(deck[LEAVER].tap(BUS, 50, at=city.at(), gross_fen=100, number=4))
