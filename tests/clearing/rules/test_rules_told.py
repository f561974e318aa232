"""Rules as people read them: shown, compared and explained, each sentence with its line."""

from datetime import datetime
from pathlib import Path

import pytest

from clearing.errors import ClearingError
from clearing.plan import local_seconds
from clearing.rules import Claims, RuleSet, load, read
from clearing.rules.comparing import compare
from clearing.rules.explaining import Question, explain
from clearing.rules.showing import show

HERE = Path(__file__).parent
VALLEY = read([HERE / "valley"])
TOWN = read([HERE / "town"])
at = datetime.fromisoformat
R = "valley/rules.toml"


def second(text: str) -> int:
    return local_seconds(at(text))


@pytest.fixture(scope="module")
def valley() -> RuleSet:
    return load(VALLEY)


def line_of(text: str) -> int:
    """The line of the valley's file on which a text stands first."""
    return VALLEY[R][: VALLEY[R].index(text)].count("\n") + 1


# -- shown -------------------------------------------------------------------------------------------


def test_a_tariff_is_shown_whole(valley: RuleSet) -> None:
    shown = show(valley.version_at("valley/tram", at("2025-07-01T12:00:00")))
    english = "\n".join(row.english for row in shown)
    chinese = "\n".join(row.chinese for row in shown)
    for sentence in (
        "to 1,000 metres: 2.00 yuan",
        "any farther: 4.00 yuan",
        "surcharge blue line: lines blue, 0.50 yuan more",
        "surcharge night: every day 22:00–24:00, every day 00:00–05:00, 10 % of the base fare more",
        "A stay of more than 120 minutes: 4.00 yuan",
        "A stay back to the same station of more than 20 minutes: 2.00 yuan",
        "Degraded mode: 1.50 yuan",
        "Exit without entry: 2.00 yuan",
        "early (ordinary cards), workdays 00:00–07:00 by time of entry, from mill: 50 %",
        "cards of other cities: by class visitor",
        "the leg costs 25 %; borne by the budget",
        "from bus to metro",
        "from operator 7 to metro",
        "the device need not claim it",
        "from 150.00 yuan paid on: 50 %",
        "never more than 200.00 yuan",
    ):
        assert sentence in english, sentence
    assert "from metro to bus" not in english
    for sentence in (
        "1,000米以内 2.00元",
        "工作日00:00–07:00进站",
        "停留超过120分钟：4.00元",
        "封顶200.00元",
    ):
        assert sentence in chinese, sentence
    night = next(row for row in shown if row.english.startswith("surcharge night"))
    assert (night.file, night.line) == (R, line_of('name = "night"'))


@pytest.mark.parametrize("files", [VALLEY, TOWN, read(["xian"]), read(["beijing"])])
def test_every_tariff_can_be_shown(files: dict[str, str]) -> None:
    rules = load(files)
    for versions in rules.tariffs.values():
        for dated in versions:
            shown = show(dated)
            assert all(row.english and row.chinese for row in shown)
            for row in shown:
                assert 1 <= row.line <= files[row.file].count("\n") + 1


# -- explained ---------------------------------------------------------------------------------------


def ride(**more: object) -> Question:
    """Early on a Wednesday, from the mill to the church, with an ordinary card."""
    return Question(
        **{
            "at_s": second("2025-07-02T07:30:00"),
            "origin": "mill",
            "destination": "church",
            "card_kind": "ordinary",
            "claims": Claims(entry_at_s=second("2025-07-02T06:50:00")),
            **more,
        }  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("asked", "gross", "fare", "sentences"),
    [
        ({}, 300, 150, ["from mill to church, 2,000 metres", "class early: 50 %"]),
        (
            {"claims": Claims(entry_at_s=second("2025-07-02T07:00:00"))},
            300,
            270,
            ["class early: only workdays 00:00–07:00 by time of entry", "class ordinary: 90 %"],
        ),
        ({"card_kind": None}, 300, 300, ["full fare"]),
        ({"card_kind": "foreign"}, 300, 285, ["class visitor: 95 %"]),
        ({"card_kind": "senior"}, 300, 285, ["class visitor: 95 %"]),
        (
            {"claims": Claims(entry_at_s=second("2025-07-02T05:29:59"))},
            400,
            200,
            ["a stay of 2:00:01 is longer than 120 minutes"],
        ),
        (
            {"claims": Claims(entry_at_s=second("2025-07-02T05:30:00"))},
            300,
            150,
            [],
        ),
        (
            {"claims": Claims(entry_at_s=second("2025-07-02T06:50:00"), line="blue")},
            350,
            175,
            ["surcharge blue line", "surcharge night: not for this ride"],
        ),
        (
            {"first_leg_at_s": second("2025-07-02T06:30:00"), "from_mode": "bus"},
            300,
            37,
            ["transfer 1 of 2, 60 minutes after the first leg"],
        ),
        (
            {"first_leg_at_s": second("2025-07-02T06:29:59"), "from_mode": "bus"},
            300,
            150,
            ["no transfer: 1:00:01 after the first leg, the window is 60 minutes"],
        ),
        (
            {"first_leg_at_s": second("2025-07-02T07:00:00"), "transfers_used": 2},
            300,
            150,
            ["no transfer: 2 of 2 are used"],
        ),
        (
            {"first_leg_at_s": second("2025-07-02T07:00:00"), "from_mode": "taxi"},
            300,
            150,
            ["no transfer from taxi to metro"],
        ),
        ({"spent_fen": 10_000}, 300, 120, ["accumulation: 100.00 yuan paid this month before"]),
        ({"spent_fen": 19_990}, 300, 10, []),
        ({"claims": Claims(degraded=True)}, 150, 135, ["degraded mode has a fare of its own"]),
    ],
)
def test_steps(
    valley: RuleSet, asked: dict[str, object], gross: int, fare: int, sentences: list[str]
) -> None:
    dated = valley.version_at("valley/tram", at("2025-07-02T07:30:00"))
    found = explain(dated, ride(**asked))
    told = [step.english for step in found.steps]
    assert (found.gross_fen, found.fare_fen) == (gross, fare), told
    for sentence in sentences:
        assert any(line.startswith(sentence) for line in told), (sentence, told)
    assert found.steps[-1].fare_fen == fare
    for step in found.steps:
        assert 1 <= step.line <= VALLEY[step.file].count("\n") + 1


def test_a_step_names_its_line_and_the_day_its_holiday(valley: RuleSet) -> None:
    dated = valley.version_at("valley/tram", at("2025-01-29T08:00:00"))
    found = explain(dated, ride(at_s=second("2025-01-29T08:00:00"), claims=Claims()))
    version, day, _, *_, ordinary, transfer, accumulation = found.steps
    assert (version.file, version.line) == (R, line_of("[[tariff.tram]]"))
    assert (day.english, day.file) == ("2025-01-29 is a holiday (spring)", "days/rules.toml")
    assert ordinary.line == line_of('{ name = "ordinary"')
    assert transfer.line == line_of("[[transfer.change]]")
    assert accumulation.line == line_of("tiers = [")


def test_subsidies_are_told(valley: RuleSet) -> None:
    dated = valley.version_at("valley/tram", at("2025-07-02T07:30:00"))
    found = explain(dated, ride(first_leg_at_s=second("2025-07-02T07:00:00"), from_mode="bus"))
    assert found.subsidies_fen == {"budget": 150 - 37}
    assert explain(dated, ride(card_kind="foreign")).subsidies_fen == {"issuer": 15}


def test_what_cannot_be_explained(valley: RuleSet) -> None:
    dated = valley.version_at("valley/tram", at("2025-07-02T07:30:00"))
    with pytest.raises(ClearingError, match="no station 'moon'"):
        explain(dated, ride(origin="moon"))
    with pytest.raises(ClearingError, match="no card kind 'old'"):
        explain(dated, ride(card_kind="old"))


# -- compared ----------------------------------------------------------------------------------------


def changed(old: str, new: str, file: str = R) -> list[tuple[str, int | None, str]]:
    """What is said of one replacement in a file of the valley."""
    assert old in VALLEY[file]
    after = load({**VALLEY, file: VALLEY[file].replace(old, new, 1)})
    return [
        (f"{row.section} {row.rule}", row.since_s, row.english)
        for row in compare(load(VALLEY), after)
    ]


SINCE_2020 = second("2020-01-01T00:00:00")


@pytest.mark.parametrize(
    ("old", "new", "rule", "since", "sentence"),
    [
        (
            "pay_per_mille = 900",
            "pay_per_mille = 850",
            "discount valley/card",
            SINCE_2020,
            "classes ordinary, pay_per_mille: 900 → 850",
        ),
        (
            "overstay_s = 7200",
            "overstay_s = 5400",
            "tariff valley/tram",
            SINCE_2020,
            "overstay_s: 7200 → 5400",
        ),
        (
            "window_s = 3600",
            "window_s = 5400",
            "transfer valley/change",
            SINCE_2020,
            "window_s: 3600 → 5400",
        ),
        (
            'until = 2026-01-01\ntype = "sections"',
            'type = "sections"\nuntil = 2025-01-01',
            "tariff valley/coach",
            second("2025-01-01T00:00:00"),
            "the version ends on 2025-01-01",
        ),
        (
            "{ to_m = 1000, fare_fen = 200 }",
            "{ to_m = 1000, fare_fen = 250 }",
            "tariff valley/tram",
            SINCE_2020,
            "6 pairs of stations cost something else, 6 of them more; mill – bridge: 2.00 yuan → 2.50 yuan",
        ),
        (
            "[[accumulation.month]]",
            (
                '[[accumulation.year]]\nsince = 2024-01-01\nperiod = "month"\ncap_fen = 5\n'
                'rounding = "up"\nbearer = "issuer"\n[[accumulation.month]]'
            ),
            "accumulation valley/year",
            second("2024-01-01T00:00:00"),
            "a new rule",
        ),
        (
            "[[transfer.change]]\nsince = 2020-01-01",
            "[[transfer.change]]\nsince = 2020-03-01",
            "transfer valley/change",
            second("2020-03-01T00:00:00"),
            "a new version begins",
        ),
    ],
)
def test_changes(old: str, new: str, rule: str, since: int, sentence: str) -> None:
    assert (rule, since, sentence) in changed(old, new)


def test_a_new_version_is_compared_with_the_one_before_it() -> None:
    added = """
[[discount.card]]
since = 2025-06-01
classes = [
    { name = "ordinary", card_kind = "ordinary", pay_per_mille = 800, rounding = "half_up", bearer = "operator" },
    { name = "visitor", card_kind = "any_other", pay_per_mille = 950, rounding = "up", bearer = "issuer" },
]

[[transfer.change]]"""
    found = changed("\n[[transfer.change]]", added)
    since = second("2025-06-01T00:00:00")
    assert ("discount valley/card", since, "a new version begins") in found
    assert ("discount valley/card", since, "classes early is gone") in found
    assert ("discount valley/card", since, "classes ordinary, pay_per_mille: 900 → 800") in found
    assert not [row for row in found if "visitor" in row[2]]


def test_the_same_rules_have_no_changes(valley: RuleSet) -> None:
    assert compare(valley, load(VALLEY)) == []


def test_a_data_file_is_compared_by_what_it_does_to_fares() -> None:
    after = {
        **TOWN,
        "town/fares.csv": TOWN["town/fares.csv"].replace("east,north,300", "east,north,400"),
    }
    found = [(row.rule, row.english) for row in compare(load(TOWN), load(after))]
    assert found == [
        ("town/fares.csv", "lines: 1 new, 1 gone"),
        (
            "town/tram",
            "2 pairs of stations cost something else, 2 of them more; 东 – 北: 3.00 yuan → 4.00 yuan",
        ),
    ]


def test_stations_that_come_and_go() -> None:
    extra = TOWN["town/stations.csv"] + "10,south,南,South Gate\n"
    links = TOWN["town/links.csv"] + "middle,south,800,one\n"
    fares = TOWN["town/fares.csv"] + "".join(
        f"south,{name},200\n" for name in ("west", "middle", "east", "north")
    )
    more = {"town/stations.csv": extra, "town/links.csv": links, "town/fares.csv": fares}
    grown = load({**TOWN, **more})
    assert "stations: 1 new" in {row.english for row in compare(load(TOWN), grown)}
    assert "stations: 1 gone" in {row.english for row in compare(grown, load(TOWN))}
