"""What people read of items: by kind and age, each operator's own; no paper names a whole card."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from settlement.context import Context
from settlement.items.paper import hidden
from settlement.report import report, to_text
from settlement.tables import heading
from tests import world
from tests.settlement.items.story import DATES, DUE, OPEN, card_bytes


def table(context: Context, day: Any, name: str) -> list[dict[str, str]]:
    text = (context.papers / f"{day}" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def told(context: Context, day: Any, name: str) -> Any:
    return json.loads((context.papers / f"{day}" / name).read_bytes())


def cell(row: dict[str, str], name: str) -> str:
    return row[heading(name)]


async def test_the_centre_reads_items_by_kind_and_age(lived: Context) -> None:
    paper = told(lived, DUE, "centre/items.json")
    kinds = {row["item_kind"]: row for row in paper["kinds"]}
    assert kinds["excess"]["items"] == 2
    assert (kinds["excess"]["up_to_5"], kinds["excess"]["up_to_5_fen"]) == (2, 60)
    assert (kinds["excess"]["from_6_to_10"], kinds["excess"]["from_11"]) == (0, 0)
    assert (kinds["excess"]["oldest"], kinds["excess"]["first_due"]) == (f"{OPEN}", f"{DUE}")
    assert kinds["refund"]["amount_fen"] == 6_000
    assert "held" not in kinds
    assert paper["suspense_fen"] == 60
    assert paper["unclaimed_fen"] == {"card_closed": 50}
    assert [(row["item_id"], row["outcome"]) for row in paper["settled"]] == [
        ("refund/2/0", "paid"), ("refund/2/1", "restated"),
    ]  # fmt: skip
    rows = table(lived, DUE, "centre/items.csv")
    assert {cell(row, "item_kind"): cell(row, "amount_fen") for row in rows}["excess"] == "60"


async def test_an_operator_reads_its_own_items(lived: Context) -> None:
    rows = table(lived, OPEN, "operators/11/items.csv")
    found = {cell(row, "item_id"): row for row in rows}
    assert {
        "held/1/0", "excess/1/1", "torn/1/2", "excess/1/3", "held_unproven/1/4"
    } <= found.keys()  # fmt: skip
    assert not any(name.startswith("refund/") for name in found)
    held = found["held/1/0"]
    assert cell(held, "reason") == "terminal_unknown"
    assert "终端未登记" in cell(held, "meaning")
    assert "两人审批" in cell(held, "remedy")
    assert cell(held, "card") == "1/7100/****0001"
    assert cell(held, "account") == "principal/suspense"
    second = told(lived, DATES[1], "operators/11/items.json")
    assert [(row["item_id"], row["outcome"], row["by_people"]) for row in second["settled"]] == [
        ("held/1/0", "released", True)
    ]
    # Number 2 is the agent's own: numbers are each operator's.
    assert second["missing_batches"] == [[2, 2]]


async def test_no_paper_names_a_whole_card(lived: Context) -> None:
    serials = [world.serial(number) for number in (1, 2, 3, 4, 5, 6, 7, 8, 99)]
    names = [serial.lstrip("0") for serial in serials]
    read = 0
    for day in DATES:
        for path in (lived.papers / f"{day}").rglob("*"):
            if path.suffix in (".csv", ".json", ".jsonl", ".xml"):
                text = path.read_text(encoding="utf-8")
                read += 1
                assert not [name for name in names if name in text], path
    assert read > 100


@pytest.mark.parametrize("form", ["chain_gap/{}/17", r'{{"card": "\\x{}"}}', r"\x{} 1"])
async def test_cards_in_texts_are_masked_and_told_apart(lived: Context, form: str) -> None:
    one, other = (hidden(lived.node, form.format(card_bytes(n).hex())) for n in (1, 10_001))
    assert "1/7100/****0001~" in one
    assert "1/7100/****0001~" in other
    assert one != other
    assert card_bytes(1).hex()[-12:] not in one


async def test_the_report_has_the_open_items(lived: Context) -> None:
    found = await report(lived, DUE)
    items = {row.kind: row for row in found.items}
    assert (items["excess"].items, items["excess"].amount_fen, items["excess"].oldest) == (
        2, 60, OPEN,
    )  # fmt: skip
    assert items["log_without_load"].oldest == DUE
    assert sum(found.unclaimed.values()) + found.suspense_fen == 60 + 50
    assert "open items 挂账项" in to_text(found)
    # Of an earlier date it says what was open then.
    assert {row.kind for row in (await report(lived, OPEN)).items} >= {"held", "excess", "torn"}
