"""Accounts, entries, events: append-only."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from clearing.store.connection import REGISTRY_LOCK, Connection
from schemas.accounts import Account, AccountKind, code_of
from schemas.codes import Purse


async def ensure_accounts(
    connection: Connection, wanted: Iterable[tuple[Purse, AccountKind, str]]
) -> dict[str, Account]:
    """Open the accounts that are missing, in the order given; returns every account by code."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", REGISTRY_LOCK)
    accounts = await read_accounts(connection)
    number = max((account.number for account in accounts.values()), default=0)
    for purse, kind, participant in wanted:
        code = code_of(purse, kind, participant)
        if code not in accounts:
            number += 1
            accounts[code] = Account(number, code, purse, kind, participant)
            await connection.execute(
                "INSERT INTO clearing.account VALUES ($1, $2, $3, $4, $5)",
                number, code, int(purse), kind.value, participant,
            )  # fmt: skip
    return accounts


async def read_accounts(connection: Connection) -> dict[str, Account]:
    """Every account by code."""
    rows = await connection.fetch(
        "SELECT account_no, code, purse, kind, participant FROM clearing.account"
    )
    return {
        row["code"]: Account(
            row["account_no"],
            row["code"],
            Purse(row["purse"]),
            AccountKind(row["kind"]),
            row["participant"],
        )
        for row in rows
    }


class Posting(msgspec.Struct, frozen=True):
    """One line of an entry: debit positive, credit negative."""

    account: int
    purpose: int
    amount_fen: int
    tap_count: int = 0
    cycle: date | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A balanced entry. ``entry_id`` is unique for ever and says where the entry comes from."""

    entry_id: str
    narrative: str
    postings: tuple[Posting, ...]
    batch_seq: int | None = None
    corrects: str | None = None


async def add_entries(
    connection: Connection, business_date: date, entries: Sequence[Entry]
) -> None:
    """Book entries on a business date. An entry without postings is not written."""
    entries = [entry for entry in entries if entry.postings]
    for entry in entries:
        assert sum(posting.amount_fen for posting in entry.postings) == 0, entry.entry_id
    await connection.copy_records_to_table(
        "entry",
        schema_name="clearing",
        columns=("entry_id", "business_date", "batch_seq", "narrative", "corrects"),
        records=[
            (entry.entry_id, business_date, entry.batch_seq, entry.narrative, entry.corrects)
            for entry in entries
        ],
    )
    await connection.copy_records_to_table(
        "posting",
        schema_name="clearing",
        columns=(
            "entry_id", "line_no", "account_no", "purpose", "cycle", "tap_count", "amount_fen",
        ),
        records=[
            (entry.entry_id, line, row.account, row.purpose, row.cycle, row.tap_count, row.amount_fen)
            for entry in entries
            for line, row in enumerate(entry.postings, 1)
        ],
    )  # fmt: skip


async def add_event(
    connection: Connection, business_date: date, kind: str, subject: str, body: dict[str, Any]
) -> None:
    """Write an event to the audit trail, once: the same kind and subject again is ignored."""
    await connection.execute(
        "INSERT INTO clearing.event (business_date, subject, kind, body) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (kind, subject) DO NOTHING",
        business_date, subject, kind, msgspec.json.encode(body, order="sorted").decode(),
    )  # fmt: skip
