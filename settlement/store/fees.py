"""What fees are on, as the books and the taps of a date have it, and what each date came to."""

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from clearing.plan import Purpose
from clearing.store import Connection, partition_of
from schemas.accounts import AccountKind
from schemas.codes import DEBIT_KINDS, Source, TapKind, Verdict

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


class FareSum(msgspec.Struct, frozen=True):
    """Principal that a date credited to an operator and its drivers, fen, and rides beside its batches.

    ``foreign``: of other cities' cards. ``taps``: rides released or proven on the date; those of the
    date's batches are no part of it.
    """

    operator: int
    foreign: bool
    fen: int
    taps: int


async def read_fares(connection: Connection, business_date: date) -> list[FareSum]:
    """What a date's entries credited for rides, by operator.

    The operator is that of the batch that the entry is of, or names as what it corrects; else the
    account's. A clearing total only relabels, so it comes to nothing. An excess that was given to an operator
    after all is no further ride, nor is what a re-clearing corrects.
    """
    rows = await connection.fetch(
        "WITH moved AS (SELECT e.entry_id, coalesce(e.batch_seq,"
        "  substring(e.corrects FROM '^(?:tap|batch)[ /]([0-9]{1,18})(?:/[0-9]+)?$')::bigint) AS batch_seq,"
        "  CASE WHEN a.participant ~ '^[0-9]{1,18}$' THEN a.participant::bigint ELSE 0 END AS named,"
        "  starts_with(e.entry_id, 'batch/') AS at_once,"
        "  p.purpose = $4 OR (p.purpose = $5 AND starts_with(e.entry_id, 'exchange/')) AS is_foreign,"
        "  p.amount_fen FROM clearing.entry e JOIN clearing.posting p USING (entry_id)"
        "  JOIN clearing.account a USING (account_no)"
        "  WHERE e.business_date = $1 AND a.kind = ANY($2) AND p.purpose = ANY($3)),"
        " summed AS (SELECT m.entry_id, coalesce(b.operator_no, m.named) AS operator_no, m.is_foreign,"
        "  m.at_once, -sum(m.amount_fen) AS fen FROM moved m LEFT JOIN clearing.batch b"
        "  ON b.batch_seq = m.batch_seq GROUP BY 1, 2, 3, 4)"
        " SELECT operator_no, is_foreign, sum(fen)::bigint, count(*) FILTER (WHERE NOT at_once AND fen > 0"
        "  AND NOT starts_with(s.entry_id, 'reclear/')"
        "  AND NOT EXISTS (SELECT FROM settlement.item_change c JOIN settlement.item i USING (item_id)"
        "   WHERE c.business_date = $1 AND c.entry_id = s.entry_id AND i.kind = 'excess'))"
        " FROM summed s WHERE operator_no > 0 GROUP BY 1, 2 ORDER BY 1, 2",
        business_date, _FARE_KINDS, _FARE_PURPOSES, int(Purpose.FARE_UNCONFIRMED), int(Purpose.FARE),
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
