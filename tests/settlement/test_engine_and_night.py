"""An engine that goes on while nights seal dates under it judges as a replay would."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import msgspec
import pytest

from clearing.engine import Engine
from clearing.node import Node
from clearing.plan import local_seconds
from schemas import proof
from schemas.batch import to_binary
from settlement.day import settle_day
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.world import BUS, OPEN, Card

NEXT, THIRD = date(2026, 1, 6), date(2026, 1, 7)


async def reasons(engine: Engine, number: int, tap: bytes, declared: date) -> dict[str, int]:
    body = to_binary(world.batch(BUS, number, tap, f"{declared:%Y%m%d}"))
    return msgspec.json.decode(await engine.clear_batch(body), type=proof.Receipt).reasons


async def test_a_tap_held_for_its_future_date_is_known_when_that_date_comes(
    migrated: str, tmp_path: Path
) -> None:
    """Held on the 5th for the 7th; the 5th is sealed and forgotten; the same tap on the 7th."""
    card = Card(1)
    context = await night.city(migrated, tmp_path, [card])
    ahead = card.tap(BUS, 50, at="20260107120000", gross_fen=100)
    engine = await Engine.start(context.dsn, context.node, context.kernel)
    try:
        assert "future" in await reasons(engine, 1, ahead, OPEN)
        await settle_day(context, OPEN)
        await reasons(engine, 2, card.tap(BUS, 50, at="20260106080000", gross_fen=100), NEXT)
        await settle_day(context, NEXT)
        assert await reasons(engine, 3, ahead, THIRD) == {"duplicate_other_date": 1}
        await settle_day(context, THIRD)
    finally:
        await engine.close()
    for day in (OPEN, NEXT, THIRD):
        assert await verify_day(context, day) == []


async def test_a_date_that_stays_open_past_midnight_keeps_its_taps_known(
    migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 5th is open until 02:00 of the 6th: a tap of 01:30 clears on it, and once only."""
    card = Card(1)
    context = await night.city(migrated, tmp_path, [card])
    clock = {"now": datetime.fromisoformat("2026-01-06T02:00")}
    monkeypatch.setattr(Node, "clock_s", lambda *_: local_seconds(clock["now"]))
    late_night = card.tap(BUS, 50, at="20260106013000", gross_fen=100)
    engine = await Engine.start(context.dsn, context.node, context.kernel)
    try:
        assert await reasons(engine, 1, late_night, OPEN) == {"clean": 1}
        await settle_day(context, OPEN)
        clock["now"] = datetime.fromisoformat("2026-01-06T09:00")
        await reasons(engine, 2, card.tap(BUS, 50, at="20260106080000", gross_fen=100), NEXT)
        assert await reasons(engine, 3, late_night, NEXT) == {"duplicate_other_date": 1}
        await settle_day(context, NEXT)
    finally:
        await engine.close()
    engine = await Engine.start(context.dsn, context.node, context.kernel)
    try:
        assert await reasons(engine, 4, late_night, THIRD) == {"duplicate_other_date": 1}
    finally:
        await engine.close()
    await settle_day(context, THIRD)
    for day in (OPEN, NEXT, THIRD):
        assert await verify_day(context, day) == []
