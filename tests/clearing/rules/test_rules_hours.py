"""What the rules of hours, days, stays, sections and zones compile to."""

from datetime import date, datetime
from pathlib import Path

import pytest

from clearing.errors import ClearingError
from clearing.plan import (
    FOREVER,
    Accumulation,
    Basis,
    Bearer,
    DayKind,
    Degraded,
    Hours,
    MissingEntry,
    Period,
    Rounding,
    Surcharge,
    Transfer,
    TransferType,
    local_day,
    local_seconds,
)
from clearing.rules import RuleSet, load, read

HERE = Path(__file__).parent
at = datetime.fromisoformat
EVERY_DAY, WORKDAY = 7, 1


@pytest.fixture(scope="module")
def valley() -> RuleSet:
    return load(read([HERE / "valley"]))


@pytest.fixture(scope="module")
def china() -> bytes:
    """The shipped calendar, from 2024-01-01 on, by way of a tariff that names it."""
    files = read(["china"])
    files["x/rules.toml"] = """
[set]
needs = ["china"]
[[tariff.bus]]
since = 2020-01-01
type = "flat"
taps = ["bus_flat"]
fare_fen = 100
calendar = "china/holidays"
"""
    tariff = load(files).tariff("x/bus")[0]
    assert tariff.calendar_from == local_day(date(2024, 1, 1))
    return tariff.calendar


def test_needed_sets_come_along() -> None:
    assert set(read([HERE / "valley"])) == {"valley/rules.toml", "days/rules.toml"}
    assert set(read([HERE / "valley", HERE / "days"])) == {"valley/rules.toml", "days/rules.toml"}


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        # 2024
        ("2024-01-01", DayKind.HOLIDAY),
        ("2024-01-02", DayKind.WORKDAY),
        ("2024-02-04", DayKind.WORKDAY),
        ("2024-02-09", DayKind.WORKDAY),
        ("2024-02-10", DayKind.HOLIDAY),
        ("2024-02-17", DayKind.HOLIDAY),
        ("2024-02-18", DayKind.WORKDAY),
        ("2024-04-07", DayKind.WORKDAY),
        ("2024-05-11", DayKind.WORKDAY),
        ("2024-06-10", DayKind.HOLIDAY),
        ("2024-09-14", DayKind.WORKDAY),
        ("2024-10-12", DayKind.WORKDAY),
        # 2025: New Year's Eve is a holiday
        ("2025-01-26", DayKind.WORKDAY),
        ("2025-01-27", DayKind.WORKDAY),
        ("2025-01-28", DayKind.HOLIDAY),
        ("2025-02-04", DayKind.HOLIDAY),
        ("2025-02-08", DayKind.WORKDAY),
        ("2025-02-09", DayKind.REST_DAY),
        ("2025-04-27", DayKind.WORKDAY),
        ("2025-06-02", DayKind.HOLIDAY),
        ("2025-10-08", DayKind.HOLIDAY),
        ("2025-10-11", DayKind.WORKDAY),
        ("2025-10-12", DayKind.REST_DAY),
        # 2026
        ("2026-01-02", DayKind.HOLIDAY),
        ("2026-01-04", DayKind.WORKDAY),
        ("2026-01-05", DayKind.WORKDAY),
        ("2026-02-14", DayKind.WORKDAY),
        ("2026-02-23", DayKind.HOLIDAY),
        ("2026-05-09", DayKind.WORKDAY),
        ("2026-09-20", DayKind.WORKDAY),
        ("2026-10-10", DayKind.WORKDAY),
        ("2026-12-31", DayKind.WORKDAY),
    ],
)
def test_the_calendar_of_china(china: bytes, day: str, kind: DayKind) -> None:
    found = china[(date.fromisoformat(day) - date(2024, 1, 1)).days]
    assert DayKind(found) is kind


def test_the_calendar_of_china_is_whole(china: bytes) -> None:
    assert len(china) == 366 + 365 + 365
    by_year = [china[:366], china[366:731], china[731:]]
    # As announced: 28 holidays in 2025, 33 in 2026; each worked day is a Saturday or a Sunday.
    assert [year.count(DayKind.HOLIDAY) for year in by_year] == [
        1 + 8 + 3 + 5 + 1 + 3 + 7,
        28,
        33,
    ]


def test_what_a_tariff_compiles_to(valley: RuleSet) -> None:
    early, tram, later = valley.tariff("valley/tram")
    accumulated = local_seconds(at("2020-06-01T00:00:00"))
    changed = local_seconds(at("2026-01-01T00:00:00"))
    assert (early.until_s, tram.since_s) == (accumulated, accumulated)
    assert (tram.until_s, later.since_s, later.until_s) == (changed, changed, FOREVER)
    assert tram.stations == (1, 2, 3, 4)
    assert later.stations == (1, 2)
    assert early.accumulation is None
    assert tram.accumulation == Accumulation(
        Period.MONTH, ((0, 1000), (10_000, 800), (15_000, 500)), 20_000
    )
    assert tram.surcharges == (
        Surcharge(lines=(2,), add_fen=50),
        Surcharge(
            hours=(Hours(EVERY_DAY, 22 * 3600, 86_400), Hours(EVERY_DAY, 0, 5 * 3600)),
            per_mille=100,
        ),
    )
    assert (tram.overstay_s, tram.overstay_fen, tram.max_fen) == (7200, 400, 400)
    assert (tram.same_station_s, tram.same_station_late_fen) == (1200, 200)
    assert (tram.degraded, tram.degraded_fen) == (Degraded.FLAT, 150)
    assert tram.missing_entry is MissingEntry.MINIMUM
    assert tram.foreign_class == 2
    assert len(tram.calendar) == 730
    assert tram.calendar_from == local_day(date(2025, 1, 1))
    first, second, third = tram.classes
    assert (first.hours, first.stations) == ((Hours(WORKDAY, 0, 7 * 3600, Basis.ENTRY),), (1,))
    assert (second.hours, second.stations) == ((), ())
    assert (third.card_kind, third.bearer, third.rounding) == (0, Bearer.ISSUER, Rounding.UP)


def test_what_is_not_said_is_as_before(valley: RuleSet) -> None:
    later = valley.tariff("valley/tram")[-1]
    assert (later.surcharges, later.overstay_s, later.calendar) == ((), 0, b"")
    assert (later.degraded, later.missing_entry) == (Degraded.AS_CHARGED, MissingEntry.COLUMN)
    assert later.foreign_class == -1


@pytest.mark.parametrize(
    ("tariff", "operator", "origins"),
    [
        # bus and operator 7 lead to the metro; metro leads to the bus, which has no tariff here
        ("valley/tram", 2, (1, 4, 7)),
        ("valley/ring", 2, (1, 4, 7)),
    ],
)
def test_pairs_of_a_transfer_become_operators(
    valley: RuleSet, tariff: str, operator: int, origins: tuple[int, ...]
) -> None:
    modes = {1: "bus", 2: "metro", 3: "taxi", 4: "bus", 7: "taxi"}
    found = valley.tariff_for(tariff, operator, modes)[0].transfer
    assert found == Transfer(
        TransferType.PER_MILLE, 250, 3600, 2, without_mark=True, from_operators=origins,
        rounding=Rounding.DOWN, bearer=Bearer.BUDGET,
    )  # fmt: skip


def test_no_operator_of_a_pair_means_no_transfer(valley: RuleSet) -> None:
    assert valley.tariff_for("valley/tram", 2, {2: "metro"})[0].transfer == Transfer()


@pytest.mark.parametrize(
    ("origin", "destination", "fare"),
    [
        # sections end at bridge and lake
        ("mill", "bridge", 100),
        ("mill", "church", 180),
        ("bridge", "church", 100),
        ("bridge", "lake", 100),
        ("church", "lake", 100),
        ("lake", "mill", 180),
        ("mill", "mill", 100),
    ],
)
def test_sections(valley: RuleSet, origin: str, destination: str, fare: int) -> None:
    on = at("2025-07-01T12:00:00")
    assert valley.quote("valley/coach", on, origin, destination).gross_fen == fare


@pytest.mark.parametrize(
    ("origin", "destination", "fare"),
    [
        ("mill", "mill", 200),
        ("mill", "bridge", 200),
        ("bridge", "church", 200),
        ("mill", "church", 350),
        ("bridge", "lake", 350),
        ("mill", "lake", 500),
    ],
)
def test_zones(valley: RuleSet, origin: str, destination: str, fare: int) -> None:
    on = at("2025-07-01T12:00:00")
    for ride in ((origin, destination), (destination, origin)):
        assert valley.quote("valley/ring", on, *ride).gross_fen == fare


def test_stops_without_a_common_route_have_no_fare() -> None:
    files = read([HERE / "valley"])
    files["valley/rules.toml"] = files["valley/rules.toml"].replace(
        '{ stops = ["mill", "bridge", "church", "lake"], ends = ["bridge", "lake"] }',
        '{ stops = ["mill", "bridge", "church"] }, { stops = ["church", "lake"] }',
    )
    valley = load(files)
    on = at("2025-07-01T12:00:00")
    assert valley.quote("valley/coach", on, "mill", "church").gross_fen == 180
    with pytest.raises(ClearingError, match="no fare from 'mill' to 'lake'"):
        valley.quote("valley/coach", on, "mill", "lake")


def test_zones_without_borders_are_rings() -> None:
    files = read([HERE / "valley"])
    text = files["valley/rules.toml"]
    start = text.index("borders = [")
    files["valley/rules.toml"] = text[:start] + text[text.index("\n", start) + 1 :]
    on = at("2025-07-01T12:00:00")
    assert load(files).quote("valley/ring", on, "mill", "lake").gross_fen == 500
