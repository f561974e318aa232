"""Wrong apportionments: each is refused with a message of its own, at its own line.

A case replaces one piece of a file of the set ``delta`` that holds; ``<<`` marks the line that must be named,
in the replacement or in front of a text of the changed file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from clearing.errors import RuleError
from clearing.rules import load, read

DELTA = read([Path(__file__).parent / "delta"])
R, T = "delta/rules.toml", "delta/apportioned.csv"
# Without the tariff, which looks at the network as well and would complain first.
_BEFORE, _, _AFTER = DELTA[R].partition("[[tariff.metro]]")
DELTA[R] = _BEFORE + _AFTER[_AFTER.index("[[split.metro]]") :]
OWNERS = '{ role = "line_owner:21", name = "东岸", lines = ["l1", "l4"] }'
REST = '{ role = "line_owner:22", name = "西岸" }'
LAST = "10,11,5:3600\n"
NETWORK = 'network = "metro"\ntable'
TABLE = 'table = "apportioned.csv"'
QUAY = '{ from = "east", to = "quay", metres = 2000, line = "l5" },\n'
DIGEST = "network,sha256,"

CASES = [
    # name, file, what is replaced, by what, the marked text where it is another, part of the sentence
    ("unknown_key", R, "ways_max = 3", "ways_max = 3\nways = 3<<", "", "no key 'ways'"),
    ("no_network", R, NETWORK, "table", "[split.metro.apportion]", "'network' is missing"),
    ("unknown_network", R, NETWORK, 'network = "tram"<<\ntable', "", "'tram'"),
    ("no_file_named", R, TABLE + "\n", "", "[split.metro.apportion]", "'table' is missing"),
    ("no_such_file", R, TABLE, 'table = "shares.csv"<<', "", "no file 'shares.csv'"),
    ("no_ways", R, "ways_max = 3", "ways_max = 0<<", "", "ways_max is 0"),
    ("stretch_below_one", R, "stretch_per_mille = 1300", "stretch_per_mille = 999<<", "",
     "stretch_per_mille is 999"),
    ("change_for_nothing", R, "change_m = 1000", "change_m = 0<<", "", "change_m is 0"),
    ("nobody_avoids", R, "theta_per_mille = 500", "theta_per_mille = 0<<", "", "theta_per_mille is 0"),
    ("unknown_line_apart", R, "ways_max = 3", 'ways_max = 3\napart = ["l9"]<<', "", "no line 'l9'"),
    ("no_owners", R, f"owners = [\n    {OWNERS},\n    {REST},\n]", "owners = []<<", "", "empty list"),
    ("unknown_line", R, '["l1", "l4"]', '["l1", "l9"]<<', "", "no line 'l9'"),
    ("unknown_owner", R, 'role = "line_owner:22", name', 'role = "line_owner:23"<<, name', "",
     "role does not know 'line_owner:23'"),
    ("owner_key", R, 'name = "西岸"', 'called = "西岸"<<', "", "no key 'called'"),
    ("line_of_two", R, REST, '{ role = "line_owner:22", lines = ["l2", "l3", "l4", "l5"] }<<', "",
     "Line l4 is owned twice"),
    ("line_of_one_twice", R, '["l1", "l4"]', '["l1", "l4", "l1"]<<', "", "Line l1 is owned twice"),
    ("line_of_nobody", R, REST, '{ role = "line_owner:22", lines = ["l2", "l3"] }', "owners = [",
     "Line l5 has no owner"),
    ("rest_not_last", R, OWNERS, '{ role = "line_owner:21" }<<', "", "'lines' is missing"),
    ("network_changes", R, "[network.metro]", "[[network.metro]]\nsince = 2020-01-01\nuntil = 2024-01-01",
     NETWORK, "in the middle of this version of the split"),
    ("track_without_line", R, 'metres = 2000, line = "l5"', "metres = 2000", NETWORK,
     "from east to quay has no line"),
    ("falls_apart", R, QUAY + '    { from = "quay", to = "fields", metres = 2400, line = "l5" },', "",
     NETWORK, "no way by rail leads from west to quay"),
    ("cut_off", R, '    { from = "market", to = "quay", outside = "true" },\n    ' + QUAY, "", NETWORK,
     "no way by rail leads from west to quay"),
    ("other_network", R, "metres = 2000, line", "metres = 2001, line", DIGEST, "made of another network"),
    ("other_terms", R, "change_m = 1000", "change_m = 1001", DIGEST, "made of another network"),
    ("no_digest", T, DIGEST, "network,md5,<<", "", "made of another network"),
    ("other_header", T, "from,to,metres\n", "from,to,weights<<\n", "", "The header is not"),
    ("only_the_header", T, None, "from,to,metres<<", "", "made of another network"),
    ("empty_file", T, None, "<<", "", "The header is not"),
    ("no_weight", T, "1,2,1:1500", "1,2,<<", "", "pair 1 to 2 has no weight"),
    ("zero_weight", T, "1,2,1:1500", "1,2,1:0<<", "", "pair 1 to 2 has no weight"),
    ("no_number", T, "1,2,1:1500", "1,2,1:<<", "", "pair 1 to 2 has no weight"),
    ("half_a_weight", T, "1,7,1:2700 2:1900", "1,7,1:2700 2:<<", "", "weights of 1 to 7 are no metres"),
    ("weight_too_long", T, "1,2,1:1500", "1,2,1:99999999999<<", "", "weights of 1 to 2 are no metres"),
    ("weight_without_end", T, "1,2,1:1500", "1,2,1:" + "9" * 5000 + "<<", "",
     "weights of 1 to 2 are no metres"),
    ("negative_weight", T, "1,2,1:1500", "1,2,1:-1500<<", "", "letters or signs"),
    ("line_not_there", T, "1,2,1:1500", "1,2,7:1500<<", "", "There is no line '7' (1 to 2)"),
    ("station_not_there", T, "1,2,1:1500", "1,12,1:1500<<", "", "There is no station '12'"),
    ("pair_missing", T, "1,3,1:2700\n", "", "1,4,", "The pair 1 to 3 is missing here"),
    ("last_missing", T, LAST, "", "9,11,", "The pair 10 to 11 is missing here"),
    ("pair_twice", T, "1,3,1:2700\n", "1,3,1:2700\n1,3,1:2700<<\n", "", "1 to 3 has two rows"),
    ("one_more", T, LAST, LAST + LAST.strip() + "<<\n", "", "10 to 11 has two rows"),
    ("turned_round", T, "1,3,1:2700\n", "3,1,1:2700<<\n", "", "no pair with the lower number first"),
    ("to_itself", T, "1,3,1:2700\n", "1,1,1:2700<<\n", "", "1 to 1 is no pair"),
    ("more_cells", T, "1,3,1:2700\n", "1,3,1:2700,9<<\n", "", "weights of 1 to 3 are no metres"),
    ("fewer_cells", T, "1,3,1:2700\n", "1,3<<\n", "", "The row has 2 cells"),
    ("note_among_rows", T, "1,3,1:2700\n", "# a note<<\n1,3,1:2700\n", "", "letters or signs"),
]  # fmt: skip


def broken(case: tuple[str, str, str | None, str, str, str]) -> tuple[dict[str, str], str, int]:
    """The files of a case, and the file and line that the error must name."""
    _, file, old, new, marked, _ = case
    text = DELTA[file]
    if old is None:
        text = new
    else:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    files = {**DELTA, file: text.replace("<<", "")}
    if not marked:
        return files, file, text[: text.index("<<")].count("\n") + 1
    named = next(name for name in (T, R) if f"\n{marked}" in files[name] or marked in files[name])
    where = files[named]
    return files, named, where[: where.rindex(marked)].count("\n") + 1


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_refused_at_its_line(case: tuple[str, str, str | None, str, str, str]) -> None:
    files, file, line = broken(case)
    with pytest.raises(RuleError) as caught:
        load(files)
    error = caught.value
    assert case[-1] in error.sentence, error.sentence
    assert (error.file, error.line) == (file, line), error.sentence
    assert error.rule
    assert error.remedy


def test_apportion_is_a_table() -> None:
    text = DELTA[R][: DELTA[R].index("[split.metro.apportion]")] + "apportion = 3\n"
    with pytest.raises(RuleError, match=r"apportion is a whole number \(3\); it must be a table"):
        load({**DELTA, R: text})


def test_what_holds_holds() -> None:
    split = load(DELTA).split("delta/metro")[-1]
    assert split.frozen is not None
    assert len(split.frozen.rows) == 55


@pytest.mark.parametrize("step", range(3))
def test_whatever_is_lost_or_doubled_in_a_table_is_refused(step: int) -> None:
    """Each row left out, doubled, cut in the middle: none loads, none raises anything else."""
    lines = DELTA[T].split("\n")
    first = next(at for at, line in enumerate(lines) if line.startswith(DIGEST)) + 1
    for at in range(first, len(lines) - 1):
        line = lines[at]
        piece = ([], [line, line], [line.rpartition(":")[0]])[step]
        with pytest.raises(RuleError):
            load({**DELTA, T: "\n".join([*lines[:at], *piece, *lines[at + 1 :]])})
