"""Taps that open items, and what other cities refused of them."""

from datetime import date, datetime

import msgspec

from clearing.store import Connection, partition_of
from schemas.codes import Source, Verdict
from schemas.reasons import Reason


class WaitingTap(msgspec.Struct, frozen=True, kw_only=True):
    """A tap with which something is left to do. ``identity``: 37 bytes, the card first.

    ``operator`` and ``number`` are the batch's; ``origin`` names the presentment that it came in.
    """

    batch_seq: int
    row: int
    verdict: int
    reason: int
    flags: int
    kind: int
    issuer_no: int
    tapped_at: datetime
    amount_fen: int
    credited_fen: int
    debit_proven: bool
    identity: bytes
    source: int
    operator: int
    number: int
    origin: str


async def read_waiting_taps(connection: Connection, business_date: date) -> list[WaitingTap]:
    """Taps of a date that wait, by place: held ones, rejected ones whose money left the card, accepted
    ones with an excess. What another city presented was paid or refused at once; of that only torn taps
    wait, for the card's next record."""
    rows = await connection.fetch(
        "SELECT t.batch_seq, t.row_no AS row, t.verdict, t.reason, t.flags, t.kind, t.issuer_no,"
        " t.tapped_at, t.amount_fen, t.credited_fen, t.debit_proven, t.identity, b.source,"
        " b.operator_no AS operator, b.number, b.origin"
        f" FROM clearing.{partition_of(business_date)} t JOIN clearing.batch b USING (batch_seq)"
        " WHERE (t.verdict = $1 AND t.credited_fen <> t.amount_fen)"
        " OR (t.verdict = $2 AND (b.source = $4 OR (t.flags | (1::bigint << t.reason)) & $5 <> 0))"
        " OR (t.verdict = $3 AND t.debit_proven AND t.amount_fen > 0)"
        " ORDER BY t.batch_seq, t.row_no",
        int(Verdict.ACCEPTED), int(Verdict.HELD), int(Verdict.REJECTED), int(Source.OPERATOR),
        1 << Reason.TAC_TORN,
    )  # fmt: skip
    return [WaitingTap(**{**row, "number": int(row["number"])}) for row in rows]


async def read_refused_taps(connection: Connection, business_date: date) -> list[tuple[int, int]]:
    """Our operators' taps that other cities refused on a date: (batch_seq, row), by place."""
    rows = await connection.fetch(
        "SELECT r.batch_seq, r.row_no FROM clearing.entry e JOIN exchange.refusal r"
        " ON e.entry_id = 'exchange/' || r.presentment_id || '/refused/' || r.batch_seq"
        " WHERE e.business_date = $1 AND starts_with(e.entry_id, 'exchange/') ORDER BY 1, 2",
        business_date,
    )
    return [(row[0], row[1]) for row in rows]
