"""What a tap gets, on both kernels: every reason, with its posting and its effect (``reason_cases``)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clearing.kernel import Judgement, Kernel
from clearing.plan import Purpose
from schemas import record
from schemas.codes import TapKind, TypeByte, Verdict
from schemas.reasons import RECORD_LEVEL, ROW, PostingRule, Reason, verdict_of
from tests.clearing.kernel_cases import (
    UNCLAIMED,
    changes,
    context,
    ints,
    moves,
    seconds_of,
    tap,
)
from tests.clearing.reason_cases import CASES, SEQ, Case

R = Reason
IDENTITY = 40
"""Bytes of an identity in a dump."""


NOT_BY_A_KERNEL = {R.DECLARED_LATE, R.REFUSED_BY_ISSUER}
"""Given to a batch by intake, and to a claim by the issuer's answer."""


def test_every_reason_of_the_record_level_has_a_case() -> None:
    assert {case.reason for case in CASES} == {
        R.CLEAN, *(row.reason for row in RECORD_LEVEL)
    } - NOT_BY_A_KERNEL  # fmt: skip


def judged(kernel: Kernel, case: Case) -> Judgement:
    """The case's batch, after those before it."""
    for seq, (card, fields, under) in enumerate(case.before, 1):
        kernel.judge(tap(card, **fields), context(batch_seq=seq, **under))
    records = tap(case.card, **case.tap) * (1 + case.twice)
    return kernel.judge(records, context(batch_seq=SEQ, **case.context))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.reason.name.lower())
def test_a_tap_gets_its_reason(kernel: Kernel, case: Case) -> None:
    judgement = judged(kernel, case)
    verdict = verdict_of(case.reason)
    assert R(judgement.reasons[-1]) == case.reason
    assert ints(judgement.flags, "Q")[-1] == sum(1 << flag for flag in case.flags)
    assert judgement.verdict_counts[verdict] == 1
    found = [(e.expected, e.actual) for e in judgement.evidence if e.reason == case.reason]
    assert found == ([case.evidence] if case.evidence else [])
    assert changes(kernel, case.card) == case.moved
    if not case.twice:
        assert moves(judgement) == case.moves
    if case.money:
        columns = (judgement.priced_fen, judgement.credited_fen, judgement.subsidy_fen)
        assert tuple(ints(column, "i")[-1] for column in columns) == case.money


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.reason.name.lower())
def test_a_case_can_be_taken_back_and_keeps_only_what_holds(kernel: Kernel, case: Case) -> None:
    for seq, (card, fields, under) in enumerate(case.before, 1):
        kernel.judge(tap(card, **fields), context(batch_seq=seq, **under))
    before = kernel.dump_state()
    kept = len(before) - len(kernel.card_lines())
    judgement = judged(kernel, replace(case, before=()))
    held = len(kernel.dump_state()) - len(kernel.card_lines()) - kept
    moved_money = any(purpose == Purpose.REJECTED for _, _, purpose, *_ in moves(judgement))
    holds = verdict_of(case.reason) != Verdict.REJECTED or moved_money or case.twice
    assert held == (IDENTITY if holds else 0)
    kernel.undo(SEQ)
    assert kernel.dump_state() == before


def _purposes(case: Case) -> set[int]:
    return {purpose for _, _, purpose, _ in case.moves}


FARES = {Purpose.FARE, Purpose.FARE_UNCONFIRMED, Purpose.TOP_UP, Purpose.SUBSIDY}
ALLOWED = {
    PostingRule.NOTHING: set(),
    PostingRule.UNCLAIMED: {Purpose.REJECTED},
    PostingRule.SUSPENSE: {Purpose.HELD},
    PostingRule.OPERATOR: FARES,
    PostingRule.EXCESS: FARES | {Purpose.EXCESS},
}


@pytest.mark.parametrize("reason", sorted({case.reason for case in CASES} - {R.CLEAN}))
def test_the_cases_book_what_the_table_says(reason: Reason) -> None:
    """Each case within the posting rule, and one of them with money, but for taps that cost nothing."""
    rule, cases = ROW[reason].posting, [case for case in CASES if case.reason == reason]
    for case in cases:
        assert _purposes(case) <= ALLOWED[rule]
        unclaimed = {credit for _, credit, purpose, _ in case.moves if purpose == Purpose.REJECTED}
        assert unclaimed <= {UNCLAIMED + reason}
    free = reason == R.ENTRY_WITHOUT_EXIT
    assert any(case.moves for case in cases) == (rule != PostingRule.NOTHING and not free)
    if rule == PostingRule.EXCESS:
        assert Purpose.EXCESS in _purposes(cases[0])


MALFORMED = [
    ("version", {"version": 0}), ("family", {"family": 0}), ("family", {"family": 5}),
    ("issuer", {"issuer": "A000000000007100"}), ("serial", {"serial": "0000710000000000000F"}),
    ("tapped_at", {"tapped_at": "19991231235959"}), ("tapped_at", {"tapped_at": "21000101000000"}),
    ("tapped_at", {"tapped_at": "20260229000000"}), ("tapped_at", {"tapped_at": "20260105240000"}),
    ("tapped_at", {"tapped_at": "20261301000000"}), ("tapped_at", {"tapped_at": "2026010508301A"}),
    ("type_byte", {"type_byte": TypeByte.LOAD}), ("type_byte", {"type_byte": 7}),
    ("type_byte", {"kind": TapKind.TOP_UP, "type_byte": TypeByte.PURCHASE}),
    ("amount_fen", {"amount_fen": -1}), ("gross_fen", {"gross_fen": -1}),
    ("city", {"city": "79A0"}), ("mode", {"mode": 2}), ("entry_at", {"entry_at": "20260105083060"}),
    ("transfer_at", {"transfer_at": "00000000000001"}), ("reserved", {"reserved": "000001"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "wrong"), MALFORMED)
def test_a_malformed_tap_is_rejected_by_its_first_bad_field(
    kernel: Kernel, name: str, wrong: dict[str, Any]
) -> None:
    data = tap(**wrong)
    judgement = kernel.judge(data, context())
    at = record.OFFSET[name]
    assert R(judgement.reasons[0]) == R.MALFORMED
    assert [(e.expected, e.actual) for e in judgement.evidence] == [(at, data[at])]
    assert (judgement.gross_fen, judgement.charged_fen, judgement.movements) == (0, 0, ())
    assert changes(kernel, "ordinary") == {}


@pytest.mark.parametrize("moment", ["20000101000000", "20000229120000", "20240229235959",
                                    "20991231235959", "20260228000000"])  # fmt: skip
def test_a_moment_is_the_calendars(kernel: Kernel, moment: str) -> None:
    judgement = kernel.judge(tap(tapped_at=moment), context())
    seconds = seconds_of(f"{moment[:8]}T{moment[8:]}")
    assert judgement.reason_counts[R.MALFORMED] == 0
    assert (seconds * 1_000_000).to_bytes(8, "big") in judgement.copy_rows
