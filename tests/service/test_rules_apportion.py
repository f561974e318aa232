"""``onecard rules apportion``: tables are made, frozen, and compared by an auditor; fares are told apart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.conftest import Answer

DELTA = Path(__file__).parents[1] / "clearing/rules/delta"
APPORTION = ("rules", "apportion")


@pytest.fixture
def delta(tmp_path: Path) -> Path:
    """A copy of the metro of five lines and two companies."""
    return Path(shutil.copytree(DELTA, tmp_path / "sets" / "delta"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), "utf-8")


def test_what_is_frozen_is_what_the_network_makes(
    onecard: Callable[..., Answer], delta: Path
) -> None:
    answer = onecard(*APPORTION, "--check", "--rules", delta)
    assert answer.code == 0, answer.err
    assert "delta/metro since 2020-01-01T00:00:00: delta/apportioned.csv, 55 pairs" in answer.out
    assert "as the network makes it 与线网计算一致" in answer.out
    again = onecard(*APPORTION, "--rules", delta)
    assert (again.code, "unchanged 无变化" in again.out) == (0, True)
    none = onecard(*APPORTION, "--check", "--rules", "baoji")
    assert (none.code, none.out) == (0, "no split is apportioned 无清分表\n")


def test_a_weight_changed_by_hand_loads_and_is_found(
    onecard: Callable[..., Answer], delta: Path
) -> None:
    edit(delta / "apportioned.csv", "2,6,1:1320 2:1257", "2,6,1:1920 2:657")
    edit(delta / "apportioned.csv", "\n1,3,1:2700", "\n1,3,2:2700")
    assert onecard("rules", "check", delta).code == 0
    answer = onecard(*APPORTION, "--check", "--rules", delta)
    assert answer.code == 1
    assert "differs 不一致" in answer.out
    assert "pairs that differ 不一致站对: 2\n" in answer.out
    cells = [row.split() for row in answer.out.split("\n")]
    assert ["2", "6", "1", "line_owner:21", "1,920", "1,320"] in cells
    assert ["2", "6", "2", "line_owner:22", "657", "1,257"] in cells
    assert ["1", "3", "2", "line_owner:22", "2,700", "0"] in cells
    answer = onecard(*APPORTION, "--check", "--rules", delta, "--json")
    [table] = json.loads(answer.out)
    assert (answer.code, table["refused"], len(table["differences"])) == (1, "", 4)
    assert table["differences"][-2] == {
        "split": "delta/metro", "origin": 2, "destination": 6, "line": 1, "role": "line_owner:21",
        "frozen_m": 1920, "recomputed_m": 1320,
    }  # fmt: skip
    # Making it anew mends it.
    made = onecard(*APPORTION, "--rules", delta)
    assert (made.code, "written 已写入" in made.out) == (0, True)
    frozen = (delta / "apportioned.csv").read_bytes()
    assert frozen == (DELTA / "apportioned.csv").read_bytes()


def test_a_network_that_changed_needs_a_new_table(
    onecard: Callable[..., Answer], delta: Path
) -> None:
    edit(delta / "rules.toml", "metres = 1200,", "metres = 1300,")
    refused = onecard("rules", "check", delta)
    assert refused.code == 1
    assert (
        "delta/apportioned.csv:4: split delta/metro: The table was made of another" in refused.out
    )
    assert "Run `onecard rules apportion`" in refused.out
    asked = onecard(*APPORTION, "--check", "--rules", delta)
    assert asked.code == 1
    assert "made of another network" in asked.out
    assert "pairs that differ" in asked.out
    assert onecard(*APPORTION, "--rules", delta, "--split", "delta/metro").code == 0
    assert onecard("rules", "check", delta).code == 0
    assert onecard(*APPORTION, "--check", "--rules", delta).code == 0
    assert "2,3,1:1300\n" in (delta / "apportioned.csv").read_text("utf-8")


def test_the_first_table_is_made_where_there_is_none(
    onecard: Callable[..., Answer], delta: Path
) -> None:
    (delta / "apportioned.csv").unlink()
    asked = onecard(*APPORTION, "--check", "--rules", delta)
    assert (asked.code, "no file 'apportioned.csv'" in asked.out) == (1, True)
    assert "站对: 55\n" in asked.out
    assert onecard(*APPORTION, "--rules", delta).code == 0
    assert (delta / "apportioned.csv").read_bytes() == (DELTA / "apportioned.csv").read_bytes()


def test_two_tables_cannot_be_one_file(onecard: Callable[..., Answer], delta: Path) -> None:
    text = (delta / "rules.toml").read_text("utf-8")
    later = text[text.index("[[split.metro]]") :].replace("2020-01-01", "2024-01-01")
    file = delta / "rules.toml"
    file.write_text(f"{text}\n{later.replace('change_m = 1000', 'change_m = 900')}", "utf-8")
    answer = onecard(*APPORTION, "--rules", delta)
    assert answer.code == 1
    assert "make different tables in 'apportioned.csv'" in answer.err
    assert (delta / "apportioned.csv").read_bytes() == (DELTA / "apportioned.csv").read_bytes()


def test_only_sets_that_are_named_are_written(onecard: Callable[..., Answer], delta: Path) -> None:
    for words in ((), ("--home", delta)):
        answer = onecard(*APPORTION, *words)
        assert (answer.code, "Name the rule sets" in answer.err) == (2, True)
    unknown = onecard(*APPORTION, "--rules", delta, "--split", "delta/tram")
    assert (unknown.code, "Known are: delta/metro" in unknown.err) == (1, True)


def test_an_auditor_asks_a_node(onecard: Callable[..., Answer], fresh: Path, delta: Path) -> None:
    assert onecard("rules", "put", delta, "--home", fresh).code == 0
    good = onecard(*APPORTION, "--check", "--home", fresh)
    assert (good.code, "delta/apportioned.csv, 55 pairs" in good.out) == (0, True), good.err
    edit(delta / "apportioned.csv", "2,6,1:1320", "2,6,1:1321")
    assert onecard("rules", "put", delta, "--home", fresh).code == 0
    bad = onecard(*APPORTION, "--check", "--home", fresh)
    assert (bad.code, "站对: 1\n" in bad.out) == (1, True)


def test_explain_says_who_gets_the_fare(onecard: Callable[..., Answer]) -> None:
    words = ("rules", "explain", "delta/metro", "--rules", DELTA, "--at", "2026-01-05T09:00:00",
             "--from", "mill")  # fmt: skip
    told = onecard(*words, "--to", "north")
    assert told.code == 0, told.err
    cells = [row.split() for row in told.out.split("\n")]
    assert ["line_owner:21", "东岸", "1,320", "1.10"] in cells
    assert ["line_owner:22", "西岸", "2,300", "1.91"] in cells
    assert ["3号线", "line_owner:22", "1,043", "0.87"] in cells
    way = "1号线 1,200 → 2号线 2,100 centre 3,300 4,300 59.9 %"
    assert way.split() in cells
    sharing = json.loads(onecard(*words, "--to", "north", "--json").out)["sharing"]
    assert [share["fen"] for share in sharing["shares"]] == [0, 110, 191]
    assert [way["per_mille"] for way in sharing["ways"]] == [599, 401]
    back = onecard(*words, "--to", "mill")
    assert "by the plain shares: the table has no such pair" in back.out
    unshared = onecard(*words, "--to", "north", "--split", "delta/tram")
    assert (unshared.code, "no split named 'delta/tram'" in unshared.err) == (1, True)
