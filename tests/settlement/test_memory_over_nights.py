"""What the engine knows of taps, terminals and refunded cards outlives nights and restarts, and replays."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import asyncpg
import msgspec

from clearing import cards, terminals
from clearing.engine import Engine
from clearing.store import read_pages
from schemas import batch as envelope
from schemas import proof
from schemas.batch import to_binary
from schemas.codes import Check, TapKind
from schemas.exchange import presentment_name
from settlement.context import Context
from settlement.day import settle_day
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.world import BUS, OPEN, Card

NEXT, THIRD = date(2026, 1, 6), date(2026, 1, 7)


class Town:
    """An engine that is stopped and started again between batches."""

    def __init__(self, context: Context) -> None:
        self.context, self.number = context, 0

    async def clear(self, taps: bytes, declared: date = OPEN) -> dict[str, int]:
        """Reasons of an operator's batch."""
        self.number += 1
        body = to_binary(world.batch(BUS, self.number, taps, f"{declared:%Y%m%d}"))
        engine = await self._engine()
        try:
            receipt = await engine.clear_batch(body)
        finally:
            await engine.close()
        return msgspec.json.decode(receipt, type=proof.Receipt).reasons

    async def present(self, taps: bytes, acquirer: str, declared: date = OPEN) -> dict[str, int]:
        """Reasons of what another city presents."""
        self.number += 1
        made = envelope.make(0, self.number, f"{declared:%Y%m%d}", taps)
        name = presentment_name(acquirer, "7910", declared, self.number)
        engine = await self._engine()

        async def along(*_: object) -> None:
            """Nothing is written beside it."""

        try:
            receipt = await engine.clear_presentment(made, name, Check.ALL, along)
        finally:
            await engine.close()
        assert receipt is not None
        return msgspec.json.decode(receipt, type=proof.Receipt).reasons

    async def _engine(self) -> Engine:
        return await Engine.start(self.context.dsn, self.context.node, self.context.kernel)


async def town(dsn: str, home: Path, deck: list[Card]) -> Town:
    return Town(await night.city(dsn, home, deck))


def ride(card: Card, at: str, **changes: object) -> bytes:
    return card.tap(BUS, 50, at=at, gross_fen=100, **changes)  # type: ignore[arg-type]


async def verified(context: Context, *days: date) -> None:
    for day in days:
        assert await verify_day(context, day) == []


async def test_the_same_tap_is_told_by_date_and_by_city(migrated: str, tmp_path: Path) -> None:
    card = Card(1)
    here = await town(migrated, tmp_path, [card])
    first, shown = ride(card, "20260105080000"), ride(card, "20260105090000")
    assert await here.clear(first) == {"clean": 1}
    assert await here.clear(first) == {"duplicate": 1}
    assert await here.present(shown, "7930") == {"clean": 1}
    assert await here.present(shown, "7930") == {"duplicate": 1}
    assert await here.present(shown, "7950") == {"duplicate_other_city": 1}
    await settle_day(here.context, OPEN)
    # Now the sealed date's index alone knows them.
    assert await here.clear(first, NEXT) == {"duplicate_other_date": 1}
    assert await here.present(shown, "7930", NEXT) == {"duplicate_other_date": 1}
    assert await here.present(shown, "7950", NEXT) == {"duplicate_other_city": 1}
    assert await here.clear(shown, NEXT) == {"duplicate_other_city": 1}
    await settle_day(here.context, NEXT)
    await verified(here.context, OPEN, NEXT)


async def test_a_tap_held_for_its_future_keeps_its_city(migrated: str, tmp_path: Path) -> None:
    card = Card(1)
    here = await town(migrated, tmp_path, [card])
    ahead = ride(card, "20260107120000")
    assert await here.present(ahead, "7930") == {"future": 1}
    await settle_day(here.context, OPEN)
    await settle_day(here.context, NEXT)
    assert await here.present(ahead, "7950", THIRD) == {"duplicate_other_city": 1}
    assert await here.present(ahead, "7930", THIRD) == {"duplicate_other_date": 1}
    await settle_day(here.context, THIRD)
    await verified(here.context, OPEN, NEXT, THIRD)


async def test_a_terminals_numbers_are_known_after_nights_and_restarts(
    migrated: str, tmp_path: Path
) -> None:
    """The line goes into the sealed date's pages, and is no card's in the float."""
    card, other = Card(1), Card(2)
    here = await town(migrated, tmp_path, [card, other])
    assert await here.clear(ride(card, "20260105080000", number=7)) == {"clean": 1}
    reused = ride(other, "20260105080500", number=7)
    assert await here.clear(reused) == {"terminal_number_reused": 1}
    await settle_day(here.context, OPEN)
    assert await here.clear(ride(card, "20260106080000", number=7), NEXT) == {
        "terminal_number_reused": 1
    }
    assert await here.clear(ride(card, "20260106081000", number=8), NEXT) == {"clean": 1}
    await settle_day(here.context, NEXT)
    await verified(here.context, OPEN, NEXT)
    connection = await asyncpg.connect(migrated)
    try:
        pages = b"".join(lines for _, lines in await read_pages(connection, THIRD))
        floats = await connection.fetchval(
            "SELECT convert_from(content, 'UTF8') FROM settlement.paper"
            " WHERE name = 'centre/float.json' AND business_date = $1",
            NEXT,
        )
    finally:
        await connection.close()
    lines = [pages[at : at + cards.SIZE] for at in range(0, len(pages), cards.SIZE)]
    found = [terminals.unpack(line) for line in lines if terminals.is_terminal(line)]
    assert [(line.terminal_id.hex(), line.number_highest, line.repeats) for line in found] == [
        (world.terminal(BUS), 8, 2)
    ]
    assert msgspec.json.decode(floats)[0]["cards"] == 2


async def test_a_refunded_card_stays_closed_from_that_moment_on(
    migrated: str, tmp_path: Path
) -> None:
    card = Card(1)
    here = await town(migrated, tmp_path, [card])
    early = ride(card, "20260105080000")
    refund = card.tap(BUS, card.balance_fen, at="20260105090000", kind=TapKind.CARD_REFUND)
    card.balance_fen = 4_950
    assert await here.clear(refund) == {"refund_held": 1}
    await settle_day(here.context, OPEN)
    assert await here.clear(early, NEXT) == {"clean": 1}
    assert "card_closed" in await here.clear(ride(card, "20260105100000"), NEXT)
    await settle_day(here.context, NEXT)
    await verified(here.context, OPEN, NEXT)
    connection = await asyncpg.connect(migrated)
    try:
        unclaimed = await connection.fetchval(
            "SELECT amount_fen FROM clearing.trial_balance WHERE code = 'principal/unclaimed/card_closed'"
        )
    finally:
        await connection.close()
    assert abs(unclaimed) == 50
