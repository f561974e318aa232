"""The night of one node, on a real database."""

from __future__ import annotations

from pathlib import Path

from settlement.day import settle_day
from tests.settlement import night
from tests.world import OPEN


async def test_a_day_is_sealed(migrated: str, tmp_path: Path) -> None:
    deck = night.cards()
    context = await night.city(migrated, tmp_path, deck)
    await night.clear(context, night.traffic(deck))
    day = await settle_day(context, OPEN)
    assert day.state == "sealed"
    assert day.seal is not None
