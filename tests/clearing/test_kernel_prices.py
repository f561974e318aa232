"""What a tap costs, and over whom the fare is split: on both kernels."""

from __future__ import annotations

import msgspec
import pytest

from clearing.kernel import Kernel
from clearing.plan import Purpose
from schemas.codes import Mode, TapKind, TypeByte
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    AMOUNTS,
    BUDGET,
    CITY,
    DRIVER_ACCOUNT,
    ISSUER_DISCOUNT,
    KERNELS,
    METRO,
    OPEN,
    PLAN,
    SUBSIDY,
    TAXI,
    TAXI_ACCOUNT,
    context,
    ints,
    make,
    moves,
    tap,
)
from tests.clearing.usual import PLAIN

R = Reason


@pytest.mark.parametrize(
    ("card", "fare_fen", "subsidy", "payer"),
    [
        ("ordinary", 100, 0, None), ("student", 75, 125, ISSUER_DISCOUNT), ("senior", 0, 200, BUDGET),
        ("love", 67, 0, None), ("staff", 66, 0, None),
    ],
)  # fmt: skip
def test_a_concession_is_borne_by_whom_the_tariff_names(
    kernel: Kernel, card: str, fare_fen: int, subsidy: int, payer: int | None
) -> None:
    judgement = kernel.judge(tap(card, amount_fen=fare_fen), context())
    assert list(judgement.reasons) == [R.CLEAN]
    assert ints(judgement.subsidy_fen, "i") == [subsidy]
    paid = {move for move in moves(judgement) if move[2] == Purpose.SUBSIDY}
    assert paid == ({(payer, SUBSIDY, Purpose.SUBSIDY, subsidy)} if payer else set())


def test_a_split_gives_the_odd_fen_to_the_largest_remainder() -> None:
    """Weights, amount, parts: ties go to the first."""
    table = [
        ((1, 1), 101, (51, 50)), ((1, 1, 1), 200, (67, 67, 66)), ((1, 2), 100, (33, 67)),
        ((1, 1, 1, 1), 3, (1, 1, 1, 0)), ((5, 3, 2), 99, (49, 30, 20)), ((0, 1), 7, (0, 7)),
        ((1, 0, 0, 4294967295), 50_000, (0, 0, 0, 50_000)), ((3, 3, 3), 1, (1, 0, 0)),
    ]  # fmt: skip
    for name in KERNELS:
        for weights, amount, parts in table:
            shares = tuple((500 + at, weight) for at, weight in enumerate(weights))
            split = msgspec.structs.replace(PLAN.operators[0].splits[0], shares=shares)
            bus = msgspec.structs.replace(PLAN.operators[0], splits=(split,))
            kernel = make(name, msgspec.structs.replace(PLAN, operators=(bus,)))
            data = tap(mode=Mode.DEGRADED, amount_fen=amount, balance_before_fen=60_000)
            judgement = kernel.judge(data, context())
            found = ints(judgement.shares, "I")
            assert tuple(found[1 : 2 * len(parts) : 2]) == parts, (name, weights)
            assert sum(m.amount_fen for m in judgement.movements) == amount


@pytest.mark.parametrize(
    ("distance_m", "duration_s", "gross_fen", "judged_fen"),
    [
        (0, 0, 1000, 1000), (3000, 59, 1000, 1000), (3001, 60, 1165, 1165), (3500, 0, 1115, 1115),
        (3501, 0, 1230, 1230), (3501, 0, 1240, 1240), (3501, 0, 1241, 1240), (3501, 0, 1219, 1220),
        (0xFFFFFFFF, 0xFFFFFFFF, 10**9, 2**31 - 1 - 10),
    ],
)  # fmt: skip
def test_a_taxi_is_bounded_by_its_meter(
    kernel: Kernel, distance_m: int, duration_s: int, gross_fen: int, judged_fen: int
) -> None:
    if distance_m == 0xFFFFFFFF:
        # 8.6 million steps of 115 fen and 71 million minutes of 50: above what a fare can be.
        judged_fen = min(2**31 - 1, 1000 + 8589929 * 115 + 71582788 * 50) - 10
    data = tap(
        kind=TapKind.TAXI_TRIP, operator=TAXI, gross_fen=gross_fen, amount_fen=judged_fen,
        distance_m=distance_m, duration_s=duration_s, balance_before_fen=0, balance_after_fen=0,
    )  # fmt: skip
    judgement = kernel.judge(data, context(TAXI))
    assert ints(judgement.priced_fen, "i") == [judged_fen]
    differs = [e.expected for e in judgement.evidence if e.reason == R.GROSS_DIFFERS]
    assert differs == ([judged_fen] if gross_fen != judged_fen else [])


def test_a_taxi_fare_goes_to_platform_and_driver(kernel: Kernel) -> None:
    data = tap(kind=TapKind.TAXI_TRIP, operator=TAXI, gross_fen=1000, amount_fen=1000)
    assert moves(kernel.judge(data, context(TAXI))) == {
        (CITY, TAXI_ACCOUNT, Purpose.FARE, 300), (CITY, DRIVER_ACCOUNT, Purpose.FARE, 700)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "station", "gross_fen", "judged_fen"),
    [
        (101, 103, 400, 400), (103, 102, 200, 300), (104, 101, 900, 500), (105, 101, 200, None),
        (101, 105, 200, None), (101, 104, 200, None),
        # An entry that nobody knows: anything between the lowest and the highest fare to there.
        (0, 101, 450, 450), (0, 101, 100, 200), (0, 101, 501, 500), (0, 104, 300, None),
    ],
)  # fmt: skip
def test_a_metro_fare_is_the_matrixs(
    kernel: Kernel, entry: int, station: int, gross_fen: int, judged_fen: int | None
) -> None:
    data = tap(
        kind=TapKind.METRO_TAP_OUT, operator=METRO, entry_station=entry, station=station,
        gross_fen=gross_fen, amount_fen=0, type_byte=TypeByte.SINGLE_JOURNEY,
    )  # fmt: skip
    judgement = kernel.judge(data, context(METRO))
    applied = ints(judgement.flags, "Q")[0] | 1 << judgement.reasons[0]
    assert (applied >> R.TARIFF_MISSING & 1) == (judged_fen is None)
    assert (applied >> R.TAP_OUT_WITHOUT_TAP_IN & 1) == (entry == 0)
    if judged_fen is not None:
        assert ints(judgement.priced_fen, "i") == [judged_fen // 2]


@pytest.mark.parametrize(
    ("amount", "marked", "priced", "reasons"),
    [
        (160, False, 160, []), (200, False, 200, []), (100, False, 100, []),
        (120, False, 120, [R.TRANSFER_UNMARKED]), (60, False, 60, [R.TRANSFER_UNMARKED]),
        (120, True, 120, []), (160, True, 160, []), (200, True, 160, [R.ABOVE_TARIFF]),
        (150, False, 160, [R.BELOW_TARIFF]), (150, True, 120, [R.ABOVE_TARIFF]),
    ],
)  # fmt: skip
def test_an_amount_is_explained_to_the_fen(
    kernel: Kernel, amount: int, marked: bool, priced: int, reasons: list[Reason]
) -> None:
    data = tap("open", operator=AMOUNTS, amount_fen=amount, algorithm=255,
               discount_claimed=int(marked))  # fmt: skip
    judgement = kernel.judge(data, context(AMOUNTS, checks=PLAIN))
    assert ints(judgement.priced_fen, "i") == [priced]
    assert [e.reason for e in judgement.evidence] == reasons
    assert judgement.verdict_counts == (1, 0, 0)
    assert ints(judgement.issuer_numbers, "H") == [OPEN]
