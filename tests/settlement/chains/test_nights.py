"""Chains of cards over real nights: taps through the engine, items, entries and books in the database."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from schemas import record
from schemas.codes import TapKind
from schemas.items import ItemKind, ItemOutcome
from tests.settlement.chains.nights import AGENT, BUS, OPEN, Card, City

GAP, RISE, TORN = ItemKind.CHAIN_GAP, ItemKind.CHAIN_RISE, ItemKind.TORN


@pytest.fixture
async def city(migrated: str, tmp_path: Path) -> City:
    return await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 6)])


def ride(card: Card, city: City, time: str, fen: int = 50, **values: object) -> bytes:
    return card.tap(BUS, fen, at=city.at(time), gross_fen=2 * fen, **values)  # type: ignore[arg-type]


def torn(data: bytes) -> bytes:
    """The record of a card that left before it gave its TAC."""
    tac = record.FIELD["tac"]
    return data[: tac.offset] + b"\xff" * 4 + data[tac.end :]


async def test_a_gap_from_pending_to_lost_to_found(city: City) -> None:
    """Three rides, the second one's record is away. The window closes; then the record comes: it is held
    as too late, and the card owes it once."""
    card = Card(1)
    first, away, third = (ride(card, city, f"08000{n}") for n in range(3))
    await city.hand_in(first, third)
    await city.sleep()
    assert await city.waits(GAP) == [("2", 50)]
    assert await city.owed(card) == card.balance_fen + 50
    await city.sleep(3)
    assert await city.balance("principal/unclaimed/chain_gap") == 0
    await city.sleep()
    assert await city.balance("principal/unclaimed/chain_gap") == 50
    assert await city.owed(card) == card.balance_fen
    await city.hand_in(away)
    await city.sleep()
    assert await city.waits(GAP) == []
    (gap,) = await city.items(GAP, open_only=False)
    assert gap.outcome == ItemOutcome.ARRIVED_LATE
    assert await city.balance("principal/unclaimed/chain_gap") == 0
    assert await city.balance("principal/suspense") == 50
    assert await city.owed(card) == card.balance_fen
    await city.verified()


async def test_a_gap_that_closes_leaves_no_money_behind(city: City) -> None:
    card = Card(2)
    taps = [ride(card, city, f"08000{n}") for n in range(5)]
    await city.hand_in(taps[0], taps[4])
    await city.sleep()
    assert await city.waits(GAP) == [("2", 150)]
    await city.hand_in(taps[3])
    await city.sleep()
    assert await city.waits(GAP) == [("2", 100)]
    await city.hand_in(taps[1], taps[2], taps[2])
    await city.sleep()
    assert await city.waits(GAP) == []
    assert await city.owed(card) == card.balance_fen
    await city.verified()


async def test_a_free_ride_that_is_missing_is_a_gap(city: City) -> None:
    """No balance tells of it: the hole in the counters does."""
    card = Card(1)
    taps = [ride(card, city, "080000"), ride(card, city, "080100", 0), ride(card, city, "080200")]
    await city.hand_in(taps[0], taps[2])
    await city.sleep()
    assert await city.waits(GAP) == [("2", 0)]
    await city.sleep(4)
    assert await city.waits(GAP) == []
    await city.verified()


async def test_a_torn_tap_is_paid_to_its_operator_by_the_next_record(city: City) -> None:
    card = Card(1)
    await city.hand_in(ride(card, city, "080000"), torn(ride(card, city, "080100")))
    await city.sleep()
    assert await city.waits(TORN) == [("1", 50)]
    assert await city.position("operator/11") == 50
    await city.hand_in(ride(card, city, "090000"))
    await city.sleep()
    (item,) = await city.items(TORN, open_only=False)
    assert item.outcome == ItemOutcome.DEBITED
    assert await city.position("operator/11") == 100
    assert await city.owed(card) == card.balance_fen
    await city.verified()


async def test_a_torn_tap_that_took_nothing(city: City) -> None:
    """The card left too early, and the rider paid at the next validator."""
    card = Card(1)
    first = ride(card, city, "080000")
    flash = torn(ride(card, city, "080100"))
    card.offline -= 1
    card.balance_fen += 50
    await city.hand_in(first, flash, ride(card, city, "080110"))
    await city.sleep()
    (item,) = await city.items(TORN, open_only=False)
    assert item.outcome == ItemOutcome.NOT_DEBITED
    assert await city.owed(card) == card.balance_fen
    await city.verified()


async def test_a_torn_tap_and_the_same_fare_again_whose_record_is_late(city: City) -> None:
    """The chain looks as if the torn tap had taken the fare, until the record of the second try comes:
    the operator has one fare in the end, and the card paid once."""
    card = Card(1)
    first = ride(card, city, "080000")
    flash = torn(ride(card, city, "080100"))
    card.offline -= 1
    card.balance_fen += 50
    again = ride(card, city, "080110")
    await city.hand_in(first, flash, ride(card, city, "090000"))
    await city.sleep()
    assert await city.position("operator/11") == 150
    await city.hand_in(again)
    await city.sleep()
    assert await city.position("operator/11") == 0
    (item,) = await city.items(TORN, open_only=False)
    assert item.outcome == ItemOutcome.NOT_DEBITED
    assert await city.owed(card) == card.balance_fen
    await city.verified()


async def test_a_rise_waits_for_its_load(city: City) -> None:
    card = Card(3)
    first = ride(card, city, "080000")
    load = card.tap(AGENT, 2_000, at=city.at("090000"), kind=TapKind.TOP_UP, gross_fen=0)
    await city.hand_in(first, ride(card, city, "100000"))
    await city.sleep()
    assert await city.waits(RISE) == [("2", 2_000)]
    await city.hand_in(load)
    await city.sleep()
    assert await city.waits(RISE) == []
    assert await city.owed(card) == card.balance_fen
    await city.verified()


async def test_a_card_that_slept_is_read_further_back(city: City) -> None:
    """The gap lies between a ride of the first date and one eight dates later."""
    card = Card(4)
    first, _ = ride(card, city, "080000"), ride(card, city, "080100")
    await city.hand_in(first)
    await city.sleep(8)
    await city.hand_in(ride(card, city, "080000"))
    await city.sleep()
    assert await city.waits(GAP) == [("2", 50)]
    await city.verified()


async def test_double_deductions_are_hints_without_money(city: City) -> None:
    card, other = Card(1), Card(2)
    await city.hand_in(
        ride(card, city, "080000"), ride(card, city, "080100"),
        ride(other, city, "080000"), ride(other, city, "081000"),
    )  # fmt: skip
    await city.sleep()
    (hint,) = await city.items(ItemKind.DOUBLE_DEDUCTION)
    assert (hint.item.row_no, hint.amount_fen, hint.item.body) == (1, 50, {"first": "1/0"})
    await city.sleep()
    await city.verified()


async def test_asking_again_says_what_is_stored(city: City) -> None:
    """Gap, torn tap, rise and double deduction in one night: the same rows as often as it is asked."""
    one, two, three = Card(1), Card(2), Card(3)
    taps = [ride(one, city, f"08000{n}") for n in range(3)]
    flash = [ride(two, city, "080000"), torn(ride(two, city, "080100")), ride(two, city, "080200")]
    rise = [ride(three, city, "080000"), ride(three, city, "080030")]
    three.tap(AGENT, 1_000, kind=TapKind.TOP_UP)
    rise.append(ride(three, city, "090000"))
    await city.hand_in(taps[0], taps[2], *flash, *rise)
    await city.sleep(6)
    said = await city.audited_again(OPEN)
    assert {item.kind for item in said.items} >= {GAP, RISE, ItemKind.DOUBLE_DEDUCTION}
    assert said == await city.audited_again(OPEN)
    connection = await asyncpg.connect(city.context.dsn)
    try:
        stored = await connection.fetch(
            "SELECT item_id FROM settlement.item WHERE opened_on = $1", OPEN
        )
    finally:
        await connection.close()
    assert {item.item_id for item in said.items} <= {row[0] for row in stored}
    await city.verified()
