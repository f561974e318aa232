"""docs/glossary.md: every word of the codes is in it, and what it says of places is true."""

import importlib
import pkgutil
import re
from enum import Enum

import pytest

import schemas
from schemas import publish
from schemas.reasons import Reason

PAGE = (publish.ROOT / "docs/glossary.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", PAGE))


def enums() -> list[type[Enum]]:
    """Every enumeration of schemas; reasons have a page of their own."""
    found: set[type[Enum]] = set()
    for module in pkgutil.iter_modules(schemas.__path__):
        for value in vars(importlib.import_module(f"schemas.{module.name}")).values():
            if (
                isinstance(value, type)
                and issubclass(value, Enum)
                and "schemas" in value.__module__
            ):
                found.add(value)
    return sorted(found - {Reason}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", enums(), ids=lambda kind: kind.__name__)
def test_every_word_of_a_code_is_in_the_glossary(kind: type[Enum]) -> None:
    assert [name.lower() for name in kind.__members__ if name.lower() not in WORDS] == []


def test_every_place_it_names_is_there() -> None:
    places = {word for word in WORDS if "/" in word}
    assert len(places) > 30
    assert [place for place in sorted(places) if not (publish.ROOT / place).exists()] == []


def test_every_row_is_in_both_languages() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert len(rows) > 90
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if cells[0] != "word" and not cells[0].startswith("---"):
            assert re.search("[\u4e00-\u9fff]", cells[1]), row
            assert all(cells), row


def test_every_reason_is_on_its_page() -> None:
    page = (publish.ROOT / "docs/reasons.md").read_text(encoding="utf-8")
    for reason in set(Reason) - {Reason.CLEAN}:
        assert f"| {reason:d} | `{reason.name.lower()}` |" in page
