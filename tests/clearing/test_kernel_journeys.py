"""Entries, exits, transfers, concessions: on both kernels."""

from __future__ import annotations

import msgspec

from clearing import cards
from clearing.kernel import Kernel
from schemas.codes import Check, Discount, TapKind
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    AMOUNTS,
    METRO,
    PLAN,
    TAPPED_S,
    changes,
    context,
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
