"""What operators' batches say of completeness: numbers, declared dates, what came late.

Only ``clearing.batch`` is read, so an operator's own role may ask the same and is shown its own rows.
"""

from datetime import date

import msgspec

from clearing.store import Connection


class BatchSpan(msgspec.Struct, frozen=True):
    """An operator's batches up to a business date: how many, of which on that date; the highest
    number."""

    operator: int
    batches: int
    on_date: int
    highest: int


class NumberRun(msgspec.Struct, frozen=True):
    """Numbers of an operator, first and last of them, between which none has come."""

    operator: int
    first: int
    last: int


class LateBatch(msgspec.Struct, frozen=True):
    """A batch that was declared for an earlier date than it was taken on."""

    operator: int
    batch_seq: int
    number: int
    declared_date: date
    business_date: date


async def read_batch_spans(connection: Connection, on: date) -> dict[int, BatchSpan]:
    """Of every operator that has batches up to a business date, by operator."""
    rows = await connection.fetch(
        "SELECT operator_no, count(*), count(*) FILTER (WHERE business_date = $1), max(number)"
        " FROM clearing.batch WHERE source = 0 AND business_date <= $1 GROUP BY operator_no"
        " ORDER BY operator_no",
        on,
    )
    return {row[0]: BatchSpan(row[0], row[1], row[2], int(row[3])) for row in rows}


async def read_missing_numbers(connection: Connection, on: date) -> list[NumberRun]:
    """The numbers that are missing between an operator's lowest and highest up to a business date."""
    rows = await connection.fetch(
        "SELECT operator_no, number + 1, following - 1 FROM (SELECT operator_no, number,"
        " lead(number) OVER (PARTITION BY operator_no ORDER BY number) AS following"
        " FROM clearing.batch WHERE source = 0 AND business_date <= $1) n"
        " WHERE following > number + 1 ORDER BY operator_no, number",
        on,
    )
    return [NumberRun(row[0], int(row[1]), int(row[2])) for row in rows]


async def read_declared_dates(
    connection: Connection, since: date, on: date
) -> dict[int, set[date]]:
    """The dates from ``since`` to ``on`` for which batches taken up to ``on`` were declared, by
    operator."""
    rows = await connection.fetch(
        "SELECT DISTINCT operator_no, declared_date FROM clearing.batch WHERE source = 0"
        " AND business_date <= $2 AND declared_date BETWEEN $1 AND $2",
        since, on,
    )  # fmt: skip
    found: dict[int, set[date]] = {}
    for row in rows:
        found.setdefault(row[0], set()).add(row[1])
    return found


async def read_late_batches(connection: Connection, on: date) -> list[LateBatch]:
    """The batches taken on a business date and declared for an earlier one."""
    rows = await connection.fetch(
        "SELECT operator_no, batch_seq, number, declared_date, business_date FROM clearing.batch"
        " WHERE source = 0 AND business_date = $1 AND declared_date < $1"
        " ORDER BY operator_no, batch_seq",
        on,
    )
    return [LateBatch(row[0], row[1], int(row[2]), row[3], row[4]) for row in rows]
