"""What could be tried with what nobody signs: counters, balances, and records that have no TAC at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from schemas import registry
from schemas.items import Action, ItemKind
from schemas.registry import Staff
from service.database import Server
from service.registration import register
from settlement import store
from settlement.decisions import Words, decide, propose
from settlement.store.items import Standing, read_standing
from settlement.verify import verify_day
from tests import world
from tests.attacks.stage import (
    CARD,
    FAR,
    SUSPENSE,
    TAXI_RIDE,
    VICTIM,
    City,
    Morning,
    Stage,
    altered,
    stage,
    unclaimed,
)
from tests.world import BUS, OPEN, TAXI

NOON, LATER, EVENING = "20260105120000", "20260105130000", "20260105200000"
WINDOW_DAYS = 3
RIVAL = 14
"""A second bus operator, whose tariff is the first one's."""
PAID = "principal/settlement_transit"
"""What operators are to be paid, once it is netted: more in the attacked city, or less."""


@pytest.fixture
async def quick(postgres: Server, morning: Morning, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose presentment window is three days, with a rival in town."""
    async with stage(postgres, morning, tmp_path, window_days=WINDOW_DAYS) as found:
        for city in found.everywhere:
            bus = await city.operator(BUS)
            rival = msgspec.structs.replace(
                bus, number=RIVAL, code="rival", name="rival",
                public_key=world.operator_key(RIVAL).public.encode().hex(),
            )  # fmt: skip
            terminal = registry.Terminal(terminal_id=world.terminal(RIVAL), operator=RIVAL)
            people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in ("anna", "bo")]
            rows: list[tuple[str, msgspec.Struct]] = [("operator", rival), ("terminal", terminal)]
            await register(city.context.dsn, rows + [("staff", person) for person in people])
        yield found


async def items(city: City, *kinds: ItemKind) -> list[Standing]:
    """What is open of these kinds."""
    async with store.reading(city.context.dsn) as connection:
        return await read_standing(connection, city.day, kinds=kinds)


async def release(city: City, item_id: str) -> None:
    """Two people release an item."""
    connection = await asyncpg.connect(city.context.dsn)
    try:
        words = Words("looked at both records")
        made = await propose(connection, city.context, item_id, Action.RELEASE, words, "anna")
        await decide(connection, city.context, made.proposal_no, True, "as proposed", "bo")
    finally:
        await connection.close()


def forget(town: Stage) -> None:
    """What the attack did to the card itself is told by the books."""
    for city in town.everywhere:
        del city.deck[VICTIM]


# -- balances --------------------------------------------------------------------------------------

ALL_OF_IT = 4_850
"""What the card has after its morning's and its noon's ride, less a fare's change."""
CLAIMS: dict[str, tuple[int, dict[str, int]]] = {
    "more than any card has": (2_000_000_000, {}),
    "more than one debit takes": (60_000, {}),
    "what the card has": (ALL_OF_IT, {CARD: -ALL_OF_IT, unclaimed("chain_gap"): ALL_OF_IT}),
}


@pytest.mark.parametrize("claim", CLAIMS)
async def test_a_gap_out_of_the_air(quick: Stage, claim: str) -> None:
    """An operator edits a true tap before anybody saw it: a counter more, and so much less on the card.
    What one debit cannot have taken is a contradiction, and moves nothing. What it can have taken waits
    in unclaimed once the window has closed: nobody has it, and the card goes on with its money."""
    fen, changed = CLAIMS[claim]
    for city in quick.everywhere:
        tap = city.ride(VICTIM, BUS, 50, NOON, gross_fen=100)
        if city is quick.attacked:
            before = city.deck[VICTIM].balance_fen + 50 - fen
            tap = altered(
                tap,
                offline_counter=city.deck[VICTIM].offline + 1,
                balance_before_fen=before,
                balance_after_fen=before - 50,
            )
        receipt = await city.submit(BUS, tap)
        assert receipt.accepted == 1
    assert "chain_gap_pending" in receipt.reasons or city is quick.quiet
    forget(quick)
    assert await quick.aftermath() == {}
    await quick.quiet.night()
    found = await items(quick.attacked, ItemKind.CHAIN_GAP, ItemKind.CHAIN_BREAK)
    kind = ItemKind.CHAIN_GAP if changed else ItemKind.CHAIN_BREAK
    assert [(each.item.kind, each.amount_fen) for each in found] == [(kind, fen)]
    for _ in range(WINDOW_DAYS + 1):
        sealed = await quick.night()
    assert sealed == found[0].item.due_on or not changed
    assert await quick.difference() == changed
    assert await verify_day(quick.attacked.context, sealed) == []


# -- counters --------------------------------------------------------------------------------------


async def test_an_edited_counter_before_anybody_saw_it(quick: Stage) -> None:
    """An operator's tap takes the counter of the card's next ride. That ride is held when it comes, by
    whomever, and its fare waits until two people release it: a delay of one fare, no loss."""
    for city in quick.everywhere:
        tap = city.ride(VICTIM, BUS, 50, NOON, gross_fen=100)
        if city is quick.attacked:
            tap = altered(tap, offline_counter=city.deck[VICTIM].offline + 1)
        assert (await city.submit(BUS, tap)).accepted == 1
        honest = await city.submit(TAXI, city.ride(VICTIM, TAXI, 1_300, LATER, **TAXI_RIDE))
        if city is quick.attacked:
            assert honest.held == 1
            assert "counter_reused" in honest.reasons
        after = await city.submit(BUS, city.ride(VICTIM, BUS, 50, EVENING, gross_fen=100))
        assert after.accepted == 1
    forget(quick)
    delayed = await quick.aftermath()
    assert delayed.pop(SUSPENSE) == 1_300
    assert sum(delayed.values()) == -1_300
    assert CARD not in delayed
    await quick.quiet.night()
    (held,) = await items(quick.attacked, ItemKind.HELD)
    await release(quick.attacked, held.item.item_id)
    await quick.night()
    # Fees are rounded once a day, and the fare was paid a day later.
    left = await quick.difference()
    assert left.keys() <= {"fees/fee/clearing_centre", "fees/fee/issuer"}
    assert sum(left.values()) == 0
    assert max(left.values(), default=0) <= 1


# -- records without a TAC -------------------------------------------------------------------------


async def _lost_ride(town: Stage) -> bytes:
    """The victim rides a bus whose record is under way, and then another one. Returns the former."""
    for city in town.everywhere:
        lost = city.ride(VICTIM, BUS, 50, NOON, gross_fen=100)
        city.receipts.append(
            await city.submit(BUS, city.ride(VICTIM, BUS, 50, LATER, gross_fen=100), number=12)
        )
    return lost


def _invented(lost: bytes, operator: int, **changes: Any) -> bytes:
    """A torn record of somebody else's in the place of a ride that is missing."""
    return altered(
        lost, operator=operator, terminal_id=world.terminal(operator), terminal_number=FAR,
        tac="FFFFFFFF", **changes,
    )  # fmt: skip


async def _late(town: Stage, lost: bytes) -> None:
    """The lost record comes after all, the day after."""
    for city in town.everywhere:
        receipt = await city.submit(BUS, lost, number=112)
        assert receipt.accepted == 1
        city.receipts.append(receipt)


INVENTED: dict[str, tuple[int, dict[str, Any], str]] = {
    "for another fare": (TAXI, TAXI_RIDE, "below_tariff"),
    "at the true terminal": (
        RIVAL, {"terminal_id": world.terminal(BUS)}, "terminal_of_other_operator",
    ),
    "at no terminal": (RIVAL, {"terminal_id": "710000990001"}, "terminal_unknown"),
}  # fmt: skip


@pytest.mark.parametrize("how", INVENTED)
async def test_an_invented_torn_tap(quick: Stage, how: str) -> None:
    """The fare is missing indeed, and the record fits the gap; but something speaks against it, so the
    chain does not settle it. The true record comes and is paid."""
    lost = await _lost_ride(quick)
    thief, changes, reason = INVENTED[how]
    invented = altered(_invented(lost, thief), **changes)
    receipt = await quick.attacked.submit(thief, invented)
    assert receipt.held == 1
    assert "tac_torn" in receipt.reasons
    assert reason in receipt.reasons
    assert await quick.aftermath() == {}
    await quick.quiet.night()
    await _late(quick, lost)
    await quick.night()
    assert await quick.difference() == {}


async def test_a_perfect_torn_tap(quick: Stage) -> None:
    """A rival on the same tariff knows of the missing ride, its counter and its balances. The chain
    takes its record for the ride: the card was debited so much, and no more is taken from it. The true
    operator's record comes, has the place by its TAC, and what the rival got is taken back."""
    lost = await _lost_ride(quick)
    assert (await quick.attacked.submit(RIVAL, _invented(lost, RIVAL))).reasons["tac_torn"] == 1
    assert await quick.aftermath() == {}
    await quick.quiet.night()
    assert await quick.difference() == {CARD: -50, PAID: 50}
    await _late(quick, lost)
    await quick.night()
    assert await quick.difference() == {}


async def test_two_torn_taps_for_one_ride(quick: Stage) -> None:
    """A true torn tap and an invented one fit the same place: the chain believes neither, and two people
    ask both operators. The true operator waits for its fare."""
    for city in quick.everywhere:
        torn = altered(city.ride(VICTIM, BUS, 50, NOON, gross_fen=100), tac="FFFFFFFF")
        await city.submit(BUS, city.ride(VICTIM, BUS, 50, LATER, gross_fen=100), number=12)
        assert (await city.submit(BUS, torn)).reasons["tac_torn"] == 1
    assert (await quick.attacked.submit(RIVAL, _invented(torn, RIVAL))).reasons["tac_torn"] == 1
    forget(quick)
    assert await quick.aftermath() == {}
    await quick.quiet.night()
    assert await quick.difference() == {CARD: 50, PAID: -50}
    waiting = await items(quick.attacked, ItemKind.TORN)
    assert len(waiting) == 2
    (true,) = [each for each in waiting if each.item.operator_no == BUS]
    await release(quick.attacked, true.item.item_id)
    await quick.night()
    assert await quick.difference() == {}
