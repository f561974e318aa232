"""What was decided on a date is settled by its night: positions, fees, payments, float, verify."""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec

from schemas.codes import Purse
from schemas.items import Action
from settlement import floats, store
from settlement.context import Context
from settlement.day import settle_day
from settlement.verify import verify_day
from tests.settlement.decisions import town
from tests.settlement.decisions.test_actions import done, standing
from tests.settlement.decisions.town import NEXT
from tests.world import OPEN

DECIDED = [
    ("held/1/0", Action.RELEASE),
    ("held/1/1", Action.RELEASE),
    ("excess/1/1", Action.RETURN),
    ("held/2/0", Action.RELEASE),
    ("held/1/8", Action.RELEASE),
    ("excess/1/3", Action.RETURN),
    ("unclaimed/1/4", Action.RETURN),
    ("torn/1/2", Action.RELEASE),
    ("refund/3/2", Action.RELEASE),
    ("held_unproven/3/0", Action.RELEASE),
    ("held_unproven/3/1", Action.RELEASE),
    ("held_unproven/1/5", Action.RELEASE),
    ("held_unproven/3/4", Action.DISMISS),
]


async def positions(connection: asyncpg.Connection[Any]) -> dict[tuple[int, str], int]:
    found = await store.read_positions(connection, NEXT)
    return {(row.purse, row.participant): row.amount_fen for row in found if row.amount_fen}


async def test_the_night_after_pays_what_was_decided(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    for item_id, action in DECIDED:
        await done(connection, held, item_id, action)
        await town.check_books(connection)
    await settle_day(held, NEXT)
    found = await positions(connection)
    fees = {name: fen for (purse, name), fen in found.items() if purse == Purse.FEES}
    principal = {name: fen for (purse, name), fen in found.items() if purse == Purse.PRINCIPAL}
    assert principal == {
        # Three held rides, one of them up to its price, and a torn one; the foreign one is unconfirmed.
        "operator/11": 200,
        "operator/12": 104,
        "driver/12": 1_196,
        # A top-up that it owes, a reversal that it is owed.
        "load_agent/13": -1_500,
        # Two excesses, one rejected ride, one card refund.
        "refund_agent/13": 30 + 30 + 50 + 4_000,
        "issuer/1": -(200 + 1_300 + 30 + 30 + 50 + 4_000 - 1_500),
    }
    assert sum(principal.values()) == 0
    # Five per mille of 300 (the foreign ride counts) and of 1,300 fen, rounded by the rule.
    assert fees == {"operator/11": -2, "operator/12": -7, "clearing_centre": 5, "issuer": 4}
    subsidies = {name: fen for (purse, name), fen in found.items() if purse == Purse.SUBSIDIES}
    assert subsidies == {"operator/11": 50, "budget": -50}
    paid = {row.creditor: row.amount_fen for row in await store.read_instructions(connection, NEXT)}
    assert sum(paid.values()) > 0
    table = msgspec.json.decode(await store.read_paper(connection, NEXT, floats.PAPER) or b"")
    # In: the held top-up. Out: torn ride, reversal, card refund. What was held had gone out before.
    assert (table[0]["in_fen"], table[0]["out_fen"]) == (2_000, 50 + 500 + 4_000)
    for operator, decided_fen, refund_fen in ((11, 200, 0), (12, 1_300, 0), (13, 0, 4_110)):
        name = f"operators/{operator}/statement.json"
        told = msgspec.json.decode(await store.read_paper(connection, NEXT, name) or b"")
        assert told["line"]["fare_fen"] == told["line"]["decided_fen"] == decided_fen
        assert told["line"]["refund_fen"] == refund_fen
        assert told["positions"]["principal"]["refund_agent"] == refund_fen
    for day in (OPEN, NEXT):
        assert await verify_day(held, day) == []


async def test_what_was_reversed_is_taken_from_the_operator(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    await done(connection, held, town.DOUBLE, Action.REVERSE)
    await settle_day(held, NEXT)
    # The agent that paid the cardholder is paid; what the operator owes the bank is asked of it.
    assert await positions(connection) == {
        (Purse.PRINCIPAL, "operator/11"): -50,
        (Purse.PRINCIPAL, "refund_agent/13"): 50,
    }
    assert await verify_day(held, NEXT) == []


async def test_the_night_leaves_what_people_settled(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    settled = {
        town.DOUBLE: Action.DISMISS,
        "torn/1/2": Action.DISMISS,
        "held/1/0": Action.REJECT,
        "held/2/0": Action.DENY,
        "excess/1/3": Action.WRITE_OFF,
        "refund/3/2": Action.DISMISS,
    }
    for item_id, action in settled.items():
        await done(connection, held, item_id, action)
    before = {item_id: await standing(connection, item_id) for item_id in settled}
    await settle_day(held, NEXT)
    for item_id in settled:
        assert await standing(connection, item_id) == before[item_id]
    assert await positions(connection) == {}
    assert await verify_day(held, NEXT) == []


async def test_a_damaged_decision_is_found(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    await done(connection, held, "held/2/0", Action.RELEASE)
    await settle_day(held, NEXT)
    await connection.execute("ALTER TABLE clearing.posting DISABLE TRIGGER append_only")
    await connection.execute(
        "UPDATE clearing.posting SET amount_fen = amount_fen + 1 WHERE entry_id = 'item/1'"
        " AND amount_fen < 0 AND line_no = 2"
    )
    findings = [finding.sentence for finding in await verify_day(held, NEXT)]
    assert any("item/1" in sentence for sentence in findings)
