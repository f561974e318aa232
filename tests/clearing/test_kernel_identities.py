"""Which taps are the same one, and which count: on both kernels."""

from __future__ import annotations

import hashlib

import pytest

from clearing.kernel import Kernel
from clearing.plan import NEVER_SEALED, Purpose
from schemas import record
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    BUSINESS_DAY,
    changes,
    context,
    ints,
    moves,
    tap,
)
from tests.clearing.usual import PRESENTED, moved

R = Reason


def test_the_same_tap_again_counts_once(kernel: Kernel) -> None:
    first = kernel.judge(tap() + tap(), context())
    again = kernel.judge(tap(), context(batch_seq=2))
    altered = kernel.judge(tap(station=5), context(batch_seq=3))
    assert list(first.reasons) == [R.CLEAN, R.DUPLICATE_IN_BATCH]
    assert (first.evidence[0].expected, first.evidence[0].actual) == (1 << 32, 1 << 32 | 1)
    assert list(again.reasons) == [R.DUPLICATE]
    assert (again.evidence[0].expected, again.evidence[0].actual) == (1 << 32, 2 << 32)
    assert list(altered.reasons) == [R.DUPLICATE_ALTERED]
    assert (again.movements, altered.movements) == ((), ())
    assert changes(kernel, "ordinary") == moved()
    assert ints(again.issuer_numbers, "H") == [0]


def test_a_rejected_tap_may_be_submitted_again(kernel: Kernel) -> None:
    wrong = tap(tac="00000001")
    assert list(kernel.judge(wrong, context()).reasons) == [R.TAC_WRONG]
    assert list(kernel.judge(tap(), context(batch_seq=2)).reasons) == [R.CLEAN]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ((7, 9, 0, BUSINESS_DAY - 1, 0), R.DUPLICATE_OTHER_DATE),
        ((7, 9, 0, BUSINESS_DAY, 0), R.DUPLICATE),
        ((7, 9, 1, BUSINESS_DAY - 1, 0), R.DUPLICATE_ALTERED),
        ((1, 9, 0, BUSINESS_DAY, 0), R.DUPLICATE_IN_BATCH),
        ((7, 9, 0, BUSINESS_DAY - 1, 7930), R.DUPLICATE_OTHER_CITY),
    ],
)
def test_known_identities_are_duplicates_too(
    kernel: Kernel, known: tuple[int, int, int, int, int], reason: Reason
) -> None:
    data = tap()
    seq, row, altered, day, acquirer = known
    head = bytes(4) if altered else hashlib.sha256(data).digest()[:4]
    found = {data[record.IDENTITY]: (seq, row, head, day, acquirer)}
    judgement = kernel.judge(data, context(known=found))
    assert list(judgement.reasons) == [reason]
    assert ints(judgement.flags, "Q") == [0]
    assert judgement.evidence[0].expected == seq << 32 | row
    kernel.undo(1)
    others = {bytes(37): (seq, row, head, day, acquirer)}
    assert list(kernel.judge(data, context(known=others)).reasons) == [R.CLEAN]


def test_identities_are_put_in_and_forgotten_by_day(kernel: Kernel) -> None:
    data, other = tap(), tap(terminal_number=2, offline_counter=7, balance_before_fen=900)
    kernel.add_identities(
        [
            (data[record.IDENTITY], 5, 3, hashlib.sha256(data).digest()[:4], BUSINESS_DAY - 2, 0),
            (other[record.IDENTITY], 6, 4, hashlib.sha256(other).digest()[:4], NEVER_SEALED, 7950),
        ]
    )
    before = kernel.dump_state()
    judgement = kernel.judge(data + other, context())
    assert list(judgement.reasons) == [R.DUPLICATE_OTHER_DATE, R.DUPLICATE_OTHER_CITY]
    assert [e.expected for e in judgement.evidence] == [5 << 32 | 3, 6 << 32 | 4]
    assert kernel.dump_state() == before
    kernel.forget(BUSINESS_DAY - 2)
    again = kernel.judge(data + other, context(batch_seq=2))
    assert list(again.reasons) == [R.CLEAN, R.DUPLICATE_OTHER_CITY]


def test_a_record_that_two_cities_present_is_said_to_be_altered_too(kernel: Kernel) -> None:
    """The clone in the other city differs where the card did not sign."""
    kernel.judge(tap(), context(**PRESENTED))
    altered = kernel.judge(tap(station=5), context(batch_seq=2, **PRESENTED | {"acquirer": 7950}))
    assert list(altered.reasons) == [R.DUPLICATE_OTHER_CITY]
    assert ints(altered.flags, "Q") == [1 << R.DUPLICATE_ALTERED]
    assert {(e.expected, e.actual) for e in altered.evidence} == {(1 << 32, 2 << 32)}
    assert altered.movements == ()
    same_city = kernel.judge(tap(station=5), context(batch_seq=3, **PRESENTED))
    assert list(same_city.reasons) == [R.DUPLICATE_ALTERED]


def test_a_tap_of_ours_that_another_city_presented_is_of_another_city(kernel: Kernel) -> None:
    kernel.judge(tap(), context(**PRESENTED))
    assert list(kernel.judge(tap(), context(batch_seq=2)).reasons) == [R.DUPLICATE_OTHER_CITY]


def test_a_dump_names_who_took_a_tap_and_when(kernel: Kernel) -> None:
    kernel.judge(tap(), context(batch_seq=5, **PRESENTED))
    identity = kernel.dump_state()[len(kernel.card_lines()) :]
    numbers = [int.from_bytes(identity[at : at + 4], "big") for at in (20, 24, 32, 36)]
    assert numbers == [5, 0, BUSINESS_DAY, 7930]


def test_a_rejected_tap_that_moved_money_moves_it_once(kernel: Kernel) -> None:
    """A proven debit on a test card goes to unclaimed; submitting it again changes nothing."""
    record = tap("test", amount_fen=160)
    first = kernel.judge(record, context())
    assert [purpose for _, _, purpose, *_ in moves(first)] == [Purpose.REJECTED]
    state = kernel.card_lines()
    again = kernel.judge(record, context(batch_seq=2))
    assert R(again.reasons[0]) == R.DUPLICATE
    assert not again.movements
    assert kernel.card_lines() == state
