"""Card refunds that two people pay early, and loads that they take back: only what the card signed, and no
more than it has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from clearing import store as clearing_store
from schemas import record
from schemas.codes import TapKind, TypeByte
from schemas.items import Action, ItemKind
from schemas.registry import Staff
from settlement.decisions import DecisionRefused, Words, decide, propose
from settlement.store.decisions import read_book_fen
from tests.settlement.chains.nights import City
from tests.settlement.decisions.town import ANNA, BO, card_bytes, torn
from tests.world import AGENT, BUS, OPEN, Card

LEAVER, OTHER = 1, 2


@pytest.fixture
async def city(migrated: str, tmp_path: Path) -> City:
    """A city of two cards with 5,000 fen each, and two people."""
    found = await City.founded(migrated, tmp_path, [Card(LEAVER), Card(OTHER)])
    connection = await asyncpg.connect(migrated)
    try:
        people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in (ANNA, BO)]
        async with connection.transaction():
            await clearing_store.change_registry(connection, [("staff", row) for row in people])
    finally:
        await connection.close()
    return found


def refund(card: Card, fen: int, number: int, **more: Any) -> bytes:
    """The card is handed back at nine; what is signed later is a closed card's."""
    at = f"{OPEN:%Y%m%d}090000"
    return card.tap(AGENT, fen, at=at, number=number, kind=TapKind.CARD_REFUND, gross_fen=0, **more)


async def released(city: City, item_id: str) -> None:
    connection = await asyncpg.connect(city.context.dsn)
    try:
        words = Words("seen by two")
        made = await propose(connection, city.context, item_id, Action.RELEASE, words, ANNA)
        await decide(connection, city.context, made.proposal_no, True, "agreed", BO)
    finally:
        await connection.close()


async def test_a_refund_pays_what_the_card_has_and_no_more(city: City) -> None:
    """5,000 fen, a ride of 50 and a load of 1,000 fen; then what the rest of the day takes from it."""
    card = Card(LEAVER)
    await city.hand_in(
        card.tap(BUS, 50, at=city.at("080000"), gross_fen=100),
        card.tap(AGENT, 1_000, at=city.at("083000"), number=50, kind=TapKind.TOP_UP, gross_fen=0),
    )
    await city.hand_in(refund(card, 5_950, 1), refund(card, 5_951, 2))
    await city.sleep()
    connection = await asyncpg.connect(city.context.dsn)
    try:
        async with connection.transaction():
            assert await read_book_fen(connection, card_bytes(LEAVER)) == 5_950
            assert await read_book_fen(connection, card_bytes(OTHER)) == 5_000
    finally:
        await connection.close()
    assert await city.owed(card) == 5_950
    with pytest.raises(DecisionRefused, match="5951 fen, and 5950 fen"):
        await released(city, "refund/3/1")
    await released(city, "refund/3/0")
    with pytest.raises(DecisionRefused, match="and 0 fen"):
        await released(city, "refund/3/1")
    await city.sleep()
    assert await city.owed(card) == 0
    assert await city.balance("principal/refund_agent/13") in {0, 5_950}
    await city.verified()


async def test_a_late_ride_counts_before_its_night(city: City) -> None:
    """A ride that comes on the open date, tapped before the refund, is off the card already."""
    card = Card(LEAVER)
    late = card.tap(BUS, 50, at=city.at("080000"), gross_fen=100)
    await city.hand_in(refund(card, 5_000, 1))
    await city.sleep()
    await city.hand_in(late)
    with pytest.raises(DecisionRefused, match="and 4950 fen"):
        await released(city, "refund/1/0")


async def test_a_refund_that_nothing_proves_is_not_released(city: City) -> None:
    card = Card(LEAVER)
    await city.hand_in(torn(refund(card, 1_000, 1)))
    await city.sleep()
    with pytest.raises(DecisionRefused, match=r"Nothing proves.*tac_torn"):
        await released(city, "held_unproven/1/0")
    connection = await asyncpg.connect(city.context.dsn)
    try:
        made = await propose(
            connection, city.context, "held_unproven/1/0", Action.DISMISS, Words("no proof"), ANNA
        )
        await decide(connection, city.context, made.proposal_no, True, "agreed", BO)
    finally:
        await connection.close()


def undone(card: Card, fen: int, number: int) -> bytes:
    """A load that is taken back."""
    kind = {"kind": TapKind.TOP_UP_REVERSAL, "type_byte": TypeByte.LOAD, "gross_fen": 0}
    return card.tap(AGENT, fen, at=f"{OPEN:%Y%m%d}090000", number=number, **kind)


async def test_a_load_is_taken_back_from_what_the_card_has_and_no_more(city: City) -> None:
    # The records state more than the books know of.
    card = Card(LEAVER, balance_fen=20_000)
    await city.hand_in(undone(card, 5_001, 1), undone(card, 3_000, 2), undone(card, 2_500, 3))
    await city.sleep()
    with pytest.raises(DecisionRefused, match=r"top-up reversal .* 5001 fen, and 5000 fen"):
        await released(city, "held_unproven/1/0")
    await released(city, "held_unproven/1/1")
    with pytest.raises(DecisionRefused, match="2500 fen, and 2000 fen"):
        await released(city, "held_unproven/1/2")
    await city.sleep()
    assert await city.owed(card) == 2_000
    await city.verified()


async def test_a_load_is_not_taken_back_where_nothing_proves_it(city: City) -> None:
    card, tac = Card(LEAVER), record.FIELD["tac"]
    right = undone(card, 500, 2)
    wrong = right[: tac.offset] + bytes(4) + right[tac.end :]
    await city.hand_in(torn(undone(card, 500, 1)), wrong)
    await city.sleep()
    with pytest.raises(DecisionRefused, match=r"Nothing proves the top-up reversal.*tac_torn"):
        await released(city, "held_unproven/1/0")
    # A record with a wrong TAC is nobody's: it is not even held.
    assert [each.item.item_id for each in await city.items(*ItemKind)] == ["held_unproven/1/0"]


async def test_two_refunds_that_are_decided_at_once_are_decided_one_after_the_other(
    city: City,
) -> None:
    """Each of them is covered; both together are not."""
    card = Card(LEAVER)
    await city.hand_in(refund(card, 3_000, 1), refund(card, 3_000, 2))
    await city.sleep()
    connections = [await asyncpg.connect(city.context.dsn) for _ in range(2)]
    try:
        made = [
            await propose(
                connections[0], city.context, f"refund/1/{row}", Action.RELEASE, Words("both"), ANNA
            )
            for row in range(2)
        ]
        done = await asyncio.gather(
            *(
                decide(connection, city.context, proposal.proposal_no, True, "agreed", BO)
                for connection, proposal in zip(connections, made, strict=True)
            ),
            return_exceptions=True,
        )
    finally:
        for connection in connections:
            await connection.close()
    assert sorted(type(each).__name__ for each in done) == ["Decision", "DecisionRefused"]
    await city.sleep()
    assert await city.owed(card) == 2_000
