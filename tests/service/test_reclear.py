"""``onecard reclear``: a sealed day that was priced wrongly, from the new rules to the explanation of a tap."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clearing.engine import Engine
from clearing.keys.files import write_private
from clearing.rules.source import SHIPPED
from schemas.batch import to_binary
from service.database import Server, create_database, drop_database
from service.home import open_node
from settlement.context import Context
from settlement.day import settle_day
from tests.service.conftest import DAY, Answer, World

NEXT = DAY + timedelta(days=1)
NAME = f"onecard_reclear_{os.getpid()}"
Onecard = Callable[..., Answer]


async def _sealed(home: Path, dsn: str, world: World) -> None:
    await world.make(home, dsn)
    async with open_node(home) as opened:
        engine = await Engine.start(dsn, opened.node, opened.kernel)
        try:
            for batch in world.batches:
                await engine.clear_batch(to_binary(batch))
        finally:
            await engine.close()
        await settle_day(Context(dsn, opened.node, opened.kernel), DAY)


class Office:
    """A node with a sealed day, and two people with keys."""

    def __init__(self, home: Path, onecard: Onecard) -> None:
        self.home, self.onecard = home, onecard
        self.keys: dict[str, Path] = {}
        for name in ("anna", "bo"):
            answer = onecard("staff", "add", name, "--home", home)
            key = answer.out.split("shown this once: ")[1].strip()
            self.keys[name] = home / f"{name}.key"
            write_private(self.keys[name], key.encode() + b"\n")

    def __call__(self, *words: object, by: str = "") -> Answer:
        signed = ("--staff", by, "--staff-key-file", self.keys[by]) if by else ()
        return self.onecard("reclear", *words, *signed, "--home", self.home)

    def json(self, *words: object, by: str = "") -> Any:
        answer = self(*words, "--json", by=by)
        assert answer.code == 0, answer.err
        return json.loads(answer.out)

    def explain(self, tap: str, *words: object) -> Answer:
        return self.onecard("explain", tap, *words, "--home", self.home)


@pytest.fixture
def office(
    postgres: Server,
    world: World,
    run: Callable[..., Any],
    tmp_path: Path,
    onecard: Onecard,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Office]:
    dsn = run(create_database(postgres.dsn, NAME))
    monkeypatch.setenv("ONECARD_DSN", dsn)
    home = tmp_path / "home"
    run(_sealed(home, dsn, world))
    yield Office(home, onecard)
    run(drop_database(postgres.dsn, NAME))


def test_from_the_right_rules_to_the_explanation(office: Office, tmp_path: Path) -> None:
    nothing = office("propose", "--date", DAY, "--why", "to see", by="anna")
    assert (nothing.code, "would be booked otherwise" in nothing.err) == (1, True)
    assert "0 taps" in office("preview", "--date", DAY).out
    assert "is not sealed" in office("preview", "--date", NEXT).err
    # Buses should have cost 0.80 yuan from the beginning on: what cards paid beyond it is theirs.
    right = Path(shutil.copytree(SHIPPED / "xian", tmp_path / "right" / "xian"))
    text = (right / "rules.toml").read_text("utf-8")
    (right / "rules.toml").write_text(text.replace("fare_fen = 100", "fare_fen = 80", 1), "utf-8")
    assert office.onecard("rules", "put", right, "--home", office.home).code == 0

    preview = office.json("preview", "--date", DAY)
    assert (preview["proposal"], preview["rules_version"]) == (0, 2)
    assert office.json("list") == []
    made = office.json("propose", "--date", DAY, "--why", "the notice says 0.80", by="anna")
    number = made["proposal"]
    assert made["digest"] == preview["digest"]
    assert made["summary"] == preview["summary"]
    assert sum(row["amount_fen"] for row in made["summary"]["by_account"]) == 0
    assert "other_city" in {row["why"] for row in made["summary"]["left_out"]}
    told = office("show", number, "--taps").out
    for words in (
        "by operator", "按运营商", "by account", "by reason", "the notice says 0.80", "open: another",
        "left out:", "未列入：他城卡", "逐笔",
    ):  # fmt: skip
        assert words in told

    alone = office("approve", number, by="anna")
    assert (alone.code, "anna proposed this" in alone.err) == (1, True)
    other = office.onecard("items", "approve", number, "--staff", "bo", "--staff-key-file",
                           office.keys["bo"], "--home", office.home)  # fmt: skip
    assert (other.code, f"Proposal {number} is to re-clear {DAY}" in other.err) == (1, True)
    assert f"onecard reclear approve {number}" in other.err
    assert "not that of 'bo'" in office.onecard(
        "reclear", "approve", number, "--staff", "bo", "--staff-key-file", office.keys["anna"],
        "--home", office.home,
    ).err  # fmt: skip
    done = office("approve", number, "--why", "compared", by="bo")
    assert done.code == 0, done.err
    assert f"booked on {NEXT}" in done.out
    shown = office.json("show", number, "--taps")
    assert (shown["decided"], shown["decided_by"]) == ("approved", "bo")
    assert shown["entries"]
    assert "approved" in office("list").out

    [tap, *_] = [line for line in shown["taps"] if line["credited_was_fen"] > 0 and line["deltas"]]
    _explained(office, tap, number)
    settled = office.onecard("settle", "--date", NEXT, "--home", office.home)
    assert settled.code == 0, settled.err
    for day in (DAY, NEXT):
        verified = office.onecard("verify", "--date", day, "--home", office.home)
        assert verified.code == 0, verified.out


def _explained(office: Office, tap: dict[str, Any], number: int) -> None:
    """The correction is told in both languages, and not before it was approved."""
    told = office.explain(tap["tap"]).out
    batch_seq = tap["tap"].split(":")[0]
    for words in (
        "Corrected later", "其后更正", f"re-clearing of {DAY}", "rules version 1 -> 2",
        "规则版本 1 → 2", "proposed by anna", "anna 提议", "approved by bo", "bo 批准", "compared",
        f"entry reclear/{number}/{batch_seq}", "更正前", "更正后", "re-cleared fare",
    ):  # fmt: skip
        assert words in told, words
    before = office.explain(tap["tap"], "--as-of", DAY).out
    assert "Corrected later" not in before
    assert "reclear" not in before
    [found] = json.loads(office.explain(tap["tap"], "--json").out)["corrections"]
    assert (found["proposal"], found["entry"]) == (number, f"reclear/{number}/{batch_seq}")
    assert (found["proposed_by"], found["approved_by"]) == ("anna", "bo")
    assert (found["rules_before"], found["rules_after"]) == (1, 2)
    assert found["becomes"]["credited_fen"] == tap["credited_becomes_fen"]
    assert sum(delta["amount_fen"] for delta in found["deltas"]) == 0
    assert [[row["account"], row["purpose"], row["amount_fen"]] for row in found["deltas"]] == tap[
        "deltas"
    ]


def test_declined_and_unknown(office: Office, tmp_path: Path) -> None:
    right = Path(shutil.copytree(SHIPPED / "xian", tmp_path / "right" / "xian"))
    text = (right / "rules.toml").read_text("utf-8")
    (right / "rules.toml").write_text(text.replace("per_mille = 80 }", "per_mille = 90 }").replace(
        "per_mille = 920 }", "per_mille = 910 }"), "utf-8")  # fmt: skip
    assert office.onecard("rules", "put", right, "--home", office.home).code == 0
    made = office.json("propose", "--date", DAY, "--why", "the contract says 9", by="anna")
    assert {row["account"].split("/")[1] for row in made["summary"]["by_account"]} == {
        "operator", "driver",
    }  # fmt: skip
    gone = office("decline", made["proposal"], "--why", "it does not", by="bo")
    assert (gone.code, f"is declined on {NEXT}" in gone.out) == (0, True)
    assert office.json("show", made["proposal"])["entries"] == []
    tap = office.json("show", made["proposal"], "--taps")["taps"][0]["tap"]
    assert "Corrected later" not in office.explain(tap).out
    for words in (("show", 99), ("show", 99, "--taps")):
        answer = office(*words)
        assert (answer.code, "There is no re-clearing 99" in answer.err) == (1, True)
