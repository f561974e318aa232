"""What a night makes of rides that were re-cleared and then reversed, or released."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.items import Action, ItemOutcome
from tests.settlement.chains.nights import Card, City
from tests.settlement.reclearing.correcting import LATE, put, recleared
from tests.settlement.transfers.legs import (
    agreed,
    booked_fen,
    change,
    only,
    ride,
)

NO_FEE = ("[[fee.standard]]\nsince = 2000-01-01", "[[fee.standard]]\nsince = 2026-01-06")


@pytest.mark.parametrize("comes", ["same night", "later"])
async def test_reversed_on_the_date_of_its_re_clearing(
    migrated: str, tmp_path: Path, comes: str
) -> None:
    city = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 10)])
    await put(city, LATE, note="late")
    card = Card(1)
    first = ride(card, city, "080000")
    second, again = change(card, city, "083000", 50), change(card, city, "083100", 50)
    await city.hand_in(again)
    await city.hand_in(second)
    await city.sleep()
    await put(city, note="in time")
    assert await recleared(city)
    await agreed(city, "double_deduction/1/0", Action.REVERSE)
    if comes == "same night":
        await city.hand_in(first)
    await city.sleep()
    if comes != "same night":
        await city.hand_in(first)
    await city.sleep()
    await city.verified()
    assert await booked_fen(city, "principal/operator/11") == 50 + 30


async def test_released_after_a_transfer_was_given_up_and_a_fee_withdrawn(
    migrated: str, tmp_path: Path
) -> None:
    """Accepted, transfer not proven; a re-clearing holds it for want of a fee; two people release it."""
    city = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 10)])
    await put(city, note="right")
    card = Card(1)
    ride(card, city, "080000")
    second = change(card, city, "083000", 50)
    await city.hand_in(second)
    await city.sleep(6)
    assert (await only(city)).outcome == ItemOutcome.NOT_PROVEN
    await put(city, NO_FEE, note="no fee")
    assert await recleared(city)
    await city.sleep()
    await agreed(city, "held/1/0", Action.RELEASE)
    await city.sleep()
    await city.verified()


async def test_held_at_first_then_accepted_then_held_again(migrated: str, tmp_path: Path) -> None:
    """Held for want of a fee; re-cleared; transfer not proven; taken back; released."""
    city = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 10)])
    bad = await put(city, NO_FEE, note="no fee")
    card = Card(1)
    ride(card, city, "080000")
    await city.hand_in(change(card, city, "083000", 50))
    await city.sleep()
    await put(city, note="right")
    assert await recleared(city)
    await city.sleep(6)
    assert (await only(city)).outcome == ItemOutcome.NOT_PROVEN
    assert await recleared(city, bad)
    await agreed(city, "held/1/0", Action.RELEASE)
    await city.sleep()
    await city.verified()


async def test_taken_back_on_the_date_that_granted_a_transfer(
    migrated: str, tmp_path: Path
) -> None:
    """No transfer of it is settled, though the history proves one by the rules that were withdrawn."""
    city = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 10)])
    late = await put(city, LATE, note="late")
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000", 50)
    await city.hand_in(second)
    await city.sleep()
    await put(city, note="in time")
    assert await recleared(city) == 1
    await put(city, LATE, note="late again")
    assert await recleared(city, late) == 1
    await city.hand_in(first)
    await city.sleep()
    await city.verified()
    assert await booked_fen(city, "principal/operator/11") == 100
