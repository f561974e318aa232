"""The numbers of one terminal: what is missing 断号 and what it gave twice 重号. No database.

Missing numbers lie between the lowest that is known and the highest. What came before the first date that
has a terminal's taps is not known and not missed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from clearing.plan import local_seconds
from clearing.terminals import TerminalLine
from schemas.items import ItemKind, ItemOutcome, ItemState, item_id_of_tap
from schemas.reasons import Reason
from settlement.chains.standing import Known, Writer
from settlement.store.items import Item

_REUSED: Final = 1 << Reason.TERMINAL_NUMBER_REUSED
_LOW: Final = 1 << 16


class Numbered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tap of the date that holds its identity, by the number that its terminal gave it."""

    number: int
    tapped_at: datetime
    batch_seq: int
    row_no: int
    operator_no: int
    flags: int


class Run(msgspec.Struct, frozen=True):
    """Missing numbers ``first`` to ``last``; ``right`` is the tap after them, None where none came now."""

    first: int
    last: int
    right: Numbered | None


def low_sum(first: int, last: int) -> int:
    """Σ of the low 16 bits of the numbers from ``first`` to ``last``: what SQL adds up cheaply."""
    return _low_sum(last) - _low_sum(first - 1)


def _low_sum(last: int) -> int:
    whole, rest = divmod(last + 1, _LOW)
    return whole * (_LOW * (_LOW - 1) // 2) + rest * (rest - 1) // 2


def missing_runs(first: int, last: int, came: Sequence[Numbered]) -> Iterator[Run]:
    """What is missing from ``first`` to ``last``; ``came`` by number. A terminal may jump by billions."""
    at = first
    for tap in came:
        if tap.number < at:
            continue
        if tap.number > last:
            break
        if tap.number > at:
            yield Run(at, tap.number - 1, tap)
        at = tap.number + 1
    if at <= last:
        yield Run(at, last, None)


def follow(
    writer: Writer,
    terminal_id: bytes,
    before: TerminalLine | None,
    taps: Sequence[Numbered],
    known: Mapping[str, Known],
    lost: Sequence[Known] = (),
) -> None:
    """Gaps and repeats of a terminal on a date.

    ``before``: its line when the date began, None where it had none. ``taps`` in order of arrival;
    ``known``: its open gaps by id; ``lost``: gaps that are not looked for any more.
    """
    came = sorted(taps, key=lambda tap: (tap.number, tap.batch_seq, tap.row_no))
    gaps = sorted(known.values(), key=lambda item: item.place)
    for tap in _repeats(before, taps, gaps, lost):
        writer.open(_repeat(writer, terminal_id, tap))
    for item in gaps:
        _fill(writer, terminal_id, item, came)
    if came:
        start = came[0].number if before is None else before.number_highest + 1
        for run in missing_runs(start, came[-1].number, came):
            assert run.right is not None
            _open(writer, terminal_id, run, run.right.operator_no)


def _repeats(
    before: TerminalLine | None,
    taps: Sequence[Numbered],
    gaps: Sequence[Known],
    lost: Sequence[Known],
) -> Iterator[Numbered]:
    """Taps whose number was given before: on this date, as the kernel saw it, or on an earlier date.

    All numbers from the first that arrived to the highest of earlier dates were given, but for those of gaps.
    Smaller ones may be from before anything was known; then their time is, too; and any number, where a line does
    not say which was the first (0: it is older than that field). A gap that is lost keeps its
    numbers: what comes of them after all is late, and not given twice.
    """
    seen: set[int] = set()
    missing = [(item.place, item.said["last"]) for item in (*gaps, *lost)]
    for tap in taps:
        given = (
            before is not None
            and tap.number <= before.number_highest
            and (
                0 < before.number_first <= tap.number
                or local_seconds(tap.tapped_at) > before.last_tap_s
            )
            and not any(first <= tap.number <= last for first, last in missing)
        )
        if tap.number in seen or tap.flags & _REUSED or given:
            yield tap
        seen.add(tap.number)


def _repeat(writer: Writer, terminal_id: bytes, tap: Numbered) -> Item:
    return Item(
        item_id=item_id_of_tap(ItemKind.TERMINAL_REPEAT, tap.batch_seq, tap.row_no),
        kind=ItemKind.TERMINAL_REPEAT,
        opened_on=writer.books.business_date,
        batch_seq=tap.batch_seq,
        row_no=tap.row_no,
        terminal_id=terminal_id,
        operator_no=tap.operator_no,
        amount_fen=0,
        due_on=writer.books.due_on(tap.tapped_at.date()),
        body={"number": tap.number},
    )


def _open(
    writer: Writer, terminal_id: bytes, run: Run, operator_no: int | None, old: Known | None = None
) -> None:
    """A gap, or what is left of ``old`` beyond a number that came."""
    if run.right is not None:
        due_on = writer.books.due_on(run.right.tapped_at.date())
    else:
        assert old is not None
        due_on = old.due_on
    item = writer.open(
        Item(
            item_id=f"{ItemKind.TERMINAL_GAP.value}/{terminal_id.hex()}/{run.first}",
            kind=ItemKind.TERMINAL_GAP,
            opened_on=writer.books.business_date,
            terminal_id=terminal_id,
            operator_no=operator_no,
            amount_fen=0,
            due_on=due_on,
            body=_said(run),
        )
    )
    _age(writer, item)


def _said(run: Run) -> dict[str, int]:
    return {"first": run.first, "last": run.last, "missing": run.last - run.first + 1}


def _fill(writer: Writer, terminal_id: bytes, item: Known, came: Iterable[Numbered]) -> None:
    """What an open gap is after this date's taps."""
    first, last = item.place, item.said["last"]
    inside = [tap for tap in came if first <= tap.number <= last]
    if not inside:
        _age(writer, item)
        return
    runs = list(missing_runs(first, last, inside))
    if runs and runs[0].first == first:
        lost = writer.books.business_date >= item.due_on
        writer.change(
            item,
            ItemState.CLOSED if lost else ItemState.OPEN,
            ItemOutcome.LOST if lost else ItemOutcome.RESTATED,
            0,
            said=_said(runs.pop(0)),
        )
    else:
        writer.change(item, ItemState.CLOSED, ItemOutcome.ARRIVED, 0)
    for run in runs:
        _open(writer, terminal_id, run, inside[0].operator_no, item)


def _age(writer: Writer, item: Known) -> None:
    """When the window has closed, nothing is looked for any more: no money hangs on it."""
    if writer.books.business_date >= item.due_on:
        writer.change(item, ItemState.CLOSED, ItemOutcome.LOST, 0)
