"""A day on which buses took 2 yuan while the rules said 1, and what mends it."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from clearing import rules
from clearing import store as clearing_store
from clearing.compile import accounts_for
from clearing.store import Connection
from schemas.batch import Batch
from schemas.codes import CardKind, TapKind
from schemas.registry import Staff
from settlement import reclearing, store
from settlement.context import Context
from settlement.reclearing.people import compute
from settlement.store.decisions import Decision
from settlement.store.reclears import Reclear
from tests import world
from tests.settlement import night
from tests.settlement.decisions.town import ANNA, BO, CHEN, NEXT, STRANGE, at
from tests.world import BUS, FOREIGN_ISSUER, OPEN, TAXI, Card

RIGHT = ("fare_fen = 100", "fare_fen = 200")
"""What the rules said of buses, and what they should have said."""
DEARER = ("fare_fen = 100", "fare_fen = 180")
PLATFORM = ("per_mille = 80 }", "per_mille = 100 }"), ("per_mille = 920 }", "per_mille = 900 }")
"""What a taxi's platform keeps, and what it should have kept; the driver has the rest."""

# Rows of the bus batch.
FIRST, SECOND, CHEAP, STUDENT, ABROAD, HELD, SENIOR = range(7)


def batches() -> list[Batch]:
    """Buses (1) and taxis (2)."""
    student, senior = Card(18, kind=CardKind.STUDENT), Card(19, kind=CardKind.SENIOR)
    abroad = Card(99, issuer=FOREIGN_ISSUER)
    bus = [
        Card(1).tap(BUS, 100, at=at(1), number=1, gross_fen=200),
        Card(2).tap(BUS, 100, at=at(2), number=2, gross_fen=200),
        Card(3).tap(BUS, 50, at=at(3), number=3, gross_fen=100),
        student.tap(BUS, 100, at=at(4), number=4, gross_fen=200),
        abroad.tap(BUS, 200, at=at(5), number=5, gross_fen=200),
        Card(4).tap(BUS, 100, at=at(6), number=6, gross_fen=200, terminal_id=STRANGE),
        senior.tap(BUS, 0, at=at(7), number=7, gross_fen=200),
    ]
    taxi = [
        Card(number).tap(
            TAXI, 1_300, at=at(10 + number), number=number, kind=TapKind.TAXI_TRIP, distance_m=5_000
        )
        for number in (6, 7)
    ]
    return [world.batch(BUS, 1, b"".join(bus)), world.batch(TAXI, 2, b"".join(taxi))]


async def found(dsn: str, home: Path, *more: Batch) -> Context:
    """The city with its staff, and the day's taps cleared, those of ``more`` batches after them."""
    deck = [Card(number) for number in range(1, 11)]
    deck += [Card(18, kind=CardKind.STUDENT), Card(19, kind=CardKind.SENIOR)]
    context = await night.city(dsn, home, deck)
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            people = [
                Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in (ANNA, BO, CHEN)
            ]
            await clearing_store.change_registry(
                connection, [("staff", person) for person in people]
            )
    finally:
        await connection.close()
    await night.clear(context, [*batches(), *more])
    return context


WAITING = 3
"""The batch of ``waiting``, a platform's taxi trip after it."""


def waiting() -> list[Batch]:
    """Taps of a terminal that nobody registered: a student and a senior by bus, somebody by taxi."""
    student, senior = Card(18, kind=CardKind.STUDENT), Card(19, kind=CardKind.SENIOR)
    bus = [
        student.tap(BUS, 100, at=at(30), number=30, gross_fen=200, terminal_id=STRANGE),
        senior.tap(BUS, 0, at=at(31), number=31, gross_fen=200, terminal_id=STRANGE),
    ]
    trip = {"kind": TapKind.TAXI_TRIP, "distance_m": 5_000, "terminal_id": STRANGE}
    taxi = Card(8).tap(TAXI, 1_300, at=at(32), number=32, **trip)  # type: ignore[arg-type]
    return [world.batch(BUS, 3, b"".join(bus)), world.batch(TAXI, 4, taxi)]


async def put(connection: Connection, *edits: tuple[str, str]) -> int:
    """Put Xi'an's rules with other content for every date in force; returns their version."""
    files = rules.read(["xian"])
    text = files["xian/rules.toml"]
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    files["xian/rules.toml"] = text
    async with connection.transaction():
        loaded = rules.load(files)
        version = await clearing_store.add_rules(connection, loaded.digest, files)
        _, registry_version = await clearing_store.read_versions(connection)
        registry = await clearing_store.read_registry(connection, registry_version)
        await clearing_store.ensure_accounts(connection, accounts_for(registry, loaded))
    return version


async def propose(
    connection: Connection, context: Context, by: str = ANNA, version: int | None = None
) -> Reclear:
    """Propose to re-clear the first date."""
    day = await store.read_day(connection, OPEN)
    listed = await compute(context, day, version)
    return await reclearing.propose(connection, context, day, listed, "the fare was wrong", by)


async def approve(connection: Connection, context: Context, number: int, by: str = BO) -> Decision:
    """Approve a proposal."""
    return await reclearing.decide(connection, context, number, True, "looked at it", by)


async def reject(connection: Connection, context: Context, number: int, by: str = BO) -> Decision:
    """Decline a proposal."""
    return await reclearing.decide(connection, context, number, False, "not so", by)


async def corrected(connection: Connection, context: Context, *edits: tuple[str, str]) -> Reclear:
    """Put, propose and approve; returns the proposal."""
    await put(connection, *edits)
    proposal = await propose(connection, context)
    await approve(connection, context, proposal.proposal_no)
    return proposal


__all__ = ["ANNA", "BO", "CHEN", "NEXT", "OPEN", "compute"]
