"""Gaps 包号断号 in operators' batch numbers, told when they open.

Numbers are unique and may come in any order. A gap is opened once: by a number beyond the highest so far,
or below the lowest; what comes in between fills it. The spans are kept in memory by whoever writes, so that
a batch without a gap costs the database nothing.
"""

from collections.abc import Iterable, Mapping

import msgspec

from clearing.store import BatchRow
from schemas.codes import Source

Spans = Mapping[int, tuple[int, int]]
"""The lowest and the highest number by operator."""


class Gap(msgspec.Struct, frozen=True):
    """Numbers ``low`` to ``high`` of an operator that had not come when batch ``batch_seq`` was taken."""

    operator: int
    low: int
    high: int
    batch_seq: int

    @property
    def subject(self) -> str:
        """What the gap is called: operator and its first and last number."""
        return f"{self.operator}/{self.low}-{self.high}"


def follow(spans: Spans, rows: Iterable[BatchRow]) -> tuple[list[Gap], dict[int, tuple[int, int]]]:
    """The gaps that batches open, in their order, and the spans of their operators afterwards."""
    moved: dict[int, tuple[int, int]] = {}
    gaps: list[Gap] = []
    for row in rows:
        if row.source != Source.OPERATOR:
            continue
        operator, number = row.operator_no, row.number
        lowest, highest = moved.get(operator) or spans.get(operator) or (number, number)
        if number > highest + 1:
            gaps.append(Gap(operator, highest + 1, number - 1, row.batch_seq))
        elif number < lowest - 1:
            gaps.append(Gap(operator, number + 1, lowest - 1, row.batch_seq))
        moved[operator] = (min(lowest, number), max(highest, number))
    return gaps, moved
