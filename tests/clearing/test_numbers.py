"""Gaps in batch numbers: each is told once, when it opens, whatever the order and the grouping."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.numbers import follow
from clearing.store import BatchRow
from schemas.codes import Source


def row(seq: int, number: int, operator: int = 1, source: Source = Source.OPERATOR) -> BatchRow:
    """A batch of which only number and operator matter."""
    zeros = dict.fromkeys(
        ("checks", "tap_count", "judged_at_s", "rules_version", "registry_version",
         "denylist_version"), 0,
    )  # fmt: skip
    return BatchRow(
        batch_seq=seq, business_date=date(2026, 1, 5), source=int(source), operator_no=operator,
        number=number, origin="", declared_date=date(2026, 1, 5), profile="", digest=b"",
        signature=b"", batch_root=b"", receipt=b"", **zeros,
    )  # fmt: skip


def told(numbers: list[int], group: int) -> list[tuple[int, int]]:
    """The gaps told while these numbers come in groups of this size."""
    spans: dict[int, tuple[int, int]] = {}
    found = []
    rows = [row(seq, number) for seq, number in enumerate(numbers, 1)]
    for at in range(0, len(rows), group):
        gaps, moved = follow(spans, rows[at : at + group])
        spans |= moved
        found += [(gap.low, gap.high) for gap in gaps]
    return found


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [
        ([5], []),
        ([5, 6, 7], []),
        ([1, 3], [(2, 2)]),
        ([1, 5, 3], [(2, 4)]),
        ([1, 5, 3, 4, 2, 6], [(2, 4)]),
        ([5, 2], [(3, 4)]),
        ([5, 4, 3], []),
        ([0, 2**64 - 1], [(1, 2**64 - 2)]),
    ],
)
def test_gaps(numbers: list[int], gaps: list[tuple[int, int]]) -> None:
    assert told(numbers, 1) == told(numbers, 100) == gaps


@given(st.lists(st.integers(0, 60), unique=True, min_size=1), st.integers(1, 9))
def test_every_missing_number_is_told_once(numbers: list[int], group: int) -> None:
    gaps = told(numbers, group)
    assert gaps == told(numbers, 1)
    named = [number for low, high in gaps for number in range(low, high + 1)]
    assert len(named) == len(set(named))
    missing = {n for a, b in pairwise(sorted(numbers)) for n in range(a + 1, b)}
    assert missing <= set(named)
    assert set(named) - missing <= set(numbers)


def test_operators_count_for_themselves_and_presentments_not_at_all() -> None:
    rows = [
        row(1, 1),
        row(2, 7, operator=2),
        row(3, 90, operator=0, source=Source.PRESENTMENT),
        row(4, 3),
        row(5, 8, operator=2),
    ]
    gaps, spans = follow({1: (0, 0)}, rows)
    assert [msgspec.structs.astuple(gap) for gap in gaps] == [(1, 2, 2, 4)]
    assert spans == {1: (0, 3), 2: (7, 8)}
