"""What an operator could try: fares, subsidies, batches, other operators' taps, dates."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clearing.intake import Refusal
from clearing.keys.signing import SigningKey
from schemas import batch as envelope
from schemas.batch import to_binary
from schemas.codes import CardKind, Discount
from schemas.reasons import Reason
from tests import world
from tests.attacks.stage import (
    BUS_DUE,
    CARD,
    FAR,
    SENIOR,
    STUDENT,
    SUSPENSE,
    VICTIM,
    Stage,
    altered,
    clone,
)
from tests.world import BUS, OPEN, TAXI

NOON, LATER = "20260105120000", "20260105130000"
NEXT = OPEN + timedelta(days=1)


async def test_a_gross_fare_inflated_for_the_subsidy(town: Stage) -> None:
    """Nobody signs the gross fare. The subsidy comes from our tariff: 50 fen a student, 100 a senior."""
    for city in town.everywhere:
        gross = 90_000 if city is town.attacked else 100
        taps = [
            city.ride(STUDENT, BUS, 50, NOON, gross_fen=gross),
            city.ride(SENIOR, BUS, 0, NOON, gross_fen=gross),
        ]
        receipt = await city.submit(BUS, *taps)
        assert receipt.accepted == 2
        if city is town.attacked:
            assert receipt.reasons == {"gross_differs": 2}
    assert await town.aftermath() == {}
    assert "gross_differs" in town.attacked.told(OPEN, BUS)


async def test_an_ordinary_card_called_a_seniors(town: Stage) -> None:
    """The device lets a friend ride free and writes 'senior': no subsidy, and the fare is the operator's
    loss. The quiet city's operator had 50 fen for that ride."""
    for city in town.everywhere:
        if city is town.attacked:
            tap = city.ride(
                VICTIM, BUS, 0, NOON, gross_fen=100, card_kind=int(CardKind.SENIOR),
                discount_claimed=int(Discount.CONCESSION),
            )  # fmt: skip
            reasons = (await city.submit(BUS, tap)).reasons
            assert reasons.keys() == {
                "below_tariff", "card_kind_differs", "concession_not_of_card"
            }  # fmt: skip
            city.deck[VICTIM].balance_fen -= 50
        else:
            await city.submit(BUS, city.ride(VICTIM, BUS, 50, NOON, gross_fen=100))
    for city in town.everywhere:
        del city.deck[VICTIM]
    assert await town.aftermath() == {BUS_DUE: -50, CARD: 50}
    assert "concession_not_of_card" in town.attacked.told(OPEN, BUS)


async def test_a_fare_above_the_tariff(town: Stage) -> None:
    """The card signed 900 fen for a ride of 50: the operator gets 50, the rest waits for the cardholder."""
    for city in town.everywhere:
        fare = 900 if city is town.attacked else 50
        receipt = await city.submit(BUS, city.ride(VICTIM, BUS, fare, NOON, gross_fen=100))
        if city is town.attacked:
            assert receipt.reasons == {"above_tariff": 1}
            city.deck[VICTIM].balance_fen += 850
    for city in town.everywhere:
        del city.deck[VICTIM]
    assert await town.aftermath() == {CARD: -850, SUSPENSE: 850}
    assert "above_tariff" in town.attacked.told(OPEN, BUS)


async def test_a_batch_cut_anew_and_signed_again(town: Stage) -> None:
    """The same taps under new numbers: one by one, all in one, in another order, some of them doubled."""
    for city in town.everywhere:
        taps = [
            city.ride(number, BUS, 50, f"202601051200{number:02}", gross_fen=100)
            for number in range(1, 7)
        ]
        city.receipts.append(await city.submit(BUS, *taps, number=12))
    cuts = [[tap] for tap in taps[:3]] + [taps[:2], taps[2:], taps, taps[::-1], taps + taps[1:4]]
    for cut in cuts:
        receipt = await town.attacked.submit(BUS, *cut)
        assert receipt.reasons == {"duplicate": len(cut)}
    assert await town.aftermath() == {}
    listed = town.attacked.listed(OPEN, BUS)
    assert len(listed) == sum(map(len, cuts))
    assert {row["reason"] for row in listed} == {"duplicate"}


async def test_a_batch_number_with_other_content(town: Stage) -> None:
    """The same batch again gets the receipt that it had; its number with other content gets nothing."""
    for city in town.everywhere:
        taps = [
            city.ride(number, BUS, 50, f"202601051200{number:02}", gross_fen=100)
            for number in (1, 2)
        ]
        batch = world.batch(BUS, 12, b"".join(taps))
        first = await city.engine.clear_batch(to_binary(batch))
        if city is town.attacked:
            assert await city.engine.clear_batch(to_binary(batch)) == first
            for other in (taps[:1], taps[::-1], [*taps, taps[0]]):
                with pytest.raises(Refusal) as refused:
                    await city.submit(BUS, *other, number=12)
                assert refused.value.reason == Reason.NUMBER_USED
    assert await town.aftermath() == {}
    alarms = await town.attacked.fetch(
        "SELECT kind FROM clearing.event WHERE subject LIKE $1", f"{BUS}/12/%"
    )
    assert [row["kind"] for row in alarms] == 3 * ["number_used"]


async def test_a_batch_in_another_hand(town: Stage) -> None:
    """A tap changed under the signature, a signature of another key, another operator's API key."""
    tap = clone(town[VICTIM]).tap(BUS, 50, gross_fen=100, at=NOON, number=FAR)
    batch = world.batch(BUS, 700, tap)
    body = bytearray(to_binary(batch))
    body[-40] ^= 1
    forged = SigningKey.generate().sign(envelope.signing_input(batch.header.digest))
    attempts = (
        (bytes(body), None, Reason.DIGEST_WRONG),
        (to_binary(envelope.signed(batch, forged)), None, Reason.SIGNATURE_WRONG),
        (to_binary(batch), TAXI, Reason.KEY_WRONG),
    )
    for data, only, reason in attempts:
        with pytest.raises(Refusal) as refused:
            await town.attacked.engine.clear_batch(data, only_operator=only)
        assert refused.value.reason == reason
    assert await town.aftermath() == {}


async def test_another_operators_taps(town: Stage) -> None:
    """As they are, they are refused, and their own operator is paid for them afterwards."""
    for city in town.everywhere:
        tap = city.ride(VICTIM, BUS, 50, NOON, gross_fen=100)
        if city is town.attacked:
            stolen = await city.submit(TAXI, tap)
            assert stolen.rejected == 1
            assert "operator_other" in stolen.reasons
        city.receipts.append(await city.submit(BUS, tap, number=12))
    assert await town.aftermath() == {}
    (listed,) = town.attacked.listed(OPEN, TAXI)
    assert listed["reason"] == "operator_other"


async def test_another_operators_taps_under_ones_own_name(town: Stage) -> None:
    """The record names the thief now, but the terminal is registered to the bus: the fare is held, and
    the true operator's record comes too late. Its 50 fen wait in suspense until two people release them:
    the thief can delay the money and cannot have it."""
    for city in town.everywhere:
        tap = city.ride(VICTIM, BUS, 50, NOON, gross_fen=100)
        if city is town.attacked:
            stolen = await city.submit(TAXI, altered(tap, operator=TAXI))
            assert stolen.held == 1
            assert "terminal_of_other_operator" in stolen.reasons
        own = await city.submit(BUS, tap)
        if city is town.attacked:
            assert own.reasons == {"duplicate_altered": 1}
    assert await town.aftermath() == {BUS_DUE: -50, SUSPENSE: 50}
    assert [row["reason"] for row in town.attacked.listed(OPEN, TAXI)] == [
        "terminal_of_other_operator"
    ]
    assert [row["reason"] for row in town.attacked.listed(OPEN, BUS)] == ["duplicate_altered"]


async def test_a_terminal_number_reset(town: Stage) -> None:
    """The terminal counts from one again, to make its old records look new: each is a tap of its own
    only if a card signed it. A true ride under a used number is paid once, and flagged."""
    for city in town.everywhere:
        first = city.ride(VICTIM, BUS, 50, NOON, gross_fen=100)
        city.receipts.append(await city.submit(BUS, first, number=12))
    replayed = [altered(first, terminal_number=number) for number in (1, 2, 3)]
    receipt = await town.attacked.submit(BUS, *replayed)
    assert (receipt.rejected, receipt.reasons["tac_wrong"]) == (3, 3)
    for city in town.everywhere:
        card = city.deck[VICTIM]
        number = 1 if city is town.attacked else FAR
        true = card.tap(BUS, 50, gross_fen=100, at=LATER, number=number)
        receipt = await city.submit(BUS, true)
        assert receipt.accepted == 1
        assert receipt.reasons.keys() == (
            {"terminal_number_reused"} if city is town.attacked else {"clean"}
        )
    assert await town.aftermath() == {}
    assert "terminal_number_reused" in town.attacked.told(OPEN, BUS)


async def test_taps_of_the_future(town: Stage) -> None:
    """Dated tomorrow, so as to be there twice: held today, a duplicate when tomorrow comes. A batch
    declared for tomorrow is refused."""
    ahead = clone(town[VICTIM]).tap(BUS, 50, gross_fen=100, at="20260106120000", number=FAR)
    with pytest.raises(Refusal) as refused:
        await town.attacked.hand_in(world.batch(BUS, 700, ahead, f"{NEXT:%Y%m%d}"))
    assert refused.value.reason == Reason.DECLARED_FUTURE
    receipt = await town.attacked.submit(BUS, ahead)
    assert receipt.held == 1
    assert "future" in receipt.reasons
    await town.night()
    again = await town.attacked.submit(BUS, ahead)
    assert again.rejected == 1
    assert again.reasons.keys() <= {"duplicate", "duplicate_other_date"}
    for city in town.everywhere:
        del city.deck[VICTIM]
    assert await town.aftermath() == {CARD: -50, SUSPENSE: 50}
    assert [row["reason"] for row in town.attacked.listed(OPEN, BUS)] == ["future"]


async def test_taps_of_long_ago(town: Stage) -> None:
    """Kept back until nobody remembers: older than the presentment window, so a claim and no income."""
    old = clone(town[VICTIM]).tap(BUS, 50, gross_fen=100, at="20251130120000", number=FAR)
    receipt = await town.attacked.submit(BUS, old)
    assert receipt.held == 1
    assert "presented_late" in receipt.reasons
    for city in town.everywhere:
        del city.deck[VICTIM]
    assert await town.aftermath() == {CARD: -50, SUSPENSE: 50}
    assert [row["reason"] for row in town.attacked.listed(OPEN, BUS)] == ["presented_late"]
