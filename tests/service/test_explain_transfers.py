"""A transfer that waits for its leg, and is proven by it, as an explanation tells it: then, and now."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from clearing.engine import Engine
from schemas.batch import to_binary
from schemas.codes import Discount
from schemas.items import ItemKind, ItemOutcome
from settlement.context import Context
from settlement.day import settle_day
from tests import world
from tests.service.test_explain import text_of, told
from tests.world import BUS, OPEN, Card


async def test_a_transfer_is_told_as_it_was_known(migrated: str, tmp_path: Path) -> None:
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card])
    first = card.tap(BUS, 50, at="20260105081000", gross_fen=100)
    second = card.tap(
        BUS, 30, at="20260105083000", gross_fen=100, discount_claimed=Discount.TRANSFER
    )
    for number, data in enumerate((second, first), 1):
        engine = await Engine.start(migrated, node)
        try:
            await engine.clear_batch(to_binary(world.batch(BUS, number, data)))
        finally:
            await engine.close()
        await settle_day(Context(migrated, node), OPEN + timedelta(days=number - 1))
    then = await told(migrated, node, "1:0", OPEN)
    english, chinese = text_of(then), text_of(then, language="zh")
    assert "Item transfer/1/0 (transfer not proven yet): 0.20 yuan" in english
    assert "换乘待证" in chinese
    assert "charged less than the tariff are the operator's loss" in english
    assert "Its transfer was proven" not in english
    now = await told(migrated, node, "1:0")
    (item,) = [each for each in now.waiting if each.standing.item.kind == ItemKind.TRANSFER]
    assert item.standing.outcome == ItemOutcome.PROVEN
    on = OPEN + timedelta(days=1)
    english, chinese = text_of(now), text_of(now, language="zh")
    assert (
        f"Its transfer was proven on {on}: the 0.20 yuan that it took off are borne by the operator"
        in english
    )
    assert f"换乘已于 {on} 证实，优惠的 0.20 元 由运营商承担" in chinese
    assert "operator's loss" not in english
