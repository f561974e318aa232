"""A generated month comes out on a real node as was written down before its first tap."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from loadtest.month.files import Writer
from loadtest.month.month import Month
from tests.simulation.month import differing_end, open_node, play

FIRST = date(2026, 1, 5)


async def test_a_small_month_with_every_fault(migrated: str, tmp_path: Path) -> None:
    folder = tmp_path / "month"
    Writer(Month(1, 20_000, FIRST, fault_rate=0.1), folder).write()
    context = await open_node(migrated, tmp_path / "home", folder)
    played = await play(context, folder)
    assert await differing_end(context, folder) == []
    assert len(played.nights) == 71
    assert played.taps > 19_000
