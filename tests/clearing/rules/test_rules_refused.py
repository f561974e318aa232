"""Wrong rule files: each is refused with a message of its own, at its own line.

A case replaces one piece of a file that holds. The line that must be named is the one where ``<<``
stands in the replacement; the mark itself is taken out before the file is read.
"""

from contextlib import suppress
from pathlib import Path

import pytest

from clearing.errors import RuleError
from clearing.rules import load, read

TOWN = read([Path(__file__).parent / "town"])
R, S, L, F = "town/rules.toml", "town/stations.csv", "town/links.csv", "town/fares.csv"
CLASS = 'name = "senior", card_kind = "senior", pay_per_mille = 0, rounding = "down"'
BANDS = """{ to_m = 2000, fare_fen = 200 },
    { to_m = 4000, fare_fen = 300 },
    { each_m = 1000, add_fen = 100 },"""
SINCE_2020 = "[[tariff.taxi]]\nsince = 2020-01-01"

CASES = [
    # name, file, what is replaced, by what, part of the sentence
    ("no_toml", R, 'chinese = "小城"', 'chinese = 小城<<', "not TOML"),
    ("unknown_section", R, "[set]", "[sett]<<", "no key 'sett'"),
    ("unknown_key", R, "fare_fen = 100\nby", "fair_fen = 100<<\nby", "no key 'fair_fen'"),
    ("key_of_other_type", R, "step_fen = 50", "step_fen = 50\nbands = []<<", "no key 'bands'"),
    ("unknown_class_key", R, CLASS, CLASS + ", hour = 7<<", "no key 'hour'"),
    ("unknown_set_key", R, "[set]", "[set]\ncolour = 'red'<<", "no key 'colour'"),
    ("missing_key", R, "[[tariff.taxi]]", "[[tariff.taxi]]<<", "'start_m' is missing"),
    ("missing_rounding", R, ', rounding = "down"', "<<", "'rounding' is missing"),
    ("missing_since", R, "[[split.taxi]]\nsince = 2020-01-01", "[[split.taxi]]<<", "'since'"),
    ("number_in_quotes", R, "fare_fen = 100", 'fare_fen = "100"<<', "a text in quotes"),
    ("truth_for_number", R, "fare_fen = 100", "fare_fen = true<<", "true or false"),
    ("half_a_fen", R, "value_fen = 20", "value_fen = 20.5<<", "a number with a point"),
    ("text_for_list", R, 'taps = ["taxi_trip"]', 'taps = "taxi_trip"<<', "it must be a list"),
    ("number_for_table", R, "{ to_m = 4000, fare_fen = 300 },", "300,<<", "it must be a table"),
    ("empty_list", R, 'taps = ["taxi_trip"]', "taps = []<<", "an empty list"),
    ("empty_text", R, 'chinese = "小城"', 'chinese = " "<<', "chinese is empty"),
    ("date_in_quotes", R, SINCE_2020, '[[tariff.taxi]]\nsince = "2020-01-01"<<', "must be a date"),
    ("time_zone", R, "05:00:00", "05:00:00Z<<", "time zone"),
    ("before_2000", R, SINCE_2020, "[[tariff.taxi]]\nsince = 1999-12-31<<", "outside the calendar"),
    ("not_dated", R, "[[transfer.city]]", "[transfer.city]<<", "list of dated versions"),
    ("dated_network", R, "[network.metro]", "[[network.metro]]<<", "'since' is missing"),
    ("network_with_since", R, "[network.metro]", "[network.metro]\nsince = 2020-01-01<<",
     "one table has no since"),
    ("ends_before_it_begins", R, SINCE_2020, SINCE_2020 + "\nuntil = 2019-01-01<<", "before it"),
    ("overlap", R, "since = 2021-01-01T05:00:00", "since = 2020-01-01<<", "overlaps the one above"),
    (
        "overlap_with_until",
        R,
        'since = 2020-01-01\ntype = "flat"',
        'since = 2020-01-01\nuntil = 2022-01-01\ntype = "flat"',
        "overlaps the one above it, which holds from 2020-01-01 00:00:00 until 2022",
    ),
    (
        "gap",
        R,
        'since = 2020-01-01\ntype = "flat"',
        'since = 2020-01-01\nuntil = 2020-12-31\ntype = "flat"',
        "Nothing holds between 2020-12-31 00:00:00 and 2021-01-01 05:00:00",
    ),
    ("unknown_type", R, 'type = "metered"', 'type = "meter"<<', "type does not know 'meter'"),
    ("unknown_tap_kind", R, '"taxi_trip"', '"taxi_ride"<<', "taps does not know 'taxi_ride'"),
    ("unknown_network", R, 'network = "metro"\nband', 'network = "subway"<<\nband', "'subway'"),
    ("unknown_discounts", R, 'discounts = "card"', 'discounts = "cards"<<', "'cards'"),
    ("unknown_transfer", R, 'transfer = "city"', 'transfer = "town"<<', "'town'"),
    ("unknown_card_kind", R, 'card_kind = "senior"', 'card_kind = "old"<<', "'old'"),
    ("unknown_bearer", R, 'bearer = "budget"', 'bearer = "city"<<', "bearer does not know 'city'"),
    ("unknown_rounding", R, '"down"', '"even"<<', "rounding does not know 'even'"),
    ("discounts_begin_late", R, "[[discount.card]]\nsince = 2020", "[[discount.card]]\nsince = 2021",
     "The discounts do not hold from 2020-01-01 00:00:00 until 2020-06-01"),
    ("two_classes_for_a_kind", R, 'card_kind = "senior"', 'card_kind = "ordinary"<<', "same cards"),
    ("discount_above_all", R, "pay_per_mille = 0", "pay_per_mille = -1<<", "pay_per_mille is -1"),
    ("more_than_full", R, "pay_per_mille = 650", "pay_per_mille = 1001<<", "pay_per_mille is 1001"),
    ("no_bands_no_share", R, "pay_per_mille = 0, ", "<<", "either pay_per_mille or bands"),
    ("open_band_of_class", R, "{ pay_per_mille = 650 }", "{ to_fen = 900, pay_per_mille = 650 }<<",
     "last band is not open"),
    ("band_order_of_class", R, "{ pay_per_mille = 650 }",
     "{ to_fen = 300, pay_per_mille = 700 },<<\n{ pay_per_mille = 650 }", "to 300 fen is never"),
    ("negative_fare", R, "fare_fen = 200 }]", "fare_fen = -200 }]<<", "fare_fen is -200"),
    ("unreachable_band", R, "to_m = 4000", "to_m = 2000", "to 2000 m is never reached"),
    ("falling_fare", R, "to_m = 4000, fare_fen = 300", "to_m = 4000, fare_fen = 100", "longer way"),
    ("open_band", R, "{ each_m = 1000, add_fen = 100 },", "{ to_m = 9000, fare_fen = 400 },<<",
     "longer ways would have no fare"),
    ("band_without_end", R, "{ to_m = 4000, fare_fen = 300 },", "{ fare_fen = 300 },<<", "'to_m'"),
    ("steps_after_nothing", R, BANDS, "{ each_m = 1000, add_fen = 100 },<<", "follow no band"),
    ("step_of_nothing", R, "each_m = 1000", "each_m = 0", "each_m is 0"),
    ("unknown_line", R, 'lines = ["one"]', 'lines = ["two"]<<', "no line 'two'"),
    ("line_twice", R, 'lines = ["one"]', 'lines = ["one", 1]<<', "two fares"),
    ("bounds_exchanged", R, "min_fen = 100\nmax_fen = 900", "min_fen = 950\nmax_fen = 900<<", "below"),
    ("bound_off_step", R, "max_fen = 900", "max_fen = 910<<", "no multiple of step_fen 50"),
    ("waiting_half_given", R, "wait_s = 300\n", "", "Waiting has a price or a time"),
    ("transfer_without_window", R, "window_s = 5400\n", "", "'window_s' is missing"),
    ("transfer_window_zero", R, "window_s = 5400", "window_s = 0<<", "window_s is 0"),
    ("mark_with_window", R, "window_s = 5400\ncount_max = 3", "window_s = 5400<<\nby_mark = true",
     "cannot be checked"),
    ("transfer_by_nobody", R, 'count_max = 3\nbearer = "operator"', 'count_max = 3\nbearer = "me"<<',
     "bearer does not know 'me'"),
    ("shares_below_whole", R, "per_mille = 920", "per_mille = 910", "sum to 990 per mille"),
    ("unknown_role", R, 'role = "driver"', 'role = "dirver"<<', "role does not know 'dirver'"),
    ("fee_role_in_split", R, 'role = "driver"', 'role = "issuer"<<', "role does not know 'issuer'"),
    ("role_twice", R, 'role = "driver"', 'role = "operator"<<', "two shares"),
    ("too_many_shares", R, "shares = [", "shares = [<<" + "".join(
        f'\n{{ role = "line_owner:{n}", per_mille = 0 }},' for n in range(3)), "has 5 shares"),
    ("fee_from_noon", R, "[[fee.standard]]\nsince = 2020-01-01",
     "[[fee.standard]]\nsince = 2020-01-01T12:00:00<<", "middle of a day"),
    ("fee_bounds", R, "max_fen = 5000", "max_fen = 50<<", "below min_fen 100"),
    ("fee_too_high", R, "per_mille = 5", "per_mille = 1001<<", "per_mille is 1001"),
    ("no_such_file", R, '"fares.csv"', '"fare.csv"<<', "no file 'fare.csv'"),
    ("network_of_nothing", R, 'stations = "stations.csv"\nlines = [{ number = 1, id = "one" }]\n', "",
     "neither stations nor lines"),
    ("tariff_without_network", R, 'network = "metro"\nsymm', "symm", "needs the stations"),
    ("csv_header", S, "number,id,", "number,name,<<", "The header is"),
    ("csv_cells", S, "2,middle,中,Middle", "2,middle,中<<", "has 3 cells, the header 4"),
    ("quote_left_open", S, "2,middle,中,Middle", '2,middle,"中<<,Middle', "not CSV"),
    ("quote_in_a_cell", S, "2,middle,中,Middle", '2,middle,"中"x<<,Middle', "not CSV"),
    ("very_long_number", S, "3,east", "3" * 5000 + ",east<<", "it must be a whole number"),
    ("very_long_number_in_rules", R, "fare_fen = 100", "fare_fen = " + "1" * 5000 + "<<", "not TOML"),
    ("deep_nesting", R, 'chinese = "小城"', "chinese = " + "[" * 5000 + "<<", "not TOML"),
    ("station_twice", S, "3,east", "2,east<<", "station number 2 is given twice"),
    ("name_twice", S, "3,east,东", "3,east,中<<", "called '中'"),
    ("number_no_number", S, "3,east", "c,east<<", "it must be a whole number"),
    ("number_zero", S, "3,east", "0,east<<", "number is 0"),
    ("unknown_station_in_link", L, "2,north", "2,south<<", "no station 'south'"),
    ("unknown_line_in_link", L, "900,one", "900,two<<", "no line 'two'"),
    ("link_to_itself", L, "west,middle,1500", "west,1,1500<<", "from west to itself"),
    ("link_of_no_length", L, "1500", "0<<", "metres is 0"),
    ("falls_apart", L, "2,north,900,one\n", "", "no way leads from west to north"),
    ("unknown_station_in_matrix", F, "east,north", "east,south<<", "no station 'south'"),
    ("negative_in_matrix", F, "east,north,300", "east,north,-300<<", "fare_fen is -300"),
    ("two_fares_for_a_pair", F, "east,north,300", "east,north,300\nnorth,east,400<<", "two different"),
    ("pair_missing", F, "east,north,300\n", "", "no fare from east to north"),
]  # fmt: skip

LINES = {
    # where the mark cannot stand in the replacement, the text whose line must be named
    "overlap_with_until": (R, "since = 2021-01-01T05"),
    "gap": (R, "since = 2021-01-01T05"),
    "missing_key": (R, "[[tariff.taxi]]"),
    "discounts_begin_late": (R, 'discounts = "card"'),
    "unreachable_band": (R, "{ to_m = 2000, fare_fen = 300 }"),
    "falling_fare": (R, "to_m = 4000"),
    "step_of_nothing": (R, "each_m = 0"),
    "waiting_half_given": (R, "wait_fen = 200"),
    "transfer_without_window": (R, "[[transfer.city]]"),
    "shares_below_whole": (R, "shares = ["),
    "network_of_nothing": (R, "[network.metro]"),
    "tariff_without_network": (R, "[[tariff.tram]]"),
    "falls_apart": (R, 'links = "links.csv"'),
    "pair_missing": (R, 'fares = "fares.csv"'),
}


def broken(name: str, file: str, old: str, new: str) -> tuple[dict[str, str], str, int]:
    """The files of a case, and the file and line that the error must name."""
    text = TOWN[file]
    if name == "missing_key":
        text = text.replace("start_m = 3000\n", "")
    assert text.count(old) >= 1, old
    text = text.replace(old, new, 1)
    mark = "<<"
    if name in LINES:
        file_named, mark = LINES[name]
    else:
        file_named = file
    files = {**TOWN, file: text}
    where = files[file_named]
    line = where[: where.index(mark)].count("\n") + 1
    files[file] = text.replace("<<", "")
    return files, file_named, line


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "sentence"), CASES, ids=[c[0] for c in CASES]
)
def test_refused_at_its_line(name: str, file: str, old: str, new: str, sentence: str) -> None:
    files, file_named, line = broken(name, file, old, new)
    with pytest.raises(RuleError) as caught:
        load(files)
    error = caught.value
    assert sentence in error.sentence, error.sentence
    assert (error.file, error.line) == (file_named, line), error.sentence
    assert error.rule
    assert error.remedy


def test_messages_differ() -> None:
    """Nobody is served by two mistakes that read the same."""
    messages = set()
    for name, file, old, new, _ in CASES:
        with pytest.raises(RuleError) as caught:
            load(broken(name, file, old, new)[0])
        messages.add((caught.value.sentence, caught.value.line))
    assert len(messages) == len(CASES) >= 25


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"rules.toml": ""}, "belongs to no set"),
        (
            {"town/a.toml": "[[split.x]]\nsince = 2020-01-01\n"
             "shares = [{ role = 'operator', per_mille = 1000 }]\n",
             "town/b.toml": "[[split.x]]\nsince = 2021-01-01\n"
             "shares = [{ role = 'operator', per_mille = 1000 }]\n"},
            "in two files",
        ),
        ({"town/a.toml": "tariff = 3"}, "tariff is not a table"),
        ({"town/a.toml": "[tariff]\nx = [1]"}, "it must be a table"),
        ({"town/a.toml": "[tariff]\nx = []"}, "empty list"),
        ({"town/a.toml": "[network]\nx = 1"}, "A network is one table"),
    ],
)  # fmt: skip
def test_files_refused(files: dict[str, str], sentence: str) -> None:
    with pytest.raises(RuleError, match=sentence):
        load(files)


@pytest.mark.parametrize("file", [R, S, L, F])
def test_whatever_is_lost_or_doubled_is_refused_or_holds(file: str) -> None:
    """Each line left out, doubled, cut in the middle: never any other exception than ours."""
    lines = TOWN[file].split("\n")
    for at, line in enumerate(lines):
        for piece in ([], [line, line], [line[: len(line) // 2]], [line + '"']):
            text = "\n".join([*lines[:at], *piece, *lines[at + 1 :]])
            with suppress(RuleError):
                load({**TOWN, file: text})
