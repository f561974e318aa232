"""A small city for the kernels' tests: its plan, its cards, and taps that are right unless told otherwise.

Two issuers of our own, one that keeps no registry, and one of another city; a bus, a metro, a taxi, a
source that gives amounts only, an operator without rules, and two whose split or fee does not hold then.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any

import msgspec

from clearing import cards
from clearing._reference import ReferenceKernel
from clearing.cards import CardLine
from clearing.kernel import BatchContext, Judgement, Kernel, choose
from clearing.keys import reference as crypto
from clearing.plan import (
    FOREVER,
    Bearer,
    Denied,
    FareClass,
    Issuer,
    KeySet,
    Limits,
    Meter,
    Operator,
    Plan,
    Rounding,
    Split,
    Tariff,
    TariffType,
    Terminal,
    Transfer,
    TransferType,
    local_day,
    local_seconds,
)
from schemas import record
from schemas.codes import DEBIT_KINDS, CardFamily, CardKind, Check, Source, TapKind, TypeByte


def seconds_of(moment: str) -> int:
    """Local seconds of an ISO time."""
    return local_seconds(datetime.fromisoformat(moment))


KERNELS: dict[str, Callable[[], Kernel]] = {
    # By choose, so that CLEARING_TAC sends the whole suite through one way of making TACs.
    "fastpath": partial(choose, "fastpath"),
    "reference": ReferenceKernel,
}

DAY = date(2026, 1, 5)
BUSINESS_DAY = local_day(DAY)
JUDGED_AT_S = seconds_of("2026-01-05T23:59:59")
TAPPED_AT = "20260105083015"
TAPPED_S = seconds_of("2026-01-05T08:30:15")

CITY, UNION, OPEN, FOREIGN = 1, 2, 3, 4
"""Issuer numbers, which are their accounts too."""
BUS, METRO, TAXI, AMOUNTS, RULELESS, NO_SPLIT, NO_FEE = 7, 8, 9, 10, 11, 12, 13
BUS_ACCOUNT, BUS_OWNER, METRO_ACCOUNT, TAXI_ACCOUNT, DRIVER_ACCOUNT = 70, 71, 80, 90, 91
LOAD_AGENT, SUBSIDY = 20, 21
PROVINCE, SUSPENSE, BUDGET, ISSUER_DISCOUNT, UNCLAIMED = 50, 51, 60, 61, 100

CODES = {
    CITY: (CardFamily.MOHURD, "0000000000007100"),
    UNION: (CardFamily.T_UNION, "0000000002017910"),
    OPEN: (CardFamily.ANONYMISED, "0000000000005180"),
    FOREIGN: (CardFamily.T_UNION, "0000000002047920"),
}
FOREIGN_SINCE_S = seconds_of("2025-12-01T00:00:00")
DES_KEY, SM4_KEY, FOLDED_KEY = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
OTHER_DES_KEY = bytes(range(48, 64))
KEY_SETS = (
    KeySet(CITY, 1, 1, 0, DES_KEY, 10, 0),
    KeySet(CITY, 2, 1, 1, SM4_KEY, 10, 0),
    KeySet(UNION, 1, 1, 1, FOLDED_KEY, 10, 1),
    KeySet(UNION, 1, 2, 0, OTHER_DES_KEY, 0, 0),
)

LINE, DEVICE = 17, 4711
STATIONS = (101, 102, 103, 104)
OD_FEN = (
    (200, 300, 400, -1),
    (300, 200, 300, -1),
    (400, 300, 200, -1),
    (500, 600, 700, -1),
)  # fmt: skip


def terminal_of(operator: int, line: int = 0) -> str:
    return f"71{operator:04}{line:06}"


def kinds(*of: TapKind) -> int:
    return sum(1 << kind for kind in of)


CLASSES = (
    FareClass("others", CardKind.UNSTATED, ((FOREVER, 800),)),
    FareClass("ordinary", CardKind.ORDINARY, ((FOREVER, 500),)),
    FareClass("student", CardKind.STUDENT, ((100, 500), (FOREVER, 250)), bearer=Bearer.ISSUER),
    FareClass("senior", CardKind.SENIOR, ((FOREVER, 0),), bearer=Bearer.BUDGET),
    FareClass("love", CardKind.LOVE, ((FOREVER, 333),), Rounding.UP),
    FareClass("staff", CardKind.STAFF, ((FOREVER, 333),), Rounding.DOWN),
)
BUS_TARIFF = Tariff(
    name="bus",
    type=TariffType.FLAT,
    since_s=0,
    until_s=FOREVER,
    kinds=kinds(TapKind.BUS_FLAT, TapKind.METRO_SUPPLEMENT),
    min_fen=100,
    max_fen=1000,
    flat_fen=((0, 200), (18, 300)),
    classes=CLASSES,
    transfer=Transfer(TransferType.AMOUNT_OFF, 20, 5400, 3),
)
METRO_TARIFF = Tariff(
    name="metro",
    type=TariffType.OD,
    since_s=0,
    until_s=FOREVER,
    kinds=kinds(TapKind.METRO_TAP_OUT, TapKind.METRO_SUPPLEMENT),
    min_fen=100,
    max_fen=1000,
    stations=STATIONS,
    od_fen=b"".join(struct.pack("<4i", *row) for row in OD_FEN),
    classes=CLASSES,
    transfer=Transfer(TransferType.FIXED_PRICE, 30, 5400, 2),
)
TAXI_TARIFF = Tariff(
    name="taxi",
    type=TariffType.METERED,
    since_s=0,
    until_s=FOREVER,
    kinds=kinds(TapKind.TAXI_TRIP),
    meter=Meter(1000, 3000, 115, 500, 50, 60, 10),
)
AMOUNTS_TARIFF = Tariff(
    name="amounts",
    type=TariffType.DECLARED,
    since_s=0,
    until_s=FOREVER,
    kinds=kinds(TapKind.BUS_FLAT, TapKind.METRO_TAP_OUT),
    min_fen=100,
    max_fen=1500,
    step_fen=50,
    classes=(
        FareClass("card", 0, ((FOREVER, 800),)),
        FareClass("full", 1, ((FOREVER, 1000),)),
        FareClass("student", 2, ((FOREVER, 500),)),
    ),
    by_amount=True,
    transfer=Transfer(TransferType.AMOUNT_OFF, 40, by_mark=True),
)


def _operator(
    number: int,
    tariffs: tuple[Tariff, ...],
    shares: tuple[tuple[int, int], ...],
    split_since_s: int = 0,
    fee_until_s: int = FOREVER,
) -> Operator:
    splits = (Split(split_since_s, FOREVER, shares),) if shares else ()
    effective, fee_times = (0, TAPPED_S, FOREVER), ((0, fee_until_s),)
    return Operator(number, Check.ALL, tariffs, splits, LOAD_AGENT, SUBSIDY, effective, fee_times)


OPERATORS = (
    _operator(BUS, (BUS_TARIFF,), ((BUS_ACCOUNT, 1), (BUS_OWNER, 2))),
    _operator(METRO, (METRO_TARIFF,), ((METRO_ACCOUNT, 1),)),
    _operator(TAXI, (TAXI_TARIFF,), ((TAXI_ACCOUNT, 3), (DRIVER_ACCOUNT, 7))),
    _operator(AMOUNTS, (AMOUNTS_TARIFF,), ((BUS_ACCOUNT, 1),)),
    _operator(RULELESS, (), ()),
    _operator(NO_SPLIT, (BUS_TARIFF,), ((BUS_ACCOUNT, 1),), split_since_s=TAPPED_S + 1),
    _operator(NO_FEE, (BUS_TARIFF,), ((BUS_ACCOUNT, 1),), fee_until_s=TAPPED_S),
)

SERIALS = {name: number for number, name in enumerate(
    ("ordinary", "student", "senior", "love", "staff", "test", "closed", "expired", "denied",
     "denied_late", "denied_unknown", "union", "open", "foreign", "foreign_denied", "unissued"), 1
)}  # fmt: skip


def serial_of(name: str) -> str:
    prefix = "00007100" if issuer_of(name) == CITY else "31048888"
    return f"{prefix}{SERIALS[name]:012}"


def issuer_of(name: str) -> int:
    special = {"union": UNION, "open": OPEN, "foreign": FOREIGN, "foreign_denied": FOREIGN}
    return special.get(name, CITY)


def card_of(name: str) -> bytes:
    """The 19 bytes that name a card."""
    family, issuer = CODES[issuer_of(name)]
    return bytes([family]) + bytes.fromhex(issuer) + bytes.fromhex(serial_of(name))


PLAN = Plan(
    rules_version=3,
    registry_version=4,
    denylist_version=2,
    limits=Limits(50_000, 100_000, 600, 30, production=True),
    operators=OPERATORS,
    terminals=(
        *(Terminal(bytes.fromhex(terminal_of(o.number)), o.number, 0, 0, FOREVER) for o in OPERATORS),
        Terminal(bytes.fromhex(terminal_of(BUS, LINE)), BUS, LINE, 0, FOREVER),
        Terminal(bytes.fromhex(terminal_of(BUS, DEVICE)), BUS, 0, 0, FOREVER, DEVICE),
        Terminal(bytes.fromhex("999999999999"), BUS, 0, 0, TAPPED_S),
    ),
    issuers=(
        *(
            Issuer(
                number, family, bytes.fromhex(code), number != FOREIGN, number == OPEN, number,
                FOREIGN_SINCE_S if number == FOREIGN else 0, FOREVER,
            )
            for number, (family, code) in CODES.items()
        ),
    ),
    key_sets=KEY_SETS,
    denied=(
        Denied(card_of("denied"), 0, 0),
        Denied(card_of("denied_late"), 0, 2),
        Denied(card_of("denied_unknown"), 0, 9),
        Denied(card_of("foreign_denied"), 0, 1),
        Denied(card_of("staff"), TAPPED_S + 1, 0),
    ),
    province_account=PROVINCE,
    suspense_account=SUSPENSE,
    unclaimed_accounts=tuple(range(UNCLAIMED, UNCLAIMED + 64)),
    budget_account=BUDGET,
    issuer_discount_account=ISSUER_DISCOUNT,
)  # fmt: skip

_CARD_KINDS = {
    "student": CardKind.STUDENT, "senior": CardKind.SENIOR, "love": CardKind.LOVE,
    "staff": CardKind.STAFF, "test": CardKind.TEST,
}  # fmt: skip


def line_of(name: str, **changes: Any) -> CardLine:
    """A card's line as the tests find it: debits 1, 2, 4 and 5 used, 10 yuan on it."""
    issuer = issuer_of(name)
    line = CardLine(
        family=CODES[issuer][0],
        card_kind=_CARD_KINDS.get(name, CardKind.ORDINARY),
        issuer_number=issuer,
        serial=bytes.fromhex(serial_of(name)),
        status=cards.STATUS_CLOSED if name == "closed" else cards.STATUS_GOOD,
        expires_day=BUSINESS_DAY - 1 if name == "expired" else 0,
        flags=cards.REGISTERED | cards.BALANCE_KNOWN,
        offline_highest=5,
        online_highest=2,
        counter_window=0b11011,
        stated_balance_fen=1000,
        book_balance_fen=1000,
    )
    for field, value in changes.items():
        setattr(line, field, value)
    return line


ISSUED = tuple(
    name for name in SERIALS if name not in ("open", "foreign", "foreign_denied", "unissued")
)


def make(name: str, plan: Plan = PLAN) -> Kernel:
    """A kernel with the city's cards."""
    kernel = KERNELS[name]()
    kernel.configure(plan)
    kernel.add_cards(b"".join(cards.pack(line_of(card)) for card in ISSUED))
    return kernel


def context(operator: int = BUS, **changes: Any) -> BatchContext:
    base = BatchContext(
        batch_seq=1,
        business_day=BUSINESS_DAY,
        judged_at_s=JUDGED_AT_S,
        source=Source.OPERATOR,
        operator=operator,
        checks=Check.ALL,
        salt_key=b"salt" * 8,
    )
    return msgspec.structs.replace(base, **changes)


def key_set_of(data: bytes) -> KeySet | None:
    """The key set that a record names, if the city has it."""
    for number, (family, code) in CODES.items():
        if data[1:10] == bytes([family]) + bytes.fromhex(code):
            wanted = (number, data[126], data[127], data[128])
            for row in KEY_SETS:
                if wanted == (row.issuer_number, row.key_version, row.key_index, row.algorithm):
                    return row
    return None


def signed(data: bytes) -> bytes:
    """The record with the TAC that its card would have made, if the city could have made the card."""
    key_set = key_set_of(data)
    if key_set is None:
        return data
    start = 2 + key_set.factor_offset
    key = crypto.diversify(key_set.algorithm, key_set.level_key, data[start : start + 8])
    if data[37] == TypeByte.LOAD:
        text = data[62:66] + data[56:58] + data[43:47] + data[37:38] + data[20:26] + data[30:37]
    else:
        text = data[43:47] + data[37:38] + data[20:26] + data[26:30] + data[30:37]
    tac = crypto.tac(key_set.algorithm, key, text, key_set.fold)
    return data[:129] + tac + data[133:]


def tap(card: str = "ordinary", **changes: Any) -> bytes:
    """A record. By default a ride of the ordinary card on the bus: all is right, and it is signed.

    ``balance_after_fen`` and ``terminal_id`` follow from the rest unless given; a ``tac`` that is given
    stays as it is.
    """
    issuer = issuer_of(card)
    family, code = CODES[issuer]
    kind = changes.get("kind", TapKind.BUS_FLAT)
    fields: dict[str, Any] = {
        "family": family,
        "issuer": code,
        "serial": serial_of(card),
        "terminal_number": 1,
        "tapped_at": TAPPED_AT,
        "type_byte": TypeByte.PURCHASE if kind in DEBIT_KINDS else TypeByte.LOAD,
        "operator": BUS,
        "kind": kind,
        "amount_fen": 100,
        "gross_fen": 200,
        "offline_counter": 6,
        "online_counter": 2,
        "balance_before_fen": 1000,
        "city": "7910",
        "line": LINE,
        "key_version": 1,
        "key_index": 1,
        "algorithm": 1 if issuer == UNION else 0,
        "tac": "",
    }
    fields.update(changes)
    sign = fields["tac"] == ""
    if sign:
        fields["tac"] = "00000000"
    fields.setdefault("terminal_id", terminal_of(fields["operator"]))
    change = -fields["amount_fen"] if kind in DEBIT_KINDS else fields["amount_fen"]
    fields.setdefault("balance_after_fen", fields["balance_before_fen"] + change)
    data = record.pack(record.Tap(**fields))
    return signed(data) if sign else data


def ints(column: bytes, code: str) -> list[int]:
    """A packed column as numbers."""
    size = struct.calcsize(code)
    return list(struct.unpack(f"<{len(column) // size}{code}", column))


def moves(judgement: Judgement) -> set[tuple[int, int, int, int]]:
    """(debit, credit, purpose, fen) of every movement."""
    return {(m.debit, m.credit, m.purpose, m.amount_fen) for m in judgement.movements}


def changes(kernel: Kernel, card: str, before: CardLine | None = None) -> dict[str, int]:
    """What is different in a card's line from how the tests found it; None if it is not there."""
    data = kernel.card_line(card_of(card))
    if data is None:
        return {}
    before = before or line_of(card)
    after = cards.unpack(data)
    return {
        field: getattr(after, field)
        for field in cards.FIELDS
        if getattr(after, field) != getattr(before, field)
    }
