"""What fees are on, as the books and the taps of a date have it, and what each date came to."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Final

import asyncpg
import msgspec

from clearing.plan import Purpose
from clearing.store import Connection, partition_of
from schemas.accounts import AccountKind
from schemas.codes import DEBIT_KINDS, Source, TapKind, Verdict
from schemas.items import ItemKind, ItemOutcome
from settlement.counting import DECIDING, RECLEARED, REFUSED, Fact, Ride

_FARE_KINDS: Final = [AccountKind.OPERATOR.value, AccountKind.DRIVER.value]
_FARE_PURPOSES: Final = [
    int(each)
    for each in (
        Purpose.FARE, Purpose.FARE_UNCONFIRMED, Purpose.RELEASE, Purpose.CHAIN, Purpose.RETURN,
        Purpose.RECLEAR,
    )
]  # fmt: skip
"""What operators and drivers are credited for rides; RETURN takes a second debit back."""
_RIDES: Final = sorted(DEBIT_KINDS - {TapKind.BUS_TAP_IN, TapKind.METRO_TAP_IN})

_DECIDING: Final = [str(kind) for kind in DECIDING]
_REFUSED: Final = (
    "clearing.entry e JOIN exchange.refusal r"
    " ON e.entry_id = 'exchange/' || r.presentment_id || '/refused/' || r.batch_seq"
    " AND starts_with(e.entry_id, 'exchange/')"
)
"""What other cities refused, with the entry that took it back."""


class FareSum(msgspec.Struct, frozen=True):
    """Principal that a date credited to an operator and its drivers, fen. ``foreign``: of other cities'
    cards."""

    operator: int
    foreign: bool
    fen: int


async def read_fares(
    connection: Connection, business_date: date, own: Collection[int]
) -> list[FareSum]:
    """What a date's entries credited for rides, by operator. ``own``: numbers of our issuers.

    The operator is that of the batch that the entry is of, or names as what it corrects; else the
    account's. Whose card it was says the tap that the entry corrects; where it is of many taps, the purpose:
    fares of other cities' cards are unconfirmed. A clearing total only relabels, so it comes to nothing.
    """
    rows = await connection.fetch(
        "WITH moved AS (SELECT coalesce(e.batch_seq, (n.found)[1]::bigint) AS batch_seq,"
        "  (n.found)[2]::integer AS row_no,"
        "  CASE WHEN a.participant ~ '^[0-9]{1,18}$' THEN a.participant::bigint ELSE 0 END AS named,"
        "  p.purpose = $4 OR (p.purpose = $5 AND starts_with(e.entry_id, 'exchange/')) AS unconfirmed,"
        "  p.amount_fen FROM clearing.entry e JOIN clearing.posting p USING (entry_id)"
        "  JOIN clearing.account a USING (account_no) CROSS JOIN LATERAL (SELECT regexp_match(e.corrects,"
        "   '^(?:tap|batch)[ /]([0-9]{1,18})(?:/([0-9]{1,9}))?$') AS found) n"
        "  WHERE e.business_date = $1 AND a.kind = ANY($2) AND p.purpose = ANY($3)),"
        " summed AS (SELECT batch_seq, row_no, named, unconfirmed, -sum(amount_fen) AS fen FROM moved"
        "  GROUP BY 1, 2, 3, 4)"
        " SELECT coalesce(b.operator_no, s.named) AS operator_no,"
        "  coalesce(t.issuer_no <> ALL($6::integer[]), s.unconfirmed) AS is_foreign,"
        "  sum(s.fen)::bigint FROM summed s LEFT JOIN clearing.batch b ON b.batch_seq = s.batch_seq"
        "  LEFT JOIN clearing.tap t ON t.business_date = b.business_date AND t.batch_seq = b.batch_seq"
        "  AND t.row_no = s.row_no"
        " WHERE coalesce(b.operator_no, s.named) > 0 GROUP BY 1, 2 ORDER BY 1, 2",
        business_date, _FARE_KINDS, _FARE_PURPOSES, int(Purpose.FARE_UNCONFIRMED), int(Purpose.FARE),
        sorted(own),
    )  # fmt: skip
    return [FareSum(*row) for row in rows]


async def read_rides(connection: Connection, business_date: date) -> list[tuple[int, int, int]]:
    """Accepted rides of a date's batches, free ones too: (operator, issuer number, rides)."""
    rows = await connection.fetch(
        f"SELECT b.operator_no, t.issuer_no, sum(t.taps)::bigint FROM (SELECT batch_seq, issuer_no,"
        f" count(*) AS taps FROM clearing.{partition_of(business_date)} WHERE verdict = $2"
        " AND kind = ANY($3) GROUP BY 1, 2) t JOIN clearing.batch b USING (batch_seq)"
        " WHERE b.business_date = $1 AND b.source = $4 GROUP BY 1, 2 ORDER BY 1, 2",
        business_date, int(Verdict.ACCEPTED), _RIDES, int(Source.OPERATOR),
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in rows]


async def read_touched(connection: Connection, business_date: date) -> list[Ride]:
    """Rides of our operators of which something became on a date, with all that did up to it, by place."""
    rows = await connection.fetch(
        "WITH touched AS (SELECT i.batch_seq, i.row_no FROM settlement.item_change c"
        "  JOIN settlement.item i USING (item_id) WHERE c.business_date = $1 AND i.kind = ANY($2)"
        " UNION SELECT t.batch_seq, t.row_no FROM settlement.decision d"
        "  JOIN settlement.reclear_tap t USING (proposal_no) WHERE d.business_date = $1 AND d.approved"
        f" UNION SELECT r.batch_seq, r.row_no FROM {_REFUSED} WHERE e.business_date = $1)"
        " SELECT t.batch_seq, t.row_no, b.operator_no, t.issuer_no, b.business_date, t.verdict"
        " FROM touched JOIN clearing.batch b USING (batch_seq) JOIN clearing.tap t"
        " ON t.business_date = b.business_date AND t.batch_seq = touched.batch_seq"
        " AND t.row_no = touched.row_no WHERE b.source = $3 AND t.kind = ANY($4) ORDER BY 1, 2",
        business_date, _DECIDING, int(Source.OPERATOR), _RIDES,
    )  # fmt: skip
    facts: dict[tuple[int, int], list[Fact]] = {}
    places = [(row[0], row[1]) for row in rows]
    for row in await _facts(connection, business_date, places):
        facts.setdefault((row[0], row[1]), []).append(_fact(*tuple(row)[2:]))
    return [
        Ride(
            operator=row[2],
            issuer_no=row[3],
            business_date=row[4],
            accepted=row[5] == Verdict.ACCEPTED,
            facts=tuple(facts.get((row[0], row[1]), ())),
        )
        for row in rows
    ]


async def _facts(
    connection: Connection, as_of: date, places: list[tuple[int, int]]
) -> list[asyncpg.Record]:
    """What became of taps, in the order in which it did: place, date, item kind (none: a re-clearing, with
    the verdict it came to; or a refusal), outcome."""
    if not places:
        return []
    return await connection.fetch(
        "WITH wanted AS (SELECT * FROM unnest($2::bigint[], $3::integer[]) AS w (batch_seq, row_no))"
        " SELECT batch_seq, row_no, c.business_date, i.kind, c.outcome, NULL::integer AS verdict,"
        "  c.change_no AS at FROM wanted JOIN settlement.item i USING (batch_seq, row_no)"
        "  JOIN settlement.item_change c USING (item_id) WHERE i.kind = ANY($4) AND c.business_date <= $1"
        " UNION ALL SELECT batch_seq, row_no, d.business_date, NULL, NULL,"
        "  (t.becomes ->> 'verdict')::integer, t.proposal_no FROM wanted"
        "  JOIN settlement.reclear_tap t USING (batch_seq, row_no)"
        "  JOIN settlement.decision d USING (proposal_no) WHERE d.approved AND d.business_date <= $1"
        " UNION ALL SELECT w.batch_seq, w.row_no, e.business_date, NULL, NULL, NULL, 0"
        f"  FROM {_REFUSED} JOIN wanted w ON w.batch_seq = r.batch_seq AND w.row_no = r.row_no"
        "  WHERE e.business_date <= $1"
        " ORDER BY business_date, at",
        as_of, [seq for seq, _ in places], [row for _, row in places], _DECIDING,
    )  # fmt: skip


def _fact(on: date, kind: str | None, outcome: str | None, verdict: int | None, _: int) -> Fact:
    if kind is not None and outcome is not None:
        return Fact.of_change(on, ItemKind(kind), ItemOutcome(outcome))
    if verdict is not None:
        return Fact(on, RECLEARED, verdict == Verdict.ACCEPTED)
    return Fact(on, REFUSED, holds=True)


class FeeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a date came to under one fee of one contract, fen.

    ``own_*`` and ``foreign_*``: principal and rides that the fee is on. ``due_fen``: what the date added to
    the fee; ``booked_fen``: what it booked. They differ where a fee is billed monthly.
    """

    business_date: date
    operator_no: int
    fee: str
    rules_version: int
    own_fen: int
    own_taps: int
    foreign_fen: int
    foreign_taps: int
    due_fen: int
    booked_fen: int


async def add_fees(connection: Connection, rows: Iterable[FeeRow]) -> None:
    """Write what a date came to."""
    await connection.copy_records_to_table(
        "fee",
        schema_name="settlement",
        columns=FeeRow.__struct_fields__,
        records=[msgspec.structs.astuple(row) for row in rows],
    )


async def read_fees(connection: Connection, first: date, last: date) -> list[FeeRow]:
    """What the dates from ``first`` to ``last`` came to, by operator, fee and date."""
    rows = await connection.fetch(
        f"SELECT {', '.join(FeeRow.__struct_fields__)} FROM settlement.fee"
        " WHERE business_date BETWEEN $1 AND $2",
        first, last,
    )  # fmt: skip
    found = [FeeRow(**dict(row)) for row in rows]
    return sorted(found, key=lambda row: (row.operator_no, row.fee.encode(), row.business_date))
