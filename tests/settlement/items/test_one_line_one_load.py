"""One line of an issuer's log is one load: of two records that it would fit, only the first has it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path

import asyncpg
import pytest

from schemas.codes import TapKind
from schemas.items import ItemKind
from settlement.store import items
from settlement.store.loads import add_complete_until, add_loads
from tests.settlement.chains.nights import City
from tests.settlement.items import story
from tests.settlement.items.story import AGENT, UNRECORDED
from tests.world import OPEN, Card

FEN = 3_000


@pytest.mark.parametrize("counter", [1, 0], ids=["a counter", "no counter"])
@pytest.mark.parametrize("line_comes", [0, 1, 2], ids=["before both", "between", "after both"])
async def test_the_second_record_of_a_line_is_without_log(
    migrated: str, tmp_path: Path, line_comes: int, counter: int
) -> None:
    """A card and its clone are loaded with one amount under one load counter, or in one second where the
    record has none. Whatever comes first, the issuer authorised one load, and the first record has it."""
    card = Card(UNRECORDED)
    city = await City.founded(migrated, tmp_path, [card])
    connection = await asyncpg.connect(migrated)

    async def log(complete_on: int) -> None:
        if complete_on == line_comes:
            await add_loads(connection, [story.load(UNRECORDED, FEN, "A1", 10, city.today)])
        until = datetime.combine(city.today + timedelta(days=1), time())
        await add_complete_until(connection, 1, until, city.today)

    try:
        for night in range(3):
            await log(night)
            if night < 2:
                card.online = counter - 1
                tap = card.tap(
                    AGENT, FEN, at=f"{OPEN:%Y%m%d}081000", kind=TapKind.TOP_UP, gross_fen=0,
                    number=night + 1, online_counter=counter,
                )  # fmt: skip
                await city.hand_in(tap)
            await city.sleep()
        found = {}
        for name in ("load_without_log/1/0", "load_without_log/2/0"):
            changes = await items.read_history(connection, name, city.today)
            found[name] = [change.outcome for change in changes]
        first = await connection.fetchval(
            "SELECT count(*) FROM settlement.item WHERE item_id = 'load_without_log/1/0'"
        )
        assert first == (line_comes > 0)
        assert found["load_without_log/1/0"] == (["matched"] if line_comes else [])
        assert found["load_without_log/2/0"] == []
        assert [each for each, _ in await city.waits(ItemKind.LOAD_WITHOUT_LOG)] == ["0"]
        (waits,) = await city.items(ItemKind.LOAD_WITHOUT_LOG)
        assert (waits.item.item_id, waits.amount_fen) == ("load_without_log/2/0", FEN)
        await city.verified()
    finally:
        await connection.close()
