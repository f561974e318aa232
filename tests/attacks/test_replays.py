"""Taps handed in again, as they were or edited; and taps edited before anybody saw them."""

from __future__ import annotations

import json

from schemas import record
from schemas.codes import CardKind, Discount, TapKind
from tests.attacks.stage import FAR, VICTIM, Stage, altered, clone
from tests.world import AGENT, BUS, OPEN

NOON, LATER = "20260105120000", "20260105130000"


async def honest_noon(stage: Stage) -> bytes:
    """A ride that both cities clear; returns its record."""
    for city in stage.everywhere:
        data = city.ride(VICTIM, BUS, 50, NOON, gross_fen=100)
        city.receipts.append(await city.submit(BUS, data, number=12))
    return data


async def test_a_tap_again_as_it_was(town: Stage) -> None:
    """In another batch of the day, in its own batch, and on the next date."""
    data = await honest_noon(town)
    again = await town.attacked.submit(BUS, data, data)
    assert again.reasons == {"duplicate": 2}
    for city in town.everywhere:
        fresh = city.ride(VICTIM, BUS, 50, LATER, gross_fen=100)
        taps = [fresh, fresh] if city is town.attacked else [fresh]
        receipt = await city.submit(BUS, *taps)
        assert receipt.accepted == 1
    assert receipt.reasons == {"clean": 1}
    await town.night()
    later = await town.attacked.submit(BUS, data)
    assert later.reasons == {"duplicate_other_date": 1}
    assert await town.aftermath() == {}
    assert town.attacked.told(OPEN, BUS) >= {"duplicate", "duplicate_in_batch"}


EDITED = {
    "counter": {"offline_counter": 40},
    "balance": {"balance_before_fen": 90_000, "balance_after_fen": 89_950},
    "station": {"station": 7},
    "line": {"line": 215},
    "gross fare": {"gross_fen": 5_000},
    "card kind": {"card_kind": int(CardKind.SENIOR)},
    "concession": {"discount_claimed": int(Discount.CONCESSION)},
    "amount": {"amount_fen": 900},
}


async def test_a_cleared_tap_with_an_edited_field(town: Stage) -> None:
    """Everything but the identity: it is the same tap all the same, and somebody edits records."""
    data = await honest_noon(town)
    for changes in EDITED.values():
        again = await town.attacked.submit(BUS, altered(data, **changes))
        assert again.reasons == {"duplicate_altered": 1}, changes
    assert await town.aftermath() == {}
    listed = [row["reason"] for row in town.attacked.listed(OPEN, BUS)]
    assert listed == len(EDITED) * ["duplicate_altered"]
    alarms = await town.attacked.fetch(
        "SELECT body FROM clearing.event WHERE kind = 'duplicate_altered' ORDER BY event_no"
    )
    assert len(alarms) == len(EDITED)
    assert json.loads(alarms[0]["body"])["rows"] == [0]


RENAMED = {
    "time": {"tapped_at": "20260105120001"},
    "terminal": {"terminal_id": "710000120001"},
    "terminal number": {"terminal_number": 77_777},
    "type": {"type_byte": 9},
    "card": {"serial": "00007100000000000002"},
}


async def test_a_cleared_tap_under_another_identity(town: Stage) -> None:
    """What would make it another tap is signed by the card, and the card did not sign that."""
    data = await honest_noon(town)
    for changes in RENAMED.values():
        again = await town.attacked.submit(BUS, altered(data, **changes))
        assert "tac_wrong" in again.reasons, changes
        assert again.rejected == 1
    assert await town.aftermath() == {}
    listed = [row["reason"] for row in town.attacked.listed(OPEN, BUS)]
    assert listed == len(RENAMED) * ["tac_wrong"]


async def test_every_bit_of_a_cleared_tap(town: Stage) -> None:
    """1,152 records, each with one bit of the cleared one changed: not one is paid."""
    data = await honest_noon(town)
    flipped = []
    for bit in range(8 * record.SIZE):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        flipped.append(bytes(changed))
    found = await town.attacked.submit(BUS, *flipped)
    assert (found.accepted, found.held, found.rejected) == (0, 0, len(flipped))
    assert found.reasons["duplicate_altered"] > 600
    assert found.reasons["tac_wrong"] > 100
    assert await town.aftermath() == {}


FORGED = {
    "amount": {"amount_fen": 900},
    "time": {"tapped_at": "20260105180000"},
    "terminal number": {"terminal_number": 99},
}


async def test_a_tap_edited_before_anybody_saw_it(town: Stage) -> None:
    """The edited record is refused, and does not stand in the way of the true one."""
    for changes in FORGED.values():
        forged = altered(
            clone(town[VICTIM]).tap(BUS, 50, gross_fen=100, at=NOON, number=FAR), **changes
        )
        receipt = await town.attacked.submit(BUS, forged)
        assert receipt.rejected == 1
        assert "tac_wrong" in receipt.reasons, changes
    await honest_noon(town)
    assert await town.aftermath() == {}
    assert "tac_wrong" in town.attacked.told(OPEN, BUS)


async def test_a_top_up_again_or_inflated(town: Stage) -> None:
    """A load signs its amount, the balance after it and its counter."""
    for city in town.everywhere:
        load = city.ride(VICTIM, AGENT, 1_000, NOON, kind=TapKind.TOP_UP, gross_fen=0)
        city.receipts.append(await city.submit(AGENT, load, number=12))
    again = await town.attacked.submit(AGENT, load)
    assert again.reasons == {"duplicate": 1}
    inflated = altered(load, amount_fen=40_000, balance_after_fen=46_000, terminal_number=800)
    forged = await town.attacked.submit(AGENT, inflated)
    assert "tac_wrong" in forged.reasons
    assert (again.rejected, forged.rejected) == (1, 1)
    assert await town.aftermath() == {}
    listed = {row["reason"] for row in town.attacked.listed(OPEN, AGENT)}
    assert listed == {"duplicate", "tac_wrong"}
