"""Taps of a closed date: evidence, strays, twins, groups, what was not accepted."""

from datetime import date, datetime
from typing import Any

import msgspec

from clearing.store import HOLDS_IDENTITY, Connection, partition_of


async def read_evidence(
    connection: Connection, first: int, last: int
) -> dict[int, list[tuple[int, int, int, int]]]:
    """Evidence of batches [first, last]: (row, reason, expected, actual), sorted, by batch_seq."""
    found: dict[int, list[tuple[int, int, int, int]]] = {}
    for row in await connection.fetch(
        "SELECT batch_seq, row_no, reason, expected, actual FROM clearing.evidence"
        " WHERE batch_seq BETWEEN $1 AND $2",
        first, last,
    ):  # fmt: skip
        found.setdefault(row[0], []).append((row[1], row[2], row[3], row[4]))
    for items in found.values():
        items.sort()
    return found


async def read_strays(connection: Connection, business_date: date) -> list[tuple[int, int]]:
    """Taps of a date that belong to none of its batches: (batch_seq, row), some of them."""
    rows = await connection.fetch(
        f"SELECT t.batch_seq, t.row_no FROM clearing.{partition_of(business_date)} t"
        " LEFT JOIN clearing.batch b ON b.batch_seq = t.batch_seq AND b.business_date = $1"
        " WHERE b.batch_seq IS NULL ORDER BY 1, 2 LIMIT 100",
        business_date,
    )
    return [(row[0], row[1]) for row in rows]


async def read_identities(
    connection: Connection, business_date: date, up_to: datetime
) -> list[tuple[bytes, int, int]]:
    """Taps of a date that hold their identity, tapped up to a time: (identity, batch_seq, row)."""
    rows = await connection.fetch(
        f"SELECT identity, batch_seq, row_no FROM clearing.{partition_of(business_date)}"
        f" WHERE {HOLDS_IDENTITY} AND tapped_at <= $1",
        up_to,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def read_twins(connection: Connection, business_date: date) -> list[tuple[Any, ...]]:
    """Positions of taps that hold their identity and share it with another one of the date."""
    rows = await connection.fetch(
        "SELECT array_agg(batch_seq || '/' || row_no ORDER BY batch_seq, row_no) AS taps"
        f" FROM clearing.{partition_of(business_date)} WHERE {HOLDS_IDENTITY}"
        " GROUP BY identity HAVING count(*) > 1 ORDER BY 1 LIMIT 20"
    )
    return [tuple(row["taps"]) for row in rows]


class TapGroup(msgspec.Struct, frozen=True):
    """Taps of a date that share source, operator, kind, verdict and reason."""

    source: int
    operator: int
    kind: int
    verdict: int
    reason: int
    taps: int
    amount_fen: int
    gross_fen: int
    credited_fen: int
    subsidy_fen: int


async def read_tap_groups(connection: Connection, business_date: date) -> list[TapGroup]:
    """The taps of a date in groups, by source, operator, kind, verdict and reason."""
    rows = await connection.fetch(
        "SELECT b.source, b.operator_no, t.kind, t.verdict, t.reason, sum(t.taps)::bigint,"
        " sum(t.amount)::bigint, sum(t.gross)::bigint, sum(t.credited)::bigint,"
        " sum(t.subsidy)::bigint FROM (SELECT batch_seq, kind, verdict, reason, count(*) AS taps,"
        " sum(amount_fen) AS amount, sum(gross_fen) AS gross, sum(credited_fen) AS credited,"
        f" sum(subsidy_fen) AS subsidy FROM clearing.{partition_of(business_date)}"
        " GROUP BY 1, 2, 3, 4) t JOIN clearing.batch b USING (batch_seq)"
        " WHERE b.business_date = $1 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
        business_date,
    )
    return [TapGroup(*row) for row in rows]


class ExceptionTap(msgspec.Struct, frozen=True):
    """A tap that was not accepted. ``record`` is the canonical record."""

    source: int
    operator: int
    number: int
    batch_seq: int
    row: int
    verdict: int
    reason: int
    flags: int
    record: bytes


async def read_exceptions(connection: Connection, business_date: date) -> list[ExceptionTap]:
    """The held and rejected taps of a date, by operator, batch and row."""
    rows = await connection.fetch(
        "SELECT b.source, b.operator_no, b.number, t.batch_seq, t.row_no, t.verdict, t.reason,"
        f" t.flags, clearing.canonical(t) FROM clearing.{partition_of(business_date)} t"
        " JOIN clearing.batch b USING (batch_seq)"
        " WHERE t.verdict > 0 ORDER BY b.source, b.operator_no, t.batch_seq, t.row_no"
    )
    return [
        ExceptionTap(row[0], row[1], int(row[2]), row[3], row[4], row[5], row[6], row[7], row[8])
        for row in rows
    ]


class BatchNumber(msgspec.Struct, frozen=True):
    """An operator's batch number and the next one of this operator that is known."""

    operator: int
    number: int
    following: int | None


async def read_batch_numbers(connection: Connection, up_to: date) -> list[BatchNumber]:
    """Where operators' batch numbers up to a date leave gaps or end, by operator and number."""
    rows = await connection.fetch(
        "SELECT * FROM (SELECT operator_no, number,"
        " lead(number) OVER (PARTITION BY operator_no ORDER BY number) AS following"
        " FROM clearing.batch WHERE source = 0 AND business_date <= $1) n"
        " WHERE following IS NULL OR following <> number + 1 ORDER BY operator_no, number",
        up_to,
    )
    return [
        BatchNumber(row[0], int(row[1]), None if row[2] is None else int(row[2])) for row in rows
    ]
