"""The same honest day in two cities that are alike: in one of them somebody attacks at noon.

What the attack changed is the difference between their books, account by account, in fen: positive where
the attacked city owes an account more than the quiet one does. Nothing else may differ: every honest
batch gets the same receipt, every honest card ends with the same line, and the night of the attacked
city closes, replays and verifies.

The attacked city's engine runs the compiled kernel, its night and the quiet city the plain one: so both
kernels judge every attack, and the audit finds each byte in which they differ.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from clearing import cards, store
from clearing.engine import Engine
from clearing.limits import PRESENTMENT_WINDOW_DAYS
from clearing.node import Node
from schemas import record
from schemas.batch import Batch, to_binary
from schemas.codes import CardKind, TapKind
from schemas.proof import Receipt
from schemas.registry import Operator
from service.database import Server, create_database, drop_database
from settlement.context import Context
from settlement.day import settle_day
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.world import AGENT, BUS, FOREIGN_ISSUER, OPEN, TAXI, Card

NUMBERS = itertools.count(1)
VICTIM, OTHER, SENIOR, STUDENT, TEST, VISITOR = 1, 2, 31, 32, 41, 99
"""Cards by number: the one that is attacked, a second, and those of other kinds."""
TAXI_RIDERS, LOADED = (4, 5, 6), 7
TAXI_RIDE: dict[str, Any] = {"kind": TapKind.TAXI_TRIP, "gross_fen": 1_300, "distance_m": 5_000}
CARD, BUS_DUE, SUSPENSE = (
    "principal/card_liability/1",
    f"principal/operator/{BUS}",
    "principal/suspense",
)
ATTACK_NUMBER = 500
"""Batch numbers of attackers count from here."""
FAR = 50_000
"""A terminal number that no honest tap comes near."""
_OF_A_RECEIPT = (
    "taps", "accepted", "held", "rejected", "gross_fen", "charged_fen", "accepted_fen", "reasons",
)  # fmt: skip


def unclaimed(reason: str) -> str:
    """The account of money that a rejected tap took off its card."""
    return f"principal/unclaimed/{reason}"


def deck() -> dict[int, Card]:
    """Ten ordinary cards, one of each kind that matters, one of another city."""
    found = [Card(number) for number in range(1, 11)]
    found += [
        Card(SENIOR, kind=CardKind.SENIOR),
        Card(STUDENT, kind=CardKind.STUDENT),
        Card(TEST, kind=CardKind.TEST),
        Card(VISITOR, issuer=FOREIGN_ISSUER),
    ]
    return {card.number: card for card in found}


def altered(data: bytes, **changes: Any) -> bytes:
    """A record with other fields and the TAC that it had: what an editor without keys can make."""
    return record.pack(msgspec.structs.replace(record.unpack(data), **changes))


def clone(card: Card) -> Card:
    """Another card with the same keys, counters and money: what a cloner has, or a forger pretends."""
    return Card(card.number, card.issuer, card.kind, card.offline, card.online, card.balance_fen)


@dataclass
class City:
    """One city, its engine at work."""

    context: Context
    engine: Engine
    deck: dict[int, Card] = field(default_factory=deck)
    day: date = OPEN
    receipts: list[Receipt] = field(default_factory=list)
    """Of honest batches."""
    terminals: dict[int, int] = field(default_factory=dict)
    """The last number of each operator's terminal."""
    _attacks: Iterator[int] = field(default_factory=lambda: itertools.count(ATTACK_NUMBER))

    def ride(self, number: int, operator: int, amount_fen: int, at: str, **fields: Any) -> bytes:
        """An honest card's next tap, by the next number of the operator's terminal."""
        self.terminals[operator] = self.terminals.get(operator, 0) + 1
        return self.deck[number].tap(
            operator, amount_fen, at=at, number=self.terminals[operator], **fields
        )

    async def hand_in(self, batch: Batch) -> Receipt:
        """Clear a batch as it is."""
        return msgspec.json.decode(await self.engine.clear_batch(to_binary(batch)), type=Receipt)

    async def submit(self, operator: int, *taps: bytes, number: int = 0) -> Receipt:
        """Clear taps as one batch of an operator, rightly signed."""
        number = number or next(self._attacks)
        return await self.hand_in(
            world.batch(operator, number, b"".join(taps), f"{self.day:%Y%m%d}")
        )

    async def honest_rides(self, hour: int) -> None:
        """An hour of the day: everybody takes a bus, some a taxi, one card is loaded."""

        def at(minute: int, number: int) -> str:
            return f"{self.day:%Y%m%d}{hour:02}{minute:02}{number % 60:02}"

        riders = [number for number in self.deck if number != TEST]
        fares = {SENIOR: 0, VISITOR: 100}
        buses = [
            self.ride(rider, BUS, fares.get(rider, 50), at(10, rider), gross_fen=100)
            for rider in riders
        ]
        taxis = [self.ride(rider, TAXI, 1_300, at(30, rider), **TAXI_RIDE) for rider in TAXI_RIDERS]
        load = self.ride(LOADED, AGENT, 2_000, at(50, LOADED), kind=TapKind.TOP_UP, gross_fen=0)
        for operator, taps in ((BUS, buses), (TAXI, taxis), (AGENT, [load])):
            number = 100 * (self.day - OPEN).days + hour
            self.receipts.append(await self.submit(operator, *taps, number=number))

    async def night(self) -> date:
        """Settle the open date; the next one is open then. Returns the sealed one."""
        sealed = self.day
        await settle_day(self.context, sealed)
        self.day += timedelta(days=1)
        return sealed

    async def money(self) -> dict[str, int]:
        """What is owed to each account, fen; what it owes is negative."""
        rows = await self.fetch(
            "SELECT code, -sum(amount_fen)::bigint FROM clearing.trial_balance GROUP BY code"
        )
        return {row[0]: row[1] for row in rows if row[1]}

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.context.dsn)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def register(self, *rows: tuple[str, msgspec.Struct]) -> None:
        """Change the registry, as the centre's staff does."""
        connection = await asyncpg.connect(self.context.dsn)
        try:
            async with connection.transaction():
                await store.change_registry(connection, list(rows))
        finally:
            await connection.close()

    async def operator(self, number: int) -> Operator:
        """An operator's row in the registry now in force."""
        connection = await asyncpg.connect(self.context.dsn)
        try:
            _, version = await store.read_versions(connection)
            rows = (await store.read_registry(connection, version))["operator"]
        finally:
            await connection.close()
        return next(row for row in rows if isinstance(row, Operator) and row.number == number)

    def line(self, card: Card) -> cards.CardLine:
        """What the city knows of a card."""
        name = bytes([1]) + bytes.fromhex(card.issuer + world.serial(card.number))
        data = self.engine._pipeline.state.kernel.card_line(name)
        assert data is not None
        return cards.unpack(data)

    def paper(self, day: date, name: str) -> bytes:
        """A paper of a date that was settled."""
        return (self.context.papers / f"{day}" / name).read_bytes()

    def told(self, day: date, operator: int) -> set[str]:
        """Reasons that an operator reads on its papers of a date, flags among them."""
        statement = json.loads(self.paper(day, f"operators/{operator}/statement.json"))
        return {name for name in statement["reasons"] if name != "clean"}

    def listed(self, day: date, operator: int) -> list[dict[str, str]]:
        """The held and rejected taps on an operator's list of a date, by the columns' English names."""
        text = self.paper(day, f"operators/{operator}/exceptions.csv").decode()
        return [
            {heading.split(" ")[0]: cell for heading, cell in row.items()}
            for row in csv.DictReader(io.StringIO(text))
        ]


@dataclass
class Stage:
    """Both cities. Attack ``attacked``; whatever is done to the world itself goes ``everywhere``."""

    attacked: City
    quiet: City

    @property
    def everywhere(self) -> tuple[City, City]:
        return self.attacked, self.quiet

    def __getitem__(self, number: int) -> Card:
        """A card of the attacked city."""
        return self.attacked.deck[number]

    async def honest_rides(self, hour: int) -> None:
        for city in self.everywhere:
            await city.honest_rides(hour)

    async def night(self) -> date:
        """Settle the open date in both."""
        await self.quiet.night()
        return await self.attacked.night()

    async def difference(self) -> dict[str, int]:
        """What the attack changed in the books so far, fen by account."""
        attacked, quiet = await self.attacked.money(), await self.quiet.money()
        found = {
            code: attacked.get(code, 0) - quiet.get(code, 0)
            for code in sorted(attacked.keys() | quiet.keys())
        }
        return {code: fen for code, fen in found.items() if fen}

    async def aftermath(self, *, but: Sequence[int] = (), hour: int = 18) -> dict[str, int]:
        """The rest of the honest day, and the night; returns what the attack changed in the end.

        ``but``: cards that the attack may have touched. Whatever it did to them is in the books.
        """
        await self.honest_rides(hour)
        self.see_the_honest_as_they_were(but)
        changed = await self.difference()
        sealed = await self.attacked.night()
        assert await verify_day(self.attacked.context, sealed) == []
        return changed

    def see_the_honest_as_they_were(self, but: Sequence[int] = ()) -> None:
        """Every honest batch got the receipt, and every honest card has the line, of a quiet day."""
        attacked, quiet = (
            [[getattr(receipt, name) for name in _OF_A_RECEIPT] for receipt in city.receipts]
            for city in self.everywhere
        )
        if not but:
            assert attacked == quiet
        for number, card in self.quiet.deck.items():
            if number not in (*but, VISITOR):
                assert self.attacked.line(card) == self.quiet.line(card), number


@dataclass
class Morning:
    """A city after its morning, to be copied: each test's two cities begin as this one."""

    database: str
    node: Node
    deck: dict[int, Card]
    receipts: list[Receipt]
    terminals: dict[int, int]


async def make_morning(postgres: Server, template: str, database: str, home: Path) -> Morning:
    """Found the city in a new database and let the morning pass."""
    dsn = await create_database(postgres.dsn, database, template=template)
    made = deck()
    context = await night.city(dsn, home, list(made.values()))
    engine = await Engine.start(dsn, context.node, "reference")
    try:
        city = City(context, engine, made)
        await city.honest_rides(8)
    finally:
        await engine.close()
    return Morning(database, context.node, city.deck, city.receipts, city.terminals)


@asynccontextmanager
async def stage(
    postgres: Server,
    morning: Morning,
    home: Path,
    *,
    production: bool = False,
    window_days: int = PRESENTMENT_WINDOW_DAYS,
) -> AsyncIterator[Stage]:
    """Both cities with a morning behind them. ``production``: test cards are refused; ``window_days``: of
    presentment, so that a test need not live through a month of nights."""
    cities: list[City] = []
    names: list[str] = []
    limits = msgspec.structs.replace(
        morning.node.limits, production=production, presentment_window_days=window_days
    )
    try:
        for which, kernel in (("attacked", "fastpath"), ("quiet", "reference")):
            names.append(f"onecard_attack_{os.getpid()}_{next(NUMBERS)}")
            dsn = await create_database(postgres.dsn, names[-1], template=morning.database)
            node = replace(morning.node, home=home / which, limits=limits)
            engine = await Engine.start(dsn, node, kernel)
            cities.append(
                City(
                    Context(dsn, node, "reference"),
                    engine,
                    {number: clone(card) for number, card in morning.deck.items()},
                    receipts=list(morning.receipts),
                    terminals=dict(morning.terminals),
                )
            )
        yield Stage(*cities)
    finally:
        for city in cities:
            await city.engine.close()
        for name in names:
            await drop_database(postgres.dsn, name)
