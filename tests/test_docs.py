"""Documents name files that exist, and say nothing of where they were written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TOPS = "schemas|clearing|settlement|service|loadtest|tests|docs|tools"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_in_a_page_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    named = set(re.findall(rf"`((?:{TOPS})/[\w./-]*)`", text))
    named |= {path.split("#")[0] for path in re.findall(r"\]\((?!https?:)([^)#][^)]*)\)", text)}
    missing = [
        name
        for name in sorted(named)
        if not ((ROOT / name).exists() or (page.parent / name).exists())
    ]
    assert missing == []


def test_nothing_names_a_place_of_its_making() -> None:
    """No absolute path of a machine, no registry's host, in any tracked file."""
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout.split(b"\0")
    # In pieces, so that this file does not name them either.
    words = [
        ("/wo" + "rk/").encode(),
        ("/ro" + "ot/").encode(),
        b"pypi" + b".org",
        b"python" + b"hosted",
    ]
    found = [
        (name.decode(), word.decode())
        for name in files
        if name
        for word in words
        if word in (ROOT / name.decode()).read_bytes()
    ]
    assert found == []
