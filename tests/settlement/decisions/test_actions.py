"""Each action on each kind of item: what it books, what becomes of the item, what follows from it."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from schemas.items import ACTIONS, Action, ItemKind, ItemOutcome, ItemState
from settlement.context import Context
from settlement.decisions import DecisionRefused, Words, decide, propose
from settlement.store import items
from settlement.store.items import Standing
from tests.settlement.decisions import town
from tests.settlement.decisions.town import ANNA, BO, NEXT
from tests.world import AGENT

SUSPENSE, LIABILITY, AGENT_BACK = "suspense", "card_liability/1", "refund_agent/13"
UNCLAIMED, OFF = "unclaimed/denylisted", "unclaimed/written_off"
PENDING = "province_pending"

Lines = dict[tuple[str, str], int]


def released(source: str, fen: int, old: str, **parts: int) -> Lines:
    """Out of suspense or unclaimed to the operator's side; the issuer's position takes it up."""
    found = {(source, "release"): fen, (LIABILITY, old): -fen, (LIABILITY, "release"): fen}
    return found | {(name.replace("_", "/"), "release"): -part for name, part in parts.items()}


def returned(source: str, fen: int, old: str = "") -> Lines:
    """Out of suspense or unclaimed to the agent that pays the cardholder."""
    found = {(source, "return"): fen, (AGENT_BACK, "return"): -fen}
    if old:
        found |= {(LIABILITY, old): -fen, (LIABILITY, "return"): fen}
    return found


def moved(debit: str, credit: str, purpose: str, fen: int) -> Lines:
    return {(debit, purpose): fen, (credit, purpose): -fen}


CASES: list[tuple[str, Action, Lines, int, ItemOutcome, list[tuple[str, int]]]] = [
    ("held/1/0", Action.RELEASE, released(SUSPENSE, 50, "held", operator_11=50), 0,
     ItemOutcome.RELEASED, []),
    ("held/1/1", Action.RELEASE, released(SUSPENSE, 50, "held", operator_11=50), 0,
     ItemOutcome.RELEASED, [("excess/1/1", 30)]),
    ("held/2/0", Action.RELEASE,
     released(SUSPENSE, 1_300, "held", operator_12=104, driver_12=1_196), 0,
     ItemOutcome.RELEASED, []),
    # A student's: the budget pays what the concession took off our gross fare, not off the device's.
    ("held/1/8", Action.RELEASE,
     released(SUSPENSE, 50, "held", operator_11=50)
     | {("subsidies/budget", "subsidy"): 50, ("subsidies/subsidy/11", "subsidy"): -50}, 0,
     ItemOutcome.RELEASED, []),
    ("held/1/0", Action.REJECT, moved(SUSPENSE, "unclaimed/terminal_unknown", "rejected", 50), 0,
     ItemOutcome.REJECTED, [("unclaimed/1/0", 50)]),
    ("held/1/0", Action.RETURN, returned(SUSPENSE, 50, "held"), 0, ItemOutcome.RETURNED, []),
    ("held/1/0", Action.DENY, {}, 0, ItemOutcome.DENIED, []),
    ("held_unproven/1/5", Action.RELEASE,
     {(PENDING, "fare_unconfirmed"): 100, (PENDING, "excess"): 30,
      ("operator/11", "fare_unconfirmed"): -100, (SUSPENSE, "excess"): -30}, 0,
     ItemOutcome.RELEASED, [("excess/1/5", 30)]),
    ("held_unproven/3/0", Action.RELEASE, moved("load_agent/13", LIABILITY, "top_up", 2_000), 2_000,
     ItemOutcome.RELEASED, []),
    ("held_unproven/3/1", Action.RELEASE, moved(LIABILITY, "load_agent/13", "top_up", 500), -500,
     ItemOutcome.RELEASED, []),
    ("held_unproven/3/3", Action.RELEASE, moved("load_agent/13", PENDING, "top_up", 2_000), 0,
     ItemOutcome.RELEASED, []),
    ("held_unproven/3/4", Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    ("unclaimed/1/4", Action.RELEASE, released(UNCLAIMED, 50, "rejected", operator_11=50), 0,
     ItemOutcome.RELEASED, []),
    ("unclaimed/1/4", Action.RETURN, returned(UNCLAIMED, 50, "rejected"), 0,
     ItemOutcome.RETURNED, []),
    ("unclaimed/1/4", Action.WRITE_OFF, moved(UNCLAIMED, OFF, "write_off", 50), 0,
     ItemOutcome.WRITTEN_OFF, []),
    ("unclaimed/1/4", Action.DENY, {}, 0, ItemOutcome.DENIED, []),
    ("excess/1/3", Action.RETURN, returned(SUSPENSE, 30, "excess"), 0, ItemOutcome.RETURNED, []),
    ("excess/1/3", Action.RELEASE, released(SUSPENSE, 30, "excess", operator_11=30), 0,
     ItemOutcome.RELEASED, []),
    ("excess/1/3", Action.WRITE_OFF, moved(SUSPENSE, OFF, "write_off", 30), 0,
     ItemOutcome.WRITTEN_OFF, []),
    ("torn/1/2", Action.RELEASE, moved(LIABILITY, "operator/11", "release", 50), -50,
     ItemOutcome.RELEASED, []),
    ("torn/1/2", Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    ("refund/3/2", Action.RELEASE, moved(LIABILITY, AGENT_BACK, "refund", 4_000), -4_000,
     ItemOutcome.RELEASED, []),
    ("refund/3/2", Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.CHAIN_GAP, Action.WRITE_OFF, moved("unclaimed/chain_gap", OFF, "write_off", 120), 0,
     ItemOutcome.WRITTEN_OFF, []),
    (town.CHAIN_GAP, Action.RETURN, returned("unclaimed/chain_gap", 120), 0,
     ItemOutcome.RETURNED, []),
    (town.CHAIN_GAP, Action.DENY, {}, 0, ItemOutcome.DENIED, []),
    (town.PENDING_GAP, Action.DENY, {}, 0, ItemOutcome.DENIED, []),
    (town.PENDING_GAP, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.CHAIN_RISE, Action.DENY, {}, 0, ItemOutcome.DENIED, []),
    (town.CHAIN_RISE, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.CHAIN_BREAK, Action.DENY, {}, 0, ItemOutcome.DENIED, []),
    (town.CHAIN_BREAK, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.DOUBLE, Action.REVERSE, moved("operator/11", AGENT_BACK, "return", 50), 0,
     ItemOutcome.REVERSED, []),
    (town.DOUBLE, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.TRANSFER, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.TERMINAL_GAP, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.TERMINAL_REPEAT, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.NO_LOG, Action.REJECT, moved(LIABILITY, "load_agent/13", "refusal", 1_000), -1_000,
     ItemOutcome.REJECTED, []),
    (town.NO_LOG, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
    (town.NO_LOAD, Action.BOOK_LOAD, moved("load_agent/13", LIABILITY, "top_up", 3_000), 3_000,
     ItemOutcome.BOOKED, []),
    (town.NO_LOAD, Action.DISMISS, {}, 0, ItemOutcome.DISMISSED, []),
]  # fmt: skip

STAYS_OPEN = {"held/1/0", "unclaimed/1/4", town.CHAIN_GAP, town.PENDING_GAP}
"""Items with money in them, which wait on when their card is denied."""

BACK = {Action.RETURN, Action.REVERSE}


def words(action: Action) -> Words:
    return Words("seen by two", AGENT if action in BACK else 0)


async def done(
    connection: asyncpg.Connection[Any], context: Context, item_id: str, action: Action
) -> int:
    """Anna proposes, Bo approves; returns the proposal's number."""
    proposal = await propose(connection, context, item_id, action, words(action), ANNA)
    await decide(connection, context, proposal.proposal_no, True, "agreed", BO)
    return proposal.proposal_no


async def standing(connection: asyncpg.Connection[Any], item_id: str) -> Standing:
    [found] = await items.read_standing(connection, NEXT, open_only=False, item_ids=[item_id])
    return found


def test_every_action_on_every_kind_has_a_case() -> None:
    kinds = {(ItemKind(item_id.split("/")[0]), action) for item_id, action, *_ in CASES}
    assert kinds == {(kind, action) for kind, actions in ACTIONS.items() for action in actions}


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
async def test_action(held: Context, connection: asyncpg.Connection[Any], case: Any) -> None:
    item_id, action, lines, adjusted_fen, outcome, opened = case
    await town.add_other_items(connection)
    owed_before = await town.owed_to_cards(connection)
    number = await done(connection, held, item_id, action)
    now = await standing(connection, item_id)
    stays = action == Action.DENY and item_id in STAYS_OPEN
    assert (now.state, now.outcome) == (ItemState.OPEN if stays else ItemState.CLOSED, outcome)
    assert await town.lines_of(connection, f"item/{number}") == lines
    owed = await town.owed_to_cards(connection)
    change = tuple(after - before for after, before in zip(owed, owed_before, strict=True))
    assert change == (adjusted_fen, adjusted_fen)
    for other, fen in opened:
        follows = await standing(connection, other)
        assert (follows.state, follows.amount_fen) == (ItemState.OPEN, fen)
        assert follows.item.opened_on == NEXT
    await town.check_books(connection)
    change_row = await connection.fetchrow(
        "SELECT entry_id, proposal_no, business_date FROM settlement.item_change"
        " WHERE item_id = $1 ORDER BY change_no DESC LIMIT 1",
        item_id,
    )
    assert tuple(change_row) == (f"item/{number}" if lines else None, number, NEXT)
    event = await connection.fetchrow(
        "SELECT business_date, body::jsonb ->> 'decided_by' FROM clearing.event"
        " WHERE kind = 'item decided' AND subject = $1",
        str(number),
    )
    assert tuple(event) == (NEXT, BO)


async def test_an_entry_names_what_it_corrects(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    await town.add_other_items(connection)
    await done(connection, held, "held/2/0", Action.RELEASE)
    await done(connection, held, town.NO_LOAD, Action.BOOK_LOAD)
    rows = await connection.fetch(
        "SELECT corrects, batch_seq, business_date FROM clearing.entry"
        " WHERE starts_with(entry_id, 'item/') ORDER BY entry_id"
    )
    assert [tuple(row) for row in rows] == [
        ("tap 2/0", 2, NEXT),
        (f"item {town.NO_LOAD}", None, NEXT),
    ]


async def test_what_was_rejected_or_written_off_can_still_be_returned(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    await done(connection, held, "held/1/0", Action.REJECT)
    await done(connection, held, "unclaimed/1/0", Action.WRITE_OFF)
    await town.check_books(connection)
    number = await done(connection, held, "unclaimed/1/0", Action.RETURN)
    assert await town.lines_of(connection, f"item/{number}") == returned(OFF, 50, "held")
    await town.check_books(connection)
    with pytest.raises(DecisionRefused, match="closed: returned"):
        await done(connection, held, "unclaimed/1/0", Action.RETURN)


async def test_a_denied_card_stands_on_the_next_denylist(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    await done(connection, held, "held/1/0", Action.DENY)
    await done(connection, held, "unclaimed/1/4", Action.DENY)
    rows = await connection.fetch(
        "SELECT kind, key, body::jsonb ->> 'version' FROM clearing.registry"
        " WHERE kind IN ('denied', 'denylist') AND version_to IS NULL ORDER BY 3, 1"
    )
    # The second card was denied before, so nothing was published for it.
    assert [(row[0], row[2]) for row in rows] == [
        ("denied", "1"), ("denied", "2"), ("denylist", "2"),
    ]  # fmt: skip
    assert rows[1][1].endswith("0" * 11 + "1")
    changes = await connection.fetch(
        "SELECT body::jsonb ->> 'denylist' FROM settlement.item_change WHERE proposal_no IS NOT NULL"
        " ORDER BY proposal_no"
    )
    assert [row[0] for row in changes] == ["2", "1"]


@pytest.mark.parametrize(
    ("item_id", "action", "said"),
    [
        ("held/1/0", Action.BOOK_LOAD, "nothing that can be done"),
        ("held/9/9", Action.RELEASE, "There is no item"),
        (town.PENDING_GAP, Action.WRITE_OFF, "Nothing is booked"),
        (town.CHAIN_GAP, Action.DISMISS, "would be nobody's"),
        ("held_unproven/3/4", Action.RELEASE, "moves no money"),
        ("held_unproven/3/6", Action.RELEASE, "no TAC"),
    ],
)
async def test_what_cannot_be_done_is_refused_when_it_is_proposed(
    held: Context, connection: asyncpg.Connection[Any], item_id: str, action: Action, said: str
) -> None:
    await town.add_other_items(connection)
    with pytest.raises(DecisionRefused, match=said):
        await propose(connection, held, item_id, action, words(action), ANNA)
    assert await connection.fetchval("SELECT count(*) FROM settlement.proposal") == 0


@pytest.mark.parametrize("agent", [0, 77])
async def test_a_return_names_an_operator_that_pays(
    held: Context, connection: asyncpg.Connection[Any], agent: int
) -> None:
    with pytest.raises(DecisionRefused):
        await propose(connection, held, "held/1/0", Action.RETURN, Words("why", agent), ANNA)


async def test_a_proposal_opens_no_account(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    query = "SELECT count(*) FROM clearing.account"
    before = await connection.fetchval(query)
    proposal = await propose(connection, held, "held/1/0", Action.RETURN, Words("why", AGENT), ANNA)
    assert await connection.fetchval(query) == before
    assert ["principal/refund_agent/13", "return", -50] in proposal.body["would"]["postings"]
