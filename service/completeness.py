"""The completeness board 完整性: of each operator what came, which numbers and dates are missing, what is late."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from clearing import store
from clearing.limits import PRESENTMENT_WINDOW_DAYS
from clearing.store import Connection
from schemas.reasons import ROW, Reason
from schemas.registry import Operator
from service.errors import ServiceError
from service.home import open_node
from settlement.store import completeness as stored
from settlement.store.completeness import LateBatch

WINDOW: Final = timedelta(days=PRESENTMENT_WINDOW_DAYS)
"""How far back dates without batches are told: taps of older ones would be held as claims."""

RUNS_SHOWN_MAX: Final = 10


class Missing(msgspec.Struct, frozen=True):
    """Batch numbers from ``first`` to ``last`` have not come."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}–{self.last}"


class Late(msgspec.Struct, frozen=True):
    """A batch that was taken later than the date it was declared for."""

    number: int
    batch_seq: int
    declared_date: date


class Board(msgspec.Struct, frozen=True):
    """An operator's completeness on a business date.

    ``batches`` were taken on that date, ``batches_in_all`` up to it; ``highest_number`` is 0 without
    any. ``silent_dates``: dates within the presentment window, and not before node or contract began,
    for which nothing was declared. ``late``: taken on the date, declared for an earlier one.
    """

    operator: int
    code: str
    name: str
    batches: int
    batches_in_all: int
    highest_number: int
    missing: list[Missing]
    missing_numbers: int
    silent_dates: list[date]
    late: list[Late]


class Days(msgspec.Struct, frozen=True):
    """Which date is asked of, and when the node was opened."""

    on: date
    opened_on: date


async def read_boards(connection: Connection, operators: list[Operator], days: Days) -> list[Board]:
    """The boards of these operators. The connection may be an operator's own role."""
    on = days.on
    spans = await stored.read_batch_spans(connection, on)
    missing: dict[int, list[Missing]] = {}
    for run in await stored.read_missing_numbers(connection, on):
        missing.setdefault(run.operator, []).append(Missing(run.first, run.last))
    declared = await stored.read_declared_dates(connection, on - WINDOW, on)
    late: dict[int, list[LateBatch]] = {}
    for batch in await stored.read_late_batches(connection, on):
        late.setdefault(batch.operator, []).append(batch)
    boards = []
    for row in operators:
        span = spans.get(row.number) or stored.BatchSpan(row.number, 0, 0, 0)
        runs = missing.get(row.number, [])
        boards.append(
            Board(
                operator=row.number,
                code=row.code,
                name=row.name,
                batches=span.on_date,
                batches_in_all=span.batches,
                highest_number=span.highest,
                missing=runs,
                missing_numbers=sum(run.last - run.first + 1 for run in runs),
                silent_dates=_silent(row, declared.get(row.number, set()), days),
                late=[
                    Late(batch.number, batch.batch_seq, batch.declared_date)
                    for batch in late.get(row.number, [])
                ],
            )
        )
    return boards


def _silent(row: Operator, declared: set[date], days: Days) -> list[date]:
    first = max(row.since, days.opened_on, days.on - WINDOW)
    last = days.on if row.until is None else min(days.on, row.until - timedelta(days=1))
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [day for day in dates if day not in declared]


async def days_of(connection: Connection, on: date | None) -> Days:
    """The date asked of, by default the open one. Raises ``ServiceError`` for one not opened yet."""
    node = await store.read_node(connection)
    open_date = await store.read_open_date(connection)
    assert node is not None
    on = on or open_date
    if not node.opened_on <= on <= open_date:
        raise ServiceError(
            f"{on} is no business date of this node.",
            f"Name one from {node.opened_on} to {open_date}.",
        )
    return Days(on, node.opened_on)


async def boards_of(home: Path, on: date | None) -> tuple[date, list[Board]]:
    """The date asked of, and the boards of the operators then in force."""
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            days = await days_of(connection, on)
            version = await store.read_version_on(connection, days.on)
            assert version is not None
            rows = (await store.read_registry(connection, version, ("operator",)))["operator"]
            operators = [row for row in rows if isinstance(row, Operator)]
            operators.sort(key=lambda row: row.number)
            return days.on, await read_boards(connection, operators, days)
        finally:
            await connection.close()


def remark_of(board: Board) -> str:
    """What is missing of an operator's numbers, in both languages; empty where nothing is."""
    return gap_words(board.operator, board.missing)


def gap_words(operator: int, missing: Sequence[Missing]) -> str:
    """Runs of missing numbers, in both languages; empty where there are none."""
    if not missing:
        return ""
    row = ROW[Reason.NUMBER_GAP]
    runs = [str(run) for run in missing[:RUNS_SHOWN_MAX]]
    words = ", ".join(runs) + (" …" if len(missing) > len(runs) else "")
    return (
        f"{row.name}: operator {operator}: {row.english} ({words}); {row.remedy_english}\n"
        f"  {row.chinese}（{words}）；{row.remedy_chinese}"
    )
