"""Accumulations: what a card has paid in the day or month makes the next ride cheaper: on both kernels."""

from __future__ import annotations

from typing import Any

import pytest

from clearing.kernel import Kernel
from clearing.plan import (
    FOREVER,
    Accumulation,
    Bearer,
    FareClass,
    Period,
    Purpose,
    Rounding,
    Transfer,
    TransferType,
)
from schemas.codes import Mode, Source, TapKind
from tests.clearing.kernel_cases import BUDGET, METRO, changes, context, ints, moves
from tests.clearing.tariffs.rides import CHECKS, card, fare, judge, ride, seconds, tariff, under

DAY, MONTH = Period.DAY, Period.MONTH
TIERS = ((0, 1000), (1000, 800), (1500, 500))


def accumulating(period: Period = MONTH, **changes: Any) -> Any:
    """The metro's tariff with tiers of 10 and 15 yuan, unless told otherwise."""
    return tariff(accumulation=Accumulation(period, **{"tiers": TIERS} | changes))


def day(number: int, hour: int = 12) -> str:
    """A moment of the days around 5 January 2026; 0 is 31 December."""
    return f"2026-01-{number:02}T{hour:02}:00:00" if number else f"2025-12-31T{hour:02}:00:00"


@pytest.mark.parametrize(
    ("spent", "expected"),
    [(0, 400), (999, 400), (1000, 320), (1499, 320), (1500, 200), (65_536, 200), (2**32 - 1, 200)],
)
def test_a_ride_is_paid_by_the_tier_of_what_was_spent_before_it(
    kernel: Kernel, spent: int, expected: int
) -> None:
    under(kernel, accumulating())
    card(kernel, last_tap_s=seconds("07:00:00"), month_spent_fen=spent, day_spent_fen=7)
    assert fare(kernel, entry="") == expected


@pytest.mark.parametrize(
    ("spent", "expected"), [(0, 400), (600, 400), (601, 399), (999, 1), (1000, 0), (5000, 0)]
)
def test_a_cap_is_the_most_that_is_paid(kernel: Kernel, spent: int, expected: int) -> None:
    under(kernel, accumulating(DAY, tiers=(), cap_fen=1000))
    card(kernel, last_tap_s=seconds("07:00:00"), day_spent_fen=spent, month_spent_fen=7)
    assert fare(kernel, entry="") == expected


def test_a_cap_comes_after_the_tier(kernel: Kernel) -> None:
    under(kernel, accumulating(cap_fen=1200))
    card(kernel, last_tap_s=seconds("07:00:00"), month_spent_fen=1000)
    assert fare(kernel, entry="") == 200


@pytest.mark.parametrize(
    ("rounding", "expected"), [(Rounding.DOWN, 133), (Rounding.HALF_UP, 133), (Rounding.UP, 134)]
)
def test_a_tier_rounds_once(kernel: Kernel, rounding: Rounding, expected: int) -> None:
    under(kernel, accumulating(tiers=((0, 333),), rounding=rounding))
    assert fare(kernel, entry="") == expected


def test_rides_add_up_over_a_month(kernel: Kernel) -> None:
    """Three rides at 4 yuan pass the first tier; a fourth and fifth the second one."""
    under(kernel, accumulating())
    paid = [400, 400, 400, 320, 200, 200]
    rides = [
        ride(entry="", at=f"1{n}:00:00", terminal_number=n, amount_fen=fen)
        for n, fen in enumerate(paid)
    ]
    judgement = judge(kernel, *rides)
    assert ints(judgement.priced_fen, "i") == paid
    assert changes(kernel, "ordinary")["month_spent_fen"] == sum(paid)
    assert "day_spent_fen" not in changes(kernel, "ordinary")


@pytest.mark.parametrize(
    ("period", "latest", "at", "expected", "left"),
    [
        (DAY, day(4, 23), day(4, 23), 320, 1400), (DAY, day(4, 23), day(5, 0), 400, 400),
        # Late, of the same day: it counts. Of a day that is over: it neither counts nor costs less.
        (DAY, day(5, 23), day(5, 1), 320, 1400), (DAY, day(5), day(4), 400, 1000),
        (MONTH, day(1), day(5), 320, 1400), (MONTH, day(5), day(1, 0), 320, 1400),
        (MONTH, day(0, 23), day(1, 0), 400, 400), (MONTH, day(1), day(0, 23), 400, 1000),
    ],
)  # fmt: skip
def test_a_day_and_a_month_end(
    kernel: Kernel, period: Period, latest: str, at: str, expected: int, left: int
) -> None:
    """The card has spent 10 yuan in the period of its latest tap."""
    field = "day_spent_fen" if period is DAY else "month_spent_fen"
    under(kernel, accumulating(period))
    card(kernel, last_tap_s=seconds(latest), **{field: 1000})
    judgement = judge(kernel, ride(entry="", at=at, amount_fen=400))
    assert ints(judgement.priced_fen, "i") == [expected]
    assert changes(kernel, "ordinary")[field] == left


def test_whatever_a_card_does_next_day_ends_its_day(kernel: Kernel) -> None:
    """A ride by another tariff comes to nothing, but it is of a new day, and a new month."""
    under(kernel, tariff())
    card(kernel, last_tap_s=seconds(day(0)), day_spent_fen=900, month_spent_fen=5000)
    judge(kernel, ride(entry="", at=day(1), amount_fen=400))
    assert not {"day_spent_fen", "month_spent_fen"} & changes(kernel, "ordinary").keys()


@pytest.mark.parametrize(
    ("changed", "spent"),
    [
        ({"amount_fen": 400}, 400), ({"amount_fen": 500}, 500), ({"amount_fen": 0}, 0),
        # Held, as its operator is another; degraded, which is as charged.
        ({"amount_fen": 400, "operator": METRO + 1}, 0), ({"amount_fen": 400, "mode": Mode.DEGRADED}, 400),
        ({"amount_fen": 300, "kind": TapKind.METRO_SUPPLEMENT, "gross_fen": 300}, 300),
    ],
)  # fmt: skip
def test_what_counts_is_what_was_accepted(
    kernel: Kernel, changed: dict[str, Any], spent: int
) -> None:
    under(kernel, accumulating())
    judge(kernel, ride(entry="", **changed))
    assert changes(kernel, "ordinary").get("month_spent_fen", 0) == spent


def test_what_was_spent_stops_at_the_end_of_its_bits(kernel: Kernel) -> None:
    for period, field, highest in (
        (DAY, "day_spent_fen", 2**16),
        (MONTH, "month_spent_fen", 2**32),
    ):
        under(kernel, accumulating(period, tiers=()))
        card(kernel, last_tap_s=seconds("07:00:00"), **{field: highest - 100})
        judge(kernel, ride(entry="", amount_fen=400))
        assert changes(kernel, "ordinary")[field] == highest - 1
        kernel.undo(1)


def test_an_undone_batch_gives_back_what_was_spent(kernel: Kernel) -> None:
    under(kernel, accumulating(DAY))
    before = kernel.dump_state()
    judge(kernel, ride(entry="", amount_fen=400))
    assert changes(kernel, "ordinary")["day_spent_fen"] == 400
    kernel.undo(1)
    assert kernel.dump_state() == before


def test_foreign_cards_and_amounts_alone_accumulate_nothing(kernel: Kernel) -> None:
    under(kernel, accumulating(tiers=((0, 500),)))
    assert fare(kernel, "foreign", entry="") == 400
    assert fare(kernel, "ordinary", entry="") == 200
    under(kernel, tariff(by_amount=True, accumulation=Accumulation(MONTH, ((0, 500),))))
    assert fare(kernel, "student", entry="", amount_fen=400) == 400
    assert "month_spent_fen" not in changes(kernel, "student")


def test_what_a_tier_takes_off_is_borne_by_whom_it_names(kernel: Kernel) -> None:
    scheme = accumulating(tiers=((0, 900),), cap_fen=300, bearer=Bearer.BUDGET)
    judgement = judge(under(kernel, scheme), ride(entry="", amount_fen=300))
    assert ints(judgement.subsidy_fen, "i") == [100]
    paid = {(m[0], m[3]) for m in moves(judgement) if m[2] == Purpose.SUBSIDY}
    assert paid == {(BUDGET, 100)}


def test_the_order_is_class_then_transfer_then_accumulation(kernel: Kernel) -> None:
    half = FareClass("half", 0, ((FOREVER, 500),))
    scheme = Transfer(TransferType.AMOUNT_OFF, 50, 3600, 2, without_mark=True)
    accumulation = Accumulation(MONTH, ((0, 800),), cap_fen=100)
    under(kernel, tariff(classes=(half,), transfer=scheme, accumulation=accumulation))
    card(
        kernel,
        transfer_base_s=seconds("08:00:00"),
        transfer_operator=7,
        last_tap_s=seconds("08:00:00"),
    )
    # 400 · 0.5 = 200; less 50 = 150; · 0.8 = 120; not more than 100.
    assert fare(kernel, entry="") == 100
    without = tariff(
        classes=(half,), transfer=scheme, accumulation=Accumulation(MONTH, ((0, 800),))
    )
    assert fare(under(kernel, without), entry="", terminal_number=2) == 120


def test_another_citys_presentment_comes_to_none(kernel: Kernel) -> None:
    under(kernel, accumulating(DAY))
    presented = context(METRO, checks=CHECKS, source=Source.PRESENTMENT, acquirer=7930)
    kernel.judge(ride(entry="", amount_fen=400), presented)
    assert "day_spent_fen" not in changes(kernel, "ordinary")
