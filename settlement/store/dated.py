"""What one business date wrote into append-only tables, row by row, for proof."""

from datetime import date
from typing import Any, Final

import msgspec

from clearing.store import Connection

TABLES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "item": ("opened_on", ("item_id",)),
    "item_change": ("business_date", ("item_id", "change_no")),
    "adjustment": ("business_date", ("entry_id", "card")),
    "proposal": ("business_date", ("proposal_no",)),
    "decision": ("business_date", ("proposal_no",)),
    "reclear": ("business_date", ("proposal_no",)),
    "reclear_tap": ("business_date", ("proposal_no", "batch_seq", "row_no")),
    "load_log": ("imported_on", ("issuer_no", "authorisation")),
    "load_log_until": ("imported_on", ("issuer_no", "complete_until")),
}
"""Tables of items, re-clearings and load logs: the column that says on which date a row was written, and
its key."""


async def read_dated(
    connection: Connection, business_date: date
) -> list[tuple[str, str, dict[str, Any]]]:
    """(table, key, row as PostgreSQL turns it into JSON) of what a date wrote, by table and key."""
    found = []
    for table, (column, key) in TABLES.items():
        rows = await connection.fetch(
            f"SELECT to_jsonb(t)::text FROM settlement.{table} t WHERE {column} = $1", business_date
        )
        for (text,) in rows:
            row = msgspec.json.decode(text)
            found.append((table, " ".join(str(row[name]) for name in key), row))
    return sorted(found, key=lambda each: (each[0], each[1].encode()))
