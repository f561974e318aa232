"""Entries, exits, transfers, concessions: on both kernels."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clearing import cards
from clearing.kernel import Judgement, Kernel
from schemas.codes import Check, Discount, TapKind
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    AMOUNTS,
    METRO,
    PLAN,
    TAPPED_S,
    changes,
    context,
    ints,
    line_of,
    tap,
)
from tests.clearing.usual import PLAIN, all_but

R = Reason


def test_a_journey_remembers_where_it_began(kernel: Kernel) -> None:
    entry = tap(kind=TapKind.METRO_TAP_IN, operator=METRO, station=101, amount_fen=0, gross_fen=0)
    exit_ = tap(
        kind=TapKind.METRO_TAP_OUT, operator=METRO, station=103, amount_fen=200, gross_fen=400,
        offline_counter=7, terminal_number=2, tapped_at="20260105090000",
    )  # fmt: skip
    judgement = kernel.judge(entry, context(METRO))
    assert list(judgement.reasons) == [R.CLEAN]
    line = changes(kernel, "ordinary")
    assert (line["entry_at_s"], line["entry_station"], line["entry_operator"]) == (
        TAPPED_S,
        101,
        METRO,
    )
    assert line["flags"] & cards.JOURNEY_OPEN
    assert list(kernel.judge(exit_, context(METRO, batch_seq=2)).reasons) == [R.CLEAN]
    line = changes(kernel, "ordinary")
    assert "entry_station" not in line
    assert "flags" not in line
    assert line["transfer_base_s"] == TAPPED_S + 29 * 60 + 45


def test_transfers_are_counted_within_their_window(kernel: Kernel) -> None:
    """Minutes after the first ride, whether it is marked, and what the tap is then."""
    table = [
        (0, False, 100, R.CLEAN), (30, True, 80, R.CLEAN), (60, True, 80, R.CLEAN),
        (90, True, 80, R.CLEAN), (89, True, 100, R.TRANSFER_UNQUALIFIED),
        # The unqualified ride was older than the last tap, so the window stays where it began.
        (91, False, 100, R.CLEAN), (181, True, 80, R.CLEAN), (182, True, 100, R.TRANSFER_UNQUALIFIED),
    ]  # fmt: skip
    for number, (minutes, marked, amount, reason) in enumerate(table, 1):
        data = tap(
            terminal_number=number, offline_counter=5 + number, amount_fen=amount,
            tapped_at=f"20260105{8 + minutes // 60:02}{minutes % 60:02}00",
            discount_claimed=Discount.TRANSFER if marked else 0, balance_before_fen=1000,
        )  # fmt: skip
        judgement = kernel.judge(data, context(batch_seq=number, checks=all_but(Check.BALANCES)))
        assert R(judgement.reasons[0]) == reason, (minutes, R(judgement.reasons[0]))


def test_a_mark_alone_may_claim_more_transfers_than_a_byte_holds(kernel: Kernel) -> None:
    taps = [
        tap("open", terminal_number=n, operator=AMOUNTS, amount_fen=120, algorithm=255,
            discount_claimed=Discount.TRANSFER, card_kind=1)
        for n in range(300)
    ]  # fmt: skip
    plain = msgspec.structs.replace(PLAN.operators[3].tariffs[0], by_amount=False)
    operator = msgspec.structs.replace(PLAN.operators[3], tariffs=(plain,))
    kernel.configure(msgspec.structs.replace(PLAN, operators=(operator,)))
    judgement = kernel.judge(b"".join(taps), context(AMOUNTS, checks=PLAIN))
    assert judgement.verdict_counts == (300, 0, 0)
    assert changes(kernel, "open")["transfers_used"] == 255


def entry(at: str, **changes: Any) -> bytes:
    """An entry of the ordinary card into the metro at station 101."""
    usual = {"kind": TapKind.METRO_TAP_IN, "operator": METRO, "station": 101, "amount_fen": 0}
    return tap(**usual | {"gross_fen": 0, "tapped_at": at} | changes)


def exit_(at: str, **changes: Any) -> bytes:
    """An exit of the ordinary card at station 103, 4 yuan from 101, whose record names no entry."""
    usual = {
        "kind": TapKind.METRO_TAP_OUT, "operator": METRO, "station": 103, "amount_fen": 200,
        "gross_fen": 400, "offline_counter": 7, "terminal_number": 2, "tapped_at": at,
    }  # fmt: skip
    return tap(**usual | changes)


def applied(judgement: Judgement) -> set[Reason]:
    """All reasons that were given, of a batch."""
    return {R(number) for number, count in enumerate(judgement.reason_counts) if count and number}


@pytest.mark.parametrize(
    ("entered", "left", "stated", "reasons"),
    [
        ("20260105080000", "20260105120000", {}, set()),
        ("20260105080000", "20260105120001", {}, {R.JOURNEY_TOO_LONG, R.TAP_OUT_WITHOUT_TAP_IN}),
        # The record's own entry counts for how long it took, the open one for where it began.
        ("20260105080000", "20260105120001", {"entry_at": "20260105080002"}, {R.TAP_OUT_WITHOUT_TAP_IN}),
        ("20260105110000", "20260105120001", {"entry_at": "20260105080000"}, {R.JOURNEY_TOO_LONG}),
        ("20260105080000", "20260105120001", {"entry_station": 101}, {R.JOURNEY_TOO_LONG}),
        ("20260105080000", "20260105120001", {"entry_station": 101, "entry_at": "20260105100000"}, set()),
    ],
)  # fmt: skip
def test_an_entry_too_long_ago_is_no_entry(
    kernel: Kernel, entered: str, left: str, stated: dict[str, Any], reasons: set[Reason]
) -> None:
    kernel.judge(entry(entered), context(METRO))
    judgement = kernel.judge(exit_(left, **stated), context(METRO, batch_seq=2))
    assert applied(judgement) == reasons
    # Without an entry anything between the lowest fare to there and the highest is a fare.
    assert ints(judgement.priced_fen, "i") == [200]
    assert judgement.verdict_counts == (1, 0, 0)
    assert not cards.unpack(kernel.card_lines()[:64]).flags & cards.JOURNEY_OPEN


def test_how_long_a_journey_takes_is_a_limit_of_the_plan(kernel: Kernel) -> None:
    limits = msgspec.structs.replace(PLAN.limits, journey_max_s=60)
    kernel.configure(msgspec.structs.replace(PLAN, limits=limits))
    kernel.judge(entry("20260105080000"), context(METRO))
    judgement = kernel.judge(exit_("20260105080101"), context(METRO, batch_seq=2))
    assert applied(judgement) == {R.JOURNEY_TOO_LONG, R.TAP_OUT_WITHOUT_TAP_IN}


@pytest.mark.parametrize(
    ("second", "said"),
    [("20260105080000", True), ("20260105120000", True), ("20260105120001", False),
     ("20260105075959", False)],
)  # fmt: skip
def test_an_entry_while_another_is_open_is_said(kernel: Kernel, second: str, said: bool) -> None:
    kernel.judge(entry("20260105080000"), context(METRO))
    again = entry(second, offline_counter=7, terminal_number=2)
    judgement = kernel.judge(again, context(METRO, batch_seq=2))
    assert applied(judgement) == ({R.ENTRY_WITHOUT_EXIT} if said else set())


def test_journeys_are_judged_only_where_the_source_has_them(kernel: Kernel) -> None:
    plain = {"checks": all_but(Check.JOURNEYS)}
    kernel.judge(entry("20260105080000"), context(METRO))
    again = entry("20260105080500", offline_counter=7, terminal_number=2)
    late = exit_("20260105200000", offline_counter=8, terminal_number=3)
    for seq, data in enumerate((again, late), 2):
        assert applied(kernel.judge(data, context(METRO, batch_seq=seq, **plain))) == set()


# -- transfers and concessions that may not be ---------------------------------------------------


@pytest.mark.parametrize(
    ("card", "fields", "checks", "reason"),
    [
        ("ordinary", {}, Check.ALL, R.TRANSFER_UNQUALIFIED),
        # It says itself that taps are missing, or what it stated last is not what we booked.
        ("ordinary", {"balance_before_fen": 900}, Check.ALL, R.TRANSFER_UNPROVEN),
        ("student", {}, Check.ALL, R.TRANSFER_UNPROVEN),
        ("student", {}, all_but(Check.BALANCES), R.TRANSFER_UNQUALIFIED),
        ("foreign", {"amount_fen": 200}, Check.ALL, R.TRANSFER_UNQUALIFIED),
        ("unissued", {}, Check.ALL, R.TRANSFER_UNQUALIFIED),
    ],
)
def test_a_transfer_is_unproven_while_the_cards_history_is_incomplete(
    kernel: Kernel, card: str, fields: dict[str, Any], checks: Check, reason: Reason
) -> None:
    kernel.add_cards(cards.pack(line_of("student", book_balance_fen=1001)))
    data = tap(card, discount_claimed=Discount.TRANSFER, **fields)
    judgement = kernel.judge(data, context(checks=checks))
    both = {R.TRANSFER_UNQUALIFIED, R.TRANSFER_UNPROVEN}
    assert applied(judgement) & both == {reason}


def test_a_rise_alone_leaves_the_transfers_of_a_card_as_they_are(kernel: Kernel) -> None:
    """Balances agree before the tap, and the missing load has nothing to do with a leg."""
    data = tap(discount_claimed=Discount.TRANSFER, balance_before_fen=1200)
    judgement = kernel.judge(data, context())
    assert applied(judgement) == {R.TRANSFER_UNQUALIFIED, R.BALANCE_RISE_PENDING}


@pytest.mark.parametrize(
    ("card", "mode", "checks", "said"),
    [
        ("student", 0, Check.ALL, False), ("senior", 0, Check.ALL, False),
        ("love", 0, Check.ALL, False), ("staff", 0, Check.ALL, False),
        ("ordinary", 0, Check.ALL, True), ("test", 0, Check.ALL, True),
        ("foreign", 0, Check.ALL, True), ("ordinary", 1, Check.ALL, False),
        ("ordinary", 0, all_but(Check.TARIFF), False),
    ],
)  # fmt: skip
def test_a_concession_is_of_the_kind_that_was_issued(
    kernel: Kernel, card: str, mode: int, checks: Check, said: bool
) -> None:
    """What the record says of the card's kind does not matter."""
    data = tap(card, discount_claimed=Discount.CONCESSION, card_kind=2, mode=mode)
    judgement = kernel.judge(data, context(checks=checks))
    assert (R.CONCESSION_NOT_OF_CARD in applied(judgement)) == said


def test_a_kind_that_nobody_knows_is_none(kernel: Kernel) -> None:
    """A card without registry is taken as it came; a kind outside the table is not kept."""
    data = tap("open", card_kind=99, amount_fen=160, algorithm=255)
    judgement = kernel.judge(data, context(checks=all_but(Check.TAC)))
    assert R.CARD_KIND_UNKNOWN in applied(judgement)
    assert R.CARD_KIND_DIFFERS not in applied(judgement)
    assert changes(kernel, "open", line_of("open", card_kind=0)).get("card_kind") is None
    assert ints(judgement.priced_fen, "i") == [160]
