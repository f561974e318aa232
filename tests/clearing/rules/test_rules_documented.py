"""The page docs/rules.md has every key and every word of the language; the rule files use no other."""

import re
from pathlib import Path

import pytest

from clearing.rules.language import keys, words

PAGE = (Path(__file__).parents[3] / "docs/rules.md").read_text("utf-8")


@pytest.mark.parametrize("where", sorted(keys()))
def test_every_key_is_documented(where: str) -> None:
    missing = [key for key in keys()[where] if f"`{key}`" not in PAGE]
    assert not missing


@pytest.mark.parametrize("where", sorted(words()))
def test_every_word_is_documented(where: str) -> None:
    missing = [word for word in words()[where] if f"`{word}`" not in PAGE]
    assert not missing


def test_the_page_documents_no_key_that_is_gone() -> None:
    """Keys stand in the first column of the page's tables."""
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    known = {key for group in keys().values() for key in group}
    assert documented - set(words()["section"]) == known - set(words()["section"])


def test_every_key_has_a_sentence() -> None:
    for group in keys().values():
        assert all(len(sentence) > 5 for sentence in group.values())
