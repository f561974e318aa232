"""The audit: the date comes out again as it was stored, or it goes no further.

The database proves identities unique by building the index; late transaction dates are checked against
the sealed dates; a fresh kernel replays the date; card balances meet the card liability. Closing card
pages and the index of the taps are kept.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

import asyncpg
import msgspec

from clearing import cards
from clearing.state import changed_pages, pages_of
from clearing.store import (
    build_identity_index,
    find_identities,
    future_identities,
    read_accounts,
    read_last_judged,
    read_last_sealed_before,
    read_pages,
    read_registry,
    write_pages,
)
from clearing.verdicts import first_possible, latest_possible
from schemas.accounts import Account, AccountKind
from schemas.reasons import Reason
from schemas.registry import Issuer
from settlement import books, papers, registries, replay, store, tap_index
from settlement.books import numbered
from settlement.context import Context
from settlement.errors import AuditFailed, DayNotReady
from settlement.findings import Finding
from settlement.store import Connection, DayRow
from settlement.tables import csv_bytes, json_bytes

CARDS_PAPER: Final = "proof/cards.json"
FLOAT_PAPER: Final = "centre/float.json"

_LOOKED_UP: Final = 10_000
_CARD_MONEY: Final = struct.Struct("<2xH18xH8xii24x")
"""Of a card line: issuer number, flags, stated and book balance."""
assert _CARD_MONEY.size == cards.SIZE


async def audit(connection: Connection, context: Context, day: DayRow) -> None:
    """Prove the date, keep its closing state. Raises ``AuditFailed``, ``DayNotReady``."""
    for earlier in await store.read_days_before(connection, day.business_date):
        if earlier.state != "sealed":
            raise DayNotReady(
                f"{earlier.business_date} is not sealed yet, it is {earlier.state}.",
                f"Settle {earlier.business_date} first.",
            )
    _fail_if(day, "has taps twice", await prove_identities(connection, day))
    entries = await store.read_entries(connection, day.business_date)
    replayed = await replay.replay(connection, context, day, entries)
    _fail_if(day, "does not replay", replayed.findings)
    findings = list(await late_twins(connection, context, day.business_date))
    _fail_if(day, "has taps of sealed dates again", findings)
    floats = await float_table(connection, day, replayed.lines)
    _fail_if(day, "has card balances that are not the card liability", float_findings(floats))
    pages = changed_pages(await read_pages(connection, day.business_date), pages_of(replayed.lines))
    await write_pages(connection, day.business_date, pages.items())
    await papers.keep(
        connection,
        day.business_date,
        {
            tap_index.PAPER: tap_index.pack(replayed.index),
            CARDS_PAPER: cards_paper(day, pages),
            books.BATCHES: books.batches_paper(replayed.batches),
            registries.PAPER: await registries.registry_paper(connection, day),
            **float_papers(floats),
        },
    )


def _fail_if(day: DayRow, what: str, findings: list[Finding]) -> None:
    if findings:
        raise AuditFailed(f"{day.business_date} {what}", findings)


async def prove_identities(connection: Connection, day: DayRow) -> list[Finding]:
    """Let the database prove that no two taps, not rejected, are the same one."""
    try:
        async with connection.transaction():
            await build_identity_index(connection, day.business_date)
    except asyncpg.UniqueViolationError:
        return [
            Finding(f"taps {' and '.join(twins)}", "have one identity")
            for twins in await store.read_twins(connection, day.business_date)
        ]
    return []


async def late_twins(
    connection: Connection, context: Context, business_date: date
) -> Iterator[Finding]:
    """Taps of this date that an earlier date holds, as far as their own time allows."""
    last_sealed = await read_last_sealed_before(connection, business_date)
    if last_sealed is None:
        return iter(())
    judged_s = await read_last_judged(connection, last_sealed)
    limit = latest_possible(last_sealed, judged_s, context.node.limits.clock_tolerance_s)
    here = {
        identity: (seq, row)
        for identity, seq, row in await store.read_identities(connection, business_date, limit)
    }
    earlier: dict[bytes, tuple[int, int]] = {}
    identities = sorted(here)
    for at in range(0, len(identities), _LOOKED_UP):
        some = identities[at : at + _LOOKED_UP]
        first = first_possible(some)
        found = await find_identities(connection, some, first, last_sealed)
        earlier |= {identity: place[:2] for identity, place in found.items()}
    held = {
        identity: tap[:2]
        for identity, tap in await future_identities(connection, last_sealed, Reason.FUTURE)
    }
    again = await find_identities(connection, sorted(held), business_date, business_date)
    here |= {identity: place[:2] for identity, place in again.items()}
    earlier |= {identity: held[identity] for identity in again}
    return (
        Finding(
            "tap {}/{}".format(*here[identity]), "was cleared before as tap {}/{}".format(*place)
        )
        for identity, place in sorted(earlier.items())
    )


# -- float -----------------------------------------------------------------------------------------


class Float(msgspec.Struct, frozen=True):
    """The float 沉淀资金 of one own issuer at the end of a date, fen.

    ``book_fen`` is the sum of its cards' book balances; ``pending_fen`` what the cards themselves
    state less (taps that have not come yet). Opening + in − out = closing = ``book_fen``.
    """

    issuer: int
    family: int
    name: str
    cards: int
    book_fen: int
    stated_fen: int
    pending_fen: int
    opening_fen: int
    in_fen: int
    out_fen: int
    closing_fen: int


async def float_table(connection: Connection, day: DayRow, lines: bytes) -> list[Float]:
    """The float of every own issuer."""
    assert day.registry_version is not None
    accounts = numbered(await read_accounts(connection))
    balances = await store.read_balances(connection, day.business_date)
    sums = await store.read_sums(connection, day.business_date)
    registry = await read_registry(connection, day.registry_version)
    issuers = [row for row in registry["issuer"] if isinstance(row, Issuer) and row.own]
    money = _card_money(lines)
    found = []
    for issuer in sorted(issuers, key=lambda row: row.number):
        number = _liability(accounts, issuer)
        moved = [row for row in sums if row.account == number]
        count, book, stated, pending = money.get(issuer.number, (0, 0, 0, 0))
        incoming = sum(row.credit_fen for row in moved)
        outgoing = sum(row.debit_fen for row in moved)
        closing = -balances.get(number, 0)
        found.append(
            Float(
                issuer.number, issuer.family, issuer.name, count, book, stated, pending,
                closing - incoming + outgoing, incoming, outgoing, closing,
            )
        )  # fmt: skip
    return found


def _liability(accounts: Mapping[int, Account], issuer: Issuer) -> int:
    return next(
        number
        for number, account in accounts.items()
        if account.kind == AccountKind.CARD_LIABILITY and account.participant == str(issuer.number)
    )


def _card_money(lines: bytes) -> dict[int, tuple[int, int, int, int]]:
    """Cards, book, stated and pending fen by issuer number."""
    found: dict[int, list[int]] = {}
    for issuer, flags, stated, book in _CARD_MONEY.iter_unpack(lines):
        sums = found.setdefault(issuer, [0, 0, 0, 0])
        sums[0] += 1
        sums[1] += book
        if flags & cards.BALANCE_KNOWN:
            sums[2] += stated
            sums[3] += book - stated
    return {issuer: (row[0], row[1], row[2], row[3]) for issuer, row in found.items()}


def float_findings(floats: list[Float]) -> list[Finding]:
    """Issuers whose cards do not hold what the books say."""
    return [
        Finding(
            f"float of issuer {row.issuer}",
            "Σ card balances, fen,",
            str(row.closing_fen),
            str(row.book_fen),
        )
        for row in floats
        if row.book_fen != row.closing_fen
    ]


def float_papers(floats: list[Float]) -> dict[str, bytes]:
    """The float table."""
    return {
        FLOAT_PAPER: json_bytes(floats),
        "centre/float.csv": csv_bytes(
            Float.__struct_fields__, [msgspec.structs.astuple(row) for row in floats]
        ),
    }


def cards_paper(day: DayRow, pages: Mapping[int, bytes]) -> bytes:
    """Digests of the card pages that changed on the date."""
    return json_bytes(
        {
            "registry_version": day.registry_version,
            "pages": {
                f"{number:03}": hashlib.sha256(pages[number]).hexdigest() for number in pages
            },
        }
    )
