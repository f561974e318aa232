"""The generator's own fares: known answers, and the rule sets' files as they hold on a day."""

import json
from datetime import date
from pathlib import Path

import pytest

from loadtest import rule_facts
from loadtest.facts import Discount, TaxiFares, fare_of, shortest, xian_metro_fare
from schemas.codes import CardKind

DAY = date(2026, 1, 5)
XIAN_OD = Path(__file__).resolve().parents[1] / "data" / "xian_metro" / "od_fares_one_origin.json"


@pytest.mark.parametrize(
    ("metres", "fen"),
    [
        (0, 200),
        (6000, 200),
        (6001, 300),
        (10_000, 300),
        (14_000, 400),
        (20_000, 500),
        (26_000, 600),
        (26_001, 700),
        (34_000, 700),
        (34_001, 800),
    ],
)
def test_xian_metro_bands(metres: int, fen: int) -> None:
    assert xian_metro_fare(metres) == fen
    files = rule_facts.RuleFiles(rule_facts.SETS / "xian", DAY)
    tariff = files.rule("tariff", "metro")
    assert tariff is not None
    assert rule_facts._band_fare(tariff["bands"], metres) == fen


def test_discounts_round_half_up_once() -> None:
    discounts = {1: Discount(900), 3: Discount(0, subsidised=True)}
    assert fare_of(discounts, 1, 305) == (275, 0)
    assert fare_of(discounts, 3, 300) == (0, 300)
    assert fare_of(discounts, 2, 300) == (300, 0)


def test_some_hours_of_workdays_are_paid_in_full() -> None:
    seniors = {3: Discount(0, subsidised=True, full_s=((7 * 3600, 9 * 3600),))}
    assert fare_of(seniors, 3, 300, 7 * 3600 - 1, workday=True) == (0, 300)
    assert fare_of(seniors, 3, 300, 7 * 3600, workday=True) == (300, 0)
    assert fare_of(seniors, 3, 300, 9 * 3600, workday=True) == (0, 300)
    assert fare_of(seniors, 3, 300, 8 * 3600, workday=False) == (0, 300)


def test_seniors_of_xian_pay_in_the_peaks_of_workdays() -> None:
    fares = rule_facts.read(rule_facts.SETS / "xian", DAY)
    assert fares.metro is not None
    peaks = ((7 * 3600, 9 * 3600), (17 * 3600, 19 * 3600))
    assert fares.metro.discounts[CardKind.SENIOR] == Discount(0, subsidised=True, full_s=peaks)
    days = {
        date(2026, 1, 2): False,
        date(2026, 1, 3): False,
        date(2026, 1, 4): True,
        date(2026, 1, 5): True,
        date(2026, 1, 10): False,
        date(2026, 2, 14): True,
        date(2026, 2, 23): False,
    }
    assert {day: fares.workday(day) for day in days} == days


def test_a_long_stay_costs_the_highest_fare() -> None:
    metro = rule_facts.read(rule_facts.SETS / "xian", DAY).metro
    assert metro is not None
    one, other = sorted(metro.line_of)[:2]
    assert metro.gross(one, other, 7200) == metro.fares[one, other]
    assert metro.gross(one, other, 7201) == max(metro.fares.values()) == 1200


def test_taxis_cost_more_by_night() -> None:
    taxi = rule_facts.read(rule_facts.SETS / "xian", DAY).taxi
    moments = {23 * 3600 - 1: 900, 23 * 3600: 1000, 0: 1000, 6 * 3600 - 1: 1000, 6 * 3600: 900}
    assert {moment: taxi.gross(3000, 0, moment) for moment in moments} == moments


def test_the_meter_counts_begun_steps_and_full_waits() -> None:
    meter = TaxiFares("taxi", 900, 3000, 230, 1000, 100, 300, 0, {})
    assert meter.gross(3000, 299) == 900
    assert meter.gross(3001, 300) == 900 + 230 + 100
    assert meter.gross(5000, 0) == 900 + 460


def test_the_shortest_way_wins() -> None:
    edges = {1: {2: 10, 3: 3}, 2: {1: 10, 3: 4}, 3: {1: 3, 2: 4}}
    assert shortest(edges, 1) == {1: 0, 2: 7, 3: 3}


def test_published_fares_of_one_station_follow_from_the_rule_set() -> None:
    fares = rule_facts.read(rule_facts.SETS / "xian", DAY)
    files = rule_facts.RuleFiles(rule_facts.SETS / "xian", DAY)
    rows = files.table(files.data["network"]["metro"], "stations")
    numbers = {row["id"]: int(row["number"]) for row in rows}
    published = json.loads(XIAN_OD.read_text("utf-8"))
    assert fares.metro is not None
    for station, yuan in zip(published["station_ids"], published["fares_yuan"], strict=True):
        pair = (numbers[published["from"]], numbers[station])
        assert fares.metro.fares[pair] == yuan * 100, station


def test_rules_are_read_as_of_a_day() -> None:
    folder = rule_facts.SETS / "xian"
    assert rule_facts.read(folder, date(2025, 11, 24)).bus.transfer is None
    after = rule_facts.read(folder, date(2025, 11, 25)).bus.transfer
    assert after is not None
    assert (after.off_fen, after.window_s, after.count_max) == (20, 5400, 3)


def test_both_cities_of_the_demonstration_have_fares() -> None:
    fares = rule_facts.read_cities(("7910", "7930"), DAY)
    for city in fares.values():
        assert city.bus.lines
        assert city.bus.discounts[CardKind.SENIOR] == Discount(0, subsidised=True)
    assert fares["7910"].bus.tariff == "xian/bus"


def test_what_is_not_understood_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "rules.toml").write_text(
        '[network]\n[[tariff.bus]]\nsince = 2000-01-01\ntype = "declared"\n', "utf-8"
    )
    with pytest.raises(rule_facts.FactsError, match="odd: no tariff bus"):
        rule_facts.read(folder, DAY)
