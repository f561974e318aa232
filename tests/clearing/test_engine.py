"""The engine on a real database: receipts, duplicates, days, crashes, undo."""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path

import asyncpg
import msgspec
import pytest

from clearing import ledger, pipeline, store
from clearing.engine import Engine
from clearing.errors import NotTheWriter, StoreUnavailable
from clearing.intake import Refusal
from schemas import batch as envelope
from schemas import proof
from schemas.batch import to_binary
from schemas.codes import Check
from schemas.forms import Form, encode
from schemas.reasons import Reason
from tests import world
from tests.world import BUS, Card


async def test_receipt_comes_back_byte_for_byte(migrated: str, tmp_path: Path) -> None:
    cards = [Card(1), Card(2)]
    node = await world.settle_in(migrated, tmp_path, cards)
    taps = b"".join(card.tap(BUS, 50, gross_fen=100) for card in cards)
    body = world.batch(BUS, 7, taps)
    engine = await Engine.start(migrated, node, "reference")
    try:
        first = await engine.clear_batch(to_binary(body))
        receipt = msgspec.json.decode(first, type=proof.Receipt)
        assert (receipt.taps, receipt.accepted, receipt.accepted_fen) == (2, 2, 100)
        for form in Form:
            assert await engine.clear_batch(encode(body, form)) == first
        with pytest.raises(Refusal) as refused:
            await engine.clear_batch(to_binary(world.batch(BUS, 7, taps[:144])))
        assert refused.value.reason == Reason.NUMBER_USED
    finally:
        await engine.close()
    engine = await Engine.start(migrated, node, "reference")
    assert await engine.clear_batch(to_binary(body)) == first
    await engine.close()


async def test_many_batches_at_once_are_gapless_and_balanced(migrated: str, tmp_path: Path) -> None:
    cards = [Card(n) for n in range(1, 41)]
    node = await world.settle_in(migrated, tmp_path, cards)
    bodies = [
        to_binary(
            world.batch(BUS, n, b"".join(c.tap(BUS, 50, gross_fen=100, number=n) for c in cards))
        )
        for n in range(1, 31)
    ]
    engine = await Engine.start(migrated, node, "reference")
    try:
        receipts = await asyncio.gather(*(engine.clear_batch(body) for body in bodies * 2))
    finally:
        await engine.close()
    assert receipts[:30] == receipts[30:]
    connection = await asyncpg.connect(migrated)
    try:
        seqs = [row[0] for row in await connection.fetch("SELECT batch_seq FROM clearing.batch")]
        assert sorted(seqs) == list(range(1, 31))
        assert await connection.fetchval("SELECT count(*) FROM clearing.tap") == 1200
        assert await connection.fetchval("SELECT sum(amount_fen) FROM clearing.trial_balance") == 0
    finally:
        await connection.close()


async def test_second_engine_is_refused(migrated: str, tmp_path: Path) -> None:
    node = await world.settle_in(migrated, tmp_path, [])
    engine = await Engine.start(migrated, node, "reference")
    with pytest.raises(NotTheWriter):
        await Engine.start(migrated, node, "reference")
    await engine.close()


async def test_cut_off_between_judging_and_commit_moves_the_batch(
    migrated: str, tmp_path: Path
) -> None:
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card])
    engine = await Engine.start(migrated, node, "reference")
    try:
        await engine.clear_batch(to_binary(world.batch(BUS, 1, card.tap(BUS, 50, gross_fen=100))))
        connection = await asyncpg.connect(migrated)
        async with connection.transaction():
            await connection.execute(
                "UPDATE clearing.business_day SET state = 'cut_off' WHERE state = 'open'"
            )
            await store.open_day(connection, date(2026, 1, 6))
        await connection.close()
        body = to_binary(world.batch(BUS, 2, card.tap(BUS, 50, gross_fen=100, number=2)))
        receipt = msgspec.json.decode(await engine.clear_batch(body), type=proof.Receipt)
        assert (receipt.business_date, receipt.batch_seq) == ("2026-01-06", 2)
        assert receipt.accepted == 1
    finally:
        await engine.close()


@pytest.mark.parametrize("error", [ZeroDivisionError("ours"), asyncpg.CannotConnectNowError("up")])
async def test_a_defect_while_writing_ends_one_batch_and_not_the_writer(
    migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The first commit fails in a way that nobody foresaw: told, undone, and the batch may come again."""
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card])
    body = to_binary(world.batch(BUS, 1, card.tap(BUS, 50, gross_fen=100)))
    engine = await Engine.start(migrated, node, "reference")
    try:
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "entry_of_batch", _raising(error))
            with pytest.raises(StoreUnavailable):
                await asyncio.wait_for(engine.clear_batch(body), 30)
        receipt = await asyncio.wait_for(engine.clear_batch(body), 30)
        assert msgspec.json.decode(receipt, type=proof.Receipt).accepted == 1
    finally:
        await engine.close()


@pytest.mark.parametrize("method", ["follow_days", "_judge"])
async def test_a_failure_while_the_date_moves_is_told_and_not_waited_for(
    migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The database goes away between the cut-off and the second judging of what it moved."""
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card])
    body = to_binary(world.batch(BUS, 1, card.tap(BUS, 50, gross_fen=100)))
    engine = await Engine.start(migrated, node, "reference")
    try:
        connection = await asyncpg.connect(migrated)
        async with connection.transaction():
            await connection.execute(
                "UPDATE clearing.business_day SET state = 'cut_off' WHERE state = 'open'"
            )
            await store.open_day(connection, date(2026, 1, 6))
        await connection.close()
        with monkeypatch.context() as patch:
            judge_again = pipeline.Pipeline._judge_again

            async def in_bad_times(self: pipeline.Pipeline) -> None:
                patch.setattr(pipeline.Pipeline, method, _raising(ConnectionResetError("gone")))
                await judge_again(self)

            patch.setattr(pipeline.Pipeline, "_judge_again", in_bad_times)
            with pytest.raises(StoreUnavailable):
                await asyncio.wait_for(engine.clear_batch(body), 30)
        receipt = msgspec.json.decode(
            await asyncio.wait_for(engine.clear_batch(body), 30), type=proof.Receipt
        )
        assert (receipt.business_date, receipt.batch_seq) == ("2026-01-06", 1)
    finally:
        await engine.close()


def _raising(error: Exception) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise error

    return fail


async def test_a_client_that_goes_away_leaves_its_batch_its_turn(
    migrated: str, tmp_path: Path
) -> None:
    """The second submission waits for the first, whose client hung up, and gets its receipt."""
    card, other = Card(1), Card(2)
    node = await world.settle_in(migrated, tmp_path, [card, other])
    body = to_binary(world.batch(BUS, 1, card.tap(BUS, 50, gross_fen=100)))
    neighbour = to_binary(world.batch(BUS, 2, other.tap(BUS, 50, gross_fen=100)))
    engine = await Engine.start(migrated, node, "reference")
    try:
        gone = asyncio.create_task(engine.clear_batch(body))
        for _ in range(200):
            await asyncio.sleep(0)
        gone.cancel()
        receipts = await asyncio.gather(
            engine.clear_batch(body), engine.clear_batch(neighbour), engine.clear_batch(body)
        )
    finally:
        await engine.close()
    assert receipts[0] == receipts[2]
    connection = await asyncpg.connect(migrated)
    try:
        assert await connection.fetchval("SELECT count(*) FROM clearing.batch") == 2
    finally:
        await connection.close()


async def test_a_presentment_that_comes_twice_at_once_is_cleared_once(
    migrated: str, tmp_path: Path
) -> None:
    """Of two deliveries of one message the second is told that the first cleared it; neither fails."""
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card])
    made = envelope.make(0, 1, "20260105", card.tap(BUS, 50, gross_fen=100))
    engine = await Engine.start(migrated, node, "reference")

    async def along(*_: object) -> None:
        """Nothing is written beside it."""

    async def clear() -> bytes | None:
        return await engine.clear_presentment(made, "7930-7910-20260105-1", Check.ALL, along)

    try:
        receipts = await asyncio.gather(clear(), clear(), clear())
    finally:
        await engine.close()
    assert [receipt is None for receipt in receipts].count(False) == 1
    connection = await asyncpg.connect(migrated)
    try:
        assert await connection.fetchval("SELECT count(*) FROM clearing.batch") == 1
    finally:
        await connection.close()
