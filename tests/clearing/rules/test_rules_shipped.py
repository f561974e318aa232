"""The rule sets that come with the package, against what is published."""

import csv
import json
import random
import tomllib
from datetime import date, datetime
from pathlib import Path

import pytest

from clearing import pricing
from clearing.plan import Bearer, TariffType, TransferType, local_seconds
from clearing.pricing import Ride
from clearing.rules import Claims, RuleSet, load, province_sets, read, shipped_sets
from schemas.cities import CITIES
from schemas.codes import TapKind

DATA = Path(__file__).parents[2] / "data"
at = datetime.fromisoformat
ON = at("2026-01-05T12:00:00")


STAND_INS = (
    "ankang", "baoji", "hanzhong", "shangluo", "tongchuan", "weinan", "xianyang", "yanan", "yangling", "yulin",
)  # fmt: skip


def said(name: str) -> dict[str, str]:
    """What a shipped set says of itself."""
    about: dict[str, str] = tomllib.loads(read([name])[f"{name}/rules.toml"])["set"]
    return about


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load(read(shipped_sets()))


def test_what_is_shipped(rules: RuleSet) -> None:
    cities = {city.chinese: city.name for city in CITIES}
    assert len(STAND_INS) + 1 == len(cities)
    others = {"xian", "xian-lines", "beijing", "china", "shenzhen-2018"}
    assert set(shipped_sets()) == {*STAND_INS, *others}
    assert set(province_sets()) == {*STAND_INS, "xian", "shenzhen-2018"}
    for city in ("xian", *STAND_INS):
        modes = ("metro", "bus", "taxi") if city in ("xian", "baoji") else ("bus", "taxi")
        for mode in modes:
            assert rules.tariff(f"{city}/{mode}")
            assert rules.split(f"{city}/{mode}")
    named = {about["chinese"]: about["english"] for about in map(said, ("xian", *STAND_INS))}
    assert named == cities
    for name in province_sets():
        assert rules.fee(f"{name}/standard", date(2018, 9, 1)).recipients


def test_every_stand_in_says_so() -> None:
    for file, text in read(["xian"]).items():
        assert "stand" in text.lower() or file.startswith("china/"), file
    for city in STAND_INS:
        assert "made up" in said(city)["stand_in"]


# -- Xi'an -----------------------------------------------------------------------------------------


def published() -> tuple[str, dict[str, int]]:
    vector = json.loads((DATA / "xian_metro/od_fares_one_origin.json").read_text())
    fares = zip(vector["station_ids"], vector["fares_yuan"], strict=True)
    return vector["from"], {station: 100 * yuan for station, yuan in fares}


def test_xian_fares_are_the_published_ones(rules: RuleSet) -> None:
    origin, fares = published()
    assert {place.id for place in rules.stations("xian/metro")} == set(fares)
    rows = rules.quote_pairs("xian/metro", ON, [(origin, station) for station in fares])
    assert {row.destination: row.fare_fen for row in rows} == fares
    assert all(
        rules.quote("xian/metro", ON, station, origin).gross_fen == fare
        for station, fare in list(fares.items())[:20]
    )


def test_xian_is_one_network_of_named_stations(rules: RuleSet) -> None:
    stations = rules.stations("xian/metro")
    assert len(stations) == 248
    assert len(rules.quote_pairs("xian/metro", ON)) == 248**2
    assert rules.quote("xian/metro", ON, "安远门", "钟楼").gross_fen == 200
    assert rules.quote("xian/metro", ON, "An Yuan Men", "zhonglou").gross_fen == 200


@pytest.mark.parametrize(
    ("tariff", "kind", "fare", "bearer"),
    [
        ("metro", None, 400, None),
        ("metro", "ordinary", 360, Bearer.OPERATOR),
        ("metro", "student", 200, Bearer.BUDGET),
        ("metro", "senior", 0, Bearer.BUDGET),
        ("metro", "love", 0, Bearer.BUDGET),
        ("metro", "staff", 400, None),
        ("bus", None, 200, None),
        ("bus", "ordinary", 100, Bearer.OPERATOR),
        ("bus", "student", 100, Bearer.BUDGET),
        ("bus", "senior", 0, Bearer.BUDGET),
        ("bus", "love", 0, Bearer.BUDGET),
    ],
)
def test_xian_cards(
    rules: RuleSet, tariff: str, kind: str | None, fare: int, bearer: Bearer | None
) -> None:
    """A metro ride of 4 yuan as published; a bus with air conditioning."""
    ride = ("an-yuan-men", "半坡") if tariff == "metro" else ("Bus 603", 0)
    quote = rules.quote(f"xian/{tariff}", ON, *ride, kind)
    assert quote.fare_fen == fare
    bearers = {one.name: one.bearer for one in rules.tariff(f"xian/{tariff}")[-1].classes}
    assert bearers.get(quote.class_name) == bearer


def test_xian_buses_without_air_conditioning(rules: RuleSet) -> None:
    assert rules.quote("xian/bus", ON, "4路").gross_fen == 100


def test_xian_transfers_begin_on_their_day(rules: RuleSet) -> None:
    for tariff in ("xian/metro", "xian/bus"):
        before, after = rules.tariff(tariff)
        assert before.transfer.type is TransferType.NONE
        assert (after.transfer.window_s, after.transfer.count_max) == (90 * 60, 3)
        last = rules.version_at(tariff, at("2025-11-24T23:59:59"))
        first = rules.version_at(tariff, at("2025-11-25T00:00:00"))
        assert (last.tariff, first.tariff) == (before, after)


def test_xian_taxi(rules: RuleSet) -> None:
    quote = rules.quote("xian/taxi", ON, 0, claims=Claims(distance_m=10_000, wait_s=600))
    assert quote.gross_fen == 900 + 14 * 100 + 2 * 200


# -- Beijing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "destination", "yuan"),
    [
        ("国贸", "西单", 4),
        ("苹果园", "土桥", 7),
        ("天通苑北", "天安门东", 5),
        ("大兴新城", "草桥", 10),
        ("大兴新城", "大兴机场", 25),
        ("草桥", "大兴机场", 35),
        ("东直门", "3号航站楼", 25),
        ("西单", "3号航站楼", 4 + 25),
        ("香山", "巴沟", 4),
        ("香山", "国贸", 4 + 5),
        ("3号航站楼", "大兴机场", 25 + 5 + 35),
        ("复兴门", "太平桥", 3),
        ("东直门", "三元桥", 3),
    ],
)
def test_beijing_rides(rules: RuleSet, origin: str, destination: str, yuan: int) -> None:
    """Airport lines and the tram are priced apart; between stations of the common lines they count not."""
    for ride in ((origin, destination), (destination, origin)):
        assert rules.quote("beijing/metro", ON, *ride).gross_fen == 100 * yuan


def test_beijing_is_whole(rules: RuleSet) -> None:
    fares = rules.quote_pairs("beijing/metro", ON)
    assert len(fares) == 425**2
    by_pair = {(row.origin, row.destination): row.fare_fen for row in fares}
    assert all(fare == by_pair[other, one] for (one, other), fare in by_pair.items())
    assert {fare % 100 for fare in by_pair.values()} == {0}
    assert min(by_pair.values()) == 300


@pytest.mark.parametrize(
    ("when", "entered", "origin", "fare"),
    [
        # Monday, a workday; half of 6 yuan before seven o'clock, by when the ride began
        ("2026-01-05T07:40:00", "2026-01-05T06:59:59", "土桥", 300),
        ("2026-01-05T07:40:00", "2026-01-05T07:00:00", "土桥", 600),
        # a Sunday that is worked, a Sunday that is not, a Monday that is a holiday
        ("2026-01-04T07:40:00", "2026-01-04T06:59:59", "土桥", 300),
        ("2026-01-11T07:40:00", "2026-01-11T06:59:59", "土桥", 600),
        ("2026-02-16T07:40:00", "2026-02-16T06:59:59", "土桥", 600),
        # a station that is not on the list
        ("2026-01-05T07:40:00", "2026-01-05T06:59:59", "苹果园", 500),
    ],
)
def test_beijing_early_birds(
    rules: RuleSet, when: str, entered: str, origin: str, fare: int
) -> None:
    claims = Claims(entry_at_s=local_seconds(at(entered)))
    quote = rules.quote("beijing/metro", at(when), origin, "西单", "ordinary", claims)
    assert quote.fare_fen == fare
    early = rules.tariff("beijing/metro")[-1].classes[0]
    assert len(early.stations) == 25


def test_all_pairs_agree_with_single_quotes_at_early_hours(rules: RuleSet) -> None:
    early = at("2026-01-05T06:30:00")
    pairs = [(origin, "西单") for origin in ("土桥", "沙河", "青年路", "苹果园", "国贸")]
    rows = rules.quote_pairs("beijing/metro", early, pairs, "ordinary")
    single = [rules.quote("beijing/metro", early, *pair, "ordinary").fare_fen for pair in pairs]
    assert [row.fare_fen for row in rows] == single


@pytest.mark.parametrize(
    ("spent_yuan", "fare"),
    [(0, 600), (99.99, 600), (100, 480), (149.99, 480), (150, 300), (399.99, 300), (400, 600)],
)
def test_beijing_month(rules: RuleSet, spent_yuan: float, fare: int) -> None:
    accumulation = rules.tariff("beijing/metro")[-1].accumulation
    assert accumulation is not None
    assert pricing.accumulated(accumulation, round(spent_yuan * 100), 600) == fare


# -- Shenzhen 2018 ---------------------------------------------------------------------------------


def amounts() -> list[tuple[str, int, int, bool, int]]:
    with (DATA / "shenzhen_2018/paid_amounts.csv").open(newline="") as file:
        return [
            (
                row["kind"],
                int(row["gross_fen"]),
                int(row["charged_fen"]),
                row["transfer_mark"] == "1",
                int(row["rows"]),
            )
            for row in csv.DictReader(file)
        ]


def test_shenzhen_every_paid_row_is_explained(rules: RuleSet) -> None:
    """640 paid rows: each to the fen, three of them with a transfer that the mark does not show."""
    rows = unmarked = 0
    for kind, gross, charged, marked, count in amounts():
        tariff = rules.tariff(f"shenzhen-2018/{kind}")[0]
        tap = TapKind.METRO_TAP_OUT if kind == "metro" else TapKind.BUS_FLAT
        assert tariff.type is TariffType.DECLARED
        assert pricing.tariff_at((tariff,), tap, 589_000_000) is tariff
        assert pricing.gross_bounds(tariff, Ride(tap, 0, 0, 0, gross, 0, 0)) == (gross, gross)
        found = pricing.explain_by_amount(tariff, gross, charged, marked)
        assert found.fare_fen == charged, (kind, gross, charged, marked)
        rows += count
        unmarked += count * found.unmarked_transfer
    assert (rows, unmarked) == (640, 3)


@pytest.mark.parametrize(
    ("kind", "gross", "fares"),
    [
        # adult, half, free, undiscounted
        ("metro", 200, (190, 100, 0, 200)),
        ("metro", 1100, (1045, 550, 0, 1100)),
        ("bus", 250, (200, 125, 0, 250)),
        ("bus", 350, (278, 175, 0, 350)),
        ("bus", 1000, (725, 500, 0, 1000)),
    ],
)
def test_shenzhen_classes(
    rules: RuleSet, kind: str, gross: int, fares: tuple[int, int, int, int]
) -> None:
    classes = ("adult", "half", "free", "undiscounted")
    when = at("2018-09-01T00:00:00")
    for name, fare in zip(classes, fares, strict=True):
        quote = rules.quote(f"shenzhen-2018/{kind}", when, 0, 0, name, Claims(gross_fen=gross))
        assert (quote.gross_fen, quote.fare_fen, quote.class_name) == (gross, fare, name)


@pytest.mark.parametrize(
    ("kind", "gross", "charged", "marked", "explained", "unmarked"),
    [
        ("metro", 200, 60, True, True, False),  # half, then 40 off
        ("metro", 200, 0, True, True, False),  # free stays free
        ("metro", 200, 160, True, True, False),  # undiscounted, then 40 off
        ("metro", 200, 190, True, False, False),  # marked, discount not taken: 40 fen too much
        ("metro", 200, 150, False, True, True),  # taken without the mark
        ("metro", 200, 60, False, True, True),
        ("bus", 200, 120, True, True, False),
        ("bus", 200, 121, True, False, False),
        ("bus", 200, 140, False, False, False),
        ("metro", 200, 195, False, False, False),
    ],
)
def test_shenzhen_combinations(
    rules: RuleSet,
    kind: str,
    gross: int,
    charged: int,
    marked: bool,
    explained: bool,
    unmarked: bool,
) -> None:
    tariff = rules.tariff(f"shenzhen-2018/{kind}")[0]
    found = pricing.explain_by_amount(tariff, gross, charged, marked)
    assert (found.fare_fen == charged, found.unmarked_transfer) == (explained, unmarked)


@pytest.mark.parametrize(
    ("kind", "gross", "judged"),
    [("metro", 250, 200), ("metro", 5100, 5000), ("bus", 225, 200), ("bus", 250, 250)],
)
def test_shenzhen_bounds(rules: RuleSet, kind: str, gross: int, judged: int) -> None:
    tariff = rules.tariff(f"shenzhen-2018/{kind}")[0]
    tap = TapKind.METRO_TAP_OUT if kind == "metro" else TapKind.BUS_FLAT
    assert pricing.gross_bounds(tariff, Ride(tap, 0, 0, 0, gross, 0, 0)) == (judged, judged)


# -- Size ------------------------------------------------------------------------------------------


def test_a_big_network_loads_and_all_pairs_agree() -> None:
    """540 stations on a random connected graph, against an algorithm of another kind."""
    chance, size = random.Random(540), 540
    links = {
        (number, chance.randrange(number)): chance.randrange(500, 3000) for number in range(1, size)
    }
    for _ in range(60):
        one, other = chance.sample(range(size), 2)
        links.setdefault((max(one, other), min(one, other)), chance.randrange(500, 3000))
    rules = load(
        {
            "big/rules.toml": """
[network.metro]
stations = "stations.csv"
links = "links.csv"
[[tariff.metro]]
since = 2020-01-01
type = "distance"
taps = ["metro_tap_out"]
network = "metro"
bands = [{ to_m = 1, fare_fen = 0 }, { each_m = 1, add_fen = 1 }]
""",
            "big/stations.csv": "number,id\n"
            + "".join(f"{number + 1},s{number}\n" for number in range(size)),
            "big/links.csv": "from,to,metres\n"
            + "".join(f"s{a},s{b},{metres}\n" for (a, b), metres in links.items()),
        }
    )
    rows = rules.quote_pairs("big/metro", ON)
    assert len(rows) == size * size
    distance = [[10**9] * size for _ in range(size)]
    for (a, b), metres in links.items():
        distance[a][b] = distance[b][a] = metres
    # Bellman and Ford, from three stations.
    for origin in (0, 17, 539):
        best = [10**9] * size
        best[origin] = 0
        changed = True
        while changed:
            changed = False
            for (a, b), metres in links.items():
                for one, other in ((a, b), (b, a)):
                    if best[one] + metres < best[other]:
                        best[other], changed = best[one] + metres, True
        fares = [row.fare_fen for row in rows[origin * size : (origin + 1) * size]]
        assert fares == [max(0, metres - 1) for metres in best]
