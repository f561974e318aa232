"""What the exchange left in the books, so that two runs can be compared."""

from __future__ import annotations

from typing import Any

from tests.settlement.exchange.cities import Exchange, Place

Books = dict[str, dict[str, list[tuple[Any, ...]]]]

EXACT = {
    "entries": (
        "SELECT e.entry_id, e.business_date, e.narrative, e.corrects, a.code, p.purpose, p.cycle,"
        " p.tap_count, p.amount_fen FROM clearing.entry e JOIN clearing.posting p USING (entry_id)"
        " JOIN clearing.account a USING (account_no) ORDER BY 1, p.line_no"
    ),
    "taps": (
        "SELECT business_date, batch_seq, row_no, verdict, reason, flags, credited_fen, identity"
        " FROM clearing.tap ORDER BY 1, 2, 3"
    ),
    "batches": (
        "SELECT batch_seq, business_date, origin, batch_root, receipt FROM clearing.batch ORDER BY 1"
    ),
    "presentments": "SELECT * FROM exchange.presentment ORDER BY 1",
    "refusals": "SELECT * FROM exchange.refusal ORDER BY 1, 2",
    "totals": "SELECT * FROM exchange.clearing_total ORDER BY 1, 2",
    "events": "SELECT business_date, kind, subject, body FROM clearing.event ORDER BY event_no",
    "outbox": "SELECT receiver, number, kind, subject, body, acknowledged, code FROM exchange.outbox"
    " ORDER BY 1, 2",
    "inbox": "SELECT sender, number, kind, subject, body, applied, business_date, code"
    " FROM exchange.inbox ORDER BY 1, 2",
}
"""Everything, byte for byte."""

CUMULATIVE = {
    "accounts": (
        "SELECT a.code, p.purpose, sum(p.amount_fen)::bigint FROM clearing.posting p"
        " JOIN clearing.account a USING (account_no) GROUP BY 1, 2 HAVING sum(p.amount_fen) <> 0"
        " ORDER BY 1, 2"
    ),
    "presentments": (
        "SELECT presentment_id, tap_count, debit_fen, load_fen, credits, state, refused_count,"
        " refused_debit_fen, refused_load_fen FROM exchange.presentment ORDER BY 1"
    ),
    "refusals": "SELECT presentment_id, position, reason, row_no, amount_fen FROM exchange.refusal"
    " ORDER BY 1, 2",
    "taps": "SELECT verdict, credited_fen, identity FROM clearing.tap ORDER BY identity, verdict",
}
"""What must come out the same on whichever dates things were booked (a late tap has other flags)."""


async def read(exchange: Exchange, queries: dict[str, str]) -> Books:
    """The rows of each query at each node."""
    return {place.city: await _read(place, queries) for place in exchange.places}


async def _read(place: Place, queries: dict[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    async with place.pool.acquire() as connection:
        return {
            name: [tuple(row) for row in await connection.fetch(query)]
            for name, query in queries.items()
        }
