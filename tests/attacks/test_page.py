"""The page of attacks and the tests of attacks tell the same story."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from schemas.reasons import Reason

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "attacks.md"
COLUMNS = 7


def rows() -> list[list[str]]:
    """The cells of every attack on the page."""
    found = []
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] != "attack" and set(line) != {"|", "-"}:
            found.append(cells)
    return found


def played() -> dict[str, str]:
    """The source of every attack's test, with what its module says beside it, by name."""
    found = {}
    for path in sorted(HERE.glob("test_*.py")):
        if path == Path(__file__).resolve():
            continue
        source = path.read_text("utf-8")
        module = ast.parse(source)
        constants = "\n".join(
            ast.unparse(part)
            for part in module.body
            if isinstance(part, (ast.Assign, ast.AnnAssign))
        )
        for part in module.body:
            if isinstance(part, ast.AsyncFunctionDef) and part.name.startswith("test_"):
                body = ast.get_source_segment(source, part) or ""
                named = set(re.findall(r"\b[A-Z_]{3,}\b", body))
                used = [
                    line
                    for line in constants.splitlines()
                    if line.split(" ")[0].rstrip(":") in named
                ]
                found[part.name] = "\n".join([body, *used])
    return found


def test_every_row_is_played_and_every_attack_is_told() -> None:
    named = [row[-1].strip("`") for row in rows()]
    assert sorted(named) == sorted(played())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[-1].strip("`"))
def test_a_row_says_what_its_test_asserts(row: list[str]) -> None:
    """Every cell is filled, and each reason is one of the table that the test looks for."""
    assert len(row) == COLUMNS
    attack, seen, reasons, gain, bears, told, name = row
    assert all((attack, seen, gain, bears, told))
    source = played()[name.strip("`")]
    for reason in re.findall(r"`(\w+)`", reasons):
        assert reason.upper() in Reason.__members__
        assert f'"{reason}"' in source.replace("'", '"') or f"Reason.{reason.upper()}" in source, (
            reason
        )
