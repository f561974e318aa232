"""Cards that are cloned, refunded, denied, invented or made for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clearing.limits import DENYLIST_GRACE_S
from schemas import registry
from schemas.codes import TapKind
from service.database import Server
from tests import world
from tests.attacks.stage import (
    BUS_DUE,
    CARD,
    FAR,
    SUSPENSE,
    TAXI_RIDE,
    TEST,
    VICTIM,
    Morning,
    Stage,
    clone,
    stage,
    unclaimed,
)
from tests.world import AGENT, BUS, OPEN, OWN_ISSUER, TAXI, Card

NOON, LATER = "20260105120000", "20260105130000"


async def test_a_cloned_card_at_two_terminals(town: Stage) -> None:
    """Somebody has the card's keys. The clone's debit bears a counter that the true card used: it is
    held, and nobody is paid. What it took from the card waits in suspense for two people."""
    cloned = clone(town[VICTIM])
    for city in town.everywhere:
        data = city.ride(VICTIM, BUS, 50, NOON, gross_fen=100)
        city.receipts.append(await city.submit(BUS, data, number=12))
    stolen = cloned.tap(TAXI, 1_300, at=LATER, number=FAR, **TAXI_RIDE)
    receipt = await town.attacked.submit(TAXI, stolen)
    assert receipt.held == 1
    assert "counter_reused" in receipt.reasons
    assert await town.aftermath(but=[VICTIM]) == {CARD: -1_300, SUSPENSE: 1_300}
    (listed,) = town.attacked.listed(OPEN, TAXI)
    assert listed["reason"] == "counter_reused"


async def test_a_clone_that_rides_ahead_of_its_card(town: Stage) -> None:
    """The clone is quicker: its debits are believed, the true card's own ones are then held. The
    cardholder bears it until people see the contradiction; the operator carried both."""
    cloned = clone(town[VICTIM])
    first = cloned.tap(BUS, 50, gross_fen=100, at=NOON, number=FAR)
    assert (await town.attacked.submit(BUS, first)).reasons == {"clean": 1}
    for city in town.everywhere:
        data = city.ride(VICTIM, BUS, 50, LATER, gross_fen=100)
        receipt = await city.submit(BUS, data)
        if city is town.attacked:
            assert receipt.held == 1
            assert "counter_reused" in receipt.reasons
    changed = await town.aftermath(but=[VICTIM])
    assert changed == {CARD: -50, SUSPENSE: 50}


async def test_a_refunded_card_again(town: Stage) -> None:
    """Given back and paid out, and the chip rides on: rejected. The fare is nobody's income."""
    for city in town.everywhere:
        all_fen = city.deck[VICTIM].balance_fen
        refund = city.ride(
            VICTIM, AGENT, all_fen, NOON, kind=TapKind.CARD_REFUND, type_byte=2, gross_fen=0
        )
        assert "refund_held" in (await city.submit(AGENT, refund, number=12)).reasons
    ghost = clone(town[VICTIM]).tap(BUS, 50, gross_fen=100, at=LATER, number=FAR)
    receipt = await town.attacked.submit(BUS, ghost)
    assert receipt.rejected == 1
    assert "card_closed" in receipt.reasons
    for city in town.everywhere:
        del city.deck[VICTIM]
    assert await town.aftermath() == {CARD: -50, unclaimed("card_closed"): 50}
    (listed,) = town.attacked.listed(OPEN, BUS)
    assert listed["reason"] == "card_closed"


async def test_a_test_card_in_production(
    postgres: Server, morning: Morning, tmp_path: Path
) -> None:
    """A card of the laboratory has right keys and no money behind it."""
    async with stage(postgres, morning, tmp_path, production=True) as town:
        receipt = await town.attacked.submit(
            BUS, town[TEST].tap(BUS, 50, gross_fen=100, at=NOON, number=FAR)
        )
        assert receipt.rejected == 1
        assert "test_card" in receipt.reasons
        changed = await town.aftermath(but=[TEST])
        assert changed == {CARD: -50, unclaimed("test_card"): 50}
        assert "test_card" in town.attacked.told(OPEN, BUS)


async def test_a_card_that_nobody_issued(town: Stage) -> None:
    """A serial made up, keys right: whoever has the master key still has no card in the registry."""
    taps = [
        Card(number).tap(BUS, 50, gross_fen=100, at=NOON, number=FAR + number)
        for number in (7_001, 7_002)
    ]
    receipt = await town.attacked.submit(BUS, *taps)
    assert receipt.rejected == 2
    assert "card_not_issued" in receipt.reasons
    assert await town.aftermath() == {}
    assert "card_not_issued" in town.attacked.told(OPEN, BUS)


PUBLISHED = datetime.fromisoformat("2026-01-05T09:00:00")
"""The list's date; the race is judged on the sixth, when the grace is over."""
ACKNOWLEDGED = PUBLISHED + timedelta(hours=1)
IN_FORCE = ACKNOWLEDGED + timedelta(seconds=DENYLIST_GRACE_S)
TO_BE_PAID: dict[str, int] = {CARD: -50, BUS_DUE: 50}
LOST: dict[str, int] = {CARD: -50, unclaimed("denylisted"): 50}
RACE: dict[str, tuple[datetime, bool, str, dict[str, int]]] = {
    "tapped before, submitted after": (PUBLISHED - timedelta(seconds=1), True, "clean", TO_BE_PAID),
    "published, never acknowledged": (
        IN_FORCE + timedelta(hours=3), False, "denylist_undelivered", TO_BE_PAID,
    ),
    "published, not acknowledged yet": (
        ACKNOWLEDGED - timedelta(seconds=1), True, "denylist_undelivered", TO_BE_PAID,
    ),
    "within the grace": (
        IN_FORCE - timedelta(seconds=1), True, "denylist_undelivered", TO_BE_PAID,
    ),
    "after the grace": (IN_FORCE, True, "denylisted", LOST),
}  # fmt: skip


@pytest.mark.parametrize("moment", RACE)
async def test_a_denied_card_races_its_denylist(town: Stage, moment: str) -> None:
    """The issuer bears what nobody could know yet; the operator what it was told and did not heed.

    The times that count are the tap's and the acknowledgement's, never that of the submission.
    """
    tapped, acknowledged, reason, bears = RACE[moment]
    await town.night()
    for city in town.everywhere:
        await _deny(city, VICTIM, acknowledged)
    at = f"{tapped:%Y%m%d%H%M%S}"
    tap = clone(town[VICTIM]).tap(BUS, 50, gross_fen=100, at=at, number=FAR)
    receipt = await town.attacked.submit(BUS, tap)
    assert reason in receipt.reasons
    for city in town.everywhere:
        del city.deck[VICTIM]
    assert await town.aftermath(hour=21) == bears
    if reason != "clean":
        assert reason in town.attacked.told(OPEN + timedelta(days=1), BUS)


async def _deny(city: Any, number: int, acknowledged: bool) -> None:
    """List a card; and let the bus operator say that it has the list."""
    denied = registry.Denied(
        family=1,
        issuer=OWN_ISSUER,
        serial=world.serial(number),
        since=PUBLISHED.isoformat(),
        version=1,
    )
    rows: list[tuple[str, msgspec.Struct]] = [("denied", denied)]
    if acknowledged:
        bus = await city.operator(BUS)
        known = ((1, ACKNOWLEDGED.isoformat()),)
        rows.append(("operator", msgspec.structs.replace(bus, denylist_acknowledged=known)))
    await city.register(*rows)
