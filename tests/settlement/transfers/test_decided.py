"""Rides with a transfer to be proven of which two people decide something: before the proof, and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.items import Action, ItemKind, ItemOutcome, ItemState
from tests.settlement.chains.nights import Card, City
from tests.settlement.decisions.town import STRANGE, torn
from tests.settlement.transfers.legs import (
    EXCESS,
    agreed,
    booked_fen,
    change,
    found,
    only,
    ride,
    subsidy,
)

BORNE = {"budget": -20, "subsidy/11": 20}


@pytest.fixture
async def city(migrated: str, tmp_path: Path) -> City:
    return await found(migrated, tmp_path, "budget")


def held(card: Card, city: City, time: str, fen: int, **values: Any) -> bytes:
    """Of a terminal that nobody registered."""
    return change(card, city, time, fen, terminal_id=STRANGE, **values)


@pytest.mark.parametrize(
    ("fen", "excess"), [(30, []), (50, [("0", 20)]), (65, [("0", 35)])], ids=["30", "50", "65"]
)
async def test_a_released_ride_takes_its_transfer(
    city: City, fen: int, excess: list[tuple[str, int]]
) -> None:
    card = Card(1)
    first = ride(card, city, "080000")
    await city.hand_in(held(card, city, "083000", fen))
    await city.sleep()
    assert await city.items(ItemKind.TRANSFER, open_only=False) == []
    await agreed(city, "held/1/0", Action.RELEASE)
    await city.sleep()
    waiting = await only(city)
    assert (waiting.state, waiting.amount_fen) == (ItemState.OPEN, 20)
    await city.hand_in(first)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.PROVEN
    assert await subsidy(city) == BORNE
    assert await city.waits(EXCESS) == excess
    assert await booked_fen(city, "principal/operator/11") == 50 + 30
    await city.verified()


async def test_a_ride_that_is_released_when_its_history_is_whole_is_judged_that_night(
    city: City,
) -> None:
    card = Card(1)
    first = ride(card, city, "080000")
    await city.hand_in(held(card, city, "083000", 50))
    await city.hand_in(first)
    await city.sleep()
    await agreed(city, "held/1/0", Action.RELEASE)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.PROVEN
    assert await subsidy(city) == BORNE
    assert await city.waits(EXCESS) == [("0", 20)]
    await city.verified()


async def test_a_torn_ride_that_people_release_takes_its_transfer(city: City) -> None:
    card = Card(1)
    first = ride(card, city, "080000")
    await city.hand_in(torn(change(card, city, "083000", 50)))
    await city.sleep()
    await agreed(city, "torn/1/0", Action.RELEASE)
    await city.hand_in(first)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.PROVEN
    assert await subsidy(city) == BORNE
    assert await city.waits(EXCESS) == [("0", 20)]
    await city.verified()


async def test_a_released_ride_without_a_place_in_its_history_is_never_proven(city: City) -> None:
    """Its number is another debit's, so nobody knows what came before it."""
    card = Card(1)
    first = ride(card, city, "080000")
    same = change(card, city, "083000")
    card.offline -= 1
    await city.hand_in(change(card, city, "084500"))
    await city.hand_in(same)
    await city.sleep()
    await agreed(city, "held/2/0", Action.RELEASE)
    await city.hand_in(first)
    await city.sleep()
    standing = {
        each.item.item_id: each for each in await city.items(ItemKind.TRANSFER, open_only=False)
    }
    assert standing["transfer/1/0"].outcome == ItemOutcome.PROVEN
    assert standing["transfer/2/0"].state == ItemState.OPEN
    await city.sleep(3)
    assert await city.items(ItemKind.TRANSFER) == []
    assert await subsidy(city) == BORNE
    await city.verified()


@pytest.mark.parametrize("action", [Action.RETURN, Action.REJECT])
async def test_a_ride_that_is_no_operators_takes_none(city: City, action: Action) -> None:
    card = Card(1)
    first = ride(card, city, "080000")
    await city.hand_in(held(card, city, "083000", 50))
    await city.sleep()
    await agreed(city, "held/1/0", action)
    await city.hand_in(first)
    await city.sleep()
    assert await city.items(ItemKind.TRANSFER, open_only=False) == []
    assert await subsidy(city) == {}
    await city.verified()


@pytest.mark.parametrize(
    ("action", "waits_fen", "paid_fen"),
    [(Action.RETURN, 20, 15), (Action.RELEASE, 20, 0), (Action.WRITE_OFF, 35, 0)],
)
async def test_an_excess_that_was_decided_before_it_grows(
    city: City, action: Action, waits_fen: int, paid_fen: int
) -> None:
    """What was written off is still owed, so it waits again with what the transfer took off."""
    card = Card(1)
    first = ride(card, city, "080000")
    await city.hand_in(change(card, city, "083000", 65))
    await city.sleep()
    await agreed(city, "excess/1/0", action)
    await city.hand_in(first)
    await city.sleep()
    assert await city.waits(EXCESS) == [("0", waits_fen)]
    assert await city.balance("principal/suspense") == waits_fen
    assert await city.balance("principal/unclaimed/written_off") == 0
    await agreed(city, "excess/1/0", Action.RETURN)
    await city.sleep()
    assert await booked_fen(city, "principal/refund_agent/13") == paid_fen + waits_fen
    given_fen = 15 if action == Action.RELEASE else 0
    assert await booked_fen(city, "principal/operator/11") == 50 + 30 + given_fen
    await city.verified()
