"""A refunded card: closed from the refund's moment on, whatever arrives first; on both kernels."""

from __future__ import annotations

from typing import Any

import pytest

from clearing import cards
from clearing.kernel import Kernel
from clearing.plan import Purpose
from schemas.codes import Check, TapKind, Verdict
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    CITY,
    METRO,
    TAPPED_S,
    UNCLAIMED,
    changes,
    context,
    ints,
    moves,
    seconds_of,
    tap,
)  # fmt: skip
from tests.clearing.usual import PRESENTED, all_but, fare, moved

R = Reason
AT = "20260105083000"
AT_S = seconds_of("2026-01-05T08:30:00")
CLOSED = {"status": cards.STATUS_REFUNDED, "entry_at_s": AT_S}


def refund(card: str = "ordinary", **fields: Any) -> bytes:
    usual = {"kind": TapKind.CARD_REFUND, "tapped_at": AT, "terminal_number": 9}
    return tap(card, **usual | fields)


def test_taps_before_the_refund_clear_and_later_ones_are_unclaimed(kernel: Kernel) -> None:
    judgement = kernel.judge(refund(), context())
    assert list(judgement.reasons) == [R.REFUND_HELD]
    assert judgement.movements == ()
    assert changes(kernel, "ordinary") == CLOSED
    early, same = tap(tapped_at="20260105082959"), tap(tapped_at=AT, terminal_number=2)
    assert moves(kernel.judge(early, context(batch_seq=2))) == fare(33, 67)
    kernel.undo(2)
    assert moves(kernel.judge(same, context(batch_seq=2))) == fare(33, 67)
    kernel.undo(2)
    late = kernel.judge(tap(), context(batch_seq=2))
    assert list(late.reasons) == [R.CARD_CLOSED]
    assert [(e.expected, e.actual) for e in late.evidence] == [(AT_S, TAPPED_S)]
    assert moves(late) == {(CITY, UNCLAIMED + R.CARD_CLOSED, Purpose.REJECTED, 100)}
    assert changes(kernel, "ordinary") == moved(**CLOSED)
    kernel.undo(1)
    assert changes(kernel, "ordinary") == {}


@pytest.mark.parametrize("hours", [("07", "08"), ("08", "07")])
def test_the_earliest_refund_counts_whatever_came_first(
    kernel: Kernel, hours: tuple[str, str]
) -> None:
    for seq, hour in enumerate(hours, 1):
        data = refund(tapped_at=f"20260105{hour}3000")
        judgement = kernel.judge(data, context(batch_seq=seq))
        late = seq == 2 and hour == "08"
        assert list(judgement.reasons) == [R.CARD_CLOSED if late else R.REFUND_HELD]
        assert judgement.movements == ()
    assert changes(kernel, "ordinary") == CLOSED | {"entry_at_s": AT_S - 3600}


@pytest.mark.parametrize(
    ("card", "fields", "under", "reason"),
    [
        ("ordinary", {"tac": "FFFFFFFF"}, {}, R.TAC_TORN),
        ("ordinary", {"tac": "00000001"}, {}, R.TAC_WRONG),
        ("ordinary", {"algorithm": 255}, {"checks": all_but(Check.TAC)}, R.REFUND_HELD),
        ("ordinary", {"operator": METRO}, {}, R.OPERATOR_OTHER),
        ("denied", {}, {}, R.DENYLISTED),
        ("closed", {}, {}, R.CARD_CLOSED),
        ("unissued", {}, {}, R.CARD_NOT_ISSUED),
    ],
)
def test_a_refund_that_nobody_proved_closes_no_card(
    kernel: Kernel, card: str, fields: dict[str, Any], under: dict[str, Any], reason: Reason
) -> None:
    judgement = kernel.judge(refund(card, **fields), context(**under))
    assert list(judgement.reasons) == [reason]
    assert changes(kernel, card) == {}


def test_a_refund_that_another_city_took_closes_the_card_too(kernel: Kernel) -> None:
    judgement = kernel.judge(refund(), context(**PRESENTED))
    assert judgement.verdict_counts[Verdict.HELD] == 1
    assert judgement.movements == ()
    assert ints(judgement.credited_fen, "i") == [0]
    assert changes(kernel, "ordinary") == CLOSED


def test_a_refunded_card_has_no_journey(kernel: Kernel) -> None:
    """An entry opens one, the refund ends it, and earlier entries that come late open none."""
    entry = {"kind": TapKind.METRO_TAP_IN, "operator": METRO, "amount_fen": 0, "station": 101}
    kernel.judge(tap(**entry, tapped_at="20260105081000"), context(METRO))
    assert changes(kernel, "ordinary")["entry_station"] == 101
    kernel.judge(refund(), context(batch_seq=2))
    late = tap(**entry, tapped_at="20260105082000", terminal_number=2, offline_counter=7)
    kernel.judge(late, context(METRO, batch_seq=3))
    line = changes(kernel, "ordinary")
    assert (line["status"], line["entry_at_s"]) == (cards.STATUS_REFUNDED, AT_S)
    assert not {"flags", "entry_station", "entry_operator"} & line.keys()
    out = tap(kind=TapKind.METRO_TAP_OUT, operator=METRO, station=103, tapped_at="20260105082500",
              terminal_number=3, offline_counter=8, gross_fen=400, amount_fen=200)  # fmt: skip
    judgement = kernel.judge(out, context(METRO, batch_seq=4))
    applied = judgement.reason_counts
    assert (applied[R.TAP_OUT_WITHOUT_TAP_IN], applied[R.JOURNEY_TOO_LONG]) == (1, 0)
    assert changes(kernel, "ordinary")["entry_at_s"] == AT_S


def test_a_refund_of_another_citys_card_moves_nothing_here(kernel: Kernel) -> None:
    before = kernel.card_lines()
    kernel.judge(refund("foreign"), context(checks=all_but(Check.TERMINAL_REGISTRY)))
    assert kernel.card_lines() == before


def test_a_card_whose_key_is_unknown_is_not_refunded(kernel: Kernel) -> None:
    """Its key is not known here, so nothing is proven, and no line is made of it."""
    judgement = kernel.judge(refund("open"), context())
    assert list(judgement.reasons) == [R.KEY_SET_UNKNOWN]
    assert changes(kernel, "open") == {}
