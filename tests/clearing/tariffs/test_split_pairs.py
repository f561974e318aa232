"""Fares split by the pair of stations: on both kernels."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest

from clearing import cards
from clearing._fastpath import FastKernel
from clearing.kernel import Kernel
from clearing.plan import FOREVER, Split, TariffType
from schemas.codes import TapKind
from tests.clearing.kernel_cases import PLAN, ints
from tests.clearing.tariffs.rides import card, judge, ride, seconds, tariff, under

NORTH, SOUTH, WEST = 500, 501, 502
STATIONS = (101, 102, 103)
PAIRS = (
    (1, 0, 0), (1, 1, 0), (3, 1, 4),
    (0, 1, 0), (0, 0, 0), (0, 2**32 - 1, 2**32 - 1),
    (1, 1, 1), (0, 0, 1), (2, 0, 0),
)  # fmt: skip
SPLIT = Split(
    0,
    FOREVER,
    ((NORTH, 1), (SOUTH, 1), (WEST, 2)),
    STATIONS,
    b"".join(struct.pack("<3I", *weights) for weights in PAIRS),
)


def parts(kernel: Kernel, **changes: Any) -> list[tuple[int, int]]:
    """(account, fen) of a ride."""
    judgement = judge(kernel, ride(**changes))
    assert judgement.verdict_counts[0] == 1
    found = ints(judgement.shares, "i")
    return [(found[at], found[at + 1]) for at in range(0, 6, 2)]


@pytest.mark.parametrize(
    ("origin", "destination", "amount", "expected"),
    [
        (101, 101, 200, (200, 0, 0)), (101, 102, 301, (151, 150, 0)), (101, 103, 400, (150, 50, 200)),
        (102, 101, 300, (0, 300, 0)), (102, 103, 301, (0, 151, 150)), (103, 101, 400, (134, 133, 133)),
        # Weights of 0 alone, a station that has none, an entry that nobody states: the plain ones.
        (102, 102, 200, (50, 50, 100)), (104, 101, 400, (100, 100, 200)), (0, 103, 400, (100, 100, 200)),
    ],
)  # fmt: skip
def test_a_fare_is_split_by_its_pair(
    kernel: Kernel, origin: int, destination: int, amount: int, expected: tuple[int, ...]
) -> None:
    under(kernel, tariff(type=TariffType.DECLARED), splits=(SPLIT,))
    found = parts(
        kernel, entry_station=origin, station=destination, amount_fen=amount, gross_fen=amount
    )
    assert found == list(zip((NORTH, SOUTH, WEST), expected, strict=True))


def test_what_only_the_cards_line_knows_is_no_pair(kernel: Kernel) -> None:
    """The line's entry prices the ride; the shares must be found again from the record alone."""
    under(kernel, tariff(), splits=(SPLIT,))
    card(
        kernel,
        flags=cards.REGISTERED | cards.JOURNEY_OPEN,
        entry_station=101,
        entry_at_s=seconds("08:00:00"),
    )
    assert parts(kernel, entry="", entry_station=0, amount_fen=400) == [
        (NORTH, 100),
        (SOUTH, 100),
        (WEST, 200),
    ]


def test_a_tap_that_ends_no_journey_has_no_pair(kernel: Kernel) -> None:
    under(kernel, tariff(), splits=(SPLIT,))
    found = parts(kernel, kind=TapKind.METRO_SUPPLEMENT, amount_fen=400)
    assert found == [(NORTH, 100), (SOUTH, 100), (WEST, 200)]


def test_a_table_of_another_size_is_refused() -> None:
    short = msgspec.structs.replace(SPLIT, weights=SPLIT.weights[:-4])
    operator = msgspec.structs.replace(PLAN.operators[1], splits=(short,))
    with pytest.raises(ValueError, match="a table of weights has 108 bytes"):
        FastKernel().configure(msgspec.structs.replace(PLAN, operators=(operator,)))
