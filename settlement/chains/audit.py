"""The nightly audit of chains: cards and terminals that a date asks for, read, walked, followed.

Most cards have nothing to say: what they state is what we booked. Only the others are read, and no
further back than their own doubts reach.
"""

import struct
from typing import Final

from clearing import cards
from clearing.plan import Plan
from clearing.store import read_accounts
from schemas.accounts import AccountKind, code_of
from schemas.codes import Purse
from schemas.reasons import Reason
from settlement.chains.cards import CardAudit
from settlement.chains.numbers import audit_terminals
from settlement.chains.standing import CARD_KINDS, Books
from settlement.chains.turn import TURN, is_near
from settlement.context import Context
from settlement.items import Night
from settlement.store import Connection, DayRow, chains

_MARKS: Final = (
    Reason.CHAIN_GAP_PENDING, Reason.BALANCE_RISE_PENDING, Reason.COUNTER_LATE, Reason.TAC_TORN,
    Reason.COUNTER_REUSED, Reason.PRESENTED_LATE,
)  # fmt: skip
"""A tap with one of these says something of its card's chain, or of what was missing in it."""

_RECENT: Final = 15
"""The newest debit counters of a card: a ride for nothing that is missing shows as a hole among them first. An
older hole was asked about before, unless the card had as many debits on the date; most cards that lost a record once
have one."""

_LINE: Final = struct.Struct("<2xH10s2xH4xBxQii24x")
"""Of a card line: issuer number (a terminal's has none), serial, highest debit counter, flags with the status,
counter window, stated and book balance."""
assert _LINE.size == cards.SIZE


async def audit_chains(
    connection: Connection, context: Context, day: DayRow, lines: bytes
) -> Night:
    """What the chains of cards and terminals say on the night of a date. Reads only.

    ``lines``: the date's closing lines, cards and terminals, 64 bytes each.
    """
    night = Night([], [], [], [])
    if context.is_province:
        return night
    assert day.rules_version is not None
    assert day.registry_version is not None
    plan = await context.plans.plan(connection, day.rules_version, day.registry_version)
    books = await _books(connection, day, plan)
    audit = CardAudit(connection, context, day, plan, books)
    missing: dict[bytes, int] = {}
    wanted = await _candidates(connection, day, lines, audit.own, missing)
    night.merge(await audit.run(wanted, missing))
    night.merge(await audit_terminals(connection, day, books, lines))
    return night.in_order()


async def _books(connection: Connection, day: DayRow, plan: Plan) -> Books:
    accounts = await read_accounts(connection)
    return Books(
        business_date=day.business_date,
        window_days=plan.limits.presentment_window_days,
        lost=accounts[code_of(Purse.PRINCIPAL, AccountKind.UNCLAIMED, "chain_gap")].number,
    )


async def _candidates(
    connection: Connection,
    day: DayRow,
    lines: bytes,
    own: dict[int, bytes],
    missing: dict[bytes, int],
) -> list[bytes]:
    """The cards (19 bytes) whose history the date asks for, in order; ``missing`` takes the oldest debit
    counter that a card's window lacks, or the turn where it may have begun anew.

    What the chain of a card says changes with its taps, and else only by time, decisions and load logs.
    So a card that waits is asked when it was tapped again, or when one of those may speak.
    """
    on = day.business_date
    adjusted = await chains.read_adjusted_cards(connection, on)
    waiting = await chains.read_waiting_cards(connection, on, CARD_KINDS)
    found = set(
        await chains.read_marked_cards(
            connection, on, sorted(own), sum(1 << reason for reason in _MARKS)
        )
    )
    found |= {card for card, awake in waiting.items() if awake}
    quiet = dict.fromkeys(waiting.keys(), 1) | _suspicious(lines, own, adjusted, missing)
    asked = sorted(quiet.keys() - found)
    async with chains.by_index(connection):
        touched = await chains.read_touched_cards(connection, on, asked)
    found |= {card for card, taps in touched.items() if taps >= quiet[card] or card in waiting}
    heads = set(own.values())
    return sorted(card for card in found if card[:9] in heads)


def _suspicious(
    lines: bytes, own: dict[int, bytes], adjusted: dict[bytes, int], missing: dict[bytes, int]
) -> dict[bytes, int]:
    """Cards that state another balance than is booked and adjusted, or miss a debit counter; and how many
    taps of the date each must have to be asked: a hole with so many debits above it is not new else.

    A card that no registry has began with a balance that we never booked, so its balance tells nothing.
    """
    found: dict[bytes, int] = {}
    explained = set()
    for issuer, serial, highest, flags, window, stated, book in _LINE.iter_unpack(lines):
        # A window has no holes if it is ones only, from its lowest bit on.
        holes = window & (window + 1)
        if (stated == book and not holes) or issuer not in own:
            continue
        card = own[issuer] + serial
        agrees = stated == book + adjusted.get(card, 0) or not flags & cards.REGISTERED
        if holes or is_near(highest):
            # Of a counter that began anew, a line goes on knowing only what was before.
            missing[card] = oldest_missing(highest, window)
        if flags & cards.BALANCE_KNOWN and (holes or not agrees):
            above = (~window & (window + 1)).bit_length() - 1 if holes else 0
            found[card] = above if agrees and above >= _RECENT else 1
        if agrees and stated != book:
            explained.add(card)
    return dict.fromkeys({card for card, fen in adjusted.items() if fen} - explained, 1) | found


def oldest_missing(highest: int, window: int) -> int:
    """The oldest debit counter that a window lacks: of the recent ones, or the newest of the others; of a full
    one none before the turn."""
    if not window & (window + 1):
        return TURN
    lacking = ~window & ((1 << window.bit_length()) - 1)
    recent = lacking & ((1 << _RECENT) - 1)
    return highest - (recent.bit_length() - 1 if recent else (lacking & -lacking).bit_length() - 1)
