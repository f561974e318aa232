"""Wrong rule files: each is refused with a message of its own, at its own line."""

from contextlib import suppress

import pytest

from clearing.errors import RuleError
from clearing.rules import load
from tests.clearing.rules import refused_town, refused_valley
from tests.clearing.rules.refusing import Catalogue, Wrong

CATALOGUES = {"town": refused_town.CATALOGUE, "valley": refused_valley.CATALOGUE}


@pytest.mark.parametrize(
    ("catalogue", "case"),
    [
        pytest.param(catalogue, case, id=f"{name}-{case[0]}")
        for name, catalogue in CATALOGUES.items()
        for case in catalogue.cases
    ],
)
def test_refused_at_its_line(catalogue: Catalogue, case: Wrong) -> None:
    _, file, line = catalogue.broken(case)
    error = catalogue.refused(case)
    assert case[-1] in error.sentence, error.sentence
    assert (error.file, error.line) == (file, line), error.sentence
    assert error.rule
    assert error.remedy


@pytest.mark.parametrize(("name", "at_least"), [("town", 25), ("valley", 40)])
def test_messages_differ(name: str, at_least: int) -> None:
    """Nobody is served by two mistakes that read the same."""
    catalogue = CATALOGUES[name]
    errors = [catalogue.refused(case) for case in catalogue.cases]
    messages = {(error.sentence, error.line) for error in errors}
    assert len(messages) == len(catalogue.cases) >= at_least


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


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("town", "town/rules.toml"),
        ("town", "town/stations.csv"),
        ("town", "town/links.csv"),
        ("town", "town/fares.csv"),
        ("valley", "valley/rules.toml"),
        ("valley", "days/rules.toml"),
    ],
)
def test_whatever_is_lost_or_doubled_is_refused_or_holds(name: str, file: str) -> None:
    """Each line left out, doubled, cut in the middle: never any other exception than ours."""
    holding = CATALOGUES[name].files
    lines = holding[file].split("\n")
    for at, line in enumerate(lines):
        for piece in ([], [line, line], [line[: len(line) // 2]], [line + '"']):
            text = "\n".join([*lines[:at], *piece, *lines[at + 1 :]])
            with suppress(RuleError):
                load({**holding, file: text})
