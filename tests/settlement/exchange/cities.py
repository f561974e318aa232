"""A small exchange for tests: city nodes and the province, each on a database of its own.

Every city has the same operators and rules; cards of the same numbers; its own issuer and the others'
as foreign ones. Issuer 1 is each city's own, so that ``world.Card`` lines fit everywhere.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import msgspec

from clearing import ledger, rules, store
from clearing.compile import accounts_for
from clearing.engine import Engine
from clearing.keys.signing import SigningKey
from clearing.node import Node
from schemas import registry
from schemas.batch import to_binary
from schemas.cities import PROVINCE
from service.database import Server, create_database, drop_database
from settlement.exchange import courier, outbound, post, province, summary
from settlement.exchange.courier import Link
from settlement.exchange.errors import LinkDown
from tests import world
from tests.world import AGENT, BUS, OPEN, TAXI, Card

XIAN, BAOJI, WEINAN = "7910", "7930", "7970"
ISSUERS = {XIAN: "0000000000007100", BAOJI: "0000000000007130", WEINAN: "0000000000007140"}
CODES = {XIAN: "7100", BAOJI: "7130", WEINAN: "7140"}
NUMBERS = itertools.count(1)
KERNEL = os.environ.get("CLEARING_KERNEL", "reference")


def key_of(city: str) -> SigningKey:
    """The signing key of a node."""
    return SigningKey.from_seed(city.encode().ljust(32, b"k"))


def card_of(city: str, number: int) -> Card:
    """A card that a city's issuer issued."""
    return Card(number, issuer=ISSUERS[city])


@dataclass
class Place:
    """A node at work."""

    node: Node
    dsn: str
    pool: asyncpg.Pool[asyncpg.Record]
    engine: Engine | None
    open_date: date
    batches: int = 0
    declared: str = field(default="")

    @property
    def city(self) -> str:
        return self.node.city

    async def submit(self, operator: int, records: Sequence[bytes]) -> None:
        """Clear a batch of taps of one of the operators."""
        assert self.engine is not None
        self.batches += 1
        declared = f"{self.open_date:%Y%m%d}"
        batch = world.batch(operator, self.batches, b"".join(records), declared)
        await self.engine.clear_batch(to_binary(batch))

    async def cut_off(self) -> date:
        """Close the open date and open the next; returns the closed one."""
        closed = self.open_date
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "UPDATE clearing.business_day SET state = 'cut_off' WHERE state = 'open'"
            )
            self.open_date = closed + timedelta(days=1)
            await store.open_day(connection, self.open_date)
        return closed

    async def present(self, business_date: date) -> int:
        async with self.pool.acquire() as connection, connection.transaction():
            return await outbound.present(connection, self.node, business_date)

    async def close_cycle(self, business_date: date) -> dict[str, int]:
        async with self.pool.acquire() as connection, connection.transaction():
            return await province.close_cycle(connection, self.node, business_date)

    async def round(self, link: Link | None) -> courier.Round:
        return await courier.exchange_round(self.pool, self.node, self.engine, link)

    async def restart(self) -> None:
        """The engine dies and comes back: its state is rebuilt from the database."""
        if self.engine is not None:
            await self.engine.close()
            self.engine = await Engine.start(self.dsn, self.node, KERNEL)


class DirectLink:
    """The province in the same process."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def post(self, envelope: bytes) -> bytes:
        async with self.place.pool.acquire() as connection, connection.transaction():
            answer = await post.receive(connection, self.place.node, envelope)
        return msgspec.msgpack.encode(answer)

    async def pull(self, request: bytes) -> bytes:
        async with self.place.pool.acquire() as connection, connection.transaction():
            try:
                envelopes = await post.answer_pull(connection, self.place.node, request)
            except ValueError as error:
                raise LinkDown(str(error)) from error
        return msgspec.msgpack.encode(envelopes)


@dataclass
class Exchange:
    """The province and its cities."""

    province: Place
    cities: dict[str, Place]

    @property
    def places(self) -> list[Place]:
        return [self.province, *self.cities.values()]

    async def quiesce(self, make: Callable[[Place], Link] | None = None) -> None:
        """Rounds everywhere until nothing happens any more."""
        quiet = False
        while not quiet:
            quiet = True
            for place in self.places:
                link = (make or (lambda _: DirectLink(self.province)))(place)
                quiet = (await place.round(link)).quiet and quiet

    async def night(self) -> None:
        """Cities present, everything is answered, the province closes its cycle, all book it."""
        closed = [await place.cut_off() for place in self.cities.values()]
        for place, day in zip(self.cities.values(), closed, strict=True):
            await place.present(day)
        await self.quiesce()
        await self.province.close_cycle(await self.province.cut_off())
        await self.quiesce()

    async def summaries(self) -> tuple[summary.Summary, list[summary.Summary]]:
        found = []
        for place in self.places:
            async with place.pool.acquire() as connection:
                found.append(await summary.summarise(connection, place.node))
        return found[0], found[1:]


@asynccontextmanager
async def exchange(
    postgres: Server,
    template: str,
    home: Path,
    cards: int = 4,
    names: Sequence[str] = (XIAN, BAOJI),
) -> AsyncIterator[Exchange]:
    """An exchange whose cities have issued ``cards`` cards each."""
    places: list[Place] = []
    databases: list[str] = []
    try:
        for city in (PROVINCE, *names):
            databases.append(f"onecard_exchange_{os.getpid()}_{next(NUMBERS)}")
            dsn = await create_database(postgres.dsn, databases[-1], template=template)
            node = await _settle_in(dsn, home, city, names, cards)
            engine = None if city == PROVINCE else await Engine.start(dsn, node, KERNEL)
            pool = await asyncpg.create_pool(dsn, min_size=1, max_size=4)
            places.append(Place(node, dsn, pool, engine, OPEN))
        yield Exchange(places[0], {place.city: place for place in places[1:]})
    finally:
        for place in places:
            if place.engine is not None:
                await place.engine.close()
            await place.pool.close()
        for name in databases:
            await drop_database(postgres.dsn, name)


async def _settle_in(dsn: str, home: Path, city: str, names: Sequence[str], cards: int) -> Node:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            role = "province" if city == PROVINCE else "city"
            row = store.NodeRow(role, city, city, OPEN, True, False, 0, 0)
            await store.create_node(connection, row)
            members = [
                registry.City(city=name, name=name, public_key=key_of(name).public.encode().hex())
                for name in (PROVINCE, *names)
            ]
            await store.change_registry(connection, [("city", member) for member in members])
            if city != PROVINCE:
                await _found_city(connection, city, names, cards)
        node_row = await store.read_node(connection)
    finally:
        await connection.close()
    assert node_row is not None
    keys = world.WorldKeys(ISSUERS.get(city, ISSUERS[XIAN]), CODES.get(city, CODES[XIAN]))
    return Node(node_row, home, world.LIMITS, keys, key_of(city), b"s" * 32)


async def _found_city(
    connection: store.Connection, city: str, names: Sequence[str], cards: int
) -> None:
    """Rules, operators, issuers, cards with their money."""
    files = rules.read(["baoji"])
    await store.add_rules(connection, rules.load(files).digest, files)
    others = [name for name in names if name != city]
    issuers = [
        registry.Issuer(
            number=number, family=1, issuer=ISSUERS[name], city=name, name=name, own=name == city
        )
        for number, name in enumerate((city, *others), 1)
    ]
    operators = [
        msgspec.structs.replace(row, split="baoji/taxi" if row.split else "")
        for row in world.operators(("baoji/bus", "baoji/taxi"))
    ]
    rows: list[tuple[str, msgspec.Struct]] = [("issuer", row) for row in issuers]
    rows += [("operator", row) for row in operators]
    rows += [
        ("terminal", registry.Terminal(terminal_id=world.terminal(number), operator=number))
        for number in (BUS, TAXI, AGENT)
    ]
    own = [card_of(city, number) for number in range(1, cards + 1)]
    lines = [
        (bytes([1]) + bytes.fromhex(card.issuer + world.serial(card.number)), card.line())
        for card in own
    ]
    version = await store.change_registry(connection, rows, lines)
    registry_rows = await store.read_registry(connection, version)
    wanted = accounts_for(registry_rows, rules.load(files))
    accounts = await store.ensure_accounts(connection, wanted)
    bank, liability = (
        accounts[f"principal/{kind}/1"].number for kind in ("float_bank", "card_liability")
    )
    money = sum(card.balance_fen for card in own)
    entry = ledger.opening_entry(version, [(bank, liability, money)])
    await store.add_entries(connection, OPEN, [entry])
