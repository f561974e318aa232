"""A case for every reason that a kernel can give: what came before, the tap, and all that must come of it.

A case's tap is the ordinary card's ride on the bus for 1 yuan, changed as the case says; see
``kernel_cases``. ``moved`` is what differs in the card's line afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clearing import cards
from clearing.plan import Purpose
from schemas.codes import Check, Discount, Mode, TapKind
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    AMOUNTS,
    BUS,
    BUS_ACCOUNT,
    BUS_OWNER,
    BUSINESS_DAY,
    CITY,
    DEVICE,
    FOREIGN,
    FOREIGN_SINCE_S,
    JUDGED_AT_S,
    LINE,
    LOAD_AGENT,
    METRO,
    METRO_ACCOUNT,
    NO_FEE,
    NO_SPLIT,
    OPEN,
    RULELESS,
    SUSPENSE,
    TAPPED_S,
    TAXI,
    UNCLAIMED,
    seconds_of,
    terminal_of,
)  # fmt: skip
from tests.clearing.usual import PLAIN, PRESENTED, all_but, fare, moved

HELD, REJECTED = Purpose.HELD, Purpose.REJECTED
SEQ = 9
"""The case's batch; those before it are 1, 2, …"""

Moves = set[tuple[int, int, int, int]]
Earlier = tuple[str, dict[str, Any], dict[str, Any]]
"""A tap judged before, in a batch of its own: card, what is different in the tap, and in its context."""


@dataclass(frozen=True)
class Case:
    reason: Reason
    tap: dict[str, Any]
    evidence: tuple[int, int] | None
    moves: Moves
    moved: dict[str, int]
    flags: tuple[Reason, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    card: str = "ordinary"
    money: tuple[int, int, int] | None = None
    """Priced, credited and subsidy fen, where they are not those of the ordinary ride."""
    before: tuple[Earlier, ...] = ()
    twice: bool = False
    """The tap stands twice in its batch, and the case is the second one."""


R = Reason
REFUNDED = "20260105080000"
REFUNDED_S = seconds_of("2026-01-05T08:00:00")
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
    Case(R.CARD_CLOSED, {"terminal_number": 2}, (REFUNDED_S, TAPPED_S),
         {(CITY, UNCLAIMED + R.CARD_CLOSED, REJECTED, 100)},
         moved(status=cards.STATUS_REFUNDED, entry_at_s=REFUNDED_S),
         before=(("ordinary", {"kind": TapKind.CARD_REFUND, "tapped_at": REFUNDED}, {}),)),
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
         moved(transfer_operator=RULELESS), flags=(R.ACCOUNT_MISSING,), context={"operator": RULELESS}),
    Case(R.TARIFF_MISSING, {"kind": TapKind.BUS_TAP_OUT, "entry_station": 1}, (0, LINE),
         {(CITY, SUSPENSE, HELD, 100)}, moved(transfer_base_s=None, transfer_operator=None)),
    Case(R.TARIFF_MISSING,
         {"kind": TapKind.METRO_TAP_OUT, "entry_station": 101, "station": 104, "operator": METRO},
         (0, LINE), {(CITY, SUSPENSE, HELD, 100)}, moved(transfer_operator=METRO),
         context={"operator": METRO}),
    Case(R.KIND_NOT_SUPPORTED, {"kind": TapKind.TOP_UP_REVERSAL}, (0, 9), set(), {}),
    Case(R.KIND_NOT_SUPPORTED, {"kind": TapKind.CARD_LOSS, "amount_fen": 0}, (0, 11), set(), {},
         money=(0, 0, 0)),
    Case(R.REFUND_HELD, {"kind": TapKind.CARD_REFUND}, (0, 10), set(),
         {"status": cards.STATUS_REFUNDED, "entry_at_s": TAPPED_S}),
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
         context={"checks": all_but(Check.TAC)}),
    Case(R.TAC_NOT_ALLOWED_ABSENT, {"algorithm": 255}, (0, 255), set(), {}),
    Case(R.DEGRADED_MODE, {"mode": Mode.DEGRADED, "amount_fen": 1}, None, fare(0, 1) - fare(0, 0),
         moved(1), money=(1, 1, 0)),
    Case(R.CARD_UNREGISTERED, {"operator": BUS, "amount_fen": 160, "algorithm": 255}, None,
         fare(53, 107, issuer=OPEN),
         {"card_kind": 0, "flags": cards.BALANCE_KNOWN, "offline_highest": 6, "online_highest": 0,
          "counter_window": 1, "stated_balance_fen": 840, "book_balance_fen": -160,
          "last_tap_s": TAPPED_S, "transfer_base_s": TAPPED_S, "transfer_operator": BUS},
         flags=(R.TAC_UNAVAILABLE,), context={"checks": all_but(Check.TAC)}, card="open",
         money=(160, 160, 0)),
    Case(R.DUPLICATE_IN_BATCH, {}, (SEQ << 32, SEQ << 32 | 1), set(), moved(), twice=True),
    Case(R.DUPLICATE, {}, (1 << 32, SEQ << 32), set(), moved(), before=(("ordinary", {}, {}),)),
    Case(R.DUPLICATE_OTHER_DATE, {}, (1 << 32, SEQ << 32), set(), moved(),
         before=(("ordinary", {}, {"business_day": BUSINESS_DAY - 1}),)),
    Case(R.DUPLICATE_OTHER_CITY, {}, (1 << 32, SEQ << 32), set(), moved(),
         context=PRESENTED | {"acquirer": 7950}, before=(("ordinary", {}, PRESENTED),)),
    Case(R.DUPLICATE_ALTERED, {"station": 5}, (1 << 32, SEQ << 32), set(), moved(),
         before=(("ordinary", {}, {}),)),
    Case(R.CARD_KIND_UNKNOWN, {"card_kind": 8}, (1, 8), fare(33, 67), moved()),
    Case(R.TERMINAL_DEVICE_DIFFERS, {"terminal_id": terminal_of(BUS, DEVICE), "device": 2**64 - 2},
         (DEVICE, -2), fare(33, 67), moved()),
    Case(R.TERMINAL_NUMBER_REUSED, {"terminal_number": 3}, (4, 3), fare(33, 67), moved(),
         before=(("student", {"terminal_number": 3, "amount_fen": 75}, {}),
                 ("student", {"terminal_number": 4, "amount_fen": 75, "offline_counter": 7}, {}))),
    Case(R.CONCESSION_NOT_OF_CARD, {"discount_claimed": Discount.CONCESSION}, (1, 2), fare(33, 67),
         moved()),
    Case(R.CONCESSION_NOT_OF_CARD, {"discount_claimed": Discount.CONCESSION, "amount_fen": 200}, (0, 2),
         {(FOREIGN, BUS_ACCOUNT, Purpose.FARE_UNCONFIRMED, 67),
          (FOREIGN, BUS_OWNER, Purpose.FARE_UNCONFIRMED, 133)}, {}, flags=(R.TAC_BY_ISSUER,),
         card="foreign", money=(200, 200, 0)),
    Case(R.TRANSFER_UNPROVEN, {"discount_claimed": Discount.TRANSFER, "balance_before_fen": 800},
         (5400, TAPPED_S), fare(33, 67), moved(stated_balance_fen=700), flags=(R.CHAIN_GAP_PENDING,)),
    Case(R.JOURNEY_TOO_LONG,
         {"kind": TapKind.METRO_TAP_OUT, "entry_station": 101, "entry_at": "20260105043014",
          "station": 102, "operator": METRO, "gross_fen": 300, "amount_fen": 150},
         (TAPPED_S - 1, TAPPED_S), {(CITY, METRO_ACCOUNT, Purpose.FARE, 150)},
         moved(150, transfer_operator=METRO), context={"operator": METRO}, money=(150, 150, 0)),
    Case(R.ACCOUNT_MISSING, {"operator": NO_SPLIT}, (0, NO_SPLIT), {(CITY, SUSPENSE, HELD, 100)},
         moved(transfer_operator=NO_SPLIT), context={"operator": NO_SPLIT}, money=(100, 0, 0)),
    Case(R.FEE_RULE_MISSING, {"operator": NO_FEE}, (0, NO_FEE), {(CITY, SUSPENSE, HELD, 100)},
         moved(transfer_operator=NO_FEE), context={"operator": NO_FEE}, money=(100, 0, 0)),
    Case(R.ENTRY_WITHOUT_EXIT,
         {"kind": TapKind.METRO_TAP_IN, "operator": METRO, "station": 103, "amount_fen": 0,
          "offline_counter": 7, "terminal_number": 2}, (REFUNDED_S, TAPPED_S), set(),
         moved(0, stated_balance_fen=None, book_balance_fen=None, offline_highest=7,
               counter_window=0b1101111, transfer_base_s=None, transfer_operator=None,
               flags=cards.REGISTERED | cards.BALANCE_KNOWN | cards.JOURNEY_OPEN,
               entry_at_s=TAPPED_S, entry_station=103, entry_operator=METRO),
         context={"operator": METRO}, money=(0, 0, 0),
         before=(("ordinary", {"kind": TapKind.METRO_TAP_IN, "operator": METRO, "station": 101,
                               "amount_fen": 0, "tapped_at": REFUNDED}, {"operator": METRO}),)),
]  # fmt: skip
