"""A small city with a day of taps, for the tests of the night."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import asyncpg

from clearing import store
from clearing.engine import Engine
from clearing.node import Node
from schemas.batch import Batch, to_binary
from schemas.codes import CardKind, TapKind
from schemas.registry import City, Operator
from settlement.context import Context
from tests import world
from tests.world import AGENT, BUS, FOREIGN_ISSUER, OPEN, TAXI, Card

KERNEL = os.environ.get("CLEARING_KERNEL", "reference")


def cards() -> list[Card]:
    """Fifty ordinary cards, five students, one of another city."""
    found = [Card(n) for n in range(1, 51)]
    found += [Card(n, kind=CardKind.STUDENT) for n in range(51, 56)]
    found.append(Card(99, issuer=FOREIGN_ISSUER))
    return found


def traffic(deck: list[Card], day: date = OPEN, first_number: int = 1) -> list[Batch]:
    """Some hundred taps in six batches, faults among them."""
    at = f"{day:%Y%m%d}08{{:02}}{{:02}}"
    declared = f"{day:%Y%m%d}"
    bus: list[bytes] = []
    for ride in range(3):
        for n, card in enumerate(deck):
            foreign = card.issuer == FOREIGN_ISSUER
            bus.append(
                card.tap(BUS, 100 if foreign else 50, at=at.format(ride * 15, n), gross_fen=100)
            )
    taxi = [
        card.tap(TAXI, 1_300, at=at.format(50, n), kind=TapKind.TAXI_TRIP, distance_m=5_000)
        for n, card in enumerate(deck[:20])
    ]
    loads = [
        card.tap(AGENT, 2_000, at=at.format(55, n), kind=TapKind.TOP_UP, gross_fen=0)
        for n, card in enumerate([*deck[:10], deck[-1]])
    ]
    forged = [deck[30].tap(BUS, 50, at=at.format(58, 1), gross_fen=100, good_tac=False)]
    deck[30].offline -= 1
    deck[30].balance_fen += 50
    held = [deck[31].tap(BUS, 50, at=at.format(58, 2), gross_fen=100, terminal_id="710000110009")]
    above = [deck[32].tap(BUS, 80, at=at.format(58, 3), gross_fen=100)]
    half = len(bus) // 2
    pieces = [
        (BUS, bus[:half]),
        (BUS, bus[half:] + bus[:2]),
        (TAXI, taxi),
        (AGENT, loads),
        (BUS, forged + held + above),
    ]
    # A number is left out on purpose: a gap on the completeness board.
    numbers = [first_number, first_number + 1, first_number, first_number, first_number + 3]
    return [
        world.batch(operator, number, b"".join(taps), declared)
        for (operator, taps), number in zip(pieces, numbers, strict=True)
    ]


async def city(dsn: str, home: Path, deck: list[Card]) -> Context:
    """The world's city with fees and with cities in the registry."""
    node = await world.settle_in(dsn, home, deck)
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            operators = [
                Operator(**{**_fields(row), "fee": "xian/standard"})  # type: ignore[arg-type]
                for row in world.operators()
            ]
            cities = [
                City(city="7910", name="西安", public_key="", payee_account="XIAN0001"),
                City(city="7930", name="宝鸡", public_key="", payee_account="BAOJI001"),
            ]
            await store.change_registry(
                connection,
                [("operator", row) for row in operators] + [("city", row) for row in cities],
            )
        row = await store.read_node(connection)
    finally:
        await connection.close()
    assert row is not None
    node = Node(row, node.home, node.limits, node.keys, node.signing, node.secret)
    return Context(dsn, node, KERNEL)


def _fields(row: Operator) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


async def clear(context: Context, batches: list[Batch]) -> None:
    """Hand batches in."""
    engine = await Engine.start(context.dsn, context.node, KERNEL)
    try:
        for each in batches:
            await engine.clear_batch(to_binary(each))
    finally:
        await engine.close()
