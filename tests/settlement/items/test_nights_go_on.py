"""What no night may stop for, come what may in records, registries and decisions: it closes and verifies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from clearing import store as clearing_store
from clearing.store import Connection
from schemas.items import Action, ItemKind
from schemas.registry import Staff
from service.errors import ServiceError
from service.registration import issued_card, register
from settlement.decisions import Words, decide, propose
from tests import world
from tests.settlement.chains.nights import City
from tests.settlement.items import story
from tests.settlement.items.story import AGENT, ANNA, BO
from tests.world import BUS, OPEN, Card

BINGE_FEN = 2**31 - 1


@pytest.fixture
async def town(migrated: str, tmp_path: Path) -> AsyncIterator[tuple[City, Connection]]:
    """A city with cards 1 to 3, each with 50 yuan and no taps yet, and two people."""
    city = await City.founded(migrated, tmp_path, [Card(number) for number in (1, 2, 3)])
    connection = await asyncpg.connect(migrated)
    people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in (ANNA, BO)]
    async with connection.transaction():
        await clearing_store.change_registry(connection, [("staff", row) for row in people])
    yield city, connection
    await connection.close()


async def _agree(connection: Connection, city: City, item_id: str, action: Action) -> None:
    words = Words("seen by two", AGENT if action == Action.RETURN else 0)
    proposal = await propose(connection, city.context, item_id, action, words, ANNA)
    await decide(connection, city.context, proposal.proposal_no, True, "agreed", BO)


def _rides(city: City, card: Card, count: int) -> list[bytes]:
    """Rides of 50 fen, ten minutes apart."""
    return [
        card.tap(BUS, 50, at=city.at(f"08{10 * n}00"), gross_fen=100, number=n)
        for n in range(1, count + 1)
    ]


@pytest.mark.parametrize("release", [False, True])
async def test_amounts_that_no_card_holds(town: tuple[City, Connection], release: bool) -> None:
    """A card signs 21 million yuan three times over, and rides for 50 fen. One debit fits its line; the
    others are proven by nobody, until two people say so."""
    city, connection = town
    debits = [
        Card(1).tap(
            BUS, fen, at=city.at(f"080{number}00"), number=number, gross_fen=100,
            offline_counter=number, balance_before_fen=0, balance_after_fen=-fen,
        )
        for number, fen in enumerate((BINGE_FEN, BINGE_FEN, BINGE_FEN, 50), 1)
    ]  # fmt: skip
    debits[3] = Card(1).tap(BUS, 5_051, at=city.at("090000"), number=4, gross_fen=100)
    await city.hand_in(*debits)
    await city.sleep()
    assert await city.waits(ItemKind.HELD) == [("0", BINGE_FEN)]
    unproven = [("1", BINGE_FEN), ("2", BINGE_FEN), ("3", 5_051)]
    assert await city.waits(ItemKind.HELD_UNPROVEN) == unproven
    assert await city.owed(Card(1)) == 5_000 - BINGE_FEN
    if release:
        await _agree(connection, city, "held_unproven/1/1", Action.RELEASE)
    await city.sleep()
    assert await city.owed(Card(1)) == 5_000 - BINGE_FEN * (1 + release)
    await city.verified()


async def test_torn_taps_after_a_gap_was_returned(town: tuple[City, Connection]) -> None:
    """A lost ride's money is returned in cash. Then a torn tap says that it was the ride, then another one
    says the same, so that neither is believed. What the centre is short of waits in the open all along."""
    city, connection = town
    card, twin = Card(1), Card(1, offline=1, balance_fen=4_950)
    rides = _rides(city, card, 3)
    other = story.torn(twin.tap(BUS, 50, at=city.at("082100"), gross_fen=100, number=9))
    await city.hand_in(rides[0], rides[2])
    await city.sleep(5)
    assert await city.waits(ItemKind.CHAIN_GAP) == [("2", 50)]
    [gap] = await city.items(ItemKind.CHAIN_GAP)
    await _agree(connection, city, gap.item.item_id, Action.RETURN)
    for news in (story.torn(rides[1]), other):
        await city.sleep()
        await city.hand_in(news)
        await city.sleep()
        assert await city.waits(ItemKind.CHAIN_GAP) == [("2", -50)]
        assert await city.balance("principal/unclaimed/chain_gap") == -50
    # The agent, who paid a cardholder that had not lost it, gives it back.
    await _agree(connection, city, gap.item.item_id, Action.RETURN)
    await city.sleep()
    assert await city.waits(ItemKind.CHAIN_GAP) == []
    assert await city.balance("principal/unclaimed/chain_gap") == 0
    await city.verified()


async def test_records_come_one_by_one_after_their_gap_was_returned(
    town: tuple[City, Connection],
) -> None:
    city, connection = town
    card = Card(1)
    rides = _rides(city, card, 5)
    await city.hand_in(rides[0], rides[4])
    await city.sleep(5)
    [gap] = await city.items(ItemKind.CHAIN_GAP)
    await _agree(connection, city, gap.item.item_id, Action.RETURN)
    short = []
    for ride in (rides[2], rides[1], rides[3]):
        await city.hand_in(ride)
        await city.sleep()
        waits = await city.waits(ItemKind.CHAIN_GAP)
        assert await city.balance("principal/unclaimed/chain_gap") == sum(fen for _, fen in waits)
        short.append([fen for name, fen in waits if name == "2"])
    # The middle one parts the gap, and what is missing behind it is a gap of its own.
    assert short == [[-100], [-150], [-150]]
    assert await city.owed(card) == card.balance_fen
    assert await city.waits(ItemKind.CHAIN_GAP) == [("2", -150)]
    await city.verified()


async def test_a_card_that_was_used_before_it_is_registered(
    town: tuple[City, Connection],
) -> None:
    """Its line holds what its taps took. An opening position in its place would say something else than
    the books for ever, so it is refused; cards that were not used are registered."""
    city, _ = town
    dsn, (own, _) = city.context.dsn, world.issuers()
    await register(dsn, [("issuer", msgspec.structs.replace(own, open_registry=True))])
    used, other = Card(77), Card(78)
    await city.hand_in(*_rides(city, used, 1))
    issued = {
        card.number: issued_card(
            family=1, issuer=own.issuer, issuer_number=1, serial=world.serial(card.number),
            card_kind=card.kind, balance_fen=card.balance_fen, offline_counter=card.offline,
        )
        for card in (used, other)
    }  # fmt: skip
    with pytest.raises(ServiceError, match=r"1 of these cards were used .*0077"):
        await register(dsn, [], list(issued.values()))
    await register(dsn, [], [issued[78]])
    await city.sleep()
    # What was sealed, and who kept no registry once, counts as well.
    await register(dsn, [("issuer", own)])
    with pytest.raises(ServiceError, match="were used"):
        await register(dsn, [], [issued[77]])
    await city.hand_in(*_rides(city, used, 1), *_rides(city, other, 1))
    await city.sleep()
    assert await city.owed(other) == other.balance_fen
    await city.verified()
