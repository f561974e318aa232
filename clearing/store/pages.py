"""Archived card state, and held taps of the future."""

from collections.abc import Iterable
from datetime import date

from clearing.store.batches import HOLDS_IDENTITY, SeenTap, acquirer_of
from clearing.store.connection import Connection


async def read_pages(connection: Connection, before: date) -> list[tuple[int, bytes]]:
    """The latest page of each number from sealed dates earlier than ``before``, by number."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (page_no) page_no, lines FROM clearing.card_page"
        " WHERE business_date < $1 ORDER BY page_no, business_date DESC",
        before,
    )
    return [(row["page_no"], row["lines"]) for row in rows]


async def write_pages(
    connection: Connection, business_date: date, pages: Iterable[tuple[int, bytes]]
) -> None:
    """Keep the changed pages of a date; writing them again replaces them."""
    await connection.execute(
        "DELETE FROM clearing.card_page WHERE business_date = $1", business_date
    )
    await connection.copy_records_to_table(
        "card_page",
        schema_name="clearing",
        columns=("page_no", "business_date", "lines"),
        records=[(number, business_date, lines) for number, lines in pages],
    )


async def future_identities(
    connection: Connection, last_sealed: date, reason: int
) -> list[tuple[bytes, SeenTap]]:
    """Held taps of sealed dates whose own time lies after them, by identity."""
    rows = await connection.fetch(
        "SELECT t.identity, t.batch_seq, t.row_no, clearing.canonical(t) AS record, t.business_date, b.origin"
        " FROM clearing.evidence v JOIN clearing.batch b USING (batch_seq)"
        " JOIN clearing.tap t ON t.business_date = b.business_date AND t.batch_seq = v.batch_seq"
        " AND t.row_no = v.row_no"
        f" WHERE v.reason = $2 AND b.business_date <= $1 AND {HOLDS_IDENTITY}",
        last_sealed, reason,
    )  # fmt: skip
    return [
        (
            row["identity"],
            SeenTap(
                row["batch_seq"],
                row["row_no"],
                row["record"],
                row["business_date"],
                acquirer_of(row["origin"]),
            ),
        )
        for row in rows
    ]
