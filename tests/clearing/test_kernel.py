"""What a tap gets, on both kernels: every reason of the record level, with its posting and its effect.

A case's tap is the ordinary card's ride on the bus for 1 yuan, changed as the case says; see
``kernel_cases``. ``moved`` is what differs in the card's line afterwards.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from clearing import cards
from clearing.kernel import Kernel
from clearing.plan import Purpose
from schemas import record
from schemas.codes import Check, Discount, Mode, Source, TapKind, TypeByte, Verdict
from schemas.reasons import RECORD_LEVEL, Reason, verdict_of
from tests.clearing.kernel_cases import (
    AMOUNTS,
    BUDGET,
    BUS,
    BUS_ACCOUNT,
    BUS_OWNER,
    BUSINESS_DAY,
    CITY,
    DRIVER_ACCOUNT,
    FOREIGN,
    FOREIGN_SINCE_S,
    ISSUER_DISCOUNT,
    JUDGED_AT_S,
    KERNELS,
    LINE,
    LOAD_AGENT,
    METRO,
    METRO_ACCOUNT,
    OPEN,
    PLAN,
    PROVINCE,
    RULELESS,
    SUBSIDY,
    SUSPENSE,
    TAPPED_S,
    TAXI,
    TAXI_ACCOUNT,
    UNCLAIMED,
    UNION,
    changes,
    context,
    ints,
    make,
    moves,
    seconds_of,
    tap,
    terminal_of,
)

HELD, REJECTED = Purpose.HELD, Purpose.REJECTED
WINDOW = 0b110111
"""The counter window after debit 6."""


def moved(amount: int = 100, **others: int | None) -> dict[str, int]:
    """What an ordinary ride by debit counter 6 leaves in the card's line; None: as it was."""
    usual = {
        "offline_highest": 6,
        "counter_window": WINDOW,
        "stated_balance_fen": 1000 - amount,
        "book_balance_fen": 1000 - amount,
        "last_tap_s": TAPPED_S,
        "transfer_base_s": TAPPED_S,
        "transfer_operator": BUS,
    }
    return {name: value for name, value in (usual | others).items() if value is not None}


def fare(*parts: int, issuer: int = CITY) -> set[tuple[int, int, int, int]]:
    """The bus fare, split over its two accounts."""
    accounts = (BUS_ACCOUNT, BUS_OWNER)
    return {(issuer, a, Purpose.FARE, fen) for a, fen in zip(accounts, parts, strict=True)}


def _but(checks: Check) -> Check:
    return Check.ALL & ~checks


PLAIN = _but(Check.TAC | Check.COUNTERS | Check.BALANCES | Check.CARD_REGISTRY | Check.JOURNEYS)


@dataclass
class Case:
    reason: Reason
    tap: dict[str, Any]
    evidence: tuple[int, int] | None
    moves: set[tuple[int, int, int, int]]
    moved: dict[str, int]
    flags: tuple[Reason, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    card: str = "ordinary"
    money: tuple[int, int, int] | None = None
    """Priced, credited and subsidy fen, where they are not those of the ordinary ride."""


R = Reason
YEAR_LATER = seconds_of("2027-01-05T08:30:15")
NOVEMBER = seconds_of("2025-11-01T08:30:15")
LATEST = JUDGED_AT_S + 600

CASES = [
    Case(R.CLEAN, {}, None, fare(33, 67), moved(), money=(100, 100, 0)),
    Case(R.MALFORMED, {"version": 2}, (0, 2), set(), {}, money=(100, 0, 0)),
    Case(R.UNKNOWN_KIND, {"kind": 12, "type_byte": 6}, (0, 12), set(), {}),
    Case(R.TAC_WRONG, {"tac": "DEADBEEF"}, (0, 0xDEADBEEF), set(), {}, money=(100, 0, 0)),
    Case(R.TAC_TORN, {"tac": "FFFFFFFF"}, (0, 0xFFFFFFFF), set(), {}),
    Case(R.KEY_SET_UNKNOWN, {"key_version": 9, "key_index": 3}, (0, 0x090300), set(), {}),
    Case(R.ISSUER_UNKNOWN, {"issuer": "0000000000009999"}, (0, 1), set(), {}, money=(200, 0, 0),
         flags=(R.BELOW_TARIFF,)),
    Case(R.ISSUER_NOT_INTEROPERABLE, {"tapped_at": "20251101083015", "amount_fen": 200},
         (FOREIGN_SINCE_S, NOVEMBER), set(), {}, flags=(R.PRESENTED_LATE, R.TAC_BY_ISSUER),
         card="foreign"),
    Case(R.CARD_NOT_ISSUED, {"card_kind": 1}, (0, 0), set(), {}, card="unissued"),
    Case(R.TEST_CARD, {"amount_fen": 160}, (0, 7),
         {(CITY, UNCLAIMED + R.TEST_CARD, REJECTED, 160)}, moved(160), card="test",
         money=(160, 0, 0)),
    Case(R.CARD_CLOSED, {}, (0, 1), {(CITY, UNCLAIMED + R.CARD_CLOSED, REJECTED, 100)}, moved(),
         card="closed"),
    Case(R.CARD_EXPIRED, {}, (BUSINESS_DAY - 1, BUSINESS_DAY), {(CITY, SUSPENSE, HELD, 100)},
         moved(), card="expired"),
    Case(R.DENYLISTED, {}, (0, TAPPED_S), {(CITY, UNCLAIMED + R.DENYLISTED, REJECTED, 100)},
         moved(), card="denied"),
    Case(R.DENYLISTED, {"amount_fen": 200}, (TAPPED_S, TAPPED_S), set(), {},
         flags=(R.TAC_BY_ISSUER,), card="foreign_denied"),
    Case(R.DENYLIST_UNDELIVERED, {}, (0xFFFFFFFF, TAPPED_S), fare(33, 67), moved(),
         card="denied_late"),
    Case(R.DENYLIST_UNDELIVERED, {}, (0xFFFFFFFF, TAPPED_S), fare(33, 67), moved(),
         card="denied_unknown"),
    Case(R.TERMINAL_UNKNOWN, {"terminal_id": "000000000000"}, (0, 0),
         {(CITY, SUSPENSE, HELD, 100)}, moved()),
    Case(R.TERMINAL_UNKNOWN, {"terminal_id": "999999999999"}, (0, 0),
         {(CITY, SUSPENSE, HELD, 100)}, moved()),
    Case(R.TERMINAL_OF_OTHER_OPERATOR, {"terminal_id": terminal_of(TAXI)}, (TAXI, BUS),
         {(CITY, SUSPENSE, HELD, 100)}, moved()),
    Case(R.TERMINAL_LINE_DIFFERS, {"terminal_id": terminal_of(BUS, LINE), "line": 99}, (LINE, 99),
         fare(33, 67), moved()),
    Case(R.OPERATOR_OTHER, {"operator": METRO, "terminal_id": terminal_of(BUS)}, (BUS, METRO),
         set(), {}),
    Case(R.ZERO_AMOUNT, {"kind": TapKind.TOP_UP, "amount_fen": 0, "online_counter": 3}, (1, 0),
         set(), {}, money=(0, 0, 0)),
    Case(R.COUNTER_REUSED, {"offline_counter": 5}, (5, 5), {(CITY, SUSPENSE, HELD, 100)},
         {"book_balance_fen": 900, "last_tap_s": TAPPED_S, "transfer_base_s": TAPPED_S,
          "transfer_operator": BUS}),
    Case(R.AMOUNT_ABOVE_LIMIT, {"amount_fen": 60_000, "balance_before_fen": 70_000},
         (50_000, 60_000), {(CITY, SUSPENSE, HELD, 60_000)},
         moved(60_000, stated_balance_fen=10_000),
         flags=(R.ABOVE_TARIFF, R.BALANCE_RISE_PENDING), money=(100, 0, 0)),
    Case(R.BALANCE_ABOVE_LIMIT, {"balance_before_fen": 100_500}, (100_000, 100_400),
         {(CITY, SUSPENSE, HELD, 100)}, moved(stated_balance_fen=100_400),
         flags=(R.BALANCE_RISE_PENDING,)),
    Case(R.BALANCE_ARITHMETIC, {"balance_after_fen": 850}, (900, 850),
         {(CITY, SUSPENSE, HELD, 100)}, moved(stated_balance_fen=850)),
    Case(R.FUTURE, {"tapped_at": "20270105083015"}, (LATEST, YEAR_LATER),
         {(CITY, SUSPENSE, HELD, 100)}, moved(last_tap_s=YEAR_LATER, transfer_base_s=YEAR_LATER)),
    Case(R.DENYLISTED, {"tapped_at": "20270105083015", "amount_fen": 66}, (0, YEAR_LATER),
         {(CITY, UNCLAIMED + R.DENYLISTED, REJECTED, 66)},
         moved(66, last_tap_s=YEAR_LATER, transfer_base_s=YEAR_LATER), flags=(R.FUTURE,),
         card="staff", money=(66, 0, 0)),
    Case(R.PRESENTED_LATE, {"tapped_at": "20251101083015"},
         (BUSINESS_DAY - 30, NOVEMBER // 86400), {(CITY, SUSPENSE, HELD, 100)},
         moved(last_tap_s=NOVEMBER, transfer_base_s=NOVEMBER)),
    Case(R.TARIFF_MISSING, {"operator": RULELESS}, (0, LINE), {(CITY, SUSPENSE, HELD, 100)},
         moved(transfer_operator=RULELESS), context={"operator": RULELESS}),
    Case(R.TARIFF_MISSING, {"kind": TapKind.BUS_TAP_OUT, "entry_station": 1}, (0, LINE),
         {(CITY, SUSPENSE, HELD, 100)}, moved(transfer_base_s=None, transfer_operator=None)),
    Case(R.TARIFF_MISSING,
         {"kind": TapKind.METRO_TAP_OUT, "entry_station": 101, "station": 104, "operator": METRO},
         (0, LINE), {(CITY, SUSPENSE, HELD, 100)}, moved(transfer_operator=METRO),
         context={"operator": METRO}),
    Case(R.KIND_NOT_SUPPORTED, {"kind": TapKind.TOP_UP_REVERSAL}, (0, 9), set(), {}),
    Case(R.KIND_NOT_SUPPORTED, {"kind": TapKind.CARD_LOSS, "amount_fen": 0}, (0, 11), set(), {},
         money=(0, 0, 0)),
    Case(R.REFUND_HELD, {"kind": TapKind.CARD_REFUND}, (0, 10), set(), {}),
    Case(R.ABOVE_TARIFF, {"amount_fen": 150}, (100, 150),
         fare(33, 67) | {(CITY, SUSPENSE, Purpose.EXCESS, 50)}, moved(150), money=(100, 100, 0)),
    Case(R.BELOW_TARIFF, {"amount_fen": 80}, (100, 80), fare(27, 53), moved(80),
         money=(100, 80, 0)),
    Case(R.TRANSFER_UNMARKED, {"operator": AMOUNTS, "amount_fen": 120, "algorithm": 255},
         (160, 120), {(OPEN, BUS_ACCOUNT, Purpose.FARE, 120)},
         {"card_kind": 0, "flags": 0, "offline_highest": 0, "online_highest": 0,
          "counter_window": 0, "stated_balance_fen": 0, "book_balance_fen": -120,
          "last_tap_s": TAPPED_S, "transfer_base_s": TAPPED_S, "transfer_operator": AMOUNTS},
         flags=(R.TAC_UNAVAILABLE, R.CARD_UNREGISTERED),
         context={"operator": AMOUNTS, "checks": PLAIN}, card="open", money=(120, 120, 0)),
    Case(R.TRANSFER_UNQUALIFIED, {"discount_claimed": Discount.TRANSFER}, (5400, TAPPED_S),
         fare(33, 67), moved()),
    Case(R.GROSS_DIFFERS, {"gross_fen": 300}, (200, 300), fare(33, 67), moved()),
    Case(R.CARD_KIND_DIFFERS, {"card_kind": 2}, (1, 2), fare(33, 67), moved()),
    Case(R.BALANCE_RISE_PENDING, {"balance_before_fen": 1200}, (1000, 1200), fare(33, 67),
         moved(stated_balance_fen=1100)),
    Case(R.CHAIN_GAP_PENDING, {"balance_before_fen": 800}, (1000, 800), fare(33, 67),
         moved(stated_balance_fen=700)),
    Case(R.COUNTER_LATE, {"offline_counter": 3}, (5, 3), fare(33, 67),
         {"counter_window": 0b11111, "book_balance_fen": 900, "last_tap_s": TAPPED_S,
          "transfer_base_s": TAPPED_S, "transfer_operator": BUS}),
    Case(R.COUNTER_LATE, {"kind": TapKind.TOP_UP, "online_counter": 2}, (2, 2),
         {(LOAD_AGENT, CITY, Purpose.TOP_UP, 100)},
         {"stated_balance_fen": 1100, "book_balance_fen": 1100, "last_tap_s": TAPPED_S}),
    Case(R.TAP_OUT_WITHOUT_TAP_IN,
         {"kind": TapKind.METRO_TAP_OUT, "station": 102, "operator": METRO, "gross_fen": 300,
          "amount_fen": 150}, (0, 102), {(CITY, METRO_ACCOUNT, Purpose.FARE, 150)},
         moved(150, transfer_operator=METRO), context={"operator": METRO}, money=(150, 150, 0)),
    Case(R.TAC_BY_ISSUER, {"amount_fen": 200}, None,
         {(FOREIGN, BUS_ACCOUNT, Purpose.FARE_UNCONFIRMED, 67),
          (FOREIGN, BUS_OWNER, Purpose.FARE_UNCONFIRMED, 133)}, {}, card="foreign",
         money=(200, 200, 0)),
    Case(R.TAC_UNAVAILABLE, {"algorithm": 255}, None, fare(33, 67), moved(),
         context={"checks": _but(Check.TAC)}),
    Case(R.TAC_NOT_ALLOWED_ABSENT, {"algorithm": 255}, (0, 255), set(), {}),
    Case(R.DEGRADED_MODE, {"mode": Mode.DEGRADED, "amount_fen": 1}, None, fare(0, 1) - fare(0, 0),
         moved(1), money=(1, 1, 0)),
    Case(R.CARD_UNREGISTERED, {"operator": BUS, "amount_fen": 160, "algorithm": 255}, None,
         fare(53, 107, issuer=OPEN),
         {"card_kind": 0, "flags": cards.BALANCE_KNOWN, "offline_highest": 6, "online_highest": 0,
          "counter_window": 1, "stated_balance_fen": 840, "book_balance_fen": -160,
          "last_tap_s": TAPPED_S, "transfer_base_s": TAPPED_S, "transfer_operator": BUS},
         flags=(R.TAC_UNAVAILABLE,), context={"checks": _but(Check.TAC)}, card="open",
         money=(160, 160, 0)),
]  # fmt: skip

ELSEWHERE = {
    R.DUPLICATE_IN_BATCH, R.DUPLICATE, R.DUPLICATE_ALTERED,
    # Given to a batch by intake, and to a claim by the issuer's answer; no kernel gives them.
    R.DECLARED_LATE, R.REFUSED_BY_ISSUER,
}  # fmt: skip


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return make(request.param)


def test_every_reason_of_the_record_level_has_a_case() -> None:
    assert {case.reason for case in CASES} | ELSEWHERE == {
        R.CLEAN, *(row.reason for row in RECORD_LEVEL)
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.reason.name.lower())
def test_a_tap_gets_its_reason(kernel: Kernel, case: Case) -> None:
    judgement = kernel.judge(tap(case.card, **case.tap), context(**case.context))
    verdict = verdict_of(case.reason)
    assert R(judgement.reasons[0]) == case.reason
    assert ints(judgement.flags, "Q") == [sum(1 << flag for flag in case.flags)]
    assert judgement.verdict_counts[verdict] == 1
    assert moves(judgement) == case.moves
    found = [(e.expected, e.actual) for e in judgement.evidence if e.reason == case.reason]
    assert found == ([case.evidence] if case.evidence else [])
    assert changes(kernel, case.card) == case.moved
    if case.money:
        columns = (judgement.priced_fen, judgement.credited_fen, judgement.subsidy_fen)
        assert tuple(ints(column, "i")[0] for column in columns) == case.money
    kept = len(kernel.dump_state()) - len(kernel.card_lines())
    moved_money = any(purpose == Purpose.REJECTED for _, _, purpose, *_ in moves(judgement))
    assert (kept > 0) == (verdict != Verdict.REJECTED or moved_money)
    kernel.undo(1)
    assert kernel.dump_state() == make(kernel.name).dump_state()


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


# -- identities ----------------------------------------------------------------------------------


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


def test_known_identities_are_duplicates_too(kernel: Kernel) -> None:
    data = tap()
    identity, head = data[record.IDENTITY], hashlib.sha256(data).digest()[:4]
    for known, reason in (
        ((7, 9, head), R.DUPLICATE), ((7, 9, b"\0\0\0\0"), R.DUPLICATE_ALTERED),
        ((1, 9, head), R.DUPLICATE_IN_BATCH),
    ):  # fmt: skip
        judgement = kernel.judge(data, context(known={identity: known}))
        assert list(judgement.reasons) == [reason]
        assert judgement.evidence[0].expected == known[0] << 32 | known[1]
        kernel.undo(1)
    assert list(kernel.judge(data, context(known={bytes(37): (7, 9, head)})).reasons) == [R.CLEAN]


def test_identities_are_put_in_and_forgotten_by_day(kernel: Kernel) -> None:
    data, other = tap(), tap(terminal_number=2, offline_counter=7, balance_before_fen=900)
    kernel.add_identities(
        [
            (data[record.IDENTITY], 5, 3, hashlib.sha256(data).digest()[:4], BUSINESS_DAY - 2),
            (other[record.IDENTITY], 6, 4, hashlib.sha256(other).digest()[:4], BUSINESS_DAY - 1),
        ]
    )
    before = kernel.dump_state()
    judgement = kernel.judge(data + other, context())
    assert list(judgement.reasons) == [R.DUPLICATE, R.DUPLICATE]
    assert [e.expected for e in judgement.evidence] == [5 << 32 | 3, 6 << 32 | 4]
    assert kernel.dump_state() == before
    kernel.forget(BUSINESS_DAY - 2)
    assert list(kernel.judge(data + other, context(batch_seq=2)).reasons) == [R.CLEAN, R.DUPLICATE]


# -- state ---------------------------------------------------------------------------------------


def rides(count: int, first: int = 0, **fixed: Any) -> list[bytes]:
    """Rides of the ordinary card in its own order."""
    return [
        tap(
            terminal_number=n + 1,
            offline_counter=6 + n,
            balance_before_fen=10_000 - 100 * n,
            **fixed,
        )
        for n in range(first, first + count)
    ]


def test_undo_is_exact_even_after_the_tables_grew(kernel: Kernel) -> None:
    opening = kernel.dump_state()
    kernel.judge(b"".join(rides(3)), context())
    first = kernel.dump_state()
    fresh = [
        tap(
            "open",
            serial=f"{n:020}",
            terminal_number=n,
            operator=AMOUNTS,
            amount_fen=160,
            algorithm=255,
        )
        for n in range(1, 400)
    ]
    kernel.judge(b"".join(fresh), context(AMOUNTS, batch_seq=2, checks=PLAIN))
    second = kernel.dump_state()
    kernel.judge(b"".join(rides(3, 3)), context(batch_seq=3))
    kernel.undo(3)
    assert kernel.dump_state() == second
    kernel.undo(2)
    assert kernel.dump_state() == first
    kernel.undo(1)
    assert kernel.dump_state() == opening
    kernel.undo(1)
    assert kernel.dump_state() == opening


def test_undo_takes_back_what_was_judged_on_top(kernel: Kernel) -> None:
    opening = kernel.dump_state()
    for number, data in enumerate(rides(5), 1):
        kernel.judge(data, context(batch_seq=number))
    kernel.undo(2)
    assert len(kernel.dump_state()) == len(opening) + 36
    assert changes(kernel, "ordinary")["offline_highest"] == 6
    kernel.undo(1)
    assert kernel.dump_state() == opening


def test_what_is_kept_is_not_taken_back(kernel: Kernel) -> None:
    for number, data in enumerate(rides(4), 1):
        kernel.judge(data, context(batch_seq=number))
        if number == 2:
            kept = kernel.dump_state()
    kernel.keep(2)
    kernel.undo(0)
    assert kernel.dump_state() == kept
    kernel.undo(0)
    assert kernel.dump_state() == kept


def test_undo_after_forgetting_leaves_nothing_behind(kernel: Kernel) -> None:
    opening = kernel.dump_state()
    kernel.judge(b"".join(rides(2)), context())
    kernel.forget(BUSINESS_DAY)
    kernel.undo(1)
    assert kernel.dump_state() == opening


def test_undo_takes_out_a_card_that_the_batch_brought(kernel: Kernel) -> None:
    opening = kernel.dump_state()
    fresh = tap("open", operator=AMOUNTS, amount_fen=160, algorithm=255)
    kernel.judge(fresh, context(AMOUNTS, checks=PLAIN))
    assert changes(kernel, "open")
    kernel.undo(1)
    assert kernel.dump_state() == opening
    assert changes(kernel, "open") == {}


def test_grouping_does_not_change_the_state() -> None:
    taps = [*rides(6), tap("student", amount_fen=75), tap("senior", amount_fen=0), rides(1)[0]]
    lines = set()
    for name in KERNELS:
        for size in (1, 2, 5, 9):
            kernel = make(name)
            for number, at in enumerate(range(0, len(taps), size), 1):
                kernel.judge(b"".join(taps[at : at + size]), context(batch_seq=number))
            lines.add(kernel.card_lines())
    assert len(lines) == 1


def test_lines_are_sorted_by_card_and_replaced_by_card(kernel: Kernel) -> None:
    data = kernel.card_lines()
    lines = [data[at : at + 64] for at in range(0, len(data), 64)]
    assert lines == sorted(lines, key=cards.key_of)
    kernel.add_cards(data[64:128] + lines[0])
    assert kernel.card_lines() == data


def test_a_line_stops_at_its_bounds(kernel: Kernel) -> None:
    most = 2**31 - 1
    taps = [
        tap(terminal_number=n, offline_counter=5 + n, amount_fen=most, balance_before_fen=0,
            balance_after_fen=0)
        for n in (1, 2)
    ]  # fmt: skip
    kernel.judge(b"".join(taps), context())
    assert changes(kernel, "ordinary")["book_balance_fen"] == -(2**31)
    loads = [
        tap(kind=TapKind.TOP_UP, terminal_number=n, online_counter=n, amount_fen=most,
            balance_before_fen=0, balance_after_fen=0)
        for n in (3, 4, 5)
    ]  # fmt: skip
    held = kernel.judge(b"".join(loads), context(batch_seq=2))
    assert held.verdict_counts == (0, 3, 0)
    assert changes(kernel, "ordinary")["book_balance_fen"] == -(2**31)


def test_the_counter_window_forgets_after_64_debits(kernel: Kernel) -> None:
    steps = [(70, R.CLEAN, 1), (69, R.COUNTER_LATE, 3), (69, R.COUNTER_REUSED, 3),
             (7, R.COUNTER_LATE, 3 | 1 << 63), (7, R.COUNTER_REUSED, 3 | 1 << 63), (6, R.COUNTER_LATE, 3 | 1 << 63),
             (134, R.CLEAN, 1), (65535, R.CLEAN, 1)]  # fmt: skip
    for number, (counter, reason, window) in enumerate(steps, 1):
        data = tap(terminal_number=number, offline_counter=counter, balance_before_fen=1000)
        judgement = kernel.judge(data, context(batch_seq=number, checks=_but(Check.BALANCES)))
        assert list(judgement.reasons) == [reason], counter
        assert changes(kernel, "ordinary")["counter_window"] == window, counter


# -- presentments, top-ups -------------------------------------------------------------------------

PRESENTED = {"source": Source.PRESENTMENT, "operator": 0}


@pytest.mark.parametrize(
    ("card", "fields", "reason", "expected"),
    [
        ("ordinary", {}, R.CLEAN, {(CITY, PROVINCE, Purpose.FARE, 100)}),
        ("ordinary", {"operator": 999, "gross_fen": 7}, R.CLEAN, {(CITY, PROVINCE, Purpose.FARE, 100)}),
        ("union", {"key_index": 2, "algorithm": 0}, R.CLEAN, {(UNION, PROVINCE, Purpose.FARE, 100)}),
        ("denied", {}, R.CLEAN, {(CITY, PROVINCE, Purpose.FARE, 100)}),
        ("expired", {}, R.CARD_EXPIRED, {(CITY, PROVINCE, Purpose.FARE, 100)}),
        ("closed", {}, R.CARD_CLOSED, {(CITY, UNCLAIMED + R.CARD_CLOSED, REJECTED, 100)}),
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


# -- prices --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "fare_fen", "subsidy", "payer"),
    [
        ("ordinary", 100, 0, None), ("student", 75, 125, ISSUER_DISCOUNT), ("senior", 0, 200, BUDGET),
        ("love", 67, 0, None), ("staff", 66, 0, None),
    ],
)  # fmt: skip
def test_a_concession_is_borne_by_whom_the_tariff_names(
    kernel: Kernel, card: str, fare_fen: int, subsidy: int, payer: int | None
) -> None:
    judgement = kernel.judge(tap(card, amount_fen=fare_fen), context())
    assert list(judgement.reasons) == [R.CLEAN]
    assert ints(judgement.subsidy_fen, "i") == [subsidy]
    paid = {move for move in moves(judgement) if move[2] == Purpose.SUBSIDY}
    assert paid == ({(payer, SUBSIDY, Purpose.SUBSIDY, subsidy)} if payer else set())


def test_a_split_gives_the_odd_fen_to_the_largest_remainder() -> None:
    """Weights, amount, parts: ties go to the first."""
    table = [
        ((1, 1), 101, (51, 50)), ((1, 1, 1), 200, (67, 67, 66)), ((1, 2), 100, (33, 67)),
        ((1, 1, 1, 1), 3, (1, 1, 1, 0)), ((5, 3, 2), 99, (49, 30, 20)), ((0, 1), 7, (0, 7)),
        ((1, 0, 0, 4294967295), 50_000, (0, 0, 0, 50_000)), ((3, 3, 3), 1, (1, 0, 0)),
    ]  # fmt: skip
    for name in KERNELS:
        for weights, amount, parts in table:
            shares = tuple((500 + at, weight) for at, weight in enumerate(weights))
            split = msgspec.structs.replace(PLAN.operators[0].splits[0], shares=shares)
            bus = msgspec.structs.replace(PLAN.operators[0], splits=(split,))
            kernel = make(name, msgspec.structs.replace(PLAN, operators=(bus,)))
            data = tap(mode=Mode.DEGRADED, amount_fen=amount, balance_before_fen=60_000)
            judgement = kernel.judge(data, context())
            found = ints(judgement.shares, "I")
            assert tuple(found[1 : 2 * len(parts) : 2]) == parts, (name, weights)
            assert sum(m.amount_fen for m in judgement.movements) == amount


@pytest.mark.parametrize(
    ("distance_m", "duration_s", "gross_fen", "judged_fen"),
    [
        (0, 0, 1000, 1000), (3000, 59, 1000, 1000), (3001, 60, 1165, 1165), (3500, 0, 1115, 1115),
        (3501, 0, 1230, 1230), (3501, 0, 1240, 1240), (3501, 0, 1241, 1240), (3501, 0, 1219, 1220),
        (0xFFFFFFFF, 0xFFFFFFFF, 10**9, 2**31 - 1 - 10),
    ],
)  # fmt: skip
def test_a_taxi_is_bounded_by_its_meter(
    kernel: Kernel, distance_m: int, duration_s: int, gross_fen: int, judged_fen: int
) -> None:
    if distance_m == 0xFFFFFFFF:
        # 8.6 million steps of 115 fen and 71 million minutes of 50: above what a fare can be.
        judged_fen = min(2**31 - 1, 1000 + 8589929 * 115 + 71582788 * 50) - 10
    data = tap(
        kind=TapKind.TAXI_TRIP, operator=TAXI, gross_fen=gross_fen, amount_fen=judged_fen,
        distance_m=distance_m, duration_s=duration_s, balance_before_fen=0, balance_after_fen=0,
    )  # fmt: skip
    judgement = kernel.judge(data, context(TAXI))
    assert ints(judgement.priced_fen, "i") == [judged_fen]
    differs = [e.expected for e in judgement.evidence if e.reason == R.GROSS_DIFFERS]
    assert differs == ([judged_fen] if gross_fen != judged_fen else [])


def test_a_taxi_fare_goes_to_platform_and_driver(kernel: Kernel) -> None:
    data = tap(kind=TapKind.TAXI_TRIP, operator=TAXI, gross_fen=1000, amount_fen=1000)
    assert moves(kernel.judge(data, context(TAXI))) == {
        (CITY, TAXI_ACCOUNT, Purpose.FARE, 300), (CITY, DRIVER_ACCOUNT, Purpose.FARE, 700)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "station", "gross_fen", "judged_fen"),
    [
        (101, 103, 400, 400), (103, 102, 200, 300), (104, 101, 900, 500), (105, 101, 200, None),
        (101, 105, 200, None), (101, 104, 200, None),
        # An entry that nobody knows: anything between the lowest and the highest fare to there.
        (0, 101, 450, 450), (0, 101, 100, 200), (0, 101, 501, 500), (0, 104, 300, None),
    ],
)  # fmt: skip
def test_a_metro_fare_is_the_matrixs(
    kernel: Kernel, entry: int, station: int, gross_fen: int, judged_fen: int | None
) -> None:
    data = tap(
        kind=TapKind.METRO_TAP_OUT, operator=METRO, entry_station=entry, station=station,
        gross_fen=gross_fen, amount_fen=0, type_byte=TypeByte.SINGLE_JOURNEY,
    )  # fmt: skip
    judgement = kernel.judge(data, context(METRO))
    applied = ints(judgement.flags, "Q")[0] | 1 << judgement.reasons[0]
    assert (applied >> R.TARIFF_MISSING & 1) == (judged_fen is None)
    assert (applied >> R.TAP_OUT_WITHOUT_TAP_IN & 1) == (entry == 0)
    if judged_fen is not None:
        assert ints(judgement.priced_fen, "i") == [judged_fen // 2]


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
        judgement = kernel.judge(data, context(batch_seq=number, checks=_but(Check.BALANCES)))
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


@pytest.mark.parametrize(
    ("amount", "marked", "priced", "reasons"),
    [
        (160, False, 160, []), (200, False, 200, []), (100, False, 100, []),
        (120, False, 120, [R.TRANSFER_UNMARKED]), (60, False, 60, [R.TRANSFER_UNMARKED]),
        (120, True, 120, []), (160, True, 160, []), (200, True, 160, [R.ABOVE_TARIFF]),
        (150, False, 160, [R.BELOW_TARIFF]), (150, True, 120, [R.ABOVE_TARIFF]),
    ],
)  # fmt: skip
def test_an_amount_is_explained_to_the_fen(
    kernel: Kernel, amount: int, marked: bool, priced: int, reasons: list[Reason]
) -> None:
    data = tap("open", operator=AMOUNTS, amount_fen=amount, algorithm=255,
               discount_claimed=int(marked))  # fmt: skip
    judgement = kernel.judge(data, context(AMOUNTS, checks=PLAIN))
    assert ints(judgement.priced_fen, "i") == [priced]
    assert [e.reason for e in judgement.evidence] == reasons
    assert judgement.verdict_counts == (1, 0, 0)
    assert ints(judgement.issuer_numbers, "H") == [OPEN]


# -- sums, doors -----------------------------------------------------------------------------------


def test_a_batch_adds_up(kernel: Kernel) -> None:
    taps = [*rides(2), rides(1)[0], tap(tac="00000000", terminal_number=8), b"\0" * record.SIZE]
    judgement = kernel.judge(b"".join(taps), context())
    assert judgement.count == 5
    assert judgement.verdict_counts == (2, 0, 3)
    assert (judgement.gross_fen, judgement.charged_fen, judgement.accepted_fen) == (800, 400, 200)
    counts = {R(n).name: c for n, c in enumerate(judgement.reason_counts) if c}
    assert counts == {"CLEAN": 1, "BALANCE_RISE_PENDING": 1, "DUPLICATE_IN_BATCH": 1,
                      "TAC_WRONG": 1, "MALFORMED": 1, "COUNTER_REUSED": 1}  # fmt: skip
    assert judgement.movements == tuple(sorted(judgement.movements))
    assert judgement.evidence == tuple(sorted(judgement.evidence))
    assert [(m.credit, m.count, m.amount_fen) for m in judgement.movements] == [
        (BUS_ACCOUNT, 2, 66), (BUS_OWNER, 2, 134)
    ]  # fmt: skip


def test_an_empty_batch_is_a_batch(kernel: Kernel) -> None:
    judgement = kernel.judge(b"", context())
    assert (judgement.count, judgement.verdict_counts, judgement.copy_rows) == (0, (0, 0, 0), b"")
    kernel.undo(1)


@pytest.mark.parametrize(
    ("records", "wrong", "error"),
    [
        (b"\0" * 143, {}, ValueError), (b"\0" * 145, {}, ValueError), (b"", {"operator": 99}, KeyError),
        (b"", {"operator": 2**32 + BUS}, KeyError), (b"", {"operator": -1}, KeyError),
        (b"", {"batch_seq": 2**31}, ValueError), (b"", {"batch_seq": -1}, ValueError),
        (b"", {"business_day": -1}, ValueError), (b"", {"judged_at_s": 2**32}, ValueError),
        (b"", {"source": 2}, ValueError),
    ],
)  # fmt: skip
def test_what_no_batch_has_is_refused_before_anything_moves(
    kernel: Kernel, records: bytes, wrong: dict[str, Any], error: type[Exception]
) -> None:
    before = kernel.dump_state()
    good = tap()
    with pytest.raises(error):
        kernel.judge(good + records, context(**wrong))
    kernel.undo(0)
    assert kernel.dump_state() == before
    assert list(kernel.judge(good, context()).reasons) == [R.CLEAN]


def test_wrong_lines_and_identities_are_refused(kernel: Kernel) -> None:
    before = kernel.dump_state()
    for lines in (b"\1" * 63, bytes(64), b"\1" * 64 + bytes(64)):
        with pytest.raises(ValueError, match="card line"):
            kernel.add_cards(lines)
    for identity, head in ((bytes(36), bytes(4)), (bytes(37), bytes(3))):
        with pytest.raises(ValueError, match="bytes"):
            kernel.add_identities([(identity, 1, 1, head, 1)])
    with pytest.raises(ValueError, match="19 bytes"):
        kernel.card_line(bytes(18))
    assert kernel.card_line(bytes(19)) is None
    assert kernel.dump_state() == before


def test_a_new_plan_leaves_the_state_alone(kernel: Kernel) -> None:
    kernel.judge(tap(), context())
    before = kernel.dump_state()
    kernel.configure(msgspec.structs.replace(PLAN, operators=PLAN.operators[:1]))
    assert kernel.dump_state() == before
    kernel.undo(1)
    assert changes(kernel, "ordinary") == {}


def test_a_second_writer_is_refused_while_a_batch_is_judged() -> None:
    """The GIL is released for the whole row loop, so another thread does come in."""
    kernel = make("fastpath")
    records = bytes(record.SIZE) * 100_000
    refused = []
    judging = threading.Thread(target=kernel.judge, args=(records, context()))
    judging.start()
    while judging.is_alive():
        try:
            kernel.card_lines()
        except RuntimeError as error:
            refused.append(error)
    judging.join()
    assert refused
    assert kernel.judge(tap(), context(batch_seq=2)).verdict_counts == (1, 0, 0)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("operator", {"number": -1}), ("operator", {"denylist_effective_s": (2**32,)}),
        ("tariff", {"step_fen": 0}), ("tariff", {"type": 9}), ("tariff", {"flat_fen": ((0, -1),)}),
        ("tariff", {"type": 2, "stations": (2, 1), "od_fen": bytes(16)}),
        ("tariff", {"type": 2, "stations": (1, 2), "od_fen": bytes(15)}), ("tariff", {"type": 3}),
        ("class", {"bands": ((200, 500), (100, 500))}), ("class", {"bands": ((200, 1001),)}),
        ("split", {"shares": ((1, 0),)}), ("split", {"shares": ((1, 1),) * 5}),
        ("key", {"level_key": bytes(15)}), ("key", {"algorithm": 2}), ("key", {"factor_offset": 11}),
        ("plan", {"unclaimed_accounts": (1,) * 63}), ("plan", {"rules_version": 2**32}),
    ],
)  # fmt: skip
def test_a_plan_out_of_bounds_is_refused_and_the_old_one_stays(
    part: str, changes: dict[str, Any]
) -> None:
    """C has no numbers without bounds: what would overflow is refused before it is used."""
    replace = msgspec.structs.replace
    kernel, operator = make("fastpath"), PLAN.operators[0]
    tariff = operator.tariffs[0]
    match part:
        case "plan":
            plan = replace(PLAN, **changes)
        case "key":
            plan = replace(PLAN, key_sets=(*PLAN.key_sets, replace(PLAN.key_sets[0], **changes)))
        case "operator":
            plan = replace(PLAN, operators=(replace(operator, **changes),))
        case "split":
            split = replace(operator.splits[0], **changes)
            plan = replace(PLAN, operators=(replace(operator, splits=(split,)),))
        case "class":
            changed = replace(tariff, classes=(replace(tariff.classes[0], **changes),))
            plan = replace(PLAN, operators=(replace(operator, tariffs=(changed,)),))
        case _:
            changed = replace(tariff, **changes)
            plan = replace(PLAN, operators=(replace(operator, tariffs=(changed,)),))
    with pytest.raises(ValueError, match=r"\w"):
        kernel.configure(plan)
    assert kernel.judge(tap(), context()).verdict_counts == (1, 0, 0)


def test_a_level_key_does_not_show_in_an_error() -> None:
    kernel, key = make("fastpath"), msgspec.structs.replace(PLAN.key_sets[0], algorithm=2)
    with pytest.raises(ValueError, match="algorithm") as error:
        kernel.configure(msgspec.structs.replace(PLAN, key_sets=(key,)))
    assert key.level_key.hex() not in str(error.value)
    assert repr(key.level_key) not in str(error.value)


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
