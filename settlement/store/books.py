"""Entries, sums and balances, events."""

from datetime import date

import msgspec

from clearing.plan import Purpose
from clearing.store import Connection
from schemas.accounts import AccountKind


class BookedPosting(msgspec.Struct, frozen=True):
    """A posting as it is stored."""

    line: int
    account: int
    purpose: int
    cycle: date | None
    tap_count: int
    amount_fen: int


class BookedEntry(msgspec.Struct, frozen=True):
    """An entry as it is stored, with its postings in order."""

    entry_id: str
    business_date: date
    batch_seq: int | None
    narrative: str
    corrects: str | None
    postings: tuple[BookedPosting, ...]


async def read_entries(connection: Connection, business_date: date) -> list[BookedEntry]:
    """The entries of a date, by entry_id as bytes."""
    postings: dict[str, list[BookedPosting]] = {}
    for row in await connection.fetch(
        "SELECT p.entry_id, p.line_no, p.account_no, p.purpose, p.cycle, p.tap_count, p.amount_fen"
        " FROM clearing.posting p JOIN clearing.entry e USING (entry_id)"
        " WHERE e.business_date = $1 ORDER BY p.entry_id, p.line_no",
        business_date,
    ):
        postings.setdefault(row[0], []).append(BookedPosting(*row[1:]))
    entries = [
        BookedEntry(row[0], row[1], row[2], row[3], row[4], tuple(postings.get(row[0], ())))
        for row in await connection.fetch(
            "SELECT entry_id, business_date, batch_seq, narrative, corrects FROM clearing.entry"
            " WHERE business_date = $1",
            business_date,
        )
    ]
    return sorted(entries, key=lambda entry: entry.entry_id.encode())


async def read_balances(connection: Connection, up_to: date) -> dict[int, int]:
    """The balance of every account as of the end of a date, fen, by account number."""
    rows = await connection.fetch(
        "SELECT p.account_no, sum(p.amount_fen)::bigint FROM clearing.posting p"
        " JOIN clearing.entry e USING (entry_id) WHERE e.business_date <= $1 GROUP BY 1",
        up_to,
    )
    return {row[0]: row[1] for row in rows}


class Sum(msgspec.Struct, frozen=True):
    """What an account moved on a date for one purpose, by the operator whose batch moved it.

    ``operator`` is 0 for entries that are not a batch's of an operator; a subsidy that was booked later is of
    the operator that it is owed to.
    """

    account: int
    purpose: int
    operator: int
    debit_fen: int
    credit_fen: int
    tap_count: int

    @property
    def amount_fen(self) -> int:
        """Debits less credits."""
        return self.debit_fen - self.credit_fen


async def read_sums(connection: Connection, business_date: date) -> list[Sum]:
    """What the accounts moved on a date."""
    rows = await connection.fetch(
        "SELECT p.account_no, p.purpose, coalesce(b.operator_no, CASE WHEN p.purpose = $2 THEN"
        " (SELECT max(a.participant)::bigint FROM clearing.posting q"
        " JOIN clearing.account a ON a.account_no = q.account_no AND a.kind = $3"
        " WHERE q.entry_id = p.entry_id) END, 0),"
        " coalesce(sum(p.amount_fen) FILTER (WHERE p.amount_fen > 0), 0)::bigint,"
        " coalesce(-sum(p.amount_fen) FILTER (WHERE p.amount_fen < 0), 0)::bigint,"
        " sum(p.tap_count)::bigint FROM clearing.entry e"
        " JOIN clearing.posting p USING (entry_id)"
        " LEFT JOIN clearing.batch b ON b.batch_seq = e.batch_seq"
        " WHERE e.business_date = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        business_date, int(Purpose.SUBSIDY), str(AccountKind.SUBSIDY),
    )  # fmt: skip
    return [Sum(*row) for row in rows]


async def read_events(connection: Connection, business_date: date) -> list[tuple[str, str, str]]:
    """The events of a date, by kind and subject as bytes: (kind, subject, body as JSON)."""
    rows = await connection.fetch(
        "SELECT kind, subject, body FROM clearing.event WHERE business_date = $1", business_date
    )
    return sorted(
        ((row[0], row[1], row[2]) for row in rows), key=lambda e: (e[0].encode(), e[1].encode())
    )
