"""Double deductions that two people reverse, where the ride took a transfer: nothing of the ride is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.codes import CardKind
from schemas.items import Action, ItemKind, ItemOutcome, ItemState
from settlement import store
from settlement.books import decoded
from settlement.decisions import DecisionRefused
from settlement.subsidies.auditing import audit_claim
from settlement.subsidies.claim import CLAIM, lines_of
from tests.settlement.chains.nights import AGENT, Card, City
from tests.settlement.transfers.legs import (
    EXCESS,
    STUDENT,
    agreed,
    booked_fen,
    change,
    found,
    ride,
    subsidy,
)

PAID = f"principal/refund_agent/{AGENT}"


async def claimed(city: City) -> dict[str, int]:
    """What all dates' claims sum to, by bearer; each of them follows from its rides and the books."""
    sums = {"budget": 0, "issuer": 0}
    async with store.reading(city.context.dsn) as connection:
        for day in await store.read_days_before(connection, city.today):
            assert (await audit_claim(connection, city.context, day.business_date)).findings == []
            paper = await store.read_paper(connection, day.business_date, CLAIM)
            for line in lines_of(decoded(paper or b"")):
                sums["budget"] += line.budget_fen
                sums["issuer"] += line.issuer_fen
                assert line.subsidy_fen == line.budget_fen + line.issuer_fen
    return {bearer: fen for bearer, fen in sums.items() if fen}


async def outcome(city: City, item_id: str) -> tuple[ItemState, ItemOutcome]:
    kind = ItemKind(item_id.split("/", maxsplit=1)[0])
    standing = {each.item.item_id: each for each in await city.items(kind, open_only=False)}
    return standing[item_id].state, standing[item_id].outcome


async def stands_as_without(city: City, *, operator: int, budget: int = 0) -> None:
    """Operator, subsidies and their claims are those of the other rides; nothing waits, all is proven."""
    assert await booked_fen(city, "principal/operator/11") == operator
    assert await subsidy(city) == ({"budget": -budget, "subsidy/11": budget} if budget else {})
    assert await claimed(city) == ({"budget": budget} if budget else {})
    assert await city.items(EXCESS) == []
    assert await city.balance("principal/suspense") == 0
    await city.verified()


async def test_what_a_transfer_set_aside_is_not_taken_twice(migrated: str, tmp_path: Path) -> None:
    city = await found(migrated, tmp_path, "budget")
    card = Card(1)
    first = ride(card, city, "080000")
    second, again = change(card, city, "083000", 30), change(card, city, "083100", 50)
    await city.hand_in(again)
    await city.hand_in(second)
    await city.sleep()
    await city.hand_in(first)
    await city.sleep()
    assert (await outcome(city, "transfer/1/0"))[1] == ItemOutcome.PROVEN
    assert await city.waits(EXCESS) == [("0", 20)]
    assert await subsidy(city) == {"budget": -40, "subsidy/11": 40}
    await agreed(city, "double_deduction/1/0", Action.REVERSE)
    await agreed(city, "excess/1/0", Action.RETURN)
    await city.sleep()
    # The cardholder has the whole second debit back: 30 from the operator, 20 from what was set aside.
    assert await booked_fen(city, PAID) == 50
    await stands_as_without(city, operator=50 + 30, budget=20)


async def test_a_ride_that_was_reversed_takes_no_transfer(migrated: str, tmp_path: Path) -> None:
    city = await found(migrated, tmp_path, "budget")
    card = Card(1)
    first = ride(card, city, "080000")
    second, again = change(card, city, "083000", 30), change(card, city, "083100", 50)
    await city.hand_in(again)
    await city.hand_in(second)
    await city.sleep()
    await agreed(city, "double_deduction/1/0", Action.REVERSE)
    await city.hand_in(first)
    await city.sleep()
    assert await outcome(city, "transfer/1/0") == (ItemState.CLOSED, ItemOutcome.REVERSED)
    assert (await outcome(city, "transfer/2/0"))[1] == ItemOutcome.PROVEN
    assert await booked_fen(city, PAID) == 50
    await stands_as_without(city, operator=50 + 30, budget=20)


async def test_a_transfer_of_a_reversed_ride_ends_with_it(city: City) -> None:
    """Nothing has to come for that."""
    card = Card(1)
    ride(card, city, "080000")
    second, again = change(card, city, "083000", 30), change(card, city, "083100", 50)
    await city.hand_in(again)
    await city.hand_in(second)
    await city.sleep()
    await agreed(city, "double_deduction/1/0", Action.REVERSE)
    await city.sleep()
    assert await outcome(city, "transfer/1/0") == (ItemState.CLOSED, ItemOutcome.REVERSED)
    assert (await outcome(city, "transfer/2/0"))[0] == ItemState.OPEN
    await city.verified()


async def test_an_excess_that_the_operator_was_given_is_taken_back_as_well(
    migrated: str, tmp_path: Path
) -> None:
    city = await found(migrated, tmp_path, "budget")
    card = Card(1)
    first = ride(card, city, "080000")
    second, again = change(card, city, "083000", 30), change(card, city, "083100", 65)
    await city.hand_in(again)
    await city.hand_in(second)
    await city.sleep()
    await agreed(city, "excess/1/0", Action.RELEASE)
    await city.hand_in(first)
    await city.sleep()
    assert await city.waits(EXCESS) == [("0", 20)]
    await agreed(city, "double_deduction/1/0", Action.REVERSE)
    await agreed(city, "excess/1/0", Action.RETURN)
    await city.sleep()
    assert await booked_fen(city, PAID) == 65
    await stands_as_without(city, operator=50 + 30, budget=20)


async def test_an_excess_of_a_reversed_ride_is_not_the_operators(city: City) -> None:
    card = Card(1)
    await city.hand_in(ride(card, city, "083000"), ride(card, city, "083100", 70))
    await city.sleep()
    await agreed(city, "double_deduction/1/1", Action.REVERSE)
    with pytest.raises(DecisionRefused, match="reversed"):
        await agreed(city, "excess/1/1", Action.RELEASE)
    await agreed(city, "excess/1/1", Action.RETURN)
    await city.sleep()
    assert await booked_fen(city, PAID) == 70
    await stands_as_without(city, operator=50)


async def test_a_transfer_that_was_granted_at_once_is_given_back(
    migrated: str, tmp_path: Path
) -> None:
    """What the device took too much was an excess from the start."""
    city = await found(migrated, tmp_path, "budget")
    card = Card(1)
    await city.hand_in(
        ride(card, city, "080000"), change(card, city, "083000"), change(card, city, "083100", 50)
    )
    await city.sleep()
    assert await city.waits(EXCESS) == [("2", 20)]
    assert await subsidy(city) == {"budget": -40, "subsidy/11": 40}
    await agreed(city, "double_deduction/1/2", Action.REVERSE)
    await agreed(city, "excess/1/2", Action.RETURN)
    await city.sleep()
    assert await booked_fen(city, PAID) == 50
    await stands_as_without(city, operator=50 + 30, budget=20)


async def test_a_concession_of_a_reversed_ride_is_given_back(city: City) -> None:
    card = Card(STUDENT, kind=CardKind.STUDENT)
    await city.hand_in(ride(card, city, "083000"), ride(card, city, "083100"))
    await city.sleep()
    assert await subsidy(city) == {"budget": -100, "subsidy/11": 100}
    await agreed(city, "double_deduction/1/1", Action.REVERSE)
    await city.sleep()
    assert await booked_fen(city, PAID) == 50
    await stands_as_without(city, operator=50, budget=50)


@pytest.fixture
async def city(migrated: str, tmp_path: Path) -> City:
    return await found(migrated, tmp_path)
