"""Alarms 报警: what somebody should look at although the batch was cleared, in the audit trail.

Written in the transaction of the batch, once for each gap in numbers and for each batch and reason.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from clearing import store
from clearing.kernel import Judgement
from clearing.numbers import Gap
from clearing.store import BatchRow, Connection
from schemas.reasons import Reason

ALARMING: Final = (Reason.DUPLICATE_ALTERED, Reason.DUPLICATE_OTHER_CITY)
"""Reasons that no honest device or city gives: a tap that came before with other bytes or elsewhere."""

ROWS_NAMED: Final = 100
"""Most rows that one alarm names; the count is always whole."""


async def tell_gaps(connection: Connection, business_date: date, gaps: Iterable[Gap]) -> None:
    """One event for each gap in an operator's batch numbers."""
    name = Reason.NUMBER_GAP.name.lower()
    for gap in gaps:
        await store.add_event(
            connection, business_date, name, gap.subject, msgspec.structs.asdict(gap)
        )


async def tell_taps(connection: Connection, row: BatchRow, judgement: Judgement) -> None:
    """One event for each alarming reason that taps of a batch have."""
    for reason in ALARMING:
        count = judgement.reason_counts[reason]
        if not count:
            continue
        rows = [item.row for item in judgement.evidence if item.reason == reason]
        await store.add_event(
            connection,
            row.business_date,
            reason.name.lower(),
            f"batch/{row.batch_seq}",
            {
                "operator": row.operator_no,
                "number": row.number,
                "origin": row.origin,
                "taps": count,
                "rows": rows[:ROWS_NAMED],
            },
        )
