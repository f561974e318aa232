"""Transfers that could not be judged when their tap came, over real nights: the leg before comes late."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from clearing.plan import Purpose
from schemas import record
from schemas.codes import CardKind, Purse, TapKind
from schemas.items import Action, ItemOutcome, ItemState
from settlement import store
from settlement.day import settle_day
from settlement.store import transfers
from settlement.store.items import read_history, read_standing
from settlement.verify import verify_day
from tests.settlement import night
from tests.settlement.chains.nights import BUS, OPEN, TAXI, Card, City
from tests.settlement.transfers.legs import (
    EXCESS,
    STUDENT,
    TRANSFER,
    agreed,
    booked_fen,
    change,
    found,
    only,
    ride,
    subsidy,
)


@pytest.fixture
async def city(migrated: str, tmp_path: Path) -> City:
    return await found(migrated, tmp_path)


# -- proven ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "bearer", "booked"),
    [
        ("fastpath", "operator", {}),
        ("fastpath", "budget", {"budget": -20, "subsidy/11": 20}),
        ("reference", "budget", {"budget": -20, "subsidy/11": 20}),
        ("reference", "issuer", {"issuer_discount": -20, "subsidy/11": 20}),
    ],
)
async def test_a_transfer_is_proven_on_the_night_after_its_first_leg_came(
    migrated: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kernel: str,
    bearer: str,
    booked: dict[str, int],
) -> None:
    monkeypatch.setattr(night, "KERNEL", kernel)
    city = await found(migrated, tmp_path, bearer)
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(second)
    await city.sleep()
    waiting = await only(city)
    assert waiting.item.item_id == "transfer/1/0"
    assert (waiting.state, waiting.amount_fen, waiting.account_no) == (ItemState.OPEN, 20, None)
    assert waiting.item.body["bearer"] == bearer
    assert waiting.item.due_on == OPEN + timedelta(days=4)
    assert await subsidy(city) == {}
    await city.hand_in(first)
    await city.sleep()
    proven = await only(city)
    assert (proven.state, proven.outcome) == (ItemState.CLOSED, ItemOutcome.PROVEN)
    assert proven.changed_on == OPEN + timedelta(days=1)
    assert await subsidy(city) == booked
    # What was charged is what the discounted fare is: the operator's own money does not move.
    assert await city.balance("principal/suspense") == 0
    await city.verified()


async def test_what_an_issuer_bears_is_payable_where_it_is_booked_later(
    migrated: str, tmp_path: Path
) -> None:
    city = await found(migrated, tmp_path, "issuer")
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(second)
    await city.sleep()
    await city.hand_in(first)
    await city.sleep()
    on = city.today - timedelta(days=1)
    async with store.reading(city.context.dsn) as connection:
        sums = await store.read_sums(connection, on)
        paid = await store.read_instructions(connection, on)
    assert {row.operator for row in sums if row.purpose == Purpose.SUBSIDY} == {BUS}
    assert [row.amount_fen for row in paid if row.purse == Purse.SUBSIDIES] == [20]


async def test_a_history_that_is_whole_by_the_night_is_judged_that_night(city: City) -> None:
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(second)
    await city.hand_in(first)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.PROVEN
    await city.verified()


@pytest.mark.parametrize("kernel", ["reference", "fastpath"])
async def test_what_was_charged_beyond_the_fare_is_the_cardholders(
    migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str
) -> None:
    """Devices marked the transfer and did not give it, gave half of it, or took too much anyway."""
    monkeypatch.setattr(night, "KERNEL", kernel)
    city = await found(migrated, tmp_path, "budget")
    charged_fen = [50, 40, 65]
    deck = [Card(n) for n in range(1, 4)]
    firsts = [ride(card, city, "080000") for card in deck]
    pairs = zip(deck, charged_fen, strict=True)
    await city.hand_in(*(change(card, city, "083000", fen) for card, fen in pairs))
    await city.sleep()
    assert await city.waits(EXCESS) == [("2", 15)]
    await city.hand_in(*firsts)
    await city.sleep()
    assert {each.outcome for each in await city.items(TRANSFER, open_only=False)} == {
        ItemOutcome.PROVEN
    }
    assert await city.waits(EXCESS) == [("0", 20), ("1", 10), ("2", 35)]
    assert await city.balance("principal/suspense") == 65
    # The operator has the discounted fares, and the budget owes it what the discount took off.
    assert await booked_fen(city, "principal/operator/11") == 3 * (50 + 30)
    assert await subsidy(city) == {"budget": -60, "subsidy/11": 60}
    for row in range(3):
        await agreed(city, f"excess/1/{row}", Action.RETURN)
    await city.sleep()
    assert await city.balance("principal/suspense") == 0
    await city.verified()


async def test_an_excess_of_the_same_night_is_one_with_it(city: City) -> None:
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000", 65)
    await city.hand_in(second)
    await city.hand_in(first)
    await city.sleep()
    excess = await only(city, EXCESS)
    assert (excess.item.amount_fen, excess.amount_fen) == (15, 35)
    assert await city.balance("principal/suspense") == 35
    await city.verified()


async def test_a_concession_is_paid_beside_the_transfer(migrated: str, tmp_path: Path) -> None:
    city = await found(migrated, tmp_path, "issuer")
    card = Card(STUDENT, kind=CardKind.STUDENT)
    first, second = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(second)
    await city.sleep()
    assert await subsidy(city) == {"budget": -50, "subsidy/11": 50}
    await city.hand_in(first)
    await city.sleep()
    assert await subsidy(city) == {"budget": -100, "subsidy/11": 120, "issuer_discount": -20}
    await city.verified()


# -- which legs prove it ---------------------------------------------------------------------------


CASES: list[tuple[str, list[tuple[str, str]], ItemOutcome]] = [
    # What the card did before the transfer in question, and what that says of it.
    ("the last second of the window", [("ride", "070000")], ItemOutcome.PROVEN),
    ("a second later", [("ride", "065959")], ItemOutcome.REFUTED),
    ("the third transfer", [("ride", "070000"), ("change", "073000"), ("change", "080000")],
     ItemOutcome.PROVEN),
    ("a fourth begins a window of its own",
     [("ride", "070000"), ("change", "071000"), ("change", "072000"), ("change", "073000")],
     ItemOutcome.REFUTED),
    ("a taxi begins no window", [("taxi", "082000")], ItemOutcome.REFUTED),
    ("a ride between begins another", [("ride", "060000"), ("ride", "080000")], ItemOutcome.PROVEN),
]  # fmt: skip


async def test_the_history_decides(city: City) -> None:
    made = {"ride": ride, "change": change, "taxi": _taxi}
    deck = [Card(n) for n in range(1, len(CASES) + 1)]
    before = [
        [made[what](card, city, time) for what, time in legs]
        for card, (_, legs, _) in zip(deck, CASES, strict=True)
    ]
    await city.hand_in(*(change(card, city, "083000") for card in deck))
    await city.sleep()
    assert len(await city.items(TRANSFER)) == len(CASES)
    await city.hand_in(*(tap for taps in before for tap in taps))
    await city.sleep()
    standing = {each.item.item_id: each for each in await city.items(TRANSFER, open_only=False)}
    for row, (name, _, outcome) in enumerate(CASES):
        assert standing[f"transfer/1/{row}"].outcome == outcome, name
    await city.verified()


def _taxi(card: Card, city: City, time: str) -> bytes:
    return card.tap(TAXI, 900, at=city.at(time), kind=TapKind.TAXI_TRIP, distance_m=1_000)


@pytest.mark.parametrize("bearer", ["operator", "budget"])
async def test_a_refuted_one_stays_as_an_unqualified_one(
    migrated: str, tmp_path: Path, bearer: str
) -> None:
    """Of two cards with the same rides one's leg comes late: both end with the same money."""
    city = await found(migrated, tmp_path, bearer)
    late, timely = Card(1), Card(2)
    away, second = ride(late, city, "060000"), change(late, city, "083000")
    await city.hand_in(second)
    await city.hand_in(ride(timely, city, "060000"), change(timely, city, "083000"))
    await city.sleep()
    before = await booked_fen(city, "principal/operator/11")
    await city.hand_in(away)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.REFUTED
    assert await subsidy(city) == {}
    assert await booked_fen(city, "principal/operator/11") == before + 50
    assert await city.owed(late) == await city.owed(timely)
    await city.verified()


async def test_one_of_two_missing_legs_proves_nothing_unless_it_begins_a_window(city: City) -> None:
    card = Card(1)
    first = ride(card, city, "070000")
    middle = ride(card, city, "080000")
    last = change(card, city, "083000")
    await city.hand_in(last)
    await city.sleep()
    await city.hand_in(first)
    await city.sleep()
    assert (await only(city)).state == ItemState.OPEN
    await city.hand_in(middle)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.PROVEN
    await city.verified()


async def test_the_leg_just_before_is_enough_where_it_begins_a_window(city: City) -> None:
    """An older leg is still away; whatever it was, the ride before the transfer began a window."""
    card = Card(1)
    ride(card, city, "060000")
    middle, last = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(last)
    await city.sleep()
    await city.hand_in(middle)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.PROVEN
    await city.verified()


async def test_a_torn_leg_that_debited_its_card_counts(city: City) -> None:
    card = Card(1)
    data = ride(card, city, "080000")
    tac = record.FIELD["tac"]
    torn = data[: tac.offset] + b"\xff" * 4 + data[tac.end :]
    last = change(card, city, "083000")
    await city.hand_in(torn, last)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.PROVEN
    await city.verified()


# -- time and people -------------------------------------------------------------------------------


async def test_a_window_that_closes_first_leaves_it_unproven_for_good(
    migrated: str, tmp_path: Path
) -> None:
    city = await found(migrated, tmp_path, "budget")
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(second)
    await city.sleep(4)
    assert (await only(city)).state == ItemState.OPEN
    await city.sleep()
    closed = await only(city)
    assert (closed.outcome, closed.changed_on) == (ItemOutcome.NOT_PROVEN, OPEN + timedelta(days=4))
    await city.hand_in(first)
    await city.sleep()
    assert await only(city) == closed
    assert await subsidy(city) == {}
    await city.verified()


async def test_what_two_people_dismissed_is_not_settled_again(
    migrated: str, tmp_path: Path
) -> None:
    city = await found(migrated, tmp_path, "budget")
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(second)
    await city.sleep()
    await agreed(city, "transfer/1/0", Action.DISMISS)
    await city.hand_in(first)
    await city.sleep()
    assert (await only(city)).outcome == ItemOutcome.DISMISSED
    assert await subsidy(city) == {}
    await city.verified()


async def test_what_was_known_on_a_date_can_be_told_later(city: City) -> None:
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(second)
    await city.sleep()
    await city.hand_in(first)
    await city.sleep()
    async with store.reading(city.context.dsn) as connection:
        (then,) = await read_standing(connection, OPEN, kinds=[TRANSFER], open_only=False)
        history = await read_history(connection, "transfer/1/0", city.today)
    assert (then.state, then.changes) == (ItemState.OPEN, 0)
    assert [row.outcome for row in history] == [ItemOutcome.PROVEN]


async def test_a_changed_outcome_is_found(city: City) -> None:
    """What a night said of a transfer is recomputed by ``verify``."""
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000")
    await city.hand_in(second)
    await city.sleep()
    await city.hand_in(first)
    await settle_day(city.context, city.today)
    connection = await asyncpg.connect(city.context.dsn)
    try:
        await connection.execute("ALTER TABLE settlement.item_change DISABLE TRIGGER append_only")
        await connection.execute("UPDATE settlement.item_change SET outcome = 'refuted'")
    finally:
        await connection.close()
    said = [str(finding) for finding in await verify_day(city.context, city.today)]
    assert any("transfer/1/0" in text and "proven" in text for text in said)


async def test_quiet_cards_are_not_read(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night reads the history of cards that were tapped again, or whose window closes."""
    card = Card(1)
    ride(card, city, "080000")
    await city.hand_in(change(card, city, "083000"))
    await city.sleep()
    read = transfers.read_debits
    asked: list[object] = []

    async def noting(*arguments: Any) -> Any:
        asked.append(arguments[2])
        return await read(*arguments)

    monkeypatch.setattr(transfers, "read_debits", noting)
    await city.hand_in(ride(Card(2), city, "080000"))
    await city.sleep(3)
    assert asked == []
    await city.sleep()
    assert asked != []
