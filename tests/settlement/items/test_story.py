"""What the night opens, settles and pays by itself, date by date."""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec

from clearing.store import read_accounts
from schemas.codes import Purse
from schemas.items import ItemKind
from settlement import floats, store
from settlement.context import Context
from settlement.items.refunds import NOT_COVERED
from settlement.store import items
from settlement.store.waiting import read_moneys
from settlement.verify import verify_day
from tests.settlement.items.story import AGENT, BUS, DATES, DUE, OPEN, card_bytes

OF_TERMINALS = (ItemKind.TERMINAL_GAP, ItemKind.TERMINAL_REPEAT)


async def opened(context: Context) -> dict[str, items.Item]:
    """Every item of the story but those of terminals."""
    async with store.reading(context.dsn) as connection:
        rows = [row for day in DATES for row in await items.read_opened(connection, day)]
    return {row.item_id: row for row in rows if row.kind not in OF_TERMINALS}


async def changes(context: Context) -> dict[str, list[tuple[Any, ...]]]:
    """What became of each item: (date, state, outcome, by people)."""
    async with store.reading(context.dsn) as connection:
        rows = [row for day in DATES for row in await items.read_changes(connection, day)]
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row.item_id, []).append(
            (row.business_date, row.state.value, row.outcome.value, row.proposal_no is not None)
        )
    return found


async def test_every_date_comes_out_again(lived: Context) -> None:
    for day in DATES:
        assert await verify_day(lived, day) == []


async def test_what_each_date_opens(lived: Context) -> None:
    async with store.reading(lived.dsn) as connection:
        codes = {
            row.number: row.code.removeprefix("principal/")
            for row in (await read_accounts(connection)).values()
        }
    found = {
        name: (row.opened_on, row.amount_fen, codes.get(row.account_no or 0), row.operator_no)
        for name, row in (await opened(lived)).items()
    }
    assert found == {
        "held/1/0": (OPEN, 50, "suspense", BUS),
        "excess/1/1": (OPEN, 30, "suspense", BUS),
        "torn/1/2": (OPEN, 50, None, BUS),
        "excess/1/3": (OPEN, 30, "suspense", BUS),
        "held_unproven/1/4": (OPEN, 100, None, BUS),
        "refund/2/0": (OPEN, 4_000, None, AGENT),
        "refund/2/1": (OPEN, 6_000, None, AGENT),
        "load_without_log/2/3": (DATES[1], 900, None, AGENT),
        "unclaimed/3/0": (DATES[1], 50, "unclaimed/card_closed", BUS),
        "log_without_load/1/A2": (DUE, 3_000, None, AGENT),
        "held_unproven/4/0": (DATES[5], 3_000, None, AGENT),
    }


async def test_an_item_tells_what_a_person_must_know(lived: Context) -> None:
    held = (await opened(lived))["held/1/0"]
    assert held.due_on == DUE
    assert held.card == card_bytes(1)
    assert held.body == {
        "reason": "terminal_unknown", "flags": [], "kind": "bus_flat", "batch": 1,
        "tapped_at": "2026-01-05T08:01:00", "amount_fen": 50, "credited_fen": 0,
    }  # fmt: skip


async def test_what_becomes_of_items(lived: Context) -> None:
    assert await changes(lived) == {
        "held/1/0": [(DATES[1], "closed", "released", True)],
        # Once, though the card's money does not cover it on the next date either.
        "refund/2/1": [(DUE, "open", "restated", False)],
        "refund/2/0": [(DUE, "closed", "paid", False)],
        "load_without_log/2/3": [(DATES[2], "closed", "matched", False)],
        "log_without_load/1/A2": [(DATES[5], "closed", "matched", False)],
    }


async def test_a_refund_is_paid_to_its_agent_when_it_is_due(lived: Context) -> None:
    async with store.reading(lived.dsn) as connection:
        positions = {
            (row.purse, row.participant): row.amount_fen
            for row in await store.read_positions(connection, DUE)
        }
        paid = await store.read_instructions(connection, DUE)
        adjustments = await items.read_adjustments(connection, DUE)
        entries = {row.entry_id: row for row in await store.read_entries(connection, DUE)}
        table = msgspec.json.decode(await store.read_paper(connection, DUE, floats.PAPER) or b"")
        [restated] = await items.read_history(connection, "refund/2/1", DUE)
    assert positions[Purse.PRINCIPAL, "refund_agent/13"] == 4_000
    assert positions[Purse.PRINCIPAL, "issuer/1"] == -4_000
    assert [(row.debtor, row.creditor, row.amount_fen) for row in paid] == [
        ("centre", "refund_agent/13", 4_000)
    ]
    [row] = adjustments
    assert (row.card, row.item_id, row.amount_fen) == (card_bytes(4), "refund/2/0", -4_000)
    assert entries[row.entry_id].corrects == "tap 2/0"
    assert table[0]["adjusted_fen"] == -4_000
    assert table[0]["closing_fen"] == table[0]["book_fen"] - 4_000
    assert restated.body == {"why": NOT_COVERED, "owed_fen": 5_000}


async def test_money_of_items_is_the_balance_of_their_accounts(lived: Context) -> None:
    connection = await asyncpg.connect(lived.dsn)
    try:
        for day in DATES:
            balances = await connection.fetch(
                "SELECT account_no, -sum(amount_fen)::bigint FROM clearing.trial_balance"
                " WHERE code ~ 'suspense|unclaimed' AND business_date <= $1 GROUP BY 1"
                " HAVING sum(amount_fen) <> 0",
                day,
            )
            moneys = await read_moneys(connection, day)
            assert {number: fen for number, fen in moneys.items() if fen} == dict(
                tuple(row) for row in balances
            )
    finally:
        await connection.close()
