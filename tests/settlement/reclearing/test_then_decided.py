"""Rides that were re-cleared, or for which a split was missing, of which people then decide something."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import msgspec
import pytest

from clearing import rules
from clearing import store as clearing_store
from clearing.compile import accounts_for
from schemas.items import Action, ItemKind, ItemOutcome
from tests import world
from tests.settlement.chains.nights import BUS, Card, City
from tests.settlement.reclearing.correcting import LATE, put, recleared
from tests.settlement.transfers.legs import EXCESS, agreed, booked_fen, change, only, ride

LATE_SPLIT = ("[[split.bus]]\nsince = 2000-01-01", "[[split.bus]]\nsince = 2026-03-01")


@pytest.fixture
async def city(migrated: str, tmp_path: Path) -> City:
    """A city whose buses share their fares by a split of the rules."""
    found = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 10)])
    connection = await asyncpg.connect(migrated)
    try:
        async with connection.transaction():
            rows = [
                ("operator", msgspec.structs.replace(row, split="xian/bus"))
                for row in world.operators()
                if row.number == BUS
            ]
            version = await clearing_store.change_registry(connection, rows)
            registry = await clearing_store.read_registry(connection, version)
            loaded = rules.load(rules.read(["xian"]))
            await clearing_store.ensure_accounts(connection, accounts_for(registry, loaded))
    finally:
        await connection.close()
    return found


async def test_a_ride_re_cleared_and_reversed_on_one_date_takes_no_transfer(city: City) -> None:
    await put(city, LATE, note="late")
    card = Card(1)
    first = ride(card, city, "080000")
    second, again = change(card, city, "083000", 50), change(card, city, "083100", 50)
    await city.hand_in(again, second)
    await city.sleep()
    await put(city, note="in time")
    await city.hand_in(first)
    assert await recleared(city) == 2
    await agreed(city, "double_deduction/1/0", Action.REVERSE)
    await city.sleep()
    assert await booked_fen(city, "principal/refund_agent/13") == 50
    assert await booked_fen(city, "principal/operator/11") == 50 + 30
    assert await city.waits(EXCESS) == [("1", 20)]
    await city.verified()


async def test_a_transfer_that_was_given_up_stays_so_when_its_ride_is_released(city: City) -> None:
    card = Card(1)
    ride(card, city, "080000")
    await city.hand_in(change(card, city, "083000", 50))
    await city.sleep(5)
    assert (await only(city)).outcome == ItemOutcome.NOT_PROVEN
    await put(city, LATE_SPLIT, note="without")
    assert await recleared(city) == 1
    await city.sleep()
    await put(city, note="with")
    await agreed(city, "held/1/0", Action.RELEASE)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.NOT_PROVEN
    assert await booked_fen(city, "principal/operator/11") == 50
    await city.verified()


async def test_a_transfer_is_taken_from_those_who_got_the_released_fare(city: City) -> None:
    """The ride was held since no split applied; the one that was added since shared it."""
    await put(city, LATE_SPLIT, note="without")
    card = Card(1)
    first = ride(card, city, "080000")
    await city.hand_in(change(card, city, "083000", 50))
    await city.sleep()
    await put(city, note="with")
    await agreed(city, "held/1/0", Action.RELEASE)
    await city.sleep()
    await city.hand_in(first)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.PROVEN
    assert await booked_fen(city, "principal/operator/11") == 50 + 30
    assert await city.balance("principal/suspense") == 20
    await city.verified()


async def test_an_excess_that_a_re_clearing_ended_waits_again(city: City) -> None:
    card = Card(1)
    await city.hand_in(ride(card, city, "083000", 65))
    await city.sleep()
    await put(city, LATE_SPLIT, note="without")
    assert await recleared(city) == 1
    assert await city.items(EXCESS) == []
    await city.sleep()
    await put(city, note="with")
    await agreed(city, "held/1/0", Action.RELEASE)
    await city.sleep()
    assert await city.waits(EXCESS, ItemKind.HELD) == [("0", 15)]
    assert await booked_fen(city, "principal/operator/11") == 50
    assert await city.balance("principal/suspense") == 15
    await city.verified()
