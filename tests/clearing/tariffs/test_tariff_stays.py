"""Stays that took too long, entries that nobody knows, and degraded mode: on both kernels."""

from __future__ import annotations

from typing import Any

import pytest

from clearing import cards
from clearing.kernel import Kernel
from clearing.plan import Degraded, MissingEntry, Surcharge, TariffType
from schemas.codes import Mode, TapKind
from schemas.reasons import Reason
from tests.clearing.kernel_cases import CLASSES
from tests.clearing.tariffs.rides import card, fare, judge, ride, seconds, tariff, under

LATE: dict[str, Any] = {
    "overstay_s": 7200, "overstay_fen": 900, "same_station_s": 1200, "same_station_late_fen": 350,
}  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "at", "stations", "expected"),
    [
        ("08:00:00", "10:00:00", (101, 103), 400), ("08:00:00", "10:00:01", (101, 103), 900),
        ("08:00:00", "08:20:00", (101, 101), 200), ("08:00:00", "08:20:01", (101, 101), 350),
        # Both: the longer stay counts.
        ("08:00:00", "10:00:00", (101, 101), 350), ("08:00:00", "10:00:01", (101, 101), 900),
        # Nobody knows when, or it says that it entered later than it left.
        ("", "12:00:00", (101, 103), 400), ("09:00:00", "08:00:00", (101, 103), 400),
        ("2026-01-04T23:00:00", "2026-01-05T01:00:01", (101, 103), 900),
        # A pair without a fare has none by staying longer.
        ("08:00:00", "10:00:01", (101, 104), None),
    ],
)  # fmt: skip
def test_a_long_stay_has_a_fare_of_its_own(
    kernel: Kernel, entry: str, at: str, stations: tuple[int, int], expected: int | None
) -> None:
    under(kernel, tariff(**LATE, surcharges=()))
    origin, destination = stations
    judgement = judge(kernel, ride(at=at, entry=entry, entry_station=origin, station=destination))
    missing = judgement.reason_counts[Reason.TARIFF_MISSING]
    assert missing == (expected is None)
    if expected is not None:
        assert fare(kernel, at=at, entry=entry, entry_station=origin, station=destination,
                    terminal_number=2) == expected  # fmt: skip


def test_nothing_is_too_long_where_the_tariff_says_nothing(kernel: Kernel) -> None:
    under(kernel, tariff(overstay_fen=900, same_station_late_fen=350))
    assert fare(kernel, at="12:00:00", entry="08:00:00", station=101) == 200


def test_a_long_stay_has_no_surcharge(kernel: Kernel) -> None:
    under(kernel, tariff(**LATE, surcharges=(Surcharge(add_fen=50),)))
    assert fare(kernel, at="10:00:00", entry="08:00:00") == 450
    assert fare(kernel, at="10:00:01", entry="08:00:00") == 900


def test_an_open_entry_of_the_card_says_when_it_came(kernel: Kernel) -> None:
    """Unless the record says so itself, or the entry is longer ago than a journey may take."""
    open_ = {"flags": cards.REGISTERED | cards.JOURNEY_OPEN, "entry_station": 101}
    under(kernel, tariff(**LATE))
    for entered, stated, station, expected in (
        ("06:00:00", "", 0, 900), ("06:30:15", "", 0, 400), ("06:00:00", "07:00:00", 0, 400),
        ("04:30:15", "", 101, 900), ("04:30:14", "", 101, 400),
    ):  # fmt: skip
        card(kernel, entry_at_s=seconds(entered), **open_)
        assert fare(kernel, entry=stated, entry_station=station) == expected, (entered, stated)
        kernel.undo(1)


@pytest.mark.parametrize(
    ("policy", "gross", "expected"),
    [
        (MissingEntry.COLUMN, 350, 350), (MissingEntry.COLUMN, 100, 200), (MissingEntry.COLUMN, 950, 700),
        (MissingEntry.TOP, 350, 1000), (MissingEntry.MINIMUM, 350, 100),
    ],
)  # fmt: skip
def test_an_exit_without_entry_costs_what_the_tariff_says(
    kernel: Kernel, policy: MissingEntry, gross: int, expected: int
) -> None:
    under(kernel, tariff(missing_entry=policy, surcharges=(Surcharge(lines=(99,), add_fen=50),)))
    judgement = judge(kernel, ride(entry="", entry_station=0, gross_fen=gross))
    assert judgement.reason_counts[Reason.TAP_OUT_WITHOUT_TAP_IN] == 1
    assert fare(kernel, entry="", entry_station=0, gross_fen=gross) == expected
    assert fare(kernel, entry="") == 400


def test_a_station_that_the_matrix_has_not_has_no_fare_either_way(kernel: Kernel) -> None:
    under(kernel, tariff(missing_entry=MissingEntry.TOP))
    judgement = judge(kernel, ride(entry="", entry_station=0, station=999))
    assert judgement.reason_counts[Reason.TARIFF_MISSING] == 1


def test_a_flat_fare_needs_no_entry(kernel: Kernel) -> None:
    flat = tariff(type=TariffType.FLAT, flat_fen=((0, 300),), missing_entry=MissingEntry.TOP)
    assert fare(under(kernel, flat), entry="", entry_station=0) == 300


@pytest.mark.parametrize(
    ("policy", "amount", "expected", "reason"),
    [
        (Degraded.AS_CHARGED, 123, 123, Reason.CLEAN), (Degraded.FREE, 0, 0, Reason.CLEAN),
        (Degraded.FREE, 200, 0, Reason.ABOVE_TARIFF), (Degraded.FLAT, 250, 250, Reason.CLEAN),
        (Degraded.FLAT, 300, 250, Reason.ABOVE_TARIFF), (Degraded.FLAT, 200, 250, Reason.BELOW_TARIFF),
    ],
)  # fmt: skip
def test_degraded_mode_costs_what_the_tariff_says(
    kernel: Kernel, policy: Degraded, amount: int, expected: int, reason: Reason
) -> None:
    under(kernel, tariff(degraded=policy, degraded_fen=250))
    judgement = judge(kernel, ride(amount_fen=amount, mode=Mode.DEGRADED, gross_fen=250))
    assert judgement.reason_counts[Reason.DEGRADED_MODE] == 1
    assert (reason == Reason.CLEAN) or judgement.reason_counts[reason] == 1
    assert int.from_bytes(judgement.priced_fen, "little") == expected
    assert sum(m.amount_fen for m in judgement.movements if m.credit == 80) == min(amount, expected)


def test_a_degraded_fare_knows_concessions(kernel: Kernel) -> None:
    """A pupil pays the half of what degraded mode costs; an entry costs nothing in any mode."""
    under(kernel, tariff(degraded=Degraded.FLAT, degraded_fen=200, classes=CLASSES))
    assert fare(kernel, "student", mode=Mode.DEGRADED, gross_fen=200) == 75
    assert fare(kernel, kind=TapKind.METRO_TAP_IN, mode=Mode.DEGRADED, amount_fen=9) == 9


def test_degraded_mode_without_a_tariff_is_as_charged(kernel: Kernel) -> None:
    under(kernel)
    judgement = judge(kernel, ride(amount_fen=77, mode=Mode.DEGRADED))
    assert judgement.verdict_counts == (1, 0, 0)
    assert judgement.reason_counts[Reason.TARIFF_MISSING] == 0
