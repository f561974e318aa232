"""What apportionment means: the pair worked by hand, lines and owners to the fen, tables as shipped."""

from __future__ import annotations

import itertools
import math
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

from clearing.rules import RuleSet, apportionments, load, read
from clearing.rules.apportioning import (
    LIKELIHOOD_SCALE,
    Apportionment,
    likelihood,
    metres_by_line,
)
from clearing.rules.frozen import differences, metres_of
from clearing.rules.sharing import fen_by_line, weights_of
from clearing.rules.ways import Seeker

HERE = Path(__file__).parent
PAGE = (HERE.parents[2] / "docs/apportionment.md").read_text("utf-8")
FILES = read([HERE / "delta"])
TABLE = "delta/apportioned.csv"
MILL, NORTH = 2, 6
ON = datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001 - local by design


@pytest.fixture(scope="module")
def delta() -> RuleSet:
    return load(FILES)


def declared_of(files: dict[str, str]) -> Apportionment:
    """The one apportionment of some files."""
    [[declared]] = apportionments(files).values()
    return declared


# -- the pair that docs/apportionment.md works by hand -----------------------------------------------


def test_the_pair_worked_by_hand(delta: RuleSet) -> None:
    near = math.exp(-0.4)  # a float here, none in the rules
    first, second = 1 / (1 + near), near / (1 + near)
    l1 = round(1200 * first + 1500 * second)
    l2, l3 = round(2100 * first), round(2600 * second)
    assert f"2,6,1:{l1} 2:{l2} 3:{l3}" in FILES[TABLE].split("\n")
    shared = delta.share("delta/metro", ON, MILL, NORTH, 301)
    assert [(row.role, row.weight, row.fen) for row in shared.shares] == [
        ("operator", 0, 0),
        ("line_owner:21", l1, 110),
        ("line_owner:22", l2 + l3, 191),
    ]
    assert [(row.line, row.metres, row.fen) for row in shared.lines] == [
        ("1号线", l1, 110),
        ("2号线", l2, 104),
        ("3号线", l3, 87),
    ]
    ways = [(way.lines, way.metres, way.changes, way.cost_m, way.per_mille) for way in shared.ways]
    assert ways == [
        (("1号线", "2号线"), (1200, 2100), ("centre",), 4300, 599),
        (("1号线", "3号线"), (1500, 2600), ("west",), 5100, 401),
    ]
    for said in ("59.87 %", "40.13 %", "**1320**", "**1257**", "**1043**", "2,6,1:1320 2:1257 3:1043",
                 "109.757 and 191.243", "**21 gets 110 fen, 22 gets 191**", "104 and 87"):  # fmt: skip
        assert said in PAGE


def test_back_is_shared_as_there(delta: RuleSet) -> None:
    """The ways are told in the order in which they were ridden."""
    there = delta.share("delta/metro", ON, MILL, NORTH, 301)
    back = delta.share("delta/metro", ON, NORTH, MILL, 301)
    assert (there.shares, there.lines) == (back.shares, back.lines)
    assert [way.lines[::-1] for way in there.ways] == [way.lines for way in back.ways]


@pytest.mark.parametrize(("entry", "station"), [(0, NORTH), (MILL, MILL), (MILL, 99), (99, MILL)])
def test_plain_shares_where_the_table_has_no_pair(delta: RuleSet, entry: int, station: int) -> None:
    shared = delta.share("delta/metro", ON, entry, station, 407)
    assert [(row.role, row.fen) for row in shared.shares if row.fen] == [("operator", 407)]
    assert (shared.lines, shared.ways) == ((), ())
    assert "plain shares" in shared.english
    assert "固定比例" in shared.chinese


# -- sums and exactness ------------------------------------------------------------------------------


def test_lines_sum_to_owners_and_owners_to_the_fare(delta: RuleSet) -> None:
    [split] = delta.split("delta/metro")
    assert split.frozen is not None
    declared = split.frozen.declared
    for entry, station in itertools.permutations(split.stations, 2):
        metres = split.frozen.metres_between(entry, station)
        by_owner = [0, 0, 0]
        for line, along in metres.items():
            by_owner[declared.share_of_line[line]] += along
        assert weights_of(split, entry, station) == tuple(by_owner)
        for fen in (0, 1, 2, 3, 199, 301, 407, 50_000):
            shares = delta.share("delta/metro", ON, entry, station, fen).shares
            lines = fen_by_line(split, entry, station, fen)
            assert sum(lines.values()) == fen
            for at, share in enumerate(shares):
                owned = [fen for line, fen in lines.items() if declared.share_of_line[line] == at]
                assert sum(owned) == share.fen
                assert abs(share.fen - Fraction(fen * by_owner[at], sum(by_owner))) < 1


def test_metres_are_the_exact_average_rounded_once() -> None:
    declared = declared_of(FILES)
    seeker = Seeker(declared.network, declared.terms)
    ways = seeker.from_station(MILL - 1)[NORTH - 1]
    exact = [
        Fraction(likelihood(way.cost_m - ways[0].cost_m, 500), LIKELIHOOD_SCALE) for way in ways
    ]
    on_line_1 = sum(
        weight * metres
        for way, weight in zip(ways, exact, strict=True)
        for line, metres in zip(way.lines, way.metres, strict=True)
        if line == 1
    ) / sum(exact)  # fmt: skip
    assert metres_by_line(ways, declared.terms)[1] == math.floor(on_line_1 + Fraction(1, 2))


@pytest.mark.parametrize(
    ("extra_m", "theta", "expected"),
    [
        (0, 500, 1_000_000_000),
        (800, 500, 670_320_046),
        (1000, 1000, 367_879_441),
        (1, 1, 999_999_000),
        (2000, 10_000, 2),
        (5000, 10_000, 0),
    ],
)
def test_likelihoods(extra_m: int, theta: int, expected: int) -> None:
    """e^-0.4, e^-1 …, to nine digits."""
    assert likelihood(extra_m, theta) == expected


# -- tables --------------------------------------------------------------------------------------------


def test_the_table_is_what_its_network_makes() -> None:
    declared = declared_of(FILES)
    rows = list(declared.rows())
    assert declared.text(rows) == FILES[TABLE]
    assert differences(declared, FILES[TABLE], rows) == []


@pytest.mark.parametrize("name", ["beijing", "xian-lines"])
def test_shipped_tables_are_what_their_networks_make(name: str) -> None:
    """The rows from some stations; ``onecard rules apportion --check`` compares all."""
    files = read([name])
    declared = declared_of(files)
    rows = set(files[declared.file].split("\n"))
    seeker, size = Seeker(declared.network, declared.terms), len(declared.network.order)
    assert len(rows) == size * (size - 1) // 2 + 5  # two notes, header, digest, the end
    for origin in range(0, size, 20):
        assert rows.issuperset(declared.rows_from(seeker, origin))


def test_differences_name_what_differs() -> None:
    declared = declared_of(FILES)
    tampered = FILES[TABLE].replace("2,6,1:1320 2:1257 3:1043", "2,6,1:1420 2:1257 4:943")
    tampered = tampered.replace("1,3,1:2700\n", "").replace("10,11", "11,10")
    found = differences(declared, tampered, declared.rows())
    told = [
        (row.origin, row.destination, row.line, row.role, row.frozen_m, row.recomputed_m)
        for row in found
    ]
    assert told == [
        (1, 3, 1, "line_owner:21", None, 2700),
        (2, 6, 1, "line_owner:21", 1420, 1320),
        (2, 6, 3, "line_owner:22", 0, 1043),
        (2, 6, 4, "line_owner:21", 943, 0),
        (10, 11, 5, "line_owner:22", None, 3600),
        (11, 10, 5, "line_owner:22", 3600, None),
    ]
    [reordered] = differences(
        declared, FILES[TABLE].replace("2:1257 3:1043", "3:1043 2:1257"), declared.rows()
    )
    assert (reordered.origin, reordered.destination, reordered.line) == (2, 6, 0)


def test_owners_may_change_without_another_table() -> None:
    """From 2024 on line 4 is 22's: a version of the split with the same file, cut by transaction time."""
    rules = FILES["delta/rules.toml"]
    old = rules[rules.index("[[split.metro]]") :]
    new = old.replace("2020-01-01", "2024-01-01").replace('["l1", "l4"]', '["l1"]')
    files = {**FILES, "delta/rules.toml": rules + "\n" + new}
    found = load(files)
    before = found.share("delta/metro", datetime(2023, 12, 31, 23, 59, 59), 5, 8, 200)  # noqa: DTZ001
    after = found.share("delta/metro", datetime(2024, 1, 1), 5, 8, 200)  # noqa: DTZ001
    assert [row.fen for row in before.shares] == [0, 200, 0]
    assert [row.fen for row in after.shares] == [0, 0, 200]


def test_names_and_owners_are_no_part_of_the_digest_tracks_and_terms_are() -> None:
    digest = declared_of(FILES).digest()

    def with_(old: str, new: str) -> str:
        text = FILES["delta/rules.toml"]
        assert old in text
        return declared_of({**FILES, "delta/rules.toml": text.replace(old, new)}).digest()

    for old, new in (
        ("三角洲", "圆"),
        ("1号线", "一号线"),
        ("东岸", "东"),
        ('["l1", "l4"]', '["l1"]'),
    ):
        assert with_(old, new) == digest
    changed = {
        with_(old, new)
        for old, new in (
            ("metres = 1500", "metres = 1501"),
            ("ways_max = 3", "ways_max = 4"),
            ("stretch_per_mille = 1300", "stretch_per_mille = 1301"),
            ("change_m = 1000", "change_m = 1001"),
            ("theta_per_mille = 500", "theta_per_mille = 501"),
            ("ways_max = 3", 'ways_max = 3\napart = ["l5"]'),
            ('metres = 2000, line = "l5"', 'metres = 2000, line = "l4"'),
            ("number = 11", "number = 12"),
        )
    }
    assert len(changed | {digest}) == 9


# -- as shipped ----------------------------------------------------------------------------------------


def test_beijing_has_two_companies() -> None:
    found = load(read(["beijing"]))
    split = found.split("beijing/metro")[-1]
    assert split.frozen is not None
    owners = {
        place.chinese: split.frozen.declared.names[
            split.frozen.declared.share_of_line[place.number]
        ]
        for place in split.frozen.declared.network.lines.places
    }
    assert {line for line, owner in owners.items() if owner == "京港地铁"} == {
        "4号线", "14号线", "16号线", "17号线",
    }  # fmt: skip
    on = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001
    order = {place.chinese: place.number for place in found.stations("beijing/metro")}
    alone = found.share("beijing/metro", on, order["安河桥北"], order["西直门"], 500)
    assert [row.fen for row in alone.shares] == [0, 0, 500]
    assert alone.ways[0].lines == ("4号线",)
    airport = found.share("beijing/metro", on, order["3号航站楼"], order["西单"], 2900)
    assert all(way.lines[0] == "首都机场线" for way in airport.ways)
    assert sum(row.fen for row in airport.shares) == 2900


def test_versions_before_the_table_keep_the_plain_shares() -> None:
    found = load(read(["beijing"]))
    shared = found.share("beijing/metro", datetime(2025, 12, 31, 23, 59), 101, 405, 500)  # noqa: DTZ001
    assert [(row.role, row.fen) for row in shared.shares] == [("operator", 500)]
    assert shared.ways == ()


def test_xian_is_told_apart_by_line() -> None:
    found = load(read(["xian-lines"]))
    [split] = found.split("xian-lines/metro")
    assert split.frozen is not None
    for row in split.frozen.rows[:: len(split.frozen.rows) // 200]:
        one, other, _ = map(str, row.split(","))
        lines = fen_by_line(split, int(one), int(other), 500)
        assert set(lines) == {line for line, _ in metres_of(row)}
        assert sum(lines.values()) == 500
