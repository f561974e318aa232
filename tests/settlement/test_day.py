"""The night of one node, on a real database: whole, in pieces, cut off in mid-traffic, refused."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from clearing import store as clearing_store
from clearing.engine import Engine
from schemas.batch import to_binary
from schemas.codes import Purse
from schemas.reasons import Reason
from settlement import day as night_of
from settlement import store
from settlement.context import Context
from settlement.day import settle_day
from settlement.errors import AuditFailed, DayNotReady, NightRunning, SettlementError
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.world import BUS, OPEN, Card

NEXT = date(2026, 1, 6)


def files(context: Context) -> dict[str, str]:
    """Every file of the date by name, with its digest."""
    root = context.papers / f"{OPEN}"
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture
async def town(migrated: str, tmp_path: Path) -> Context:
    """A city with a day of taps, not cut off yet."""
    deck = night.cards()
    context = await night.city(migrated, tmp_path, deck)
    await night.clear(context, night.traffic(deck))
    return context


async def fetch(context: Context, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(context.dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def test_positions_payments_and_books_of_a_sealed_day(sealed: Context) -> None:
    """86 rides at 0.5 and 3 of another city's card at 1 yuan, 20 taxi rides at 13 (8 % to the platform),
    11 top-ups of 20 yuan, one of them onto the other city's card; fees of 5 per mille."""
    rows = await fetch(sealed, "SELECT purse, participant, amount_fen FROM settlement.position")
    positions = {(row[0], row[1]): row[2] for row in rows}
    assert positions == {
        (Purse.PRINCIPAL, "operator/11"): 8_300,
        (Purse.PRINCIPAL, "operator/12"): 2_080,
        (Purse.PRINCIPAL, "driver/12"): 23_920,
        (Purse.PRINCIPAL, "load_agent/13"): -22_000,
        (Purse.PRINCIPAL, "issuer/1"): -14_300,
        (Purse.PRINCIPAL, "centre"): 2_000,
        (Purse.FEES, "operator/11"): -43,
        (Purse.FEES, "operator/12"): -130,
        (Purse.FEES, "clearing_centre"): 104,
        (Purse.FEES, "issuer"): 69,
        (Purse.SUBSIDIES, "operator/11"): 750,
        (Purse.SUBSIDIES, "budget"): -750,
    }
    for purse in Purse:
        assert sum(fen for (of, _), fen in positions.items() if of == purse) == 0
    rows = await fetch(
        sealed,
        "SELECT debtor, creditor, amount_fen FROM settlement.instruction ORDER BY instruction_id",
    )
    assert [tuple(row) for row in rows] == [
        ("operator/11", "centre", 43),
        ("operator/12", "centre", 130),
        ("load_agent/13", "centre", 22_000),
        ("centre", "driver/12", 23_920),
        ("centre", "operator/11", 8_300),
        ("centre", "operator/12", 2_080),
    ]
    rows = await fetch(
        sealed,
        "SELECT code, sum(amount_fen)::bigint FROM clearing.trial_balance GROUP BY code, purse"
        " HAVING sum(amount_fen) <> 0",
    )
    balances = {row[0]: row[1] for row in rows}
    # Instructed money is in transit; what was not confirmed by the other city stays with the operator.
    assert balances["principal/settlement_transit"] == 22_000 - 34_300
    assert balances["principal/operator/11"] == -300
    assert "principal/driver/12" not in balances
    assert sum(balances.values()) == 0


@pytest.mark.parametrize("restart", [name for name in night_of.STEPS if name != "sealed"])
async def test_a_night_that_was_stopped_comes_to_the_same_bytes(
    town: Context, sealed: Context, restart: str
) -> None:
    day = await settle_day(town, OPEN, until=restart)
    assert day.state == restart
    day = await settle_day(Context(town.dsn, town.node, town.kernel), OPEN)
    async with store.reading(sealed.dsn) as connection:
        assert day == await store.read_day(connection, OPEN)
    assert files(town) == files(sealed)


@pytest.mark.parametrize("step", list(night_of.STEPS))
async def test_a_step_that_dies_at_its_end_leaves_nothing(
    town: Context, sealed: Context, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = night_of.STEPS[step]

    async def dies(*arguments: object) -> None:
        await whole(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setitem(night_of.STEPS, step, dies)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        await settle_day(town, OPEN)
    monkeypatch.undo()
    async with store.reading(town.dsn) as connection:
        before = store.STATES[store.STATES.index(step) - 1]
        assert (await store.read_day(connection, OPEN)).state == before
    await settle_day(town, OPEN)
    assert files(town) == files(sealed)
    assert await verify_day(town, OPEN) == []


async def test_settling_a_sealed_day_again_changes_nothing(sealed: Context) -> None:
    before = files(sealed)
    day = await settle_day(sealed, OPEN)
    assert day == await settle_day(sealed, OPEN)
    assert files(sealed) == before


async def test_a_second_night_is_refused_and_a_cut_off_is_not(town: Context) -> None:
    async with store.night(town.dsn):
        with pytest.raises(NightRunning):
            await settle_day(town, OPEN)
        async with store.reading(town.dsn) as connection:
            assert (await store.read_day(connection, OPEN)).state == "cut_off"
        day = await settle_day(town, NEXT, until="cut_off")
        assert day.state == "cut_off"
    assert (await settle_day(town, OPEN)).state == "sealed"


async def test_cut_off_of_the_next_day_does_not_wait_for_a_night_at_work(town: Context) -> None:
    """The night of a date holds locks while it audits; the next date closes all the same."""
    await settle_day(town, OPEN, until="complete")
    async with store.night(town.dsn) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.fetch("SELECT count(*) FROM clearing.tap")
        await asyncio.wait_for(settle_day(town, NEXT, until="cut_off"), 10)
        await transaction.rollback()


async def test_days_are_settled_in_order_and_chain(town: Context) -> None:
    await settle_day(town, OPEN, until="cut_off")
    await settle_day(town, NEXT, until="complete")
    with pytest.raises(DayNotReady, match="2026-01-05 is not sealed yet"):
        await settle_day(town, NEXT)
    first = await settle_day(town, OPEN)
    second = await settle_day(town, NEXT)
    assert first.seal != second.seal
    assert await verify_day(town, NEXT) == []


@pytest.mark.parametrize("declared", ["00010101", "09991231", "20251231"])
async def test_an_old_declared_date_does_not_stop_the_night(town: Context, declared: str) -> None:
    """A batch for the year 1: late, and taken. The night digests it as intake did, and seals."""
    card = night.cards()[40]
    tap = card.tap(BUS, 50, at="20260105093000", gross_fen=100)
    await night.clear(town, [world.batch(BUS, 900, tap, declared)])
    assert (await settle_day(town, OPEN)).state == "sealed"
    assert await verify_day(town, OPEN) == []


async def test_dates_and_states_that_do_not_exist(town: Context) -> None:
    with pytest.raises(DayNotReady, match="The open date is 2026-01-05"):
        await settle_day(town, NEXT)
    with pytest.raises(SettlementError, match="no state 'done'"):
        await settle_day(town, OPEN, until="done")


async def test_several_days_with_late_taps_and_replays_of_old_ones(
    migrated: str, tmp_path: Path
) -> None:
    """A late tap clears on the open date; a tap of a sealed date handed in again is a duplicate."""
    deck = night.cards()
    context = await night.city(migrated, tmp_path, deck)
    late = deck[40].tap(BUS, 50, at="20260105120000", gross_fen=100)
    engine = await Engine.start(context.dsn, context.node, context.kernel)
    seals = []
    try:
        for number, day in enumerate((OPEN, NEXT, date(2026, 1, 7))):
            for batch in night.traffic(deck, day, 1 + 10 * number):
                await engine.clear_batch(to_binary(batch))
            if number:
                body = world.batch(BUS, 100 + number, late, f"{day:%Y%m%d}")
                await engine.clear_batch(to_binary(body))
            seals.append((await settle_day(context, day)).seal)
    finally:
        await engine.close()
    assert len(set(seals)) == 3
    for day in (OPEN, NEXT, date(2026, 1, 7)):
        assert await verify_day(context, day) == []
    rows = await fetch(
        context,
        "SELECT business_date, verdict, reason FROM clearing.tap"
        " WHERE tapped_at = '2026-01-05 12:00:00' ORDER BY 1",
    )
    assert [tuple(row) for row in rows] == [
        (NEXT, 0, Reason.COUNTER_LATE),
        (date(2026, 1, 7), 2, Reason.DUPLICATE_OTHER_DATE),
    ]


async def test_cut_off_in_mid_traffic_loses_nothing(migrated: str, tmp_path: Path) -> None:
    cards = [Card(n) for n in range(1, 21)]
    context = await night.city(migrated, tmp_path, cards)
    bodies = [
        to_binary(
            world.batch(BUS, n, b"".join(c.tap(BUS, 50, gross_fen=100, number=n) for c in cards))
        )
        for n in range(1, 41)
    ]
    engine = await Engine.start(migrated, context.node, context.kernel)

    async def submit() -> list[bytes]:
        return await asyncio.gather(*(engine.clear_batch(body) for body in bodies))

    async def cut() -> None:
        await asyncio.sleep(0.05)
        await settle_day(context, OPEN)

    try:
        receipts, _ = await asyncio.gather(submit(), cut())
    finally:
        await engine.close()
    assert len(set(receipts)) == 40
    await settle_day(context, NEXT)
    for day in (OPEN, NEXT):
        assert await verify_day(context, day) == []
    rows = await fetch(
        context,
        "SELECT business_date, min(batch_seq), max(batch_seq), sum(tap_count)::bigint"
        " FROM clearing.batch GROUP BY 1 ORDER BY 1",
    )
    assert sum(row[3] for row in rows) == 800
    assert [row[1] for row in rows[1:]] == [row[2] + 1 for row in rows[:-1]]


async def _tamper(context: Context, statement: str) -> None:
    connection = await asyncpg.connect(context.dsn)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE clearing.tap SET verdict = 1 WHERE batch_seq = 1 AND row_no = 3", "tap 1/3: verd"),
        (("UPDATE clearing.posting SET amount_fen = amount_fen + 1 WHERE entry_id = 'batch/1'"
         " AND line_no = 1"), "entry batch/1 line 1: amount_fen"),
        ("DELETE FROM clearing.evidence WHERE batch_seq = 5 AND row_no = 1",
         "evidence of tap 5/1: reason 16"),
        (("UPDATE clearing.batch SET receipt = overlay(receipt PLACING 'X' FROM 40)"
         " WHERE batch_seq = 3"), "receipt of batch 3"),
        ("UPDATE clearing.card SET line = set_byte(line, 36, get_byte(line, 36) # 1)",
         "float of issuer 1: Σ card balances"),
        ("UPDATE clearing.batch SET business_date = '2026-01-06' WHERE batch_seq = 5",
         "batch 5: is missing"),
        (("INSERT INTO clearing.tap SELECT business_date, batch_seq, 500, verdict, reason, flags,"
         " kind, operator_no, issuer_no, tapped_at, amount_fen, gross_fen, priced_fen,"
         " credited_fen, subsidy_fen, debit_proven, identity, rest FROM clearing.tap WHERE batch_seq = 1"
         " AND row_no = 3"), "taps 1/3 and 1/500: have one identity"),
    ],
)  # fmt: skip
async def test_a_day_that_was_changed_is_refused(town: Context, statement: str, named: str) -> None:
    await settle_day(town, OPEN, until="complete")
    await _tamper(town, statement)
    with pytest.raises(AuditFailed) as failed:
        await settle_day(town, OPEN)
    assert any(finding.sentence.startswith(named) for finding in failed.value.findings), str(
        failed.value
    )
    async with store.reading(town.dsn) as connection:
        assert (await store.read_day(connection, OPEN)).state == "complete"


async def test_unbalanced_books_are_refused(town: Context) -> None:
    """An entry that no batch made and that does not balance stops at netting."""
    await settle_day(town, OPEN, until="audited")
    await _tamper(
        town,
        f"INSERT INTO clearing.entry VALUES ('odd/1', '{OPEN}', NULL, 'odd', NULL);"
        "INSERT INTO clearing.posting SELECT 'odd/1', 1, account_no, 1, NULL, 0, 7"
        " FROM clearing.account WHERE code = 'principal/operator/11'",
    )
    with pytest.raises(AuditFailed, match="purse principal: Σ positions, fen, is -7, must be 0"):
        await settle_day(town, OPEN)


async def test_a_tap_that_an_earlier_day_holds_is_refused(town: Context) -> None:
    """Put behind the engine's back, with everything that belongs to it, it still meets the audit."""
    await settle_day(town, OPEN)
    await settle_day(town, NEXT, until="complete")
    partition = clearing_store.partition_of(NEXT)
    await _tamper(
        town,
        f"INSERT INTO clearing.{partition} SELECT '{NEXT}', 9, 0, verdict, reason, flags, kind,"
        " operator_no, issuer_no, tapped_at, amount_fen, gross_fen, priced_fen, credited_fen,"
        " subsidy_fen, debit_proven, identity, rest FROM clearing.tap WHERE batch_seq = 1 AND row_no = 3",
    )
    async with store.reading(town.dsn) as connection:
        from settlement.audit import late_twins

        found = list(await late_twins(connection, town, NEXT))
    assert [finding.sentence for finding in found] == ["tap 9/0: was cleared before as tap 1/3"]
