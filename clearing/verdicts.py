"""Columns → codes: a batch through the chosen kernel, beside it what only the database knows."""

from datetime import date, datetime, time, timedelta

from clearing.kernel import BatchContext, Judgement, Kernel
from clearing.plan import EPOCH
from schemas import record

_TAPPED = record.FIELD["tapped_at"]


def old_identities(records: bytes, last_sealed: date | None, clock_tolerance_s: int) -> list[bytes]:
    """Identities of taps that may have been cleared on a sealed date.

    Those are the taps dated up to the end of that date plus the clock tolerance. A tap dated later
    can lie in a sealed partition only as held for its future date, and the kernel keeps those.
    """
    if last_sealed is None:
        return []
    end = datetime.combine(last_sealed, time()) + timedelta(days=1, seconds=clock_tolerance_s)
    limit = bytes.fromhex(f"{end:%Y%m%d%H%M%S}")
    start, stop = _TAPPED.offset, _TAPPED.end
    return [
        records[at + record.IDENTITY.start : at + record.IDENTITY.stop]
        for at in range(0, len(records), record.SIZE)
        if records[at + start : at + stop] <= limit
    ]


def first_possible(identities: list[bytes]) -> date:
    """The earliest business date that may hold one of these identities: a day before the earliest
    tap, because a device's clock may run ahead."""
    offset = _TAPPED.offset - record.IDENTITY.start
    earliest = min(identity[offset : offset + 4] for identity in identities).hex()
    try:
        tapped = date(int(earliest[:4]), int(earliest[4:6]), int(earliest[6:]))
    except ValueError:
        return EPOCH.date()
    return max(EPOCH.date(), tapped) - timedelta(days=1)


def judge(kernel: Kernel, records: bytes, context: BatchContext) -> Judgement:
    """What becomes of a batch. Asserts what must hold whatever the kernel."""
    judgement = kernel.judge(records, context)
    assert judgement.count == len(records) // record.SIZE == sum(judgement.verdict_counts)
    assert len(judgement.leaves) == 32 * judgement.count
    assert all(movement.amount_fen > 0 for movement in judgement.movements)
    return judgement
