"""A day on which the rules were 1 yuan short of the fare: proposed, approved, booked, proven."""

from __future__ import annotations

import asyncio

import asyncpg
import msgspec
import pytest

from clearing.store import Connection
from schemas.codes import Purse
from schemas.items import Action, ItemKind, ItemOutcome, ItemState
from settlement import floats, store
from settlement.context import Context
from settlement.day import settle_day
from settlement.decisions import DecisionRefused, Words
from settlement.decisions import decide as decide_item
from settlement.decisions import propose as propose_item
from settlement.store import items, reclears
from settlement.verify import verify_day
from tests.settlement.decisions.town import check_books, lines_of
from tests.settlement.reclearing import town
from tests.settlement.reclearing.town import ANNA, BO, CHEN, NEXT, OPEN

SEALED_COLUMNS = "taps_root, ledger_root, events_root, papers_root, seal"


async def entries(connection: Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT entry_id FROM clearing.entry WHERE starts_with(entry_id, 'reclear/') ORDER BY 1"
    )
    return [row[0] for row in rows]


async def standing(connection: Connection, item_id: str) -> items.Standing:
    [found] = await items.read_standing(connection, NEXT, open_only=False, item_ids=[item_id])
    return found


async def sealed(connection: Connection) -> list[object]:
    """Everything that the sealed date fixed."""
    day = await connection.fetchrow(
        f"SELECT {SEALED_COLUMNS} FROM clearing.business_day WHERE business_date = $1", OPEN
    )
    papers = await store.read_papers(connection, OPEN)
    taps = await connection.fetch("SELECT * FROM clearing.tap WHERE business_date = $1", OPEN)
    return [tuple(day), papers, sorted(map(tuple, taps))]


async def test_the_list_says_what_was_and_what_is_right(
    wrong: Context, connection: Connection
) -> None:
    version = await town.put(connection, town.RIGHT)
    proposal = await town.propose(connection, wrong)
    assert (proposal.corrects, proposal.rules_version, proposal.taps) == (OPEN, version, 5)
    found = {tap.row_no: tap for tap in await reclears.read_list(connection, proposal.proposal_no)}
    money = {
        row: (tap.was.credited_fen, tap.becomes.credited_fen, tap.was.subsidy_fen, tap.becomes.subsidy_fen)
        for row, tap in found.items()
    }  # fmt: skip
    assert money == {
        town.FIRST: (50, 100, 0, 0),
        town.SECOND: (50, 100, 0, 0),
        town.STUDENT: (50, 100, 50, 100),
        town.HELD: (0, 0, 0, 0),
        town.SENIOR: (0, 0, 100, 200),
    }
    assert all(sum(delta.amount_fen for delta in tap.deltas) == 0 for tap in found.values())
    summary = proposal.body["summary"]
    assert summary["by_operator"] == [
        {"operator": 11, "taps": 5, "credited_fen": 150, "subsidy_fen": 150, "waiting_fen": -150}
    ]
    assert {row["account"]: row["amount_fen"] for row in summary["by_account"]} == {
        "principal/operator/11": -150, "principal/suspense": 150,
        "subsidies/budget": 150, "subsidies/subsidy/11": -150,
    }  # fmt: skip
    # The cheap ride is now below the tariff, which is the operator's loss and moves nothing.
    assert summary["silent"] == 1
    assert summary["left_out"] == [
        {"why": "other_city", "operator": 11, "taps": 1, "credited_fen": 100, "first": ["1:4"]}
    ]
    assert await entries(connection) == []


async def test_two_people_book_it_on_the_open_date(wrong: Context, connection: Connection) -> None:
    await town.put(connection, town.RIGHT)
    before = await sealed(connection)
    proposal = await town.propose(connection, wrong)
    number = proposal.proposal_no
    with pytest.raises(DecisionRefused, match="anna proposed this"):
        await town.approve(connection, wrong, number, ANNA)
    assert await entries(connection) == []
    await town.approve(connection, wrong, number)
    assert await entries(connection) == [f"reclear/{number}/1"]
    assert await lines_of(connection, f"reclear/{number}/1") == {
        ("suspense", "excess"): 150,
        ("card_liability/1", "excess"): -150,
        ("card_liability/1", "reclear"): 150,
        ("operator/11", "reclear"): -150,
        ("subsidies/budget", "subsidy"): 150,
        ("subsidies/subsidy/11", "subsidy"): -150,
    }
    row = await connection.fetchrow(
        "SELECT business_date, batch_seq, corrects FROM clearing.entry WHERE entry_id = $1",
        f"reclear/{number}/1",
    )
    assert tuple(row) == (NEXT, 1, f"{OPEN}")
    for tap in (town.FIRST, town.SECOND, town.STUDENT):
        now = await standing(connection, f"excess/1/{tap}")
        assert (now.state, now.outcome, now.account_no) == (
            ItemState.CLOSED, ItemOutcome.RECLEARED, None,
        )  # fmt: skip
    # Another city's card keeps its excess; what is held still waits.
    assert (await standing(connection, "excess/1/4")).state == ItemState.OPEN
    assert (await standing(connection, "held/1/5")).changes == 0
    await check_books(connection)
    assert await sealed(connection) == before


async def test_the_night_after_pays_it_and_both_dates_verify(
    wrong: Context, connection: Connection
) -> None:
    proposal = await town.corrected(connection, wrong, town.RIGHT)
    await settle_day(wrong, NEXT)
    positions = {
        row.participant: row.amount_fen
        for row in await store.read_positions(connection, NEXT)
        if row.amount_fen and row.purse == Purse.PRINCIPAL
    }
    assert positions == {"operator/11": 150, "issuer/1": -150}
    paper = await store.read_paper(connection, NEXT, "operators/11/statement.json")
    told = msgspec.json.decode(paper or b"")
    assert (told["line"]["fare_fen"], told["line"]["corrected_fen"]) == (150, 150)
    assert told["corrections"] == [
        {
            "corrects": f"{OPEN}", "proposal": proposal.proposal_no, "rules_version": 2,
            "operator": 11, "taps": 5, "credited_fen": 150, "subsidy_fen": 150, "waiting_fen": -150,
        }
    ]  # fmt: skip
    # Nothing came onto cards or left them: a debit was called by another name.
    table = msgspec.json.decode(await store.read_paper(connection, NEXT, floats.PAPER) or b"")
    assert (table[0]["in_fen"], table[0]["out_fen"]) == (0, 0)
    for day in (OPEN, NEXT):
        assert await verify_day(wrong, day) == []


async def test_a_held_tap_is_released_at_the_right_price(
    wrong: Context, connection: Connection
) -> None:
    """It was judged at 50 fen and stays held; what two people decide later goes by the correction."""
    await town.corrected(connection, wrong, town.RIGHT)
    made = await propose_item(
        connection, wrong, "held/1/5", Action.RELEASE, Words("registered now"), ANNA
    )
    await decide_item(connection, wrong, made.proposal_no, True, "", BO)
    assert (await lines_of(connection, f"item/{made.proposal_no}"))[
        "operator/11", "release"
    ] == -100
    await check_books(connection)


async def test_the_same_again_and_another_in_the_way(
    wrong: Context, connection: Connection
) -> None:
    await town.put(connection, town.RIGHT)
    first = await town.propose(connection, wrong)
    assert (await town.propose(connection, wrong)).proposal_no == first.proposal_no
    with pytest.raises(DecisionRefused, match=f"Proposal {first.proposal_no} .* is open, by anna"):
        await town.propose(connection, wrong, CHEN)
    decision = await town.approve(connection, wrong, first.proposal_no)
    assert await town.approve(connection, wrong, first.proposal_no) == decision
    assert len(await entries(connection)) == 1
    with pytest.raises(DecisionRefused, match="Nothing of 2026-01-05 would be booked otherwise"):
        await town.propose(connection, wrong)


async def test_a_number_of_the_other_kind_is_told_its_command(
    wrong: Context, connection: Connection
) -> None:
    await town.put(connection, town.RIGHT)
    dated = (await town.propose(connection, wrong)).proposal_no
    about = await propose_item(
        connection, wrong, f"held/1/{town.HELD}", Action.RELEASE, Words("so"), ANNA
    )
    with pytest.raises(DecisionRefused, match=f"{dated} is to re-clear {OPEN}") as refused:
        await decide_item(connection, wrong, dated, True, "", BO)
    assert f"onecard reclear approve {dated}" in refused.value.remedy
    with pytest.raises(
        DecisionRefused, match="is to release held/1/5; it is about no date"
    ) as other:
        await town.approve(connection, wrong, about.proposal_no)
    assert f"onecard items approve {about.proposal_no}" in other.value.remedy
    assert await entries(connection) == []


async def test_declined_books_nothing(wrong: Context, connection: Connection) -> None:
    await town.put(connection, town.RIGHT)
    proposal = await town.propose(connection, wrong)
    await town.reject(connection, wrong, proposal.proposal_no)
    assert await entries(connection) == []
    assert (await standing(connection, "excess/1/0")).changes == 0
    with pytest.raises(DecisionRefused, match="was declined by bo"):
        await town.approve(connection, wrong, proposal.proposal_no, CHEN)
    again = await town.propose(connection, wrong, CHEN)
    assert again.proposal_no == proposal.proposal_no + 1
    await settle_day(wrong, NEXT)
    assert await verify_day(wrong, NEXT) == []


async def test_nothing_differs_and_no_proposal_is_made(
    wrong: Context, connection: Connection
) -> None:
    with pytest.raises(DecisionRefused, match="Nothing of 2026-01-05 would be booked otherwise"):
        await town.propose(connection, wrong)
    assert await connection.fetchval("SELECT count(*) FROM settlement.proposal") == 0
    with pytest.raises(DecisionRefused, match="no version 7 of the rules"):
        await town.propose(connection, wrong, version=7)


async def test_only_a_sealed_date(wrong: Context, connection: Connection) -> None:
    day = await store.read_day(connection, NEXT)
    with pytest.raises(DecisionRefused, match="2026-01-06 is not sealed, it is open"):
        await town.compute(wrong, day, None)


async def test_what_was_decided_before_is_left_out(wrong: Context, connection: Connection) -> None:
    made = await propose_item(
        connection, wrong, "excess/1/0", Action.RETURN, Words("he asked for it", 13), ANNA
    )
    await decide_item(connection, wrong, made.proposal_no, True, "", BO)
    await town.put(connection, town.RIGHT)
    proposal = await town.propose(connection, wrong)
    assert proposal.taps == 4
    assert {row["why"]: row["first"] for row in proposal.body["summary"]["left_out"]} == {
        "decided": ["1:0"], "other_city": ["1:4"],
    }  # fmt: skip
    await town.approve(connection, wrong, proposal.proposal_no)
    await check_books(connection)


async def test_a_transfer_that_is_to_be_proven_is_left_out(
    wrong: Context, connection: Connection
) -> None:
    """A night will book it by the rules of its batch, so a correction must not."""
    await town.put(connection, town.RIGHT)
    waits = items.Item(
        item_id="transfer/1/0", kind=ItemKind.TRANSFER, opened_on=OPEN, batch_seq=1, row_no=0,
        operator_no=11, amount_fen=20, due_on=NEXT,
    )  # fmt: skip
    await items.add_items(connection, [waits])
    proposal = await town.propose(connection, wrong)
    left_out = {row["why"]: row["first"] for row in proposal.body["summary"]["left_out"]}
    assert left_out == {"decided": ["1:0"], "other_city": ["1:4"]}


async def test_a_stale_proposal_is_refused(wrong: Context, connection: Connection) -> None:
    await town.put(connection, town.RIGHT)
    proposal = await town.propose(connection, wrong)
    made = await propose_item(
        connection, wrong, "excess/1/1", Action.RETURN, Words("he asked for it", 13), ANNA
    )
    await decide_item(connection, wrong, made.proposal_no, True, "", BO)
    with pytest.raises(DecisionRefused, match="Something became of tap 1:1 after re-clearing"):
        await town.approve(connection, wrong, proposal.proposal_no)
    assert await entries(connection) == []
    await town.reject(connection, wrong, proposal.proposal_no)
    again = await town.propose(connection, wrong)
    await town.approve(connection, wrong, again.proposal_no)
    await check_books(connection)


async def test_an_item_decision_made_stale_by_it_is_refused(
    wrong: Context, connection: Connection
) -> None:
    made = await propose_item(
        connection, wrong, "excess/1/0", Action.RETURN, Words("he asked for it", 13), ANNA
    )
    await town.corrected(connection, wrong, town.RIGHT)
    with pytest.raises(DecisionRefused, match="excess/1/0 is closed: recleared"):
        await decide_item(connection, wrong, made.proposal_no, True, "", BO)


async def test_twice_the_second_goes_on_from_the_first(
    wrong: Context, connection: Connection
) -> None:
    """First 1.80 yuan, which was wrong again, then 2: the second corrects by what is left."""
    first = await town.corrected(connection, wrong, town.DEARER)
    now = await standing(connection, "excess/1/0")
    assert (now.state, now.outcome, now.amount_fen) == (ItemState.OPEN, ItemOutcome.RECLEARED, 10)
    second = await town.corrected(connection, wrong, town.RIGHT)
    lines = [
        await lines_of(connection, f"reclear/{each.proposal_no}/1") for each in (first, second)
    ]
    assert [each["operator/11", "reclear"] for each in lines] == [-120, -30]
    assert [each["subsidies/budget", "subsidy"] for each in lines] == [120, 30]
    [tap, *_] = await reclears.read_list(connection, second.proposal_no)
    assert (tap.was.credited_fen, tap.becomes.credited_fen) == (90, 100)
    assert (await standing(connection, "excess/1/0")).state == ItemState.CLOSED
    await check_books(connection)
    await settle_day(wrong, NEXT)
    for day in (OPEN, NEXT):
        assert await verify_day(wrong, day) == []


async def test_back_to_the_first_rules(wrong: Context, connection: Connection) -> None:
    """The correction was the mistake: the version of then takes it back, items open again."""
    await town.corrected(connection, wrong, town.RIGHT)
    await settle_day(wrong, NEXT)
    back = await town.propose(connection, wrong, version=1)
    await town.approve(connection, wrong, back.proposal_no)
    assert (await lines_of(connection, f"reclear/{back.proposal_no}/1"))[
        "operator/11", "reclear"
    ] == 150
    day = NEXT.replace(day=NEXT.day + 1)
    [item] = await items.read_standing(connection, day, item_ids=["excess/1/0"])
    assert (item.amount_fen, item.item.kind) == (50, ItemKind.EXCESS)
    await check_books(connection, day)
    await settle_day(wrong, day)
    for each in (OPEN, NEXT, day):
        assert await verify_day(wrong, each) == []


async def test_of_two_who_approve_at_the_same_moment_one_wins(
    wrong: Context, connection: Connection
) -> None:
    await town.put(connection, town.RIGHT)
    proposal = await town.propose(connection, wrong)

    async def one(name: str) -> str:
        own = await asyncpg.connect(wrong.dsn)
        try:
            return (await town.approve(own, wrong, proposal.proposal_no, name)).decided_by
        except DecisionRefused as refused:
            return refused.sentence
        finally:
            await own.close()

    found = await asyncio.gather(one(BO), one(CHEN))
    assert sorted("was approved by" in each for each in found) == [False, True]
    assert len(await entries(connection)) == 1
    await check_books(connection)


async def test_an_item_decided_while_a_correction_is_approved_moves_once(
    wrong: Context, connection: Connection
) -> None:
    await town.put(connection, town.RIGHT)
    proposal = await town.propose(connection, wrong)
    made = await propose_item(
        connection, wrong, "excess/1/1", Action.RETURN, Words("he asked for it", 13), ANNA
    )

    async def correct() -> bool:
        own = await asyncpg.connect(wrong.dsn)
        try:
            await town.approve(own, wrong, proposal.proposal_no)
        except DecisionRefused:
            return False
        finally:
            await own.close()
        return True

    async def give_back() -> bool:
        own = await asyncpg.connect(wrong.dsn)
        try:
            await decide_item(own, wrong, made.proposal_no, True, "", BO)
        except DecisionRefused:
            return False
        finally:
            await own.close()
        return True

    assert sorted(await asyncio.gather(correct(), give_back())) == [False, True]
    await check_books(connection)
