"""An engine whose place was taken writes nothing more, whatever it still holds in its hands."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from clearing.engine import Engine
from clearing.errors import NotTheWriter
from schemas.batch import to_binary
from tests import world
from tests.world import BUS, Card


async def test_an_engine_of_an_older_epoch_commits_nothing(migrated: str, tmp_path: Path) -> None:
    """The lock was lost without a word, as behind a pooler, and another engine has begun an epoch."""
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card])
    engine = await Engine.start(migrated, node, "reference")
    connection = await asyncpg.connect(migrated)
    try:
        await connection.execute("UPDATE clearing.node SET writer_epoch = writer_epoch + 1")
        body = to_binary(world.batch(BUS, 1, card.tap(BUS, 50, gross_fen=100)))
        for _ in range(2):
            with pytest.raises(NotTheWriter):
                await engine.clear_batch(body)
        assert await connection.fetchval("SELECT count(*) FROM clearing.batch") == 0
        assert await connection.fetchval("SELECT count(*) FROM clearing.tap") == 0
    finally:
        await connection.close()
        await engine.close()
