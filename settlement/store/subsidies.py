"""Rides that were subsidised on a date: at once, by a decision, a re-clearing, a transfer proven later."""

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from clearing.plan import EPOCH, Purpose
from clearing.store import Connection, partition_of
from schemas.accounts import AccountKind
from schemas.codes import Source
from schemas.reasons import Reason

_COLUMNS: Final = (
    "t.batch_seq, t.row_no, t.operator_no, b.rules_version, b.registry_version, t.kind,"
    f" (extract(epoch FROM t.tapped_at) - extract(epoch FROM timestamp '{EPOCH}'))::bigint AS tapped_s,"
    " coalesce(v.expected::integer, t.gross_fen) AS gross_fen, t.priced_fen, t.amount_fen,"
    " t.subsidy_fen, clearing.canonical(t) AS record"
)
_EVIDENCE: Final = (
    " LEFT JOIN clearing.evidence v ON v.batch_seq = t.batch_seq AND v.row_no = t.row_no"
    f" AND v.reason = {int(Reason.GROSS_DIFFERS)}"
)


class SubsidisedTap(msgspec.Struct, frozen=True, kw_only=True):
    """A tap as stored, with what its price was found by.

    ``gross_fen``: before discounts, as our tariff has it. ``tapped_s``: local seconds. ``record``: its first
    bytes, at most 144; what is missing is zero.
    """

    batch_seq: int
    row_no: int
    operator_no: int
    rules_version: int
    registry_version: int
    kind: int
    tapped_s: int
    gross_fen: int
    priced_fen: int
    amount_fen: int
    subsidy_fen: int
    record: bytes


async def read_subsidised(connection: Connection, business_date: date) -> list[SubsidisedTap]:
    """The taps of a date's own batches with a subsidy, by place."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM clearing.{partition_of(business_date)} t"
        f" JOIN clearing.batch b USING (batch_seq){_EVIDENCE}"
        " WHERE t.subsidy_fen <> 0 AND b.source = $1 ORDER BY t.batch_seq, t.row_no",
        int(Source.OPERATOR),
    )
    return [SubsidisedTap(**dict(row)) for row in rows]


async def read_taps(
    connection: Connection, places: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], SubsidisedTap]:
    """Taps of any date by their places."""
    wanted = sorted(set(places))
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM unnest($1::bigint[], $2::integer[]) AS w(batch_seq, row_no)"
        " JOIN clearing.batch b ON b.batch_seq = w.batch_seq"
        " JOIN clearing.tap t ON t.business_date = b.business_date AND t.batch_seq = w.batch_seq"
        f" AND t.row_no = w.row_no{_EVIDENCE}",
        [place[0] for place in wanted],
        [place[1] for place in wanted],
    )
    return {(row["batch_seq"], row["row_no"]): SubsidisedTap(**dict(row)) for row in rows}


class LaterSubsidy(msgspec.Struct, frozen=True):
    """What an entry of a later date gives for a tap, fen; less than nothing where it takes back.

    ``is_ride``: a released ride, of which nothing was claimed before.
    """

    entry_id: str
    place: tuple[int, int]
    budget_fen: int
    issuer_fen: int

    @property
    def is_ride(self) -> bool:
        """Of people's decisions only a reversal takes back, and its ride was claimed before."""
        return self.entry_id.startswith("item/") and self.budget_fen + self.issuer_fen >= 0


async def read_later(connection: Connection, business_date: date) -> list[LaterSubsidy]:
    """Subsidies that a date booked for taps beside its batches': released ones, reversed ones,
    re-cleared ones, transfers that a night proved."""
    rows = await connection.fetch(
        "SELECT entry_id, batch_seq, row_no, budget_fen::bigint, issuer_fen::bigint FROM ("
        " SELECT e.entry_id, split_part(substr(e.corrects, 5), '/', 1)::bigint AS batch_seq,"
        "  split_part(e.corrects, '/', 2)::integer AS row_no,"
        "  coalesce(sum(p.amount_fen) FILTER (WHERE a.kind = $3), 0) AS budget_fen,"
        "  coalesce(sum(p.amount_fen) FILTER (WHERE a.kind = $4), 0) AS issuer_fen"
        "  FROM clearing.entry e JOIN clearing.posting p USING (entry_id)"
        "  JOIN clearing.account a USING (account_no) WHERE e.business_date = $1 AND p.purpose = $2"
        "  AND (starts_with(e.entry_id, 'item/') OR e.entry_id LIKE 'night/%/items/transfer/%')"
        "  AND e.corrects ~ '^tap [0-9]{1,18}/[0-9]{1,9}$'"
        "  GROUP BY 1, 2, 3"
        " UNION ALL"
        " SELECT e.entry_id, r.batch_seq, r.row_no,"
        "  coalesce(sum((d->>2)::bigint) FILTER (WHERE a.kind = $3), 0),"
        "  coalesce(sum((d->>2)::bigint) FILTER (WHERE a.kind = $4), 0)"
        "  FROM clearing.entry e JOIN settlement.reclear_tap r ON r.batch_seq = e.batch_seq"
        "  AND r.proposal_no = split_part(e.entry_id, '/', 2)::bigint"
        "  CROSS JOIN LATERAL jsonb_array_elements(r.deltas) d"
        "  JOIN clearing.account a ON a.account_no = (d->>0)::integer"
        "  WHERE e.business_date = $1 AND starts_with(e.entry_id, 'reclear/')"
        "  AND (d->>1)::integer = $2 GROUP BY 1, 2, 3) found"
        " WHERE budget_fen <> 0 OR issuer_fen <> 0 ORDER BY entry_id, batch_seq, row_no",
        business_date, int(Purpose.SUBSIDY), AccountKind.BUDGET.value,
        AccountKind.ISSUER_DISCOUNT.value,
    )  # fmt: skip
    return [LaterSubsidy(row[0], (row[1], row[2]), row[3], row[4]) for row in rows]
