"""What another city presents to us as the issuer, and top-ups: on both kernels."""

from __future__ import annotations

from typing import Any

import pytest

from clearing.kernel import Kernel
from clearing.plan import Purpose
from schemas.codes import TapKind, Verdict
from schemas.reasons import Reason, verdict_of
from tests.clearing.kernel_cases import (
    CITY,
    FOREIGN,
    LOAD_AGENT,
    PROVINCE,
    TAPPED_S,
    UNCLAIMED,
    UNION,
    changes,
    context,
    ints,
    moves,
    tap,
)
from tests.clearing.usual import PRESENTED

R = Reason


@pytest.mark.parametrize(
    ("card", "fields", "reason", "expected"),
    [
        ("ordinary", {}, R.CLEAN, {(CITY, PROVINCE, Purpose.FARE, 100)}),
        ("ordinary", {"operator": 999, "gross_fen": 7}, R.CLEAN, {(CITY, PROVINCE, Purpose.FARE, 100)}),
        ("union", {"key_index": 2, "algorithm": 0}, R.CLEAN, {(UNION, PROVINCE, Purpose.FARE, 100)}),
        ("denied", {}, R.CLEAN, {(CITY, PROVINCE, Purpose.FARE, 100)}),
        ("expired", {}, R.CARD_EXPIRED, {(CITY, PROVINCE, Purpose.FARE, 100)}),
        ("closed", {}, R.CARD_CLOSED, {(CITY, UNCLAIMED + R.CARD_CLOSED, Purpose.REJECTED, 100)}),
        ("ordinary", {"tac": "00000000"}, R.TAC_WRONG, set()),
        ("foreign", {}, R.ISSUER_UNKNOWN, set()),
        ("ordinary", {"kind": TapKind.TOP_UP, "online_counter": 3}, R.CLEAN,
         {(PROVINCE, CITY, Purpose.TOP_UP, 100)}),
        ("expired", {"kind": TapKind.TOP_UP, "online_counter": 3}, R.CARD_EXPIRED,
         {(PROVINCE, CITY, Purpose.TOP_UP, 100)}),
        ("closed", {"kind": TapKind.TOP_UP, "online_counter": 3}, R.CARD_CLOSED, set()),
    ],
)  # fmt: skip
def test_a_presentment_is_owed_to_the_province(
    kernel: Kernel, card: str, fields: dict[str, Any], reason: Reason, expected: set[Any]
) -> None:
    judgement = kernel.judge(tap(card, **fields), context(**PRESENTED))
    assert R(judgement.reasons[0]) == reason
    assert moves(judgement) == expected
    assert judgement.shares == bytes(32)
    credited = 100 if expected and verdict_of(reason) != Verdict.REJECTED else 0
    assert ints(judgement.credited_fen, "i") == [credited]


def test_top_ups_are_owed_by_the_load_agent(kernel: Kernel) -> None:
    own = tap(kind=TapKind.TOP_UP, amount_fen=5000, online_counter=3)
    foreign = tap("foreign", kind=TapKind.TOP_UP, amount_fen=700, online_counter=9)
    judgement = kernel.judge(own + foreign, context())
    assert moves(judgement) == {
        (LOAD_AGENT, CITY, Purpose.TOP_UP, 5000), (LOAD_AGENT, FOREIGN, Purpose.TOP_UP, 700)
    }  # fmt: skip
    assert changes(kernel, "ordinary") == {
        "online_highest": 3, "stated_balance_fen": 6000, "book_balance_fen": 6000,
        "last_tap_s": TAPPED_S,
    }  # fmt: skip
    assert (judgement.gross_fen, judgement.charged_fen, judgement.accepted_fen) == (0, 0, 0)
