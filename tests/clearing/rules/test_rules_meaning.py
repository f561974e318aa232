"""What rules mean: the small town's tariffs, discounts, splits and fees, as tables."""

from datetime import date, datetime
from pathlib import Path

import pytest

from clearing.errors import ClearingError
from clearing.plan import FOREVER, Transfer, TransferType, local_seconds
from clearing.rules import Claims, DatedSplit, RuleSet, Volume, digest, load, read, read_pairs
from clearing.rules.positions import positions
from schemas.codes import CardKind, TapKind

HERE = Path(__file__).parent
at = datetime.fromisoformat
NOON = at("2020-07-01T12:00:00")


@pytest.fixture(scope="module")
def town() -> RuleSet:
    return load(read([HERE / "town"]))


@pytest.mark.parametrize(
    ("tariff", "origin", "destination", "kind", "gross", "fare", "class_name"),
    [
        # metro: bands over the shortest way; steps begin beyond the last band
        ("metro", "west", "middle", None, 200, 200, "full fare"),
        ("metro", "west", "east", None, 300, 300, "full fare"),
        ("metro", "西", "东", "ordinary", 300, 240, "ordinary"),
        ("metro", 1, 3, CardKind.ORDINARY, 300, 240, "ordinary"),
        ("metro", "West Gate", "north", "senior", 300, 0, "senior"),
        ("metro", "west", "west", None, 200, 200, "full fare"),
        ("metro", "west", "east", CardKind.MILITARY, 300, 300, "full fare"),
        # a matrix in both directions
        ("tram", "north", "east", None, 300, 300, "full fare"),
        ("tram", "9", "9", None, 100, 100, "full fare"),
        # flat: the line is the origin
        ("bus", "one", 0, None, 200, 200, "full fare"),
        ("bus", 1, 0, None, 200, 200, "full fare"),
        ("bus", "77", 0, None, 100, 100, "full fare"),
        ("bus", 77, 0, None, 100, 100, "full fare"),
    ],
)
def test_quotes(
    town: RuleSet,
    tariff: str,
    origin: int | str,
    destination: int | str,
    kind: CardKind | str | None,
    gross: int,
    fare: int,
    class_name: str,
) -> None:
    quote = town.quote(f"town/{tariff}", NOON, origin, destination, kind)
    assert (quote.gross_fen, quote.fare_fen, quote.class_name) == (gross, fare, class_name)
    assert quote.rule == f"town/{tariff}"


@pytest.mark.parametrize(
    ("distance_m", "wait_s", "fare"),
    [(0, 0, 900), (3000, 0, 900), (3001, 0, 1000), (3500, 299, 1000), (3501, 300, 1300)],
)
def test_meter(town: RuleSet, distance_m: int, wait_s: int, fare: int) -> None:
    claims = Claims(distance_m=distance_m, wait_s=wait_s)
    assert town.quote("town/taxi", NOON, 0, claims=claims).gross_fen == fare


@pytest.mark.parametrize(
    ("declared", "gross"), [(50, 100), (100, 100), (149, 100), (900, 900), (950, 900)]
)
def test_declared(town: RuleSet, declared: int, gross: int) -> None:
    after = at("2021-01-01T05:00:00")
    assert town.quote("town/bus", after, 0, claims=Claims(gross_fen=declared)).gross_fen == gross


@pytest.mark.parametrize(
    ("moment", "version"),
    [
        (at("2020-01-01T00:00:00"), "2020-01-01T00:00:00"),
        (at("2021-01-01T04:59:59"), "2020-01-01T00:00:00"),
        (at("2021-01-01T05:00:00"), "2021-01-01T05:00:00"),
    ],
)
def test_a_change_takes_effect_at_its_second(town: RuleSet, moment: datetime, version: str) -> None:
    assert town.quote("town/bus", moment, "one", claims=Claims(gross_fen=200)).version == version


def test_a_tariff_is_cut_where_its_transfer_begins(town: RuleSet) -> None:
    """The transfer scheme is younger than the tariff that names it."""
    before, after = town.tariff("town/metro")
    cut = local_seconds(at("2020-06-01T00:00:00"))
    assert (before.until_s, after.since_s, after.until_s) == (cut, cut, FOREVER)
    assert before.transfer == Transfer()
    assert after.transfer == Transfer(TransferType.FIXED_PRICE, 20, 5400, 3)
    assert before.od_fen is after.od_fen
    assert after.kinds == 1 << TapKind.METRO_TAP_OUT


def test_bounds_of_supplements_follow_from_the_fares(town: RuleSet) -> None:
    tariff = town.tariff("town/metro")[0]
    assert (tariff.min_fen, tariff.max_fen) == (200, 300)


def test_all_pairs_agree_with_single_quotes(town: RuleSet) -> None:
    for tariff in ("town/metro", "town/tram"):
        rows = town.quote_pairs(tariff, NOON)
        assert len(rows) == 16
        for row in rows:
            single = town.quote(tariff, NOON, row.origin, row.destination)
            assert row.fare_fen == single.fare_fen


def test_pairs_keep_order_and_names(town: RuleSet) -> None:
    pairs = read_pairs("﻿to,from,note\neast,西,x\nwest,3,y\n", "pairs.csv")
    rows = town.quote_pairs("town/metro", NOON, pairs, "ordinary")
    assert [(row.origin, row.destination, row.fare_fen) for row in rows] == [
        ("西", "east", 240),
        ("3", "west", 240),
    ]
    assert town.quote_pairs("town/bus", NOON, [("one", "x")])[0].fare_fen == 200


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda town: town.quote("town/metro", NOON, "west", "south"), "no station 'south'"),
        (lambda town: town.quote("town/metro", NOON, "west", 4), "no station 4"),
        (lambda town: town.quote("town/bus", NOON, "two"), "no line 'two'"),
        (lambda town: town.quote("town/metro", NOON, 1, 2, "old"), "no card kind 'old'"),
        (
            lambda town: town.quote("town/metro", at("2019-01-01T00:00:00"), 1, 2),
            "does not hold at 2019",
        ),
        (lambda town: town.tariff("town/metra"), "no tariff named 'town/metra'"),
        (lambda town: town.split("town/bus"), "no split named"),
        (lambda town: town.fee("town/standard", date(2019, 12, 31)), "does not hold on 2019-12-31"),
        (lambda town: town.quote_pairs("town/metro", NOON, [("west", "south")]), "'south'"),
        (lambda town: town.quote_pairs("town/bus", NOON), "no pairs of stations"),
        (lambda _: read_pairs("a,b\n", "pairs.csv"), "pairs.csv has no columns"),
        (lambda _: read_pairs("", "pairs.csv"), "pairs.csv has no columns"),
        (lambda _: read_pairs("from,to\n1,2\n3\n", "pairs.csv"), "pairs.csv:3: a station"),
        (lambda _: read(["no-such-set"]), "no rule set 'no-such-set'"),
        (lambda _: read(["xian", "xian"]), "'xian' is given twice"),
        (lambda _: read([HERE]), r"holds no \.toml file"),
    ],
)
def test_what_cannot_be_asked(town: RuleSet, ask: object, sentence: str) -> None:
    assert callable(ask)
    with pytest.raises(ClearingError, match=sentence) as caught:
        ask(town)
    assert caught.value.remedy


def test_a_missing_pair_has_no_fare() -> None:
    files = read([HERE / "town"])
    files["town/rules.toml"] = files["town/rules.toml"].replace(
        "same_station_fen = 100", "partial = true"
    )
    town = load(files)
    assert len(town.quote_pairs("town/tram", NOON)) == 12
    with pytest.raises(ClearingError, match="no fare from 1 to 1"):
        town.quote("town/tram", NOON, 1, 1)
    with pytest.raises(ClearingError, match="no fare from 'west' to 'west'"):
        town.quote_pairs("town/tram", NOON, [("west", "west")])


def test_splits_and_fees(town: RuleSet) -> None:
    since = local_seconds(at("2020-01-01T00:00:00"))
    assert town.split("town/taxi") == (
        DatedSplit(since, FOREVER, (("operator", 80), ("driver", 920))),
    )
    assert town.fee_recipients() == ("clearing_centre",)
    fee = town.fee("town/standard", date(2020, 1, 1))
    assert fee.recipients == (("clearing_centre", 1000),)
    table = {0: 0, -5: 0, 1: 100, 20_000: 100, 20_100: 101, 100_000: 500, 2_000_000: 5000}
    assert {accepted: fee.fee_fen(Volume(accepted)) for accepted in table} == table


def test_names_and_places(town: RuleSet) -> None:
    assert town.tariff_names() == ("town/bus", "town/metro", "town/taxi", "town/tram")
    assert town.split_names() == ("town/taxi",)
    assert town.fee_names() == ("town/standard",)
    assert [place.number for place in town.stations("town/metro")] == [1, 2, 3, 9]
    assert town.stations("town/metro")[0].chinese == "西"
    assert [place.id for place in town.lines("town/metro")] == ["one"]


def test_the_digest_is_of_names_and_contents() -> None:
    files = read([HERE / "town"])
    backwards = dict(reversed(files.items()))
    assert load(files).digest == load(backwards).digest == digest(files)
    moved = dict(files)
    moved["town/links.csv"] += "\n"
    assert digest(moved) != digest(files)
    assert digest({"a": "bc"}) != digest({"ab": "c"})


def test_read_takes_files_as_they_are_said_to_be(tmp_path: Path) -> None:
    directory = tmp_path / "hamlet"
    directory.mkdir()
    (directory / "rules.toml").write_bytes(b"\xef\xbb\xbf[set]\r\nchinese = '\xe6\x9d\x91'\r\n")
    (directory / "notes.md").write_text("no rule")
    assert read([directory]) == {"hamlet/rules.toml": "[set]\nchinese = '村'\n"}
    (directory / "fares.csv").write_bytes(b"\xff")
    with pytest.raises(ClearingError, match=r"hamlet/fares\.csv cannot be read"):
        read([directory])


def test_positions_of_every_form_of_toml() -> None:
    text = '''# one
a = """x
= [ y
""" # four
[t."q k".u]
b.c = [ 1, # six
  "]", { d = '}', e = [2] },
  \'\'\'z
\'\'\',
] # ten
[[v]]
w = 2020-01-01 05:00:00 # twelve
[[v]]
[v.x] # fourteen
y = "\\"#"
[[v.z]]
'''
    lines = positions(text)
    assert {path: lines[path] for path in lines} == {
        (): 1,
        ("a",): 2,
        ("t",): 5,
        ("t", "q k"): 5,
        ("t", "q k", "u"): 5,
        ("t", "q k", "u", "b"): 6,
        ("t", "q k", "u", "b", "c"): 6,
        ("t", "q k", "u", "b", "c", 0): 6,
        ("t", "q k", "u", "b", "c", 1): 7,
        ("t", "q k", "u", "b", "c", 2): 7,
        ("t", "q k", "u", "b", "c", 2, "d"): 7,
        ("t", "q k", "u", "b", "c", 2, "e"): 7,
        ("t", "q k", "u", "b", "c", 2, "e", 0): 7,
        ("t", "q k", "u", "b", "c", 3): 8,
        ("v",): 11,
        ("v", 0): 11,
        ("v", 0, "w"): 12,
        ("v", 1): 13,
        ("v", 1, "x"): 14,
        ("v", 1, "x", "y"): 15,
        ("v", 1, "z"): 16,
        ("v", 1, "z", 0): 16,
    }
