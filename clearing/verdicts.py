"""Columns → codes: a batch through the chosen kernel, beside it what only the database knows."""

from datetime import date, datetime, time, timedelta

from clearing.kernel import BatchContext, Judgement, Kernel
from clearing.limits import DATE_OPEN_DAYS_MAX
from clearing.plan import EPOCH, moment_of
from schemas import record

_TAPPED = record.FIELD["tapped_at"]


def latest_possible(last_sealed: date, judged_s: int | None, clock_tolerance_s: int) -> datetime:
    """The latest time of a tap that a sealed date may hold as it came.

    That is the end of the date, or the node's clock at its last batch (``judged_s``, local seconds)
    where the date stayed open for longer; plus the clock tolerance. A tap dated later can lie in a
    sealed partition only as held for its future date, and the kernel keeps those.
    """
    end = datetime.combine(last_sealed, time()) + timedelta(days=1)
    if judged_s is not None:
        end = max(end, moment_of(judged_s))
    return end + timedelta(seconds=clock_tolerance_s)


def old_identities(records: bytes, latest: datetime) -> list[bytes]:
    """Identities of taps dated up to ``latest``: they may have been cleared on a sealed date."""
    limit = bytes.fromhex(f"{latest:%Y%m%d%H%M%S}")
    start, stop = _TAPPED.offset, _TAPPED.end
    return [
        records[at + record.IDENTITY.start : at + record.IDENTITY.stop]
        for at in range(0, len(records), record.SIZE)
        if records[at + start : at + stop] <= limit
    ]


def first_possible(identities: list[bytes]) -> date:
    """The earliest business date that may hold one of these identities.

    That is before the earliest tap, because a date may have stayed open past its own end.
    """
    offset = _TAPPED.offset - record.IDENTITY.start
    earliest = min(identity[offset : offset + 4] for identity in identities).hex()
    try:
        tapped = date(int(earliest[:4]), int(earliest[4:6]), int(earliest[6:]))
    except ValueError:
        return EPOCH.date()
    return max(EPOCH.date(), tapped) - timedelta(days=DATE_OPEN_DAYS_MAX)


def judge(kernel: Kernel, records: bytes, context: BatchContext) -> Judgement:
    """What becomes of a batch. Asserts what must hold whatever the kernel."""
    judgement = kernel.judge(records, context)
    assert judgement.count == len(records) // record.SIZE == sum(judgement.verdict_counts)
    assert len(judgement.leaves) == 32 * judgement.count
    assert len(judgement.root) == 32
    assert all(movement.amount_fen > 0 for movement in judgement.movements)
    return judgement
