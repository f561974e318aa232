"""``onecard rules``: files are checked, told and compared; a node takes them as a new version."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from clearing import store
from clearing.rules.source import SHIPPED
from schemas.registry import Operator
from service.home import register
from tests.conftest import Run
from tests.service.conftest import Answer

BUS = "xian/bus"


@pytest.fixture
def xian(tmp_path: Path) -> Path:
    """A copy of Xi'an's rules to be changed."""
    return Path(shutil.copytree(SHIPPED / "xian", tmp_path / "changed" / "xian"))


def edit(directory: Path, old: str, new: str) -> None:
    file = directory / "rules.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def dearer_from(directory: Path, moment: str) -> None:
    """A second version of the bus tariff: 1.50 yuan instead of 1."""
    edit(
        directory,
        "[[tariff.taxi]]",
        f'[[tariff.bus]]\nsince = {moment}\ntype = "flat"\ntaps = ["bus_flat"]\nnetwork = "bus"\n'
        'fare_fen = 150\nby_line = [{ lines = [300, 600, 603], fare_fen = 200 }]\ndiscounts = "bus"\n'
        'transfer = "city"\n\n[[tariff.taxi]]',
    )


def in_force(run: Run[object], dsn: str) -> object:
    """The rules version in force, and the events of versions that were put."""

    async def ask() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            version, _ = await store.read_versions(connection)
            rows = await connection.fetch(
                "SELECT body FROM clearing.event WHERE kind = 'rules_put' ORDER BY subject"
            )
            return version, [json.loads(row["body"])["sets"] for row in rows]
        finally:
            await connection.close()

    return run(ask())


# -- without a node ----------------------------------------------------------------------------------


def test_check_says_what_holds_and_what_does_not(
    onecard: Callable[..., Answer], xian: Path
) -> None:
    good = onecard("rules", "check", xian, "beijing", "china")
    assert good.code == 0, good.out
    assert "xian: holds 成立; 3 tariffs, 3 splits, 1 fees" in good.out
    assert "china/holidays ends on 2026-12-31" in good.out
    edit(xian, "fare_fen = 100", "fare_fen = -100")
    bad = onecard("rules", "check", xian, "baoji")
    assert bad.code == 1
    line = (xian / "rules.toml").read_text("utf-8").split("fare_fen = -100")[0].count("\n") + 1
    assert f"xian/rules.toml:{line}: tariff xian/bus: fare_fen is -100" in bad.out
    assert "baoji: holds" in bad.out
    missing = onecard("rules", "check", xian.parent / "nowhere")
    assert (missing.code, "There is no rule set" in missing.out) == (1, True)


def test_show_is_for_people_and_for_machines(onecard: Callable[..., Answer]) -> None:
    text = onecard("rules", "show", "xian/metro", "--on", "2026-01-05")
    assert text.code == 0, text.err
    assert "to 6,000 metres: 2.00 yuan  [xian/rules.toml:" in text.out
    assert "6,000米以内 2.00元" in text.out
    rows = json.loads(onecard("rules", "show", BUS, "--on", "2026-01-05", "--json").out)
    assert {row["file"] for row in rows} == {"xian/rules.toml"}
    before = onecard("rules", "show", BUS, "--on", "1999-01-05")
    assert (before.code, "does not hold at 1999-01-05" in before.err) == (1, True)


def test_diff_says_what_changes_and_from_when(onecard: Callable[..., Answer], xian: Path) -> None:
    same = onecard("rules", "diff", "xian", xian)
    assert (same.code, same.out) == (0, "nothing changes 无变化\n")
    dearer_from(xian, "2026-03-01T04:00:00")
    changed = onecard("rules", "diff", "xian", xian)
    assert "tariff xian/bus, from 2026-03-01 04:00:00 on 自2026-03-01 04:00:00起" in changed.out
    assert "fare_fen: 100 → 150" in changed.out
    rows = json.loads(onecard("rules", "diff", "xian", xian, "--json").out)
    assert {row["rule"] for row in rows} == {BUS}
    # Whatever the directory of the old one is called, it is the same set.
    other = Path(shutil.copytree(SHIPPED / "xian", xian.parent / "last-year"))
    assert onecard("rules", "diff", other, xian).out == changed.out


def test_explain_counts_steps(onecard: Callable[..., Answer]) -> None:
    words = [
        "rules", "explain", "xian/metro", "--from", "安远门", "--to", "半坡", "--card", "ordinary",
        "--at", "2026-01-05T12:00:00",
    ]  # fmt: skip
    text = onecard(*words, "--first-leg", "2026-01-05T10:30:00")
    assert text.code == 0, text.err
    assert "fare 3.40 yuan of 4.00 应付3.40元（全价4.00元）" in text.out
    assert "transfer 1 of 3, 90 minutes after the first leg" in text.out
    found = json.loads(onecard(*words, "--first-leg", "2026-01-05T10:29:59", "--json").out)
    assert (found["gross_fen"], found["fare_fen"]) == (400, 360)
    lines = (SHIPPED / "xian" / "rules.toml").read_text("utf-8").split("\n")
    by_line = {step["english"].split()[0]: lines[step["line"] - 1] for step in found["steps"]}
    assert by_line["tariff"] == "[[tariff.metro]]"
    assert by_line["from"] == "bands = ["
    assert 'name = "ordinary"' in by_line["class"]
    assert by_line["no"] == "[[transfer.city]]"
    student = onecard(*words[:7], "student", *words[9:])
    assert student.code == 2


FEES = """[[fee.clearing]]
since = 2026-01-01
billing = "monthly"
tiers = [
    { from_fen = 0, per_mille = 10 },
    { from_fen = 100_000, per_mille = 5 },
]
per_tap_fen = 2
max_fen = 1_200
of = "foreign"
bearer = "issuer"
rounding = "half_up"
recipients = [{ role = "operator", per_mille = 700 }, { role = "clearing_centre", per_mille = 300 }]
"""


def test_a_fee_is_shown_and_worked_out(onecard: Callable[..., Answer], tmp_path: Path) -> None:
    town = tmp_path / "town"
    town.mkdir()
    (town / "rules.toml").write_text(FEES)
    shown = onecard("rules", "show", "town/clearing", "--on", "2026-01-05", "--rules", town).out
    for sentence in (
        "of the month's volume from 1000.00 yuan on: 5 ‰ of accepted principal  [town/rules.toml:6]",
        "当月累计1000.00元以上部分：正常交易金额的5‰",
        "2 fen each ride  [town/rules.toml:8]",
        "at most 12.00 yuan a month",
        "每月最高12.00元",
        "paid by the card's issuer, for other cities' cards by way of the province",
        "计费范围：异地卡",
        "按日计提，每月最后一个清算日入账",
        "the operator gets 70 %, the clearing centre gets 30 %",
    ):
        assert sentence in shown, sentence
    words = [
        "rules", "fee", "town/clearing", "--on", "2026-01-05", "--rules", town, "--fen", "20000",
        "--taps", "40", "--month-fen", "90000", "--month-taps", "10",
    ]  # fmt: skip
    # 1,000 + 50 + 50 × 2 = 1,150; before, 900 + 20.
    found = json.loads(onecard(*words, "--json").out)
    assert [step["fee_fen"] for step in found["steps"]] == [1_000, 1_050, 1_150, 1_150, 230]
    assert found["due_fen"] == 230
    told = onecard(*words).out
    assert "100.00 yuan beyond 1000.00 yuan: 5 ‰ of accepted principal" in told
    assert "the date's fee is 2.30 yuan 当日费用2.30元" in told
    capped = json.loads(onecard(*words[:-6], "--taps", "100", *words[-4:], "--json").out)
    assert capped["due_fen"] == 1_200 - 920
    words[words.index("20000")] = "-200000"
    assert "1100.00 yuan taken back: 10 ‰ of accepted principal" in onecard(*words).out
    assert json.loads(onecard(*words, "--json").out)["due_fen"] == -1_100 + 100 - 920
    unknown = onecard("rules", "fee", "town/none", "--on", "2026-01-05", "--rules", town)
    assert (unknown.code, "There is no fee named" in unknown.err) == (1, True)


def test_subsidies_are_said(onecard: Callable[..., Answer]) -> None:
    words = ["rules", "explain", BUS, "--from", "603", "--at", "2026-01-05T12:00:00", "--card"]
    assert "1.00 yuan are claimed from the budget" in onecard(*words, "student").out
    assert "claimed" not in onecard(*words, "ordinary").out


# -- at a node ---------------------------------------------------------------------------------------


def quote(onecard: Callable[..., Answer], home: Path, moment: str) -> int:
    """The bus fare at the node at a time, fen."""
    answer = onecard("fare", "--tariff", BUS, "--from", "4", "--on", moment, "--home", home)
    assert answer.code == 0, answer.err
    return int(answer.out.split()[0])


def test_a_change_takes_effect_at_its_minute(
    onecard: Callable[..., Answer], fresh: Path, given_database: str, run: Run[object], xian: Path
) -> None:
    assert in_force(run, given_database) == (1, [])
    dearer_from(xian, "2026-03-01T04:00:00")
    tried = onecard("rules", "put", xian, "--dry-run", "--home", fresh)
    assert (tried.code, "nothing was written" in tried.out) == (0, True)
    assert in_force(run, given_database) == (1, [])
    done = onecard("rules", "put", xian, "--home", fresh)
    assert done.code == 0, done.err
    assert "fare_fen: 100 → 150" in done.out
    assert "rules version 2 is in force" in done.out
    assert "before the open date" not in done.out
    assert in_force(run, given_database) == (2, [["xian"]])
    assert quote(onecard, fresh, "2026-03-01T03:59:59") == 100
    assert quote(onecard, fresh, "2026-03-01T04:00:00") == 150
    # The same again is no new version.
    again = onecard("rules", "put", xian, "--home", fresh)
    assert "nothing changes" in again.out
    assert in_force(run, given_database) == (2, [["xian"]])


def test_a_change_of_the_past_is_pointed_out(
    onecard: Callable[..., Answer], fresh: Path, xian: Path
) -> None:
    dearer_from(xian, "2026-01-04T04:00:00")
    done = onecard("rules", "put", xian, "--home", fresh)
    assert done.code == 0, done.err
    assert "before the open date 2026-01-05" in done.out


def test_a_set_that_no_contract_goes_by_is_pointed_out(
    onecard: Callable[..., Answer], fresh: Path, given_database: str, run: Run[object]
) -> None:
    row = Operator(number=1, code="B", name="Bus", mode="bus", tariff=BUS)
    run(register(given_database, [("operator", row)]))
    done = onecard("rules", "put", "baoji", "--home", fresh)
    assert done.code == 0, done.err
    assert "no contract goes by the set baoji" in done.out
    assert "contracts go by xian:" in done.out
    assert "no contract goes by" not in onecard("rules", "put", "xian", "--home", fresh).out


def test_other_sets_stay(onecard: Callable[..., Answer], fresh: Path) -> None:
    assert onecard("rules", "put", "baoji", "--home", fresh).code == 0
    shown = onecard("rules", "show", BUS, "--on", "2026-01-05", "--home", fresh)
    assert shown.code == 0
    assert onecard("rules", "show", "baoji/bus", "--on", "2026-01-05", "--home", fresh).code == 0


def test_rules_that_a_contract_needs_cannot_go(
    onecard: Callable[..., Answer], fresh: Path, given_database: str, run: Run[object], xian: Path
) -> None:
    row = Operator(number=1, code="B", name="Bus", mode="bus", tariff=BUS, fee="xian/standard")
    run(register(given_database, [("operator", row)]))
    text = (xian / "rules.toml").read_text("utf-8")
    (xian / "rules.toml").write_text(text.replace("tariff.bus", "tariff.coach"), "utf-8")
    refused = onecard("rules", "put", xian, "--home", fresh)
    assert refused.code == 1
    assert "There is no tariff named 'xian/bus'" in refused.err
    assert in_force(run, given_database) == (1, [])
    (xian / "rules.toml").write_text(text.replace("fee.standard", "fee.other"), "utf-8")
    refused = onecard("rules", "put", xian, "--home", fresh)
    assert (refused.code, "no fee named 'xian/standard'" in refused.err) == (1, True)


def test_a_share_of_an_owner_whom_the_node_does_not_know_is_not_put(
    onecard: Callable[..., Answer], fresh: Path, given_database: str, run: Run[object], xian: Path
) -> None:
    taxi = Operator(
        number=12, code="T", name="Taxi", mode="taxi", tariff="xian/taxi", split="xian/taxi"
    )
    run(register(given_database, [("operator", taxi)]))
    edit(xian, '"driver", per_mille = 920', '"line_owner:77", per_mille = 920')
    lines = (xian / "rules.toml").read_text("utf-8").splitlines()
    (line,) = (at for at, text in enumerate(lines, 1) if "line_owner:77" in text)
    refused = onecard("rules", "put", xian, "--home", fresh)
    assert refused.code == 1
    assert f"xian/rules.toml:{line}: split xian/taxi: line_owner:77 is no operator" in refused.err
    assert "Register the owner with that number first, or write one of 12." in refused.err
    assert in_force(run, given_database) == (1, [])
    owner = Operator(number=77, code="O", name="Owner", mode="taxi", tariff="xian/taxi")
    run(register(given_database, [("operator", owner)]))
    assert onecard("rules", "put", xian, "--home", fresh).code == 0


def test_rules_that_do_not_hold_are_not_put(
    onecard: Callable[..., Answer], fresh: Path, given_database: str, run: Run[object], xian: Path
) -> None:
    edit(xian, "per_mille = 920", "per_mille = 910")
    refused = onecard("rules", "put", xian, "--home", fresh)
    assert refused.code == 1
    assert "sum to 990 per mille" in refused.err
    assert in_force(run, given_database) == (1, [])
