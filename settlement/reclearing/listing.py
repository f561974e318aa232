"""The list of a re-clearing: tap by tap what was said, what is to be said, and what that moves."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from clearing.inspection import StoredTap
from clearing.plan import Plan
from clearing.store import (
    BatchRow,
    Connection,
    read_batches,
    read_open_date,
)
from schemas.codes import DEBIT_KINDS, Verdict
from schemas.reasons import Reason
from settlement.context import Context
from settlement.reclearing.later import Later, read_later
from settlement.reclearing.replaying import Place, differing
from settlement.reclearing.rides import Earlier, Rides, earlier_of, stored_answer
from settlement.reclearing.selecting import Why, is_decided, is_torn, why_not
from settlement.reclearing.waiting import OF_TAPS
from settlement.store import DayRow, reclears
from settlement.store.items import Standing, read_standing
from settlement.store.reclears import Answer, ReclearedTap


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A tap that is left out; ``fen``: by how much more it would be credited."""

    batch_seq: int
    row_no: int
    operator_no: int
    why: Why
    fen: int


class Listed(msgspec.Struct):
    """What a re-clearing would come to. ``silent``: taps whose answer differs without moving anything;
    ``on_top_of``: the approved re-clearings of the date that it goes on from, by number; ``later``: what
    of later dates it does not carry into."""

    rules_version: int
    taps: list[ReclearedTap] = []
    left_out: list[LeftOut] = []
    silent: int = 0
    on_top_of: list[int] = []
    later: list[Later] = []


async def list_differences(
    connection: Connection, context: Context, day: DayRow, rules_version: int
) -> Listed:
    """The list for a sealed date under a version of the rules, on top of what was corrected before."""
    answers = await differing(connection, context, day, rules_version)
    earlier = earlier_of(await reclears.read_booked(connection, day.business_date))
    found = Listed(rules_version)
    found.on_top_of = await reclears.read_approved(connection, day.business_date)
    found.later = await read_later(connection, context, day, rules_version)
    await list_taps(connection, context, day, found, answers, earlier)
    return found


async def list_taps(
    connection: Connection,
    context: Context,
    day: DayRow,
    found: Listed,
    answers: Mapping[Place, Answer],
    earlier: Mapping[Place, Earlier],
    plan_of: Callable[[BatchRow], Awaitable[Plan]] | None = None,
) -> None:
    """Put taps of a date into a list: those with an answer of other rules, and those that were corrected
    ``earlier``, which without an answer become again as they are stored.

    ``plan_of``: the other rules' plan for a batch, where ``found.rules_version`` is none that is stored.
    """
    rows: dict[int, list[int]] = {}
    for seq, row in sorted(answers.keys() | earlier.keys()):
        rows.setdefault(seq, []).append(row)
    items = await standing_of(connection, [(seq, row) for seq in rows for row in rows[seq]])
    before_by = {each.rules_version for each in earlier.values()}
    for batch in await read_batches(connection, day.business_date):
        if batch.batch_seq in rows:
            other = await plan_of(batch) if plan_of is not None else None
            rides = Rides(connection, context, batch, found.rules_version)
            await rides.read(rows[batch.batch_seq], before_by, other)
            for row in rows[batch.batch_seq]:
                place = batch.batch_seq, row
                answer, before = answers.get(place), earlier.get(place)
                _add(found, rides, row, answer, before, items.get(place, []))


async def standing_of(
    connection: Connection, places: Sequence[Place]
) -> dict[Place, list[Standing]]:
    """Items about rides as they stand now, by the ride's place."""
    found: dict[Place, list[Standing]] = {}
    if places:
        on = await read_open_date(connection)
        for each in await read_standing(
            connection, on, open_only=False, kinds=OF_TAPS, taps=places
        ):
            item = each.item
            assert item.batch_seq is not None
            assert item.row_no is not None
            found.setdefault((item.batch_seq, item.row_no), []).append(each)
    return found


def changes_of(standing: Iterable[Standing]) -> dict[str, int]:
    """How often each of these items was changed."""
    return {each.item.item_id: each.changes for each in standing}


def _add(
    found: Listed,
    rides: Rides,
    row: int,
    answer: Answer | None,
    before: Earlier | None,
    standing: list[Standing],
) -> None:
    """Put a tap where it belongs. ``answer`` None: as stored; ``before``: earlier corrections."""
    tap = rides.taps[row]
    was = before.answer if before is not None else stored_answer(tap)
    becomes = answer or stored_answer(tap)
    deltas = rides.deltas(tap, becomes, before)
    version = rides.batch.rules_version if before is None else before.rules_version
    if not deltas and not _waits_otherwise(rides, tap, (was, version), becomes):
        found.silent += was != becomes
        return
    why = why_not(
        own=rides.is_own(tap),
        kind=tap.kind,
        torn=is_torn(tap.reason, tap.flags),
        decided=any(map(is_decided, standing)),
    )
    if why is not None:
        fen = becomes.credited_fen - was.credited_fen
        found.left_out.append(
            LeftOut(
                batch_seq=rides.batch.batch_seq, row_no=row, operator_no=tap.operator_no, why=why,
                fen=fen,
            )
        )  # fmt: skip
        return
    found.taps.append(
        ReclearedTap(
            batch_seq=rides.batch.batch_seq, row_no=row, operator_no=tap.operator_no,
            amount_fen=tap.amount_fen, debit_proven=tap.debit_proven, was=was, becomes=becomes,
            deltas=deltas, items=changes_of(standing),
        )
    )  # fmt: skip


def _is_unproven(answer: Answer) -> bool:
    said = answer.flags | 1 << answer.reason
    return answer.verdict == Verdict.ACCEPTED and bool(said >> Reason.TRANSFER_UNPROVEN & 1)


def _waits_otherwise(
    rides: Rides, tap: StoredTap, before: tuple[Answer, int], becomes: Answer
) -> bool:
    """Whether something of a tap waits that two people will decide of another way, or a night: a transfer that
    nothing proves yet under one version of the rules alone is looked for in the card's history from the approval
    on, or no longer.

    ``before``: what is said of it so far, and by which version of the rules.
    """
    was, version = before
    if was.verdict != becomes.verdict or _is_unproven(becomes) != _is_unproven(was):
        return True
    waits = was.verdict == Verdict.HELD or (was.verdict == Verdict.REJECTED and tap.debit_proven)
    if not waits or tap.kind not in DEBIT_KINDS:
        return False
    now = rides.released(tap, becomes, rides.rules_version)
    return rides.released(tap, was, version) != now
