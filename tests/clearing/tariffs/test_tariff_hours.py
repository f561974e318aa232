"""Days, hours and surcharges: a tariff that asks what day it is and how late, on both kernels."""

from __future__ import annotations

import pytest

from clearing.kernel import Kernel
from clearing.plan import Basis, Hours, Meter, Surcharge, TariffType
from schemas.codes import TapKind
from tests.clearing.tariffs.rides import NEW_YEAR, fare, tariff, under

WORKDAYS, REST_DAYS, HOLIDAYS, ALL_DAYS = 1, 2, 4, 7
HOUR = 3600


@pytest.mark.parametrize(
    ("day", "days", "holds"),
    [
        # In the calendar: holidays, and a Sunday that is worked.
        ("2026-01-01", HOLIDAYS, True), ("2026-01-01", WORKDAYS, False), ("2026-01-03", HOLIDAYS, True),
        ("2026-01-03", REST_DAYS, False), ("2026-01-04", WORKDAYS, True), ("2026-01-04", REST_DAYS, False),
        # Outside of it: Monday to Friday are worked.
        ("2026-01-05", WORKDAYS, True), ("2025-12-31", WORKDAYS, True), ("2025-12-28", REST_DAYS, True),
        ("2025-12-27", REST_DAYS, True), ("2025-12-26", WORKDAYS, True), ("2025-12-26", REST_DAYS, False),
        ("2026-01-05", REST_DAYS | HOLIDAYS, False), ("2026-01-05", ALL_DAYS, True),
    ],
)  # fmt: skip
def test_a_day_is_what_the_calendar_says(kernel: Kernel, day: str, days: int, holds: bool) -> None:
    dear = Surcharge(hours=(Hours(days, 0, 24 * HOUR),), add_fen=100)
    under(kernel, tariff(surcharges=(dear,), **NEW_YEAR))
    assert fare(kernel, at=f"{day}T09:00:00", entry="") == (500 if holds else 400)


@pytest.mark.parametrize(
    ("basis", "entry", "at", "holds"),
    [
        (Basis.EXIT, "06:00:00", "06:59:59", False), (Basis.EXIT, "06:00:00", "07:00:00", True),
        (Basis.EXIT, "08:50:00", "08:59:59", True), (Basis.EXIT, "08:50:00", "09:00:00", False),
        (Basis.ENTRY, "06:59:59", "08:00:00", False), (Basis.ENTRY, "07:00:00", "08:00:00", True),
        (Basis.ENTRY, "08:59:59", "10:00:00", True), (Basis.ENTRY, "09:00:00", "10:00:00", False),
        # The day is the entry's too.
        (Basis.ENTRY, "2026-01-04T08:00:00", "2026-01-05T00:10:00", True),
        (Basis.ENTRY, "2026-01-03T08:00:00", "2026-01-05T08:00:00", False),
        # An entry that nobody knows is in no hour.
        (Basis.ENTRY, "", "08:00:00", False),
    ],
)  # fmt: skip
def test_an_hour_begins_at_its_first_second_and_ends_before_its_last(
    kernel: Kernel, basis: Basis, entry: str, at: str, holds: bool
) -> None:
    peak = Surcharge(hours=(Hours(WORKDAYS, 7 * HOUR, 9 * HOUR, basis),), add_fen=100)
    under(kernel, tariff(surcharges=(peak,), **NEW_YEAR))
    assert fare(kernel, at=at, entry=entry) == (500 if holds else 400)


def test_one_of_several_hours_is_enough(kernel: Kernel) -> None:
    night = (Hours(ALL_DAYS, 23 * HOUR, 24 * HOUR), Hours(ALL_DAYS, 0, 6 * HOUR))
    under(kernel, tariff(surcharges=(Surcharge(hours=night, per_mille=300),)))
    assert fare(kernel, at="23:30:00", entry="") == 520
    assert fare(kernel, at="05:59:59", entry="") == 520
    assert fare(kernel, at="06:00:00", entry="") == 400


@pytest.mark.parametrize(
    ("surcharges", "gross"),
    [
        ((), 400), ((Surcharge(add_fen=150),), 550), ((Surcharge(per_mille=125),), 450),
        # Rounded half up, of the base and not of what came before.
        ((Surcharge(per_mille=1),), 400), ((Surcharge(per_mille=2),), 401), ((Surcharge(per_mille=4),), 402),
        ((Surcharge(add_fen=100), Surcharge(per_mille=500)), 700),
        ((Surcharge(per_mille=500), Surcharge(add_fen=100)), 700),
        ((Surcharge(add_fen=100, per_mille=100),), 540),
        ((Surcharge(lines=(17,), add_fen=100),), 500), ((Surcharge(lines=(18, 16), add_fen=100),), 400),
        ((Surcharge(lines=(5, 3), add_fen=100),), 500), ((Surcharge(lines=(0,), add_fen=100),), 400),
        # 2^31 - 1 fen is the most that there is.
        ((Surcharge(per_mille=1_000_000, add_fen=2**31 - 1),), 2**31 - 1),
    ],
)  # fmt: skip
def test_a_surcharge_is_added_to_the_base(
    kernel: Kernel, surcharges: tuple[Surcharge, ...], gross: int
) -> None:
    under(kernel, tariff(surcharges=surcharges))
    assert fare(kernel, line=17, entry_line=5, gross_fen=gross) == gross


def test_what_nobody_charged_is_judged_all_the_same(kernel: Kernel) -> None:
    """A device that knows nothing of the surcharge has its gross fare corrected, up or down."""
    under(kernel, tariff(surcharges=(Surcharge(add_fen=100),)))
    assert fare(kernel, gross_fen=400) == 500
    assert fare(kernel, gross_fen=900) == 500


def test_both_bounds_of_a_meter_rise(kernel: Kernel) -> None:
    meter = Meter(1000, 3000, 115, 500, 0, 0, 10)
    night = Surcharge(add_fen=100, per_mille=200)
    metered = tariff(
        type=TariffType.METERED, kinds=1 << TapKind.TAXI_TRIP, meter=meter, surcharges=(night,)
    )
    under(kernel, metered)
    costs = [fare(kernel, kind=TapKind.TAXI_TRIP, gross_fen=gross) for gross in (0, 1300, 9999)]
    assert costs == [990 + 100 + 198, 1300, 1010 + 100 + 202]


def test_a_declared_fare_has_its_surcharges_in_it(kernel: Kernel) -> None:
    declared = tariff(type=TariffType.DECLARED, step_fen=50, surcharges=(Surcharge(add_fen=100),))
    assert fare(under(kernel, declared), gross_fen=350) == 350


def test_a_supplement_has_no_surcharge(kernel: Kernel) -> None:
    under(kernel, tariff(surcharges=(Surcharge(add_fen=5000),)))
    assert fare(kernel, kind=TapKind.METRO_SUPPLEMENT, gross_fen=300) == 300
