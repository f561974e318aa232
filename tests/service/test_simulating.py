"""``onecard rules simulate``: tables, pictures and pages of what other rules would have done."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import asyncpg
import pytest

from clearing.engine import Engine
from clearing.rules.source import SHIPPED
from schemas.batch import to_binary
from service.home import open_node
from tests.conftest import Run
from tests.service.conftest import DAY, Answer, World

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def city(
    onecard: Callable[..., Answer],
    world: World,
    given_database: str,
    run: Run[None],
    tmp_path: Path,
) -> Path:
    """The home of a city with a sealed day of some hundred taps."""
    home = tmp_path / "home"

    async def fill() -> None:
        await world.make(home, given_database)
        async with open_node(home) as opened:
            engine = await Engine.start(opened.dsn, opened.node, opened.kernel)
            try:
                for batch in world.batches:
                    await engine.clear_batch(to_binary(batch))
            finally:
                await engine.close()

    run(fill())
    assert onecard("settle", "--date", DAY, "--home", home).code == 0
    return home


@pytest.fixture
def dearer(tmp_path: Path) -> Path:
    """Xi'an's rules with buses at 2 yuan instead of 1."""
    directory = Path(shutil.copytree(SHIPPED / "xian", tmp_path / "new" / "xian"))
    text = (directory / "rules.toml").read_text("utf-8")
    old = 'network = "bus"\nfare_fen = 100'
    assert text.count(old) == 1
    (directory / "rules.toml").write_text(text.replace(old, old.replace("100", "200")), "utf-8")
    return directory


async def digest(dsn: str) -> dict[str, str]:
    """Every row of every table, by table."""
    connection = await asyncpg.connect(dsn)
    try:
        names = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('clearing', 'settlement') ORDER BY 1"
        )
        found = {}
        for (name,) in names:
            rows = await connection.fetch(f"SELECT t::text FROM {name} t ORDER BY 1")
            found[name] = hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()
        return found
    finally:
        await connection.close()


def test_a_month_is_told_in_both_languages_and_nothing_is_touched(
    onecard: Callable[..., Answer],
    city: Path,
    dearer: Path,
    given_database: str,
    run: Run[dict[str, str]],
    tmp_path: Path,
) -> None:
    before = run(digest(given_database))
    assert len(before) > 20
    question = ("rules", "simulate", "--rules", dearer, "--from", DAY, "--to", DAY, "--home", city)
    answer = onecard(*question, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert run(digest(given_database)) == before
    for said in ("by operator 按运营商", "student cards 学生卡", "fare ± 应收增减", "re-clear"):
        assert said in answer.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "accounts.csv",
        "lines.csv",
        "picture.en.svg",
        "picture.zh.svg",
        "simulation.en.html",
        "simulation.json",
        "simulation.zh.html",
    ]


def test_pictures_and_pages_say_the_same_in_either_language(
    onecard: Callable[..., Answer], city: Path, dearer: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    question = ("rules", "simulate", "--rules", dearer, "--from", DAY, "--to", DAY, "--home", city)
    answer = onecard(*question, "--out", out, "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found == json.loads((out / "simulation.json").read_bytes())
    sides = [
        sum(row[side]["expected_fen"] for row in found["forecast"]["lines"])
        for side in ("before", "after")
    ]
    raised = f"+{(sides[1] - sides[0]) / 100:.2f}"
    for language, heading in (("en", "by card kind"), ("zh", "按卡种")):
        drawn = ET.parse(out / f"picture.{language}.svg").getroot()
        texts = [element.text for element in drawn.iter(f"{SVG}text")]
        assert heading in texts
        assert raised in texts
        bars = [int(bar.get("width", "0")) for bar in drawn.iter(f"{SVG}rect")]
        assert max(bars) <= 960
        assert sum(width > 20 for width in bars[1:]) > 10
        page = (out / f"simulation.{language}.html").read_text("utf-8")
        assert heading in page
        assert f"<td>{raised}</td>" in page
    rows = csv.DictReader((out / "lines.csv").read_text("utf-8").splitlines())
    assert sides[1] == sum(
        int(row["expected_fen_after"]) for row in rows if row["view"] == "forecast"
    )


def test_rules_as_they_were_draw_nothing(
    onecard: Callable[..., Answer], city: Path, tmp_path: Path
) -> None:
    question = ("rules", "simulate", "--rules", "xian", "--from", DAY, "--to", DAY, "--home", city)
    answer = onecard(*question, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    drawn = (tmp_path / "out" / "picture.zh.svg").read_text("utf-8")
    assert drawn.count("没有变化") == 3
    again = onecard(*question, "--out", tmp_path / "out")
    assert again.code == 1
    assert "is not empty" in again.err


def test_dates_that_cannot_be_asked_for(onecard: Callable[..., Answer], city: Path) -> None:
    for first, last, said in (
        ("2026-01-06", DAY, "2026-01-06 is after 2026-01-05"),
        (DAY, "2026-01-06", "2026-01-06 is open"),
        ("2025-01-06", DAY, "There is no business date 2025-01-06"),
    ):
        question = ("rules", "simulate", "--rules", "xian", "--from", first, "--to", last)
        answer = onecard(*question, "--home", city)
        assert answer.code == 1
        assert said in answer.err


def test_rules_that_do_not_load_say_where(
    onecard: Callable[..., Answer], fresh: Path, dearer: Path
) -> None:
    file = dearer / "rules.toml"
    file.write_text(file.read_text("utf-8").replace("fare_fen = 200", "fare_fen = -1", 1), "utf-8")
    question = ("rules", "simulate", "--rules", dearer, "--from", DAY, "--to", DAY, "--home", fresh)
    answer = onecard(*question)
    assert answer.code == 1
    assert "xian/rules.toml:" in answer.err
    assert "fare_fen is -1" in answer.err
