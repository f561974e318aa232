"""The float 沉淀资金: what is owed to own cards, card by card and on the books, which must agree."""

import struct
from collections.abc import Mapping
from typing import Final

import msgspec

from clearing import cards
from clearing.plan import Purpose
from clearing.store import read_accounts, read_registry
from schemas.accounts import Account, AccountKind
from schemas.registry import Issuer
from settlement import store
from settlement.books import numbered
from settlement.findings import Finding
from settlement.store import Connection, DayRow
from settlement.store.items import issuer_adjustments
from settlement.tables import csv_bytes, json_bytes

PAPER: Final = "centre/float.json"

_CARD_MONEY: Final = struct.Struct("<2xH18xB9xii24x")
"""Of a card line: issuer number, flags with the status, stated and book balance."""
assert _CARD_MONEY.size == cards.SIZE

_WAITING: Final = (Purpose.HELD, Purpose.EXCESS, Purpose.REJECTED, Purpose.RECLEAR)
"""Purposes of debits that wait for a decision, and of debits that a re-clearing names anew."""


class Float(msgspec.Struct, frozen=True):
    """The float 沉淀资金 of one own issuer at the end of a date, fen.

    ``book_fen`` is the sum of its cards' book balances, ``adjusted_fen`` what items changed of what is
    owed to them beside; ``pending_fen`` is both less what the cards themselves state (taps that have
    not come yet). Opening + in − out = closing = ``book_fen`` + ``adjusted_fen``.
    """

    issuer: int
    family: int
    name: str
    cards: int
    book_fen: int
    adjusted_fen: int
    stated_fen: int
    pending_fen: int
    opening_fen: int
    in_fen: int
    out_fen: int
    closing_fen: int


async def float_table(connection: Connection, day: DayRow, lines: bytes) -> list[Float]:
    """The float of every own issuer. ``lines``: the closing card lines of the date."""
    assert day.registry_version is not None
    accounts = numbered(await read_accounts(connection))
    balances = await store.read_balances(connection, day.business_date)
    sums = await store.read_sums(connection, day.business_date)
    registry = await read_registry(connection, day.registry_version)
    issuers = [row for row in registry["issuer"] if isinstance(row, Issuer) and row.own]
    adjusted = await issuer_adjustments(connection, day.business_date)
    money = _card_money(lines)
    found = []
    for issuer in sorted(issuers, key=lambda row: row.number):
        number = _liability(accounts, issuer)
        moved = [row for row in sums if row.account == number]
        count, book, stated, pending = money.get(issuer.number, (0, 0, 0, 0))
        by_items = adjusted.get(bytes([issuer.family]) + bytes.fromhex(issuer.issuer), 0)
        incoming, outgoing = _in_and_out(moved)
        closing = -balances.get(number, 0)
        found.append(
            Float(
                issuer.number, issuer.family, issuer.name, count, book, by_items, stated,
                pending + by_items, closing - incoming + outgoing, incoming, outgoing, closing,
            )
        )  # fmt: skip
    return found


def _in_and_out(moved: list[store.Sum]) -> tuple[int, int]:
    """What came in and went out, fen.

    A decision credits what waited under one purpose and debits it under another: that moved nothing.
    """
    named_anew = sum(row.credit_fen for row in moved if row.purpose in _WAITING)
    incoming = sum(row.credit_fen for row in moved)
    outgoing = sum(row.debit_fen for row in moved)
    return incoming - named_anew, outgoing - named_anew


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


def differing(table: list[Float]) -> list[Finding]:
    """Issuers whose cards do not hold what the books say."""
    return [
        Finding(
            f"float of issuer {row.issuer}",
            "Σ card balances, fen,",
            str(row.closing_fen),
            str(row.book_fen + row.adjusted_fen),
        )
        for row in table
        if row.book_fen + row.adjusted_fen != row.closing_fen
    ]


def papers_of(table: list[Float]) -> dict[str, bytes]:
    """The float table."""
    return {
        PAPER: json_bytes(table),
        "centre/float.csv": csv_bytes(
            Float.__struct_fields__, [msgspec.structs.astuple(row) for row in table]
        ),
    }
