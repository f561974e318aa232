"""A small city whose presentment window is three days, and its business dates one after the other."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import asyncpg
import msgspec

from clearing.node import Node
from schemas import record
from schemas.codes import Purse
from schemas.items import ItemKind
from settlement import store
from settlement.chains import audit_chains
from settlement.context import Context
from settlement.day import settle_day
from settlement.items import Night
from settlement.replay import replay
from settlement.store.items import Standing, read_standing
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.world import AGENT, BUS, OPEN, TAXI, Card

WINDOW_DAYS = 3


class City:
    """A node, its open date and the number of its next batch."""

    def __init__(self, context: Context) -> None:
        self.context, self.today, self.number = context, OPEN, 0

    @classmethod
    async def founded(cls, dsn: str, home: Path, deck: list[Card]) -> City:
        found = await night.city(dsn, home, deck)
        node = found.node
        limits = msgspec.structs.replace(node.limits, presentment_window_days=WINDOW_DAYS)
        node = Node(node.row, node.home, limits, node.keys, node.signing, node.secret)
        return cls(Context(dsn, node, found.kernel))

    def at(self, time: str = "080000") -> str:
        """A moment of the open date."""
        return f"{self.today:%Y%m%d}{time}"

    async def hand_in(self, *taps: bytes) -> int:
        """Hand taps in on the open date, one batch an operator; returns the last batch's number."""
        by_operator: dict[int, list[bytes]] = {}
        for tap in taps:
            by_operator.setdefault(record.unpack(tap).operator, []).append(tap)
        batches = []
        for operator in sorted(by_operator):
            self.number += 1
            records = b"".join(by_operator[operator])
            batches.append(world.batch(operator, self.number, records, f"{self.today:%Y%m%d}"))
        await night.clear(self.context, batches)
        return self.number

    async def sleep(self, days: int = 1) -> None:
        """Settle the open date, and the ones after it without taps."""
        for _ in range(days):
            await settle_day(self.context, self.today)
            self.today += timedelta(days=1)

    async def items(self, *kinds: ItemKind, open_only: bool = True) -> list[Standing]:
        """Items of these kinds as they stand."""
        async with store.reading(self.context.dsn) as connection:
            return await read_standing(connection, self.today, open_only=open_only, kinds=kinds)

    async def waits(self, *kinds: ItemKind) -> list[tuple[str, int]]:
        """Of these kinds: the last part of each open item's id, and fen."""
        found = await self.items(*kinds)
        return [(each.item.item_id.rpartition("/")[2], each.amount_fen) for each in found]

    async def balance(self, code: str) -> int:
        """The balance of an account, fen, credit positive."""
        connection = await asyncpg.connect(self.context.dsn)
        try:
            return -await connection.fetchval(
                "SELECT coalesce(sum(amount_fen), 0)::bigint FROM clearing.trial_balance"
                " WHERE code = $1",
                code,
            )
        finally:
            await connection.close()

    async def position(self, participant: str) -> int:
        """What a participant is to be paid for the last settled date, fen; nothing: 0."""
        async with store.reading(self.context.dsn) as connection:
            found = await store.read_positions(connection, self.today - timedelta(days=1))
        return sum(
            row.amount_fen
            for row in found
            if (row.purse, row.participant) == (Purse.PRINCIPAL, participant)
        )

    async def owed(self, card: Card) -> int:
        """What is owed to a card: its line's book balance and what nights adjusted."""
        key = bytes([1]) + bytes.fromhex(card.issuer + world.serial(card.number))
        last = self.today - timedelta(days=1)
        async with store.reading(self.context.dsn) as connection:
            day = await store.read_day(connection, last)
            entries = await store.read_entries(connection, last)
            lines = (await replay(connection, self.context, day, entries)).lines
            adjusted = await store.items.card_adjustments(connection, [key], last)
        for at in range(0, len(lines), 64):
            if lines[at] == 1 and lines[at + 4 : at + 14] == key[9:]:
                return int.from_bytes(
                    lines[at + 36 : at + 40], "little", signed=True
                ) + adjusted.get(key, 0)
        raise AssertionError(card)

    async def audited_again(self, on: date) -> Night:
        """What the chains of a date say when they are asked once more."""
        async with store.reading(self.context.dsn) as connection:
            day = await store.read_day(connection, on)
            entries = await store.read_entries(connection, on)
            lines = (await replay(connection, self.context, day, entries)).lines
            return await audit_chains(connection, self.context, day, lines)

    async def verified(self) -> None:
        """Every date that is settled comes out again as it was stored."""
        on = OPEN
        while on < self.today:
            assert await verify_day(self.context, on) == []
            on += timedelta(days=1)


__all__ = ["AGENT", "BUS", "OPEN", "TAXI", "Card", "City"]
