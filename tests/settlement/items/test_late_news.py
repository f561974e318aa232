"""News that comes after people decided: a refused tap whose excess is gone, a record of a booked load."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from clearing import store as clearing_store
from clearing.plan import Purpose
from clearing.store import Entry, Posting
from schemas.codes import TapKind
from schemas.items import Action
from schemas.registry import Staff
from settlement.context import Context
from settlement.day import settle_day
from settlement.decisions import DecisionRefused, Words, decide, propose
from settlement.store import items
from settlement.store.loads import add_complete_until, add_loads
from settlement.store.top_ups import TopUp
from settlement.verify import verify_day
from tests.settlement.chains.nights import City
from tests.settlement.items import story
from tests.settlement.items.story import AGENT, ANNA, BO, DATES, UNRECORDED
from tests.world import OPEN, Card

NEXT = DATES[-1] + timedelta(days=1)
EXCESS, FEN = "excess/1/3", 30
"""Of another city's card."""


async def _agree(
    connection: asyncpg.Connection[asyncpg.Record], context: Context, item_id: str, action: Action
) -> None:
    words = Words("seen by two", AGENT if action == Action.RETURN else 0)
    proposal = await propose(connection, context, item_id, action, words, ANNA)
    await decide(connection, context, proposal.proposal_no, True, "agreed", BO)


async def _refuse(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """What an answer of the issuer books when it refuses the tap."""
    accounts = await clearing_store.read_accounts(connection)
    suspense = accounts["principal/suspense"].number
    pending = accounts["principal/province_pending"].number
    await connection.execute(
        "INSERT INTO exchange.presentment VALUES ('P', 'out', '7910', '7930', $1, 1, 130, 0, '{}',"
        " 'answered', 1, 130, 0)",
        OPEN,
    )
    await connection.execute("INSERT INTO exchange.refusal VALUES ('P', 0, 6, 1, 3, 130)")
    entry = Entry(
        entry_id="exchange/P/refused/1",
        narrative="refused by 7930",
        corrects="batch/1",
        postings=(
            Posting(suspense, Purpose.EXCESS, FEN),
            Posting(pending, Purpose.EXCESS, -FEN),
        ),
    )
    await clearing_store.add_entries(connection, NEXT, [entry])


@pytest.mark.parametrize(
    ("action", "state", "amount_fen", "account", "entries"),
    [
        (None, "closed", FEN, None, 0),
        (Action.WRITE_OFF, "closed", FEN, None, 1),
        # The cardholder has the money, and the issuer did not pay it: the centre is short of it.
        (Action.RETURN, "open", -FEN, "principal/suspense", 0),
    ],
)
async def test_an_excess_whose_tap_the_issuer_refused(
    lived: Context,
    action: Action | None,
    state: str,
    amount_fen: int,
    account: str | None,
    entries: int,
) -> None:
    connection = await asyncpg.connect(lived.dsn)
    try:
        if action is not None:
            await _agree(connection, lived, EXCESS, action)
        async with connection.transaction():
            await _refuse(connection)
        await settle_day(lived, NEXT)
        assert await verify_day(lived, NEXT) == []
        change = (await items.read_history(connection, EXCESS, NEXT))[-1]
        codes = {
            row.number: row.code
            for row in (await clearing_store.read_accounts(connection)).values()
        }
        assert (change.state, change.outcome, change.amount_fen) == (state, "refused", amount_fen)
        assert (codes[change.account_no] if change.account_no else None) == account
        booked = await connection.fetchval(
            "SELECT count(*) FROM clearing.entry WHERE entry_id LIKE 'night/%/items/excess/%'"
        )
        assert booked == entries
    finally:
        await connection.close()


async def test_a_load_that_was_booked_is_not_booked_again_when_its_record_comes(
    migrated: str, tmp_path: Path
) -> None:
    card = Card(UNRECORDED)
    city = await City.founded(migrated, tmp_path, [card])
    connection = await asyncpg.connect(migrated)
    try:
        people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in (ANNA, BO)]
        async with connection.transaction():
            await clearing_store.change_registry(connection, [("staff", row) for row in people])
            await add_loads(connection, [story.load(UNRECORDED, 3_000, "A2", 10, OPEN)])
        await city.sleep(5)
        await _agree(connection, city.context, "log_without_load/1/A2", Action.BOOK_LOAD)
        await city.sleep()
        assert await city.owed(card) == 5_000 + 3_000
        # The agent's clock was wrong: by its record the load was made today.
        await city.hand_in(card.tap(AGENT, 3_000, at=city.at(), kind=TapKind.TOP_UP, gross_fen=0))
        await city.sleep()
        assert await city.owed(card) == 5_000 + 3_000
        assert await city.position("load_agent/13") == 0
        await city.verified()
        history = await items.read_history(connection, "log_without_load/1/A2", city.today)
        assert [row.outcome for row in history] == ["booked", "arrived_late"]
    finally:
        await connection.close()


async def test_a_booked_loads_record_that_is_held_cannot_be_released(
    migrated: str, tmp_path: Path
) -> None:
    """It comes past its window, as records of booked loads do."""
    card = Card(UNRECORDED)
    city = await City.founded(migrated, tmp_path, [card])
    connection = await asyncpg.connect(migrated)
    try:
        people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in (ANNA, BO)]
        async with connection.transaction():
            await clearing_store.change_registry(connection, [("staff", row) for row in people])
            await add_loads(connection, [story.load(UNRECORDED, 3_000, "A2", 10, OPEN)])
        await city.sleep(5)
        await _agree(connection, city.context, "log_without_load/1/A2", Action.BOOK_LOAD)
        late = {"kind": TapKind.TOP_UP, "gross_fen": 0, "at": f"{OPEN:%Y%m%d}081000"}
        await city.hand_in(card.tap(AGENT, 3_000, number=1, **late))  # type: ignore[arg-type]
        card.online = 1
        await city.hand_in(card.tap(AGENT, 3_000, number=2, **late))  # type: ignore[arg-type]
        await city.sleep()
        with pytest.raises(DecisionRefused, match="booked from the issuer's log"):
            await _agree(connection, city.context, "held_unproven/1/0", Action.RELEASE)
        await _agree(connection, city.context, "held_unproven/1/0", Action.DISMISS)
        # The card's second load is another one.
        await _agree(connection, city.context, "held_unproven/2/0", Action.RELEASE)
        await city.sleep()
        assert await city.owed(card) == 5_000 + 2 * 3_000
        await city.verified()
    finally:
        await connection.close()


@pytest.mark.parametrize("same_date", [False, True])
async def test_a_top_up_that_was_rejected_comes_back_when_the_log_has_it(
    migrated: str, tmp_path: Path, same_date: bool
) -> None:
    card = Card(story.UNLOGGED)
    city = await City.founded(migrated, tmp_path, [card])
    connection = await asyncpg.connect(migrated)
    try:
        people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in (ANNA, BO)]
        async with connection.transaction():
            await clearing_store.change_registry(connection, [("staff", row) for row in people])
        top_up = card.tap(AGENT, 900, at=city.at("080900"), kind=TapKind.TOP_UP, gross_fen=0)
        await city.hand_in(top_up)
        await city.sleep()
        midnight = datetime.combine(city.today, datetime.min.time())
        await add_complete_until(connection, 1, midnight, city.today)
        await city.sleep()
        await _agree(connection, city.context, "load_without_log/1/0", Action.REJECT)
        if not same_date:
            await city.sleep()
            assert await city.owed(card) == 5_000
            assert await city.position("load_agent/13") == 900
        await add_loads(connection, [story.load(story.UNLOGGED, 900, "A3", 9, city.today)])
        await city.sleep()
        assert await city.owed(card) == 5_900
        assert await city.position("load_agent/13") == (0 if same_date else -900)
        await city.sleep(2)
        assert await city.owed(card) == 5_900
        history = await items.read_history(connection, "load_without_log/1/0", city.today)
        assert [row.outcome for row in history] == ["rejected", "matched"]
        await city.verified()
    finally:
        await connection.close()


def _record(counter: int, fen: int, minute: int) -> TopUp:
    return TopUp(
        batch_seq=1, row=0, issuer_no=1, card=story.card_bytes(1), terminal_id=b"", operator_no=AGENT,
        online_counter=counter, amount_fen=fen, credited_fen=fen,
        tapped_at=datetime(OPEN.year, OPEN.month, OPEN.day, 8, minute),  # noqa: DTZ001 - local
    )  # fmt: skip


@pytest.mark.parametrize(
    ("counter", "fen", "minute", "same"),
    [
        (1, 1_000, 8, True),
        (1, 1_000, 30, True),
        (2, 1_000, 8, False),
        (1, 1_001, 8, False),
        # A record without the counter is known by its second.
        (0, 1_000, 8, True),
        (0, 1_000, 9, False),
    ],
)
def test_a_record_is_a_load_of_the_log(counter: int, fen: int, minute: int, same: bool) -> None:
    logged = story.load(1, 1_000, "A1", 8, OPEN)
    assert _record(counter, fen, minute).is_load(logged) is same
    other = story.load(2, 1_000, "A1", 8, OPEN)
    assert not _record(counter, fen, minute).is_load(other)
