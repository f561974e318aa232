"""A card refund is paid once, when its window has closed, and only if the card covers it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import msgspec

from clearing.engine import Engine
from clearing.plan import Purpose
from schemas.batch import to_binary
from schemas.codes import TapKind
from settlement.context import Context
from settlement.day import settle_day
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.world import AGENT, BUS, OPEN, Card

WINDOW_DAYS = 1
DUE = OPEN + timedelta(days=WINDOW_DAYS + 1)
CARD, PAID = "principal/card_liability/1", f"principal/refund_agent/{AGENT}"


async def fetch(context: Context, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(context.dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def owed(context: Context) -> tuple[int, int]:
    """To all cards, and to the refund agent before anything is instructed, fen."""
    rows = await fetch(
        context,
        "SELECT a.code, -sum(p.amount_fen)::bigint FROM clearing.posting p"
        f" JOIN clearing.account a USING (account_no) WHERE p.purpose <> {Purpose.SETTLEMENT:d}"
        " GROUP BY 1",
    )
    found = {str(row[0]): int(str(row[1])) for row in rows}
    return found.get(CARD, 0), found.get(PAID, 0)


async def states(context: Context) -> list[tuple[object, ...]]:
    return await fetch(
        context,
        "SELECT c.outcome, c.state, c.business_date FROM settlement.item_change c"
        " JOIN settlement.item i USING (item_id) WHERE i.kind = 'refund'"
        " AND c.outcome <> 'opened' ORDER BY i.row_no, c.change_no",
    )


async def town(dsn: str, home: Path, deck: list[Card]) -> Context:
    """A city whose presentment window is a day, so that a refund is due on the third."""
    context = await night.city(dsn, home, deck)
    limits = msgspec.structs.replace(context.node.limits, presentment_window_days=WINDOW_DAYS)
    return Context(dsn, replace(context.node, limits=limits), context.kernel)


async def test_a_refund_waits_for_its_window_and_is_paid_once(
    migrated: str, tmp_path: Path
) -> None:
    """The card comes back with 50 yuan. The agent asks for them twice: 50 yuan are there."""
    card, other = Card(1), Card(2)
    context = await town(migrated, tmp_path, [card, other])
    refund = card.tap(
        AGENT, 5_000, kind=TapKind.CARD_REFUND, type_byte=2, gross_fen=0, at="20260105100000"
    )
    again = Card(1, offline=1).tap(
        AGENT, 5_000, kind=TapKind.CARD_REFUND, type_byte=2, gross_fen=0, at="20260105095500",
        number=9,
    )  # fmt: skip
    engine = await Engine.start(context.dsn, context.node, context.kernel)
    try:
        receipt = await engine.clear_batch(to_binary(world.batch(AGENT, 1, refund + again)))
        assert b'"held":2' in receipt
        day = OPEN
        while day < DUE:
            assert await owed(context) == (10_000, 0)
            await settle_day(context, day)
            assert await states(context) == []
            day += timedelta(days=1)
        ride = other.tap(BUS, 50, gross_fen=100, at=f"{day:%Y%m%d}120000")
        await engine.clear_batch(to_binary(world.batch(BUS, 2, ride, f"{day:%Y%m%d}")))
        await settle_day(context, day)
    finally:
        await engine.close()
    assert await states(context) == [
        ("paid", "closed", DUE), ("restated", "open", DUE)
    ]  # fmt: skip
    assert (await owed(context))[0] == 10_000 - 50 - 5_000
    paid = await fetch(
        context,
        "SELECT a.code, p.amount_fen FROM clearing.posting p JOIN clearing.account a"
        " USING (account_no) JOIN clearing.entry e USING (entry_id)"
        " WHERE e.corrects = 'tap 1/0' ORDER BY p.amount_fen",
    )
    assert paid == [(PAID, -5_000), (CARD, 5_000)]
    adjusted = await fetch(context, "SELECT sum(amount_fen)::bigint FROM settlement.adjustment")
    assert adjusted == [(-5_000,)]
    for at in range((DUE - OPEN).days + 1):
        assert await verify_day(context, OPEN + timedelta(days=at)) == []


async def test_an_excess_is_what_was_taken_too_much(migrated: str, tmp_path: Path) -> None:
    """80 fen for a ride of 50: the item speaks of 30."""
    card = Card(1)
    context = await town(migrated, tmp_path, [card])
    tap = card.tap(BUS, 80, gross_fen=100, at="20260105100000")
    await night.clear(context, [world.batch(BUS, 1, tap)])
    await settle_day(context, date(2026, 1, 5))
    rows = await fetch(
        context,
        "SELECT i.kind, i.amount_fen, a.code FROM settlement.item i JOIN clearing.account a"
        " USING (account_no)",
    )
    assert rows == [("excess", 30, "principal/suspense")]
