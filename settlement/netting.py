"""Netting 轧差: fees, positions per participant and purse, what is instructed, the roots.

A position is what a participant's accounts moved on the date in one purse; positive: is to be paid.
Together with the centre's own counterpart (suspense, unclaimed, what waits for another city) the
positions of a purse sum to zero. What a bank will be asked for moves into transit by an entry of the
date, so the next date's accounts begin with what stays owed.

Not instructed from here: the issuer (its float lies on the centre's own settlement account), the budget
(it is invoiced), a city's province position (the province instructs it), whoever has no account.
"""

from collections.abc import Iterable
from typing import Final

from clearing import proof
from clearing.plan import Purpose
from clearing.store import (
    Entry,
    Posting,
    add_entries,
    ensure_accounts,
    read_accounts,
    read_batches,
    read_registry,
)
from schemas.accounts import Account, AccountKind, code_of
from schemas.codes import Purse
from settlement import books, fees, parties, store
from settlement.books import numbered
from settlement.context import Context
from settlement.errors import AuditFailed
from settlement.findings import Finding
from settlement.positions import payable, positions_of
from settlement.store import Connection, DayRow, Position, Sum


async def net(connection: Connection, context: Context, day: DayRow) -> None:
    """Book fees, fix positions, move what is payable into transit, fix the roots."""
    await fees.book(connection, context, day)
    sums = await store.read_sums(connection, day.business_date)
    accounts = numbered(await read_accounts(connection))
    positions = positions_of(sums, accounts)
    check_positions(positions)
    await store.write_positions(connection, day.business_date, positions)
    entries = await transit_entries(connection, context, day, positions, sums)
    await add_entries(connection, day.business_date, entries)
    accounts = numbered(await read_accounts(connection))
    check_balance(await store.read_sums(connection, day.business_date), accounts)
    roots = await roots_of(connection, day)
    await store.change_day(connection, day.business_date, **roots)


# -- positions -----------------------------------------------------------------------------------


def check_positions(positions: Iterable[Position]) -> None:
    """Σ = 0 in each purse. Raises ``AuditFailed``."""
    sums: dict[int, int] = {}
    for row in positions:
        sums[row.purse] = sums.get(row.purse, 0) + row.amount_fen
    findings = [
        Finding(f"purse {Purse(purse).name.lower()}", "Σ positions, fen,", "0", str(fen))
        for purse, fen in sums.items()
        if fen
    ]
    if findings:
        raise AuditFailed("The positions do not balance", findings)


def check_balance(sums: Iterable[Sum], accounts: dict[int, Account]) -> None:
    """Debits equal credits in each purse. Raises ``AuditFailed``."""
    totals: dict[Purse, int] = {}
    for row in sums:
        purse = accounts[row.account].purse
        totals[purse] = totals.get(purse, 0) + row.amount_fen
    findings = [
        Finding(f"purse {purse.name.lower()}", "trial balance, fen,", "0", str(fen))
        for purse, fen in totals.items()
        if fen
    ]
    if findings:
        raise AuditFailed("The books do not balance", findings)


# -- transit -------------------------------------------------------------------------------------


_ACCOUNT_OF: Final[dict[tuple[Purse, str], AccountKind]] = {
    (Purse.PRINCIPAL, "operator"): AccountKind.OPERATOR,
    (Purse.PRINCIPAL, "driver"): AccountKind.DRIVER,
    (Purse.PRINCIPAL, "load_agent"): AccountKind.LOAD_AGENT,
    (Purse.PRINCIPAL, "refund_agent"): AccountKind.REFUND_AGENT,
    (Purse.PRINCIPAL, "city"): AccountKind.CITY,
    (Purse.FEES, "operator"): AccountKind.FEE,
    (Purse.SUBSIDIES, "operator"): AccountKind.SUBSIDY,
}
"""The account that an instruction empties."""


async def transit_entries(
    connection: Connection,
    context: Context,
    day: DayRow,
    positions: list[Position],
    sums: list[Sum],
) -> list[Entry]:
    """Per purse one entry: what will be instructed, between the participants and transit."""
    assert day.registry_version is not None
    registry = await read_registry(connection, day.registry_version)
    payees = parties.payees(registry, context)
    transit = [(purse, AccountKind.SETTLEMENT_TRANSIT, "") for purse in Purse]
    accounts = await ensure_accounts(connection, transit)
    by_purse: dict[Purse, list[Posting]] = {}
    for row in payable(positions, sums, numbered(accounts)):
        role, _, number = row.participant.partition("/")
        kind = _ACCOUNT_OF.get((Purse(row.purse), role))
        if kind is None or row.participant not in payees:
            continue
        name = f"operator-{number}" if kind == AccountKind.FEE else number
        account = accounts[code_of(Purse(row.purse), kind, name)]
        by_purse.setdefault(Purse(row.purse), []).append(
            Posting(
                account.number,
                Purpose.SETTLEMENT,
                row.amount_fen,
                # A city's account is kept by cycle, and the cycle of a date is that date.
                cycle=day.business_date if kind == AccountKind.CITY else None,
            )
        )
    entries = []
    for purse, postings in sorted(by_purse.items()):
        total = sum(posting.amount_fen for posting in postings)
        number_of_transit = accounts[code_of(purse, AccountKind.SETTLEMENT_TRANSIT)].number
        if total:
            postings.append(Posting(number_of_transit, Purpose.SETTLEMENT, -total))
        entries.append(
            Entry(
                entry_id=f"night/{day.business_date}/settlement/{purse.name.lower()}",
                narrative="instructed payments",
                postings=tuple(postings),
            )
        )
    return entries


# -- roots ---------------------------------------------------------------------------------------


async def roots_of(connection: Connection, day: DayRow) -> dict[str, bytes]:
    """The roots over what the date booked; from here on it is final."""
    accounts = numbered(await read_accounts(connection))
    batches = await read_batches(connection, day.business_date)
    entries = await store.read_entries(connection, day.business_date)
    events = await store.read_events(connection, day.business_date)
    return {
        "taps_root": proof.taps_root([(row.batch_seq, row.batch_root) for row in batches]),
        "ledger_root": books.ledger_root(books.entry_line(row, accounts) for row in entries),
        "events_root": books.events_root(map(books.event_line, events)),
    }
