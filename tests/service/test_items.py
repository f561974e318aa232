"""``onecard items``: what a person sees and does at the desk, with an own key, masked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from clearing.engine import Engine
from clearing.keys.files import write_private
from schemas.batch import to_binary
from schemas.codes import Verdict
from schemas.items import Action, ItemKind, item_id_of_tap
from service.database import Server, create_database, drop_database
from service.home import open_node
from service.items import MEANINGS
from settlement.context import Context
from settlement.day import settle_day
from settlement.store import items
from settlement.store.items import Item
from tests.service.conftest import DAY, Answer, World

NEXT = DAY + timedelta(days=1)
SETTLED = f"onecard_desk_{os.getpid()}"
NUMBERS = count(1)
Onecard = Callable[..., Answer]
CARD = bytes([1]) + bytes.fromhex("0000000000007100" + "00007100000000001234")
GAP = f"chain_gap/{CARD.hex()}/7"
MASK = "****1234"


class Desk:
    """A node with open items, and two people with keys."""

    def __init__(self, home: Path, onecard: Onecard, held: str) -> None:
        self.home, self.onecard, self.held = home, onecard, held
        self.keys: dict[str, Path] = {}
        for name in ("anna", "bo"):
            answer = onecard("staff", "add", name, "--home", home)
            key = answer.out.split("shown this once: ")[1].strip()
            self.keys[name] = home / f"{name}.key"
            write_private(self.keys[name], key.encode() + b"\n")

    def __call__(self, *words: object, by: str = "") -> Answer:
        signed = ("--staff", by, "--staff-key-file", self.keys[by]) if by else ()
        return self.onecard("items", *words, *signed, "--home", self.home)

    def json(self, *words: object, by: str = "") -> Any:
        answer = self(*words, "--json", by=by)
        assert answer.code == 0, answer.err
        return json.loads(answer.out)


async def _with_items(home: Path, dsn: str, world: World) -> str:
    """Clear and seal a day of the province; returns the id of one item of a tap that is held."""
    await world.make(home, dsn)
    async with open_node(home) as opened:
        engine = await Engine.start(dsn, opened.node, opened.kernel)
        try:
            for batch in world.batches:
                await engine.clear_batch(to_binary(batch))
        finally:
            await engine.close()
        await settle_day(Context(dsn, opened.node, opened.kernel), DAY)
    connection = await asyncpg.connect(dsn)
    try:
        gap = Item(
            item_id=GAP,
            kind=ItemKind.CHAIN_GAP,
            opened_on=DAY,
            card=CARD,
            amount_fen=1_234,
            due_on=DAY + timedelta(days=31),
            body={"before": CARD.hex()},
        )
        await items.add_items(connection, [gap])
        row = await connection.fetchrow(
            "SELECT batch_seq, row_no FROM clearing.tap"
            " WHERE verdict = $1 AND debit_proven ORDER BY 1, 2 LIMIT 1",
            int(Verdict.HELD),
        )
        assert row is not None
        return item_id_of_tap(ItemKind.HELD, row[0], row[1])
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def settled(
    postgres: Server,
    world: World,
    run: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, str]]:
    """A home whose first date is sealed, and the id of an item; its database is ``SETTLED``."""
    dsn = run(create_database(postgres.dsn, SETTLED))
    home = tmp_path_factory.mktemp("items") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONECARD_DSN", dsn)
        yield home, run(_with_items(home, dsn, world))
    run(drop_database(postgres.dsn, SETTLED))


@pytest.fixture
def desk(
    settled: tuple[Path, str],
    postgres: Server,
    run: Callable[..., Any],
    tmp_path: Path,
    onecard: Onecard,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    home = tmp_path / "home"
    shutil.copytree(settled[0], home)
    name = f"{SETTLED}_{next(NUMBERS)}"
    dsn = run(create_database(postgres.dsn, name, template=SETTLED))
    monkeypatch.setenv("ONECARD_DSN", dsn)
    yield Desk(home, onecard, settled[1])
    run(drop_database(postgres.dsn, name))


def test_list_filters_and_ages(desk: Desk) -> None:
    every = desk.json("list")
    assert every["as_of"] == f"{NEXT}"
    assert {line["state"] for line in every["items"]} == {"open"}
    held = desk.json("list", "--kind", "held")
    assert desk.held in [line["item"] for line in held["items"]]
    assert {line["kind"] for line in held["items"]} == {"held"}
    operator = held["items"][0]["operator"]
    of_one = desk.json("list", "--operator", operator)["items"]
    assert of_one
    assert {line["operator"] for line in of_one} == {operator}
    assert len(desk.json("list", "--older-than", 0)["items"]) == len(every["items"])
    assert desk.json("list", "--older-than", 1)["items"] == []
    assert desk.json("list", "--as-of", DAY - timedelta(days=1))["items"] == []
    assert [(band["days"], band["items"]) for band in every["by_age"]] == [
        ("0-5", len(every["items"])), ("6-10", 0), ("11-", 0),
    ]  # fmt: skip
    text = desk("list", "--older-than", 0).out
    assert f"{len(every['items'])} open items as of {NEXT}" in text
    assert desk.held in text
    assert "0-5 days:" in text


def test_show_says_what_why_and_who(desk: Desk) -> None:
    text = desk("show", desk.held).out
    batch_seq, row = desk.held.split("/")[1:]
    for words in (
        "可疑交易，款项挂账", "a held tap; its money waits in suspense", "who bears it", "next:",
        f"onecard explain {batch_seq}:{row}", "a debit is proven", "may be proposed:", "release:",
        "return:", "释放给运营商", "history:",
    ):  # fmt: skip
        assert words in text
    found = desk.json("show", desk.held)
    assert set(found["actions"]) == {"release", "reject", "return", "deny"}
    assert found["tap"]["verdict"] == "held"
    assert found["line"]["card"].count("*") == 4


def test_unknown_items_and_proposals_are_one_sentence(desk: Desk) -> None:
    for words in (("show", "held/99/99"), ("show", "nonsense~1")):
        answer = desk(*words)
        assert answer.code == 1
        assert "There is no item" in answer.err
    answer = desk("approve", 99, by="bo")
    assert answer.code == 1
    assert "There is no proposal 99" in answer.err


def test_two_people_release_a_tap(desk: Desk) -> None:
    before = desk("propose", desk.held, "release", "--why", "registered", by="anna")
    assert before.code == 0
    assert "principal/suspense  release" in before.out
    assert "another person runs onecard items approve 1" in before.out
    assert desk.json("proposals", "--open")[0]["proposed_by"] == "anna"
    alone = desk("approve", 1, by="anna")
    assert alone.code == 1
    assert "anna proposed this" in alone.err
    assert "Let another person decide." in alone.err
    for _ in range(2):
        answer = desk("approve", 1, "--why", "seen", by="bo")
        assert (answer.code, answer.out) == (0, f"Proposal 1 is approved, with effect on {NEXT}.\n")
    assert desk.json("proposals", "--open") == []
    [proposal] = desk.json("proposals")
    assert (proposal["decided"], proposal["decided_by"]) == ("approved", "bo")
    found = desk.json("show", desk.held)
    assert (found["line"]["state"], found["line"]["outcome"]) == ("closed", "released")
    assert found["history"][0]["entry"] == "item/1"
    assert found["actions"] == {}
    closed = desk("show", desk.held).out
    assert "nothing is left to decide" in closed
    assert "nothing is booked" not in closed
    assert "until it is decided" not in closed
    told = desk.onecard("explain", desk.held, "--language", "en", "--home", desk.home).out
    assert f"Dealt with on {NEXT}: released" in told
    assert "It is dealt with: nothing is left to do." in told
    assert "is not paid for it yet" not in told
    assert desk.held not in [line["item"] for line in desk.json("list")["items"]]
    assert "approved by bo" in desk("proposals").out
    # As of the date before, it still waits.
    then = desk.json("list", "--as-of", DAY)["items"]
    assert desk.held in [line["item"] for line in then]


def test_decline_leaves_the_item_open(desk: Desk) -> None:
    words = ("propose", desk.held, "return", "--why", "the cardholder came", "--refund-agent")
    assert desk(*words, 77, by="anna").code == 1
    operator = desk.json("show", desk.held)["line"]["operator"]
    answer = desk(*words, operator, by="anna")
    assert answer.code == 0, answer.err
    assert f"refund agent {operator}" in answer.out
    assert desk("decline", 1, "--why", "no receipt", by="bo").code == 0
    found = desk.json("show", desk.held)
    assert found["line"]["outcome"] == "opened"
    assert found["proposals"][0]["decided_why"] == "no receipt"


def test_keys_are_checked_and_never_words_of_a_command(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("propose", desk.held, "release", "--why", "x")
    bare = desk.onecard("items", *words, "--staff", "anna", "--home", desk.home)
    assert bare.code == 2
    assert "ONECARD_STAFF_KEY" in bare.err
    theirs = ("--staff", "anna", "--staff-key-file", desk.keys["bo"], "--home", desk.home)
    answer = desk.onecard("items", *words, *theirs)
    assert answer.code == 1
    assert "not that of 'anna'" in answer.err
    monkeypatch.setenv("ONECARD_STAFF_KEY", desk.keys["anna"].read_text())
    answer = desk.onecard("items", *words, "--staff", "anna", "--home", desk.home)
    assert answer.code == 0
    desk.keys["bo"].chmod(0o644)
    answer = desk("approve", 1, by="bo")
    assert answer.code == 1
    assert "staff key" in answer.err


def test_card_numbers_are_masked_unless_somebody_signs_for_it(
    desk: Desk, run: Callable[..., Any]
) -> None:
    [name] = [line["item"] for line in desk.json("list", "--kind", "chain_gap")["items"] if
              MASK in line["item"]]  # fmt: skip
    for answer in (desk("list"), desk("list", "--json"), desk("show", name), desk("show", GAP)):
        assert answer.code == 0, answer.err
        assert CARD.hex() not in answer.out
        assert CARD[9:].hex() not in answer.out
    assert desk("show", name, "--full").code == 2
    for _ in range(2):
        full = desk.json("show", name, "--full", by="anna")
    assert full["line"]["item"] == GAP
    assert full["line"]["card"].endswith(CARD[9:].hex().upper())
    assert full["body"] == {"before": CARD.hex()}
    events = run(_events(os.environ["ONECARD_DSN"]))
    assert [(row["subject"], row["body"]) for row in events] == [
        (f"{name}#{time}", '{"staff": "anna"}') for time in (1, 2)
    ]
    # A refusal names its item, too: money that stands nowhere cannot be returned.
    refused = desk("propose", name, "return", "--why", "x", "--refund-agent", 77, by="anna")
    assert refused.code == 1
    assert "Nothing is booked for chain_gap/" in refused.err
    assert CARD.hex() not in refused.err.lower()
    assert set(desk.json("show", name)["actions"]) == {"deny", "dismiss"}
    answer = desk("propose", name, "dismiss", "--why", "seen", by="anna")
    assert answer.code == 0, answer.err
    assert CARD.hex() not in answer.out + desk("proposals").out


async def _events(dsn: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(
            "SELECT subject, body FROM clearing.event WHERE kind = 'card looked up' ORDER BY 1"
        )
    finally:
        await connection.close()


def test_while_a_night_runs_a_clear_sentence(desk: Desk) -> None:
    assert desk("propose", desk.held, "release", "--why", "x", by="anna").code == 0
    settle = ("settle", "--date", NEXT, "--home", desk.home)
    assert desk.onecard(*settle, "--until", "complete").code == 0
    answer = desk("approve", 1, by="bo")
    assert answer.code == 1
    assert f"The night of {NEXT} is not through its audit yet" in answer.err
    assert desk("list").code == 0


def test_every_action_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Action)
