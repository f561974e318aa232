"""A tap that an earlier date holds stops the audit of the date that holds it again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from clearing.engine import Engine
from clearing.pipeline import Pipeline
from clearing.state import State
from schemas.batch import to_binary
from settlement.day import settle_day
from settlement.errors import AuditFailed
from tests import world
from tests.settlement import night
from tests.world import BUS, OPEN, Card

NEXT = date(2026, 1, 6)


async def test_a_tap_that_a_sealed_date_holds_stops_the_night(
    migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that cannot see sealed dates clears a tap again; replay is as blind, the audit is not."""
    card = Card(1)
    context = await night.city(migrated, tmp_path, [card])
    tap = card.tap(BUS, 50, at="20260105120000", gross_fen=100)
    await night.clear(context, [world.batch(BUS, 1, tap)])
    await settle_day(context, OPEN)

    async def blind(*_: object) -> dict[bytes, tuple[int, int, bytes]]:
        return {}

    with monkeypatch.context() as patch:
        for module in (Pipeline.__module__, State.__module__):
            patch.setattr(f"{module}.known_identities", blind)
        engine = await Engine.start(context.dsn, context.node, context.kernel)
        try:
            await engine.clear_batch(to_binary(world.batch(BUS, 2, tap, "20260106")))
        finally:
            await engine.close()
        with pytest.raises(AuditFailed, match="taps of sealed dates again") as failed:
            await settle_day(context, NEXT)
    assert [finding.sentence for finding in failed.value.findings] == [
        "tap 2/0: was cleared before as tap 1/0"
    ]
