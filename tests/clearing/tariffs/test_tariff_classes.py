"""Classes that hold at some hours or from some stations only, and those of foreign cards: on both kernels."""

from __future__ import annotations

import pytest

from clearing.kernel import Kernel
from clearing.plan import FOREVER, Basis, Bearer, FareClass, Hours, Purpose
from schemas.codes import CardKind
from tests.clearing.kernel_cases import BUDGET, FOREIGN, ISSUER_DISCOUNT, ints, moves
from tests.clearing.tariffs.rides import fare, judge, ride, tariff, under

HOUR = 3600
EARLY = Hours(1, 0, 7 * HOUR, Basis.ENTRY)


def paying(name: str, kind: int, per_mille: int, **changes: object) -> FareClass:
    """A class that pays so much of each 1000 fen."""
    return FareClass(name, kind, ((FOREVER, per_mille),), **changes)  # type: ignore[arg-type]


CLASSES = (
    paying("early", CardKind.ORDINARY, 500, hours=(EARLY,), stations=(101, 102)),
    paying("early everywhere", CardKind.ORDINARY, 700, hours=(EARLY,)),
    paying("pupil off hours", CardKind.STUDENT, 0, hours=(Hours(6, 0, 24 * HOUR),)),
    paying("quiet", 0, 800, hours=(Hours(7, 10 * HOUR, 16 * HOUR),)),
    paying("any", 0, 900),
    paying("visitor", 9, 950),
)


@pytest.mark.parametrize(
    ("card", "entry", "at", "origin", "expected"),
    [
        # By hour and station of entry; then by hour; then the class of all others, quiet hours first.
        ("ordinary", "06:59:59", "07:30:00", 101, 200), ("ordinary", "06:59:59", "07:30:00", 102, 150),
        ("ordinary", "06:59:59", "07:30:00", 103, 140), ("ordinary", "07:00:00", "07:30:00", 101, 360),
        ("ordinary", "09:00:00", "10:00:00", 101, 320), ("ordinary", "09:00:00", "16:00:00", 101, 360),
        # An entry that nobody knows is at no hour.
        ("ordinary", "", "06:30:00", 101, 360),
        # A kind with a class of its own that does not apply is one of all others.
        ("student", "08:00:00", "08:30:00", 101, 360), ("student", "08:00:00", "10:30:00", 101, 320),
        ("student", "2026-01-03T08:00:00", "2026-01-03T09:00:00", 101, 0),
        ("senior", "08:00:00", "08:30:00", 101, 360),
    ],
)  # fmt: skip
def test_the_first_class_that_applies_is_taken(
    kernel: Kernel, card: str, entry: str, at: str, origin: int, expected: int
) -> None:
    under(kernel, tariff(classes=CLASSES))
    gross = {101: 400, 102: 300, 103: 200}[origin]
    assert fare(kernel, card, at, entry, entry_station=origin, gross_fen=gross) == expected


def test_where_no_class_applies_the_fare_is_full(kernel: Kernel) -> None:
    under(kernel, tariff(classes=CLASSES[:3]))
    assert fare(kernel, at="08:30:00", entry="08:00:00") == 400


def test_an_unknown_station_of_entry_is_none_of_a_class(kernel: Kernel) -> None:
    under(kernel, tariff(classes=CLASSES))
    assert fare(kernel, entry="06:00:00", at="07:00:00", entry_station=0, gross_fen=400) == 280


@pytest.mark.parametrize(
    ("foreign_class", "at", "expected"),
    [(-1, "12:00:00", 400), (5, "12:00:00", 380), (3, "12:00:00", 320), (3, "09:00:00", 400)],
)  # fmt: skip
def test_foreign_cards_pay_by_the_class_that_the_tariff_names(
    kernel: Kernel, foreign_class: int, at: str, expected: int
) -> None:
    under(kernel, tariff(classes=CLASSES, foreign_class=foreign_class))
    assert fare(kernel, "foreign", at=at, card_kind=CardKind.STUDENT) == expected
    assert fare(kernel, at=at, entry="", terminal_number=2) in (320, 360)


def test_nobody_subsidises_a_foreign_card(kernel: Kernel) -> None:
    borne = paying("visitor", 0, 500, bearer=Bearer.BUDGET)
    under(kernel, tariff(classes=(borne,), foreign_class=0))
    judgement = judge(kernel, ride("foreign", amount_fen=200))
    assert ints(judgement.priced_fen, "i") == [200]
    assert ints(judgement.subsidy_fen, "i") == [0]
    assert {move[0] for move in moves(judgement)} == {FOREIGN}


@pytest.mark.parametrize(
    ("bearer", "payer"), [(Bearer.ISSUER, ISSUER_DISCOUNT), (Bearer.BUDGET, BUDGET)]
)
def test_what_an_hour_takes_off_is_borne_by_whom_its_class_names(
    kernel: Kernel, bearer: Bearer, payer: int
) -> None:
    early = paying("early", CardKind.ORDINARY, 500, hours=(EARLY,), bearer=bearer)
    under(kernel, tariff(classes=(early,)))
    judgement = judge(kernel, ride(entry="06:00:00", amount_fen=200))
    assert ints(judgement.subsidy_fen, "i") == [200]
    paid = {(move[0], move[3]) for move in moves(judgement) if move[2] == Purpose.SUBSIDY}
    assert paid == {(payer, 200)}
    later = judge(kernel, ride(entry="07:00:00", amount_fen=400, terminal_number=2), batch_seq=2)
    assert ints(later.subsidy_fen, "i") == [0]


def test_an_amount_is_explained_by_classes_that_apply_only(kernel: Kernel) -> None:
    under(kernel, tariff(classes=CLASSES, by_amount=True))
    early = judge(kernel, ride(entry="06:00:00", at="06:30:00", amount_fen=200))
    assert ints(early.priced_fen, "i") == [200]
    late = judge(kernel, ride(entry="08:00:00", amount_fen=200, terminal_number=2), batch_seq=2)
    assert ints(late.priced_fen, "i") == [360]
