"""Parts of the HTTP door by themselves: evidence in words, the throttle, what an exception becomes."""

from __future__ import annotations

import asyncpg
import pytest

from clearing.errors import ClearingError, StoreUnavailable
from clearing.inspection import Remark
from clearing.intake import Refusal
from clearing.plan import FOREVER
from schemas.reasons import FILE_LEVEL, RECORD_LEVEL, Reason
from schemas.record import OFFSET
from service.evidence import in_words
from service.http.problems import problem_of
from service.http.throttle import Throttle


@pytest.mark.parametrize("row", RECORD_LEVEL, ids=lambda row: row.name)
@pytest.mark.parametrize(
    "numbers", [(0, 0), (1, 2), (-(2**63), 2**63 - 1), (FOREVER, 0), (2**62, -1)]
)
def test_every_reason_has_words_for_any_numbers(row: object, numbers: tuple[int, int]) -> None:
    reason = row.reason  # type: ignore[attr-defined]
    evidence = in_words(Remark(reason, *numbers))
    assert evidence.reason == reason.name.lower()
    assert evidence.field


@pytest.mark.parametrize(
    ("reason", "numbers", "words"),
    [
        (Reason.BELOW_TARIFF, (200, 160), ("amount_fen", "2.00 yuan", "1.60 yuan")),
        (Reason.MALFORMED, (OFFSET["serial"], 0xFF), ("serial", "a valid value", "byte FF")),
        (Reason.DUPLICATE, (7 << 32 | 3, 9 << 32), ("identity", "tap 7:3 alone", "tap 9:0 again")),
        (Reason.DENYLIST_UNDELIVERED, (FOREVER, 0),
         ("serial", "no tap after the list's delivery, still to come", "a tap at 2000-01-01 00:00:00")),
        (Reason.TAP_OUT_WITHOUT_TAP_IN, (0, 3),
         ("entry_at", "an entry", "none that is known, and out at station 3")),
        (Reason.TARIFF_MISSING, (0, 600), ("line", "a tariff", "none for line 600")),
        (Reason.PRESENTED_LATE, (366, 1), ("tapped_at", "from 2001-01-01", "2000-01-02")),
    ],
)  # fmt: skip
def test_evidence_in_money_times_and_places(
    reason: Reason, numbers: tuple[int, int], words: tuple[str, str, str]
) -> None:
    evidence = in_words(Remark(int(reason), *numbers))
    assert (evidence.field, evidence.expected, evidence.actual) == words


def test_a_bucket_fills_at_its_rate() -> None:
    now = 0.0
    throttle = Throttle(2.0, 3, clock=lambda: now)
    assert [throttle.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert throttle.take("b") == 0
    now = 0.5
    assert throttle.take("a") == 0
    assert throttle.take("a") == pytest.approx(0.5)
    now = 1000.0
    assert [throttle.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_buckets_of_strangers_do_not_pile_up() -> None:
    throttle = Throttle(1.0, 1, clock=lambda: 0.0)
    for number in range(25_000):
        throttle.take(f"client {number}")
    assert len(throttle._buckets) <= 10_000


@pytest.mark.parametrize("row", FILE_LEVEL, ids=lambda row: row.name)
def test_a_refusal_is_a_problem_of_the_client(row: object) -> None:
    reason = row.reason  # type: ignore[attr-defined]
    problem = problem_of(Refusal(reason, expected="this", actual="that"))
    assert 400 <= problem.status < 500
    assert problem.members["reason"] == reason.name.lower()
    assert (problem.members["expected"], problem.members["actual"]) == ("this", "that")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreUnavailable("Away.", "Wait."), 503),
        (ConnectionRefusedError("no"), 503),
        (asyncpg.AdminShutdownError("bye"), 503),
        (asyncpg.InterfaceError("closed"), 503),
        (asyncpg.SyntaxOrAccessError("ours"), 500),
        (ClearingError("No.", "Do."), 422),
        (ZeroDivisionError("secret 42"), 500),
    ],
)
def test_what_an_exception_becomes(error: Exception, status: int) -> None:
    problem = problem_of(error)
    assert problem.status == status
    assert "secret" not in problem.detail
