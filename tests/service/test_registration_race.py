"""Cards that are registered while a tap of theirs is judged and not written yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clearing import cards, pipeline
from clearing.engine import Engine
from schemas.batch import to_binary
from schemas.proof import Receipt
from service.errors import ServiceError
from service.registration import issued_card, register
from settlement.day import settle_day
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.world import BUS, OPEN, OWN_ISSUER, Card

NEW, OTHER = 7, 8
OPENING_FEN = 5_000


def _issued(number: int) -> tuple[bytes, bytes]:
    return issued_card(
        family=1, issuer=OWN_ISSUER, issuer_number=1, serial=world.serial(number), card_kind=1,
        balance_fen=OPENING_FEN,
    )  # fmt: skip


async def _city(dsn: str, home: Path) -> Any:
    """A city whose issuer keeps no registry of its cards so far."""
    context = await night.city(dsn, home, [Card(1)])
    row = next(each for each in world.issuers() if each.own)
    await register(dsn, [("issuer", msgspec.structs.replace(row, open_registry=True))])
    return context


def _ride(number: int, card: int) -> bytes:
    tap = Card(card).tap(BUS, 50, gross_fen=100, number=number)
    return to_binary(world.batch(BUS, number, tap))


@pytest.mark.parametrize("kernel", ["fastpath", "reference"])
@pytest.mark.parametrize("more", [False, True], ids=["alone", "another batch judged on top"])
async def test_a_card_that_is_registered_while_its_tap_is_judged(
    migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str, more: bool
) -> None:
    """The opening position is put in once, and the ride is taken off it: whatever was judged under the
    registry of before is judged again."""
    context = await _city(migrated, tmp_path)
    engine = await Engine.start(migrated, context.node, kernel)
    commit = pipeline.Pipeline._commit
    judged_under: list[int] = []
    on_top: list[asyncio.Task[bytes]] = []

    async def held_up(self: pipeline.Pipeline, group: Sequence[pipeline.Judged]) -> None:
        first = not judged_under
        judged_under.append(group[0].row.registry_version)
        if first:
            await register(migrated, [], [_issued(NEW)])
            if more:
                on_top.append(asyncio.create_task(engine.clear_batch(_ride(2, OTHER))))
                async with asyncio.timeout(30):
                    while len(self._judged) < 2:
                        await asyncio.sleep(0.01)
        await commit(self, group)

    monkeypatch.setattr(pipeline.Pipeline, "_commit", held_up)
    try:
        receipt = msgspec.json.decode(await engine.clear_batch(_ride(1, NEW)), type=Receipt)
        for task in on_top:
            await task
        line = engine._pipeline.state.kernel.card_line(_issued(NEW)[0])
    finally:
        await engine.close()
    assert judged_under[1] == judged_under[0] + 1
    assert receipt.reasons == {"clean": 1}
    assert line is not None
    found = cards.unpack(line)
    assert (found.book_balance_fen, found.stated_balance_fen) == (
        OPENING_FEN - 50,
        OPENING_FEN - 50,
    )
    assert found.flags & cards.REGISTERED
    await settle_day(context, OPEN)
    assert await verify_day(context, OPEN) == []


async def test_a_card_whose_tap_was_written_is_not_registered(
    migrated: str, tmp_path: Path
) -> None:
    """Whoever comes after the commit is told; the registry stays as it was."""
    context = await _city(migrated, tmp_path)
    engine = await Engine.start(migrated, context.node, "reference")
    try:
        await engine.clear_batch(_ride(1, NEW))
        with pytest.raises(ServiceError, match="used before they were registered"):
            await register(migrated, [], [_issued(NEW)])
        await engine.clear_batch(_ride(2, OTHER))
    finally:
        await engine.close()
    await settle_day(context, OPEN)
    assert await verify_day(context, OPEN) == []
