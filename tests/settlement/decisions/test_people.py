"""Two people: who may propose and decide, once, whatever happens at the same moment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import asyncpg
import pytest

from clearing.engine import Engine
from clearing.store import Connection, change_registry
from schemas.batch import to_binary
from schemas.items import Action, ItemOutcome, ItemState
from schemas.registry import Staff
from settlement.context import Context
from settlement.day import settle_day
from settlement.decisions import DecisionRefused, Words, decide, propose
from settlement.store import decisions as store
from settlement.store import items
from settlement.store.decisions import Decision, Proposal
from settlement.store.items import Standing
from tests import world
from tests.settlement import night
from tests.settlement.decisions import town
from tests.settlement.decisions.town import ANNA, BO, CHEN, NEXT
from tests.world import BUS, Card

WHY = Words("the terminal is registered now")
ITEM = "held/1/0"


async def release(connection: Connection, context: Context, by: str = ANNA) -> Proposal:
    return await propose(connection, context, ITEM, Action.RELEASE, WHY, by)


async def booked(connection: Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT entry_id FROM clearing.entry WHERE starts_with(entry_id, 'item/') ORDER BY 1"
    )
    return [row[0] for row in rows]


async def standing(connection: Connection, item_id: str = ITEM) -> Standing:
    [found] = await items.read_standing(connection, NEXT, open_only=False, item_ids=[item_id])
    return found


async def test_who_proposes_never_decides(held: Context, connection: Connection) -> None:
    proposal = await release(connection, held)
    with pytest.raises(DecisionRefused, match="anna proposed this"):
        await decide(connection, held, proposal.proposal_no, True, "me too", ANNA)
    assert await booked(connection) == []
    # The database holds it against whoever writes past these functions.
    decision = Decision(
        proposal_no=proposal.proposal_no, approved=True, decided_by=ANNA, why="", clock_s=0,
        business_date=NEXT,
    )  # fmt: skip
    with pytest.raises(asyncpg.RaiseError, match="cannot decide it"):
        await store.add_decision(connection, decision)
    await decide(connection, held, proposal.proposal_no, True, "", BO)
    assert await booked(connection) == [f"item/{proposal.proposal_no}"]


async def test_only_staff_in_force(held: Context, connection: Connection) -> None:
    with pytest.raises(DecisionRefused, match="zoe is not on the staff"):
        await release(connection, held, "zoe")
    async with connection.transaction():
        left = Staff(name=BO, key_sha256="0" * 64, until=NEXT)
        comes = Staff(name=CHEN, key_sha256="0" * 64, since=NEXT.replace(day=7))
        await change_registry(connection, [("staff", left), ("staff", comes)])
    proposal = await release(connection, held)
    for name in (BO, CHEN):
        with pytest.raises(DecisionRefused, match="not on the staff"):
            await decide(connection, held, proposal.proposal_no, True, "", name)


async def test_one_proposal_at_a_time(held: Context, connection: Connection) -> None:
    first = await release(connection, held)
    assert (await release(connection, held)).proposal_no == first.proposal_no
    with pytest.raises(DecisionRefused, match=f"Proposal {first.proposal_no} .* is open"):
        await propose(connection, held, ITEM, Action.REJECT, WHY, ANNA)
    with pytest.raises(DecisionRefused, match="is open: release, by anna"):
        await release(connection, held, BO)
    await decide(connection, held, first.proposal_no, False, "ask the operator first", BO)
    again = await release(connection, held, BO)
    assert again.proposal_no == first.proposal_no + 1


async def test_two_proposals_at_the_same_moment(held: Context) -> None:
    async def one(name: str) -> Proposal | DecisionRefused:
        connection = await asyncpg.connect(held.dsn)
        try:
            return await release(connection, held, name)
        except DecisionRefused as refused:
            return refused
        finally:
            await connection.close()

    found = await asyncio.gather(*(one(name) for name in (ANNA, BO, CHEN)))
    assert sum(isinstance(each, Proposal) for each in found) == 1


async def test_a_declined_proposal_changes_nothing(held: Context, connection: Connection) -> None:
    proposal = await release(connection, held)
    await decide(connection, held, proposal.proposal_no, False, "not the operator's", BO)
    now = await standing(connection)
    assert (now.state, now.outcome, now.changes) == (ItemState.OPEN, ItemOutcome.OPENED, 0)
    assert await booked(connection) == []
    row = await connection.fetchrow(
        "SELECT business_date, body FROM clearing.event WHERE kind = 'item decided'"
    )
    assert row["business_date"] == NEXT
    assert "not the operator's" in row["body"]
    with pytest.raises(DecisionRefused, match="was declined by bo"):
        await decide(connection, held, proposal.proposal_no, True, "", CHEN)


async def test_the_same_command_again_books_nothing(held: Context, connection: Connection) -> None:
    proposal = await release(connection, held)
    first = await decide(connection, held, proposal.proposal_no, True, "yes", BO)
    assert await decide(connection, held, proposal.proposal_no, True, "yes again", BO) == first
    with pytest.raises(DecisionRefused, match="was approved by bo"):
        await decide(connection, held, proposal.proposal_no, False, "", BO)
    with pytest.raises(DecisionRefused, match="closed: released"):
        await release(connection, held)
    assert await booked(connection) == [f"item/{proposal.proposal_no}"]
    assert (await standing(connection)).changes == 1
    with pytest.raises(DecisionRefused, match="There is no proposal 99"):
        await decide(connection, held, 99, True, "", BO)


async def test_of_two_who_decide_at_the_same_moment_one_wins(
    held: Context, connection: Connection
) -> None:
    for item_id in ("held/1/0", "held/1/1", "held/2/0"):
        proposal = await propose(connection, held, item_id, Action.RELEASE, WHY, ANNA)
        number = proposal.proposal_no

        async def one(name: str, number: int = number) -> Decision | DecisionRefused:
            own = await asyncpg.connect(held.dsn)
            try:
                return await decide(own, held, number, name == BO, "", name)
            except DecisionRefused as refused:
                return refused
            finally:
                await own.close()

        found = await asyncio.gather(*(one(name) for name in (BO, CHEN, BO, CHEN)))
        won = {(each.decided_by, each.approved) for each in found if isinstance(each, Decision)}
        assert len(won) == 1
        approved = won == {(BO, True)}
        assert (f"item/{number}" in await booked(connection)) == approved
        assert (await standing(connection, item_id)).changes == int(approved)
    await town.check_books(connection)


async def test_what_is_approved_is_what_was_proposed(held: Context, connection: Connection) -> None:
    proposal = await release(connection, held)
    now = await standing(connection)
    await items.add_changes(
        connection,
        [now.change(NEXT, ItemState.OPEN, ItemOutcome.RESTATED, amount_fen=40, account_no=now.account_no)],
    )  # fmt: skip
    with pytest.raises(DecisionRefused, match="not as it was when proposal"):
        await decide(connection, held, proposal.proposal_no, True, "", BO)
    assert await booked(connection) == []
    await decide(connection, held, proposal.proposal_no, False, "", BO)


async def test_an_item_that_closed_meanwhile_is_not_booked(
    held: Context, connection: Connection
) -> None:
    proposal = await propose(connection, held, "torn/1/2", Action.RELEASE, WHY, ANNA)
    now = await standing(connection, "torn/1/2")
    change = now.change(NEXT, ItemState.CLOSED, ItemOutcome.NOT_DEBITED)
    await items.add_changes(connection, [change])
    with pytest.raises(DecisionRefused, match="is closed: not_debited"):
        await decide(connection, held, proposal.proposal_no, True, "", BO)


async def test_while_a_night_is_running_nothing_is_decided(
    held: Context, connection: Connection
) -> None:
    proposal = await release(connection, held)
    await settle_day(held, NEXT, until="complete")
    sentence = f"The night of {NEXT} is not through its audit yet"
    with pytest.raises(DecisionRefused, match=sentence) as refused:
        await decide(connection, held, proposal.proposal_no, True, "", BO)
    assert f"onecard settle --date {NEXT}" in refused.value.remedy
    with pytest.raises(DecisionRefused, match=sentence):
        await propose(connection, held, "held/2/0", Action.RELEASE, WHY, ANNA)
    await settle_day(held, NEXT, until="audited")
    decision = await decide(connection, held, proposal.proposal_no, True, "", BO)
    assert decision.business_date == NEXT.replace(day=7)
    # The night goes on, and its date knows nothing of what was decided after it.
    await settle_day(held, NEXT)
    [then] = await items.read_standing(connection, NEXT, open_only=False, item_ids=[ITEM])
    assert then.state == ItemState.OPEN


async def test_an_engine_commits_beside_decisions(held: Context, connection: Connection) -> None:
    proposals = [
        await propose(connection, held, item_id, Action.RELEASE, WHY, ANNA)
        for item_id in ("held/1/0", "held/1/1", "held/2/0", "excess/1/3")
    ]
    engine = await Engine.start(held.dsn, held.node, night.KERNEL)
    try:
        card = Card(17)
        batches = [
            world.batch(
                BUS,
                number,
                card.tap(BUS, 50, at=f"20260106083{number:03}", gross_fen=100),
                "20260106",
            )
            for number in range(10, 18)
        ]

        async def hand_in() -> None:
            for each in batches:
                await engine.clear_batch(to_binary(each))

        async def approve() -> None:
            for each in proposals:
                await decide(connection, held, each.proposal_no, True, "", BO)

        await asyncio.gather(hand_in(), approve())
    finally:
        await engine.close()
    assert len(await booked(connection)) == len(proposals)
    await settle_day(held, NEXT)


async def test_a_kill_loses_no_proposal_and_leaves_no_half_decision(
    held: Context, connection: Connection
) -> None:
    """A person's process is killed in the middle of approving; another one finishes the work."""
    proposal = await release(connection, held)
    blocker = await asyncpg.connect(held.dsn)
    # Whoever decides has written nearly everything when it waits here for its event.
    await blocker.execute("BEGIN")
    await blocker.execute("LOCK TABLE clearing.event IN ACCESS EXCLUSIVE MODE")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _DECIDING, held.dsn, str(held.node.home), str(proposal.proposal_no),
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        await _waits_for_a_lock(connection)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    finally:
        await blocker.execute("ROLLBACK")
        await blocker.close()
    await _is_alone(connection)
    assert await booked(connection) == []
    assert (await standing(connection)).state == ItemState.OPEN
    [row] = await store.read_proposals(connection, open_only=True)
    assert row.proposal.proposal_no == proposal.proposal_no
    await decide(connection, held, proposal.proposal_no, True, "", BO)
    assert await booked(connection) == [f"item/{proposal.proposal_no}"]


_DECIDING = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    import asyncpg
    from clearing import store
    from clearing.keys.signing import SigningKey
    from clearing.node import Node
    from settlement.context import Context
    from settlement.decisions import decide
    from tests import world

    async def main(dsn, home, number):
        connection = await asyncpg.connect(dsn)
        row = await store.read_node(connection)
        keys = world.WorldKeys(world.OWN_ISSUER, "7100")
        key = SigningKey.from_seed(b"n" * 32)
        node = Node(row, Path(home), world.LIMITS, keys, key, b"s" * 32)
        await decide(connection, Context(dsn, node), int(number), True, "", "bo")

    asyncio.run(main(*sys.argv[1:]))
    """
)


async def _waits_for_a_lock(connection: Connection) -> None:
    async with asyncio.timeout(60):
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.02)


async def _is_alone(connection: Connection) -> None:
    async with asyncio.timeout(60):
        while await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle'"
        ):
            await asyncio.sleep(0.02)


async def test_every_answer_says_what_to_do(held: Context, connection: Connection) -> None:
    with pytest.raises(DecisionRefused) as refused:
        await propose(connection, held, ITEM, Action.RELEASE, Words(" "), ANNA)
    assert refused.value.remedy
