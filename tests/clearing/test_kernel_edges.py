"""Where a rule ends: the last second, the last day, the last byte, half a fen. On both kernels."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from clearing import cards
from clearing.kernel import Kernel
from clearing.plan import FOREVER, FareClass, Rounding, moment_of
from schemas import record
from schemas.codes import CardKind, Mode, TapKind, TypeByte
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    CITY,
    DAY,
    JUDGED_AT_S,
    KERNELS,
    PLAN,
    TAPPED_S,
    card_of,
    context,
    ints,
    line_of,
    make,
    tap,
)

TAC = record.FIELD["tac"]


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return make(request.param)


def reasons_of(kernel: Kernel, data: bytes, **changes: Any) -> set[Reason]:
    """Every reason that applies to a tap that is judged alone; nothing of it is kept."""
    judgement = kernel.judge(data, context(**changes))
    kernel.undo(1)
    return {Reason(number) for number, count in enumerate(judgement.reason_counts) if count}


@pytest.mark.parametrize("card", ["ordinary", "union"])
def test_every_byte_of_a_tac_counts(kernel: Kernel, card: str) -> None:
    """A TAC that is wrong in one bit of one byte is wrong, whichever byte; DES and SM4."""
    data = tap(card, amount_fen=100)
    assert Reason.TAC_WRONG not in reasons_of(kernel, data)
    for byte in range(TAC.offset, TAC.end):
        for bit in (0, 7):
            forged = bytearray(data)
            forged[byte] ^= 1 << bit
            assert Reason.TAC_WRONG in reasons_of(kernel, bytes(forged)), (byte - TAC.offset, bit)


def test_the_presentment_window_is_inclusive(kernel: Kernel) -> None:
    """Thirty days back is in time, from its first second on; the second before is late."""
    first = DAY - timedelta(days=PLAN.limits.presentment_window_days)
    before = first - timedelta(days=1)
    for moment, late in (
        (f"{first:%Y%m%d}000000", False), (f"{first:%Y%m%d}235959", False),
        (f"{before:%Y%m%d}235959", True),
    ):  # fmt: skip
        found = reasons_of(kernel, tap(tapped_at=moment))
        assert (Reason.PRESENTED_LATE in found) == late, moment


def test_the_clock_tolerance_is_inclusive(kernel: Kernel) -> None:
    latest = JUDGED_AT_S + PLAN.limits.clock_tolerance_s
    for seconds, future in ((latest, False), (latest + 1, True)):
        found = reasons_of(kernel, tap(tapped_at=f"{moment_of(seconds):%Y%m%d%H%M%S}"))
        assert (Reason.FUTURE in found) == future, seconds - latest


def test_amounts_and_balances_at_the_limit_are_within_it(kernel: Kernel) -> None:
    limits = PLAN.limits
    for amount, above in ((limits.amount_max_fen, False), (limits.amount_max_fen + 1, True)):
        found = reasons_of(kernel, tap(amount_fen=amount, balance_before_fen=amount))
        assert (Reason.AMOUNT_ABOVE_LIMIT in found) == above
    for after, above in ((limits.balance_max_fen, False), (limits.balance_max_fen + 1, True)):
        found = reasons_of(kernel, tap(balance_before_fen=after + 100))
        assert (Reason.BALANCE_ABOVE_LIMIT in found) == above


@pytest.mark.parametrize(
    ("kind", "book_fen", "amount_fen", "proven"),
    [
        (TapKind.BUS_FLAT, 1_000, 2**31 - 1, True),
        (TapKind.BUS_FLAT, -1, 2**31 - 1, True),
        (TapKind.BUS_FLAT, -2, 2**31 - 1, False),
        (TapKind.BUS_FLAT, 100 - 2**31, 100, True),
        (TapKind.BUS_FLAT, 99 - 2**31, 100, False),
        (TapKind.TOP_UP, 2**31 - 101, 100, True),
        (TapKind.TOP_UP, 2**31 - 100, 100, False),
    ],
)
def test_what_a_line_cannot_hold_is_not_proven(
    kernel: Kernel, kind: TapKind, book_fen: int, amount_fen: int, proven: bool
) -> None:
    """Were it booked, no line would ever again be what the books say, and no night would close."""
    kernel.add_cards(cards.pack(line_of("ordinary", book_balance_fen=book_fen)))
    signed = -amount_fen if kind == TapKind.BUS_FLAT else amount_fen
    before = 1_000 if signed < 1_000 else 0
    after = max(before + signed, -(2**31))
    more = {"type_byte": TypeByte.LOAD} if kind == TapKind.TOP_UP else {}
    judgement = kernel.judge(
        tap(
            kind=kind, amount_fen=amount_fen, balance_before_fen=before, balance_after_fen=after,
            offline_counter=6, online_counter=3, **more,
        ),
        context(),
    )  # fmt: skip
    line = kernel.card_line(card_of("ordinary"))
    assert line is not None
    assert cards.unpack(line).book_balance_fen == book_fen + (signed if proven else 0)
    moved = sum(
        move.amount_fen * ((move.credit == CITY) - (move.debit == CITY))
        for move in judgement.movements
    )
    assert moved == (signed if proven else 0)
    if not proven:
        assert judgement.verdict_counts == (0, 1, 0)
        assert judgement.reason_counts[Reason.AMOUNT_ABOVE_LIMIT] == 1
        assert len({row.reason for row in judgement.evidence}) == len(judgement.evidence)


@pytest.mark.parametrize(("seconds", "rejected"), [(-1, False), (0, True), (1, True)])
def test_the_denylist_is_in_force_from_its_second_on(
    kernel: Kernel, seconds: int, rejected: bool
) -> None:
    """Delivery plus grace ends at TAPPED_S: the tap of that second is the operator's to bear."""
    denied = tuple(
        msgspec.structs.replace(row, version=1)
        for row in PLAN.denied
        if row.card == card_of("denied")
    )
    kernel.configure(msgspec.structs.replace(PLAN, denied=denied))
    moment = f"{moment_of(TAPPED_S + seconds):%Y%m%d%H%M%S}"
    found = reasons_of(kernel, tap("denied", tapped_at=moment))
    assert (Reason.DENYLISTED in found) == rejected
    assert (Reason.DENYLIST_UNDELIVERED in found) != rejected


def test_a_card_is_good_on_its_last_day(kernel: Kernel) -> None:
    """The expired card's last day was yesterday."""
    for days, expired in ((1, False), (0, True)):
        moment = f"{DAY - timedelta(days=days):%Y%m%d}120000"
        assert (
            Reason.CARD_EXPIRED in reasons_of(kernel, tap("expired", tapped_at=moment))
        ) == expired


@pytest.mark.parametrize(
    ("rounding", "gross_fen", "fare_fen"),
    [
        (Rounding.HALF_UP, 101, 51), (Rounding.DOWN, 101, 50), (Rounding.UP, 101, 51),
        (Rounding.HALF_UP, 100, 50), (Rounding.DOWN, 100, 50), (Rounding.UP, 100, 50),
    ],
)  # fmt: skip
def test_half_a_fen_is_rounded_as_the_class_says(
    kernel: Kernel, rounding: Rounding, gross_fen: int, fare_fen: int
) -> None:
    """Half of 101 fen."""
    fare_class = FareClass("ordinary", CardKind.ORDINARY, ((FOREVER, 500),), rounding)
    tariff = msgspec.structs.replace(
        PLAN.operators[0].tariffs[0], flat_fen=((0, gross_fen),), classes=(fare_class,)
    )
    bus = msgspec.structs.replace(PLAN.operators[0], tariffs=(tariff,))
    kernel.configure(msgspec.structs.replace(PLAN, operators=(bus,)))
    judgement = kernel.judge(tap(gross_fen=gross_fen, amount_fen=fare_fen), context())
    assert ints(judgement.priced_fen, "i") == [fare_fen]


def test_the_type_byte_is_signed(kernel: Kernel) -> None:
    """Type bytes 05, 06 and 09 are debits alike; the TAC signs which one it was."""
    for type_byte in (TypeByte.SINGLE_JOURNEY, TypeByte.PURCHASE, TypeByte.COMPOUND):
        assert Reason.TAC_WRONG not in reasons_of(kernel, tap(type_byte=type_byte))
        other = TypeByte.PURCHASE if type_byte != TypeByte.PURCHASE else TypeByte.COMPOUND
        forged = bytearray(tap(type_byte=type_byte))
        forged[record.OFFSET["type_byte"]] = other
        assert Reason.TAC_WRONG in reasons_of(kernel, bytes(forged))


def test_a_device_in_degraded_mode_is_believed_its_fare(kernel: Kernel) -> None:
    """Nobody can tell what such a device should have charged; it is flagged and not called wrong."""
    found = reasons_of(kernel, tap(mode=Mode.DEGRADED, amount_fen=1))
    assert Reason.DEGRADED_MODE in found
    assert not found & {Reason.BELOW_TARIFF, Reason.ABOVE_TARIFF}


def test_a_held_tap_is_not_booked_again(kernel: Kernel) -> None:
    """Its money stands in suspense; handed in again it is a duplicate, as an accepted one is."""
    held = tap(terminal_id="000000000000")
    first = kernel.judge(held, context())
    again = kernel.judge(held, context(batch_seq=2))
    assert (first.verdict_counts, again.verdict_counts) == ((0, 1, 0), (0, 0, 1))
    assert Reason(again.reasons[0]) == Reason.DUPLICATE
    assert first.movements
    assert not again.movements
