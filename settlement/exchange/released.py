"""Foreign cards' taps that were held and that two people released: presented with the date of that.

What each one credited stands in the entry of its release, so presentment and refusal read it there.
"""

from datetime import date

import msgspec

from clearing.plan import Purpose
from clearing.store import Connection
from schemas import record
from schemas.accounts import AccountKind
from schemas.items import ItemKind, ItemOutcome
from settlement.exchange.shares import TAP_COLUMNS, Credit, Tap, tap_of


class Released(msgspec.Struct, frozen=True):
    """A released tap, its record (144 bytes), and what its release put on the operator's side."""

    tap: Tap
    issuer_no: int
    record: bytes
    credits: tuple[Credit, ...]


async def read_released(connection: Connection, business_date: date) -> list[Released]:
    """The taps without proof that were released on a date, own cards' too, in the order they were taken."""
    rows = await connection.fetch(
        f"SELECT {TAP_COLUMNS}, t.issuer_no, clearing.canonical(t) AS record, c.entry_id"
        " FROM settlement.item_change c JOIN settlement.item i USING (item_id)"
        " JOIN clearing.batch b ON b.batch_seq = i.batch_seq"
        " JOIN clearing.tap t ON t.business_date = b.business_date"
        " AND t.batch_seq = i.batch_seq AND t.row_no = i.row_no"
        " WHERE c.business_date = $1 AND c.outcome = $2 AND i.kind = $3 AND b.source = 0"
        " ORDER BY t.batch_seq, t.row_no",
        business_date, str(ItemOutcome.RELEASED), str(ItemKind.HELD_UNPROVEN),
    )  # fmt: skip
    entries = [row["entry_id"] for row in rows if row["entry_id"] is not None]
    given = await _credits(connection, entries)
    return [
        Released(
            tap_of(row),
            row["issuer_no"],
            row["record"].ljust(record.SIZE, b"\0"),
            given.get(row["entry_id"], ()),
        )
        for row in rows
    ]


async def _credits(connection: Connection, entries: list[str]) -> dict[str, tuple[Credit, ...]]:
    """What entries put on other accounts than that of what waits for the issuer, by entry."""
    found: dict[str, tuple[Credit, ...]] = {}
    for row in await connection.fetch(
        "SELECT p.entry_id, p.account_no, p.purpose, p.amount_fen FROM clearing.posting p"
        " JOIN clearing.account a USING (account_no)"
        " WHERE p.entry_id = ANY($1) AND a.kind <> $2 ORDER BY p.entry_id, p.line_no",
        entries, AccountKind.PROVINCE_PENDING.value,
    ):  # fmt: skip
        credit = Credit(row["account_no"], Purpose(row["purpose"]), -row["amount_fen"])
        found[row["entry_id"]] = (*found.get(row["entry_id"], ()), credit)
    return found
