"""Transfers: from which operators, with or without a mark, how much, and who bears it: on both kernels."""

from __future__ import annotations

from typing import Any

import pytest

from clearing import cards
from clearing.kernel import Kernel
from clearing.plan import Bearer, FareClass, Purpose, Rounding, Transfer, TransferType
from schemas.codes import Discount, TapKind
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    BUDGET,
    BUS,
    ISSUER_DISCOUNT,
    METRO,
    TAXI,
    changes,
    ints,
    moves,
)
from tests.clearing.tariffs.rides import FULL, card, fare, judge, ride, seconds, tariff, under

T = TransferType
MARKED = {"discount_claimed": Discount.TRANSFER}


def transfer(kind: TransferType, value: int = 0, **changes: Any) -> Transfer:
    """A transfer scheme: an hour, twice."""
    return Transfer(kind, value, 3600, 2, **changes)


def from_bus(kernel: Kernel, operator: int = BUS, **changes: Any) -> None:
    """Let the ordinary card have left a bus at 08:00:00."""
    card(kernel, transfer_base_s=seconds("08:00:00"), transfer_operator=operator, **changes)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (transfer(T.AMOUNT_OFF, 100), 300), (transfer(T.AMOUNT_OFF, 500), 0),
        (transfer(T.FIXED_PRICE, 150), 150), (transfer(T.FIXED_PRICE, 500), 400), (transfer(T.FREE), 0),
        (transfer(T.PER_MILLE, 0), 0), (transfer(T.PER_MILLE, 500), 200), (transfer(T.PER_MILLE, 1000), 400),
        (transfer(T.PER_MILLE, 333), 133), (transfer(T.PER_MILLE, 334), 134),
        (transfer(T.PER_MILLE, 334, rounding=Rounding.DOWN), 133),
        (transfer(T.PER_MILLE, 333, rounding=Rounding.UP), 134),
    ],
)  # fmt: skip
def test_a_leg_after_another_costs_less(kernel: Kernel, scheme: Transfer, expected: int) -> None:
    from_bus(under(kernel, tariff(transfer=scheme)))
    assert fare(kernel, entry="", **MARKED) == expected


@pytest.mark.parametrize(
    ("operators", "previous", "expected"),
    [
        ((), BUS, 0), ((BUS,), BUS, 0), ((TAXI, BUS), BUS, 0), ((TAXI,), BUS, 400), ((BUS,), METRO, 400),
        # A line holds operators up to 65,535; one above is nobody's, and nobody is none of some.
        ((), 0, 0), ((BUS,), 0, 400),
    ],
)  # fmt: skip
def test_the_leg_before_must_be_one_of_the_named_operators(
    kernel: Kernel, operators: tuple[int, ...], previous: int, expected: int
) -> None:
    scheme = transfer(T.FREE, from_operators=operators)
    from_bus(under(kernel, tariff(transfer=scheme)), previous)
    judgement = judge(kernel, ride(entry="", **MARKED))
    assert ints(judgement.priced_fen, "i") == [expected]
    assert judgement.reason_counts[Reason.TRANSFER_UNQUALIFIED] == (expected != 0)


@pytest.mark.parametrize(
    ("without_mark", "marked", "base", "expected", "unqualified"),
    [
        (False, False, "08:00:00", 400, 0), (False, True, "08:00:00", 0, 0), (True, False, "08:00:00", 0, 0),
        (True, True, "08:00:00", 0, 0), (True, False, "07:30:15", 0, 0), (True, False, "07:30:14", 400, 0),
        (True, True, "07:30:14", 400, 1),
    ],
)  # fmt: skip
def test_history_alone_is_enough_where_the_scheme_says_so(
    kernel: Kernel, without_mark: bool, marked: bool, base: str, expected: int, unqualified: int
) -> None:
    under(kernel, tariff(transfer=transfer(T.FREE, without_mark=without_mark)))
    card(kernel, transfer_base_s=seconds(base), transfer_operator=BUS)
    judgement = judge(kernel, ride(entry="", discount_claimed=int(marked)))
    assert ints(judgement.priced_fen, "i") == [expected]
    assert judgement.reason_counts[Reason.TRANSFER_UNQUALIFIED] == unqualified
    assert ("transfers_used" in changes(kernel, "ordinary")) == (expected == 0)


def test_unasked_transfers_end_with_their_count(kernel: Kernel) -> None:
    from_bus(under(kernel, tariff(transfer=transfer(T.FREE, without_mark=True))))
    rides = [ride(entry="", at=f"08:1{n}:00", terminal_number=n) for n in range(4)]
    assert ints(judge(kernel, *rides).priced_fen, "i") == [0, 0, 400, 0]


def test_a_supplement_is_no_leg_of_its_own(kernel: Kernel) -> None:
    from_bus(under(kernel, tariff(transfer=transfer(T.FREE, without_mark=True))))
    assert fare(kernel, kind=TapKind.METRO_SUPPLEMENT, gross_fen=300, entry="") == 300
    assert fare(kernel, kind=TapKind.METRO_SUPPLEMENT, gross_fen=300, entry="", terminal_number=2,
                **MARKED) == 0  # fmt: skip


def test_a_mark_that_is_the_only_evidence_is_still_needed(kernel: Kernel) -> None:
    under(kernel, tariff(transfer=Transfer(T.FREE, by_mark=True, without_mark=True)))
    from_bus(kernel)
    assert fare(kernel, entry="") == 400
    assert fare(kernel, entry="", terminal_number=2, **MARKED) == 0


def test_class_and_transfer_may_have_different_bearers(kernel: Kernel) -> None:
    half = FareClass("half", 0, ((1 << 31, 500),), bearer=Bearer.ISSUER)
    scheme = transfer(T.AMOUNT_OFF, 50, bearer=Bearer.BUDGET)
    from_bus(under(kernel, tariff(classes=(half,), transfer=scheme)))
    judgement = judge(kernel, ride(entry="", amount_fen=150, **MARKED))
    assert ints(judgement.priced_fen, "i") == [150]
    assert ints(judgement.subsidy_fen, "i") == [250]
    paid = {(move[0], move[3]) for move in moves(judgement) if move[2] == Purpose.SUBSIDY}
    assert paid == {(ISSUER_DISCOUNT, 200), (BUDGET, 50)}


def test_a_transfer_that_does_not_qualify_is_subsidised_by_nobody(kernel: Kernel) -> None:
    scheme = transfer(T.FREE, bearer=Bearer.BUDGET)
    under(kernel, tariff(classes=(FULL,), transfer=scheme))
    assert ints(judge(kernel, ride(amount_fen=0, **MARKED)).subsidy_fen, "i") == [0]


def test_a_line_forgets_the_name_of_an_operator_that_is_too_large(kernel: Kernel) -> None:
    """The leg still opens a window, but from nobody known."""
    assert cards.OPERATOR_MAX == 65_535
    assert cards.operator_in_line(65_535) == 65_535
    assert cards.operator_in_line(65_536) == 0
    under(kernel, tariff())
    judge(kernel, ride(entry=""))
    assert changes(kernel, "ordinary")["transfer_operator"] == METRO
