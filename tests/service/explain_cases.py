"""Taps of every reason, through the engine of one small city, for the tests of ``onecard explain``.

A case is one card's story: batches in order, the last tap of the last one is explained. What it needs of
the registry is in ``rows``; what it must say beside the reason's own sentences is in ``WORDS``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import asyncpg
import msgspec

from clearing import cards, rules, store
from clearing.engine import Engine
from clearing.node import Node
from schemas import batch as envelope
from schemas import record, registry
from schemas.batch import to_binary
from schemas.codes import CardKind, Check, Discount, Mode, SignatureAlgorithm, TapKind, TypeByte
from schemas.reasons import Reason
from service.registration import register
from settlement.context import Context
from settlement.day import settle_day
from tests import world
from tests.world import AGENT, BUS, FOREIGN_ISSUER, OPEN, OWN_ISSUER, TAXI, Card

METRO, AMOUNTS, SPLITLESS, FEELESS, ABSENT_OK = 14, 15, 16, 17, 18
ENDED_ISSUER, OPEN_ISSUER = "0000000000007140", "0000000000007120"
LINED, DEVICED = "710000110017", "710000110018"
GAPS = {
    "gaps/rules.toml": """
[set]
chinese = "缺口"
english = "Gaps"

[[split.later]]
since = 2026-02-01
shares = [{ role = "operator", per_mille = 1000 }]

[[fee.later]]
since = 2026-02-01
per_mille = 5
rounding = "half_up"
recipients = [{ role = "clearing_centre", per_mille = 1000 }]
"""
}
"""Rules that begin only after the day of the tests."""

NEXT = date(2026, 1, 6)
Step = tuple[int, bytes]
Case = Callable[[Card], list[Step]]


def ride(card: Card, at: str = "20260105083015", operator: int = BUS, **changes: object) -> bytes:
    """A bus ride of 50 fen, the tariff's half yuan, with these fields changed and its TAC made anew."""
    good_tac = bool(changes.pop("good_tac", True))
    if "of" in changes:
        changes["operator"] = changes.pop("of")
    number = 1_000 * card.number + card.offline + card.online + 1
    data = card.tap(operator, 50, at=at, number=number, gross_fen=100)
    return world.sealed(msgspec.structs.replace(record.unpack(data), **changes), good_tac)


def one(operator: int = BUS, **changes: object) -> Case:
    """A story of one ride."""
    return lambda card: [(operator, ride(card, operator=operator, **changes))]


def torn(data: bytes) -> bytes:
    return data[:129] + b"\xff" * 4 + data[133:]


def _after(*first: dict[str, object], operator: int = BUS, **changes: object) -> Case:
    """A ride after others of the same card."""

    def story(card: Card) -> list[Step]:
        steps = [
            (operator, ride(card, f"2026010507{n:02}15", operator, **fields))
            for n, fields in enumerate(first)
        ]
        return [*steps, (operator, ride(card, operator=operator, **changes))]

    return story


def _gap(card: Card) -> list[Step]:
    first = ride(card, "20260105070015")
    ride(card, "20260105073015")
    return [(BUS, first), (BUS, ride(card))]


def _late(card: Card) -> list[Step]:
    first = ride(card, "20260105070015")
    return [(BUS, ride(card)), (BUS, first)]


def _rise(card: Card) -> list[Step]:
    card.balance_fen += 2_000
    card.online += 1
    return [(BUS, ride(card))]


def _twice(*, altered: bool = False, batches: int = 2) -> Case:
    def story(card: Card) -> list[Step]:
        data = ride(card)
        again = data[:80] + b"\x05" + data[81:] if altered else data
        return [(BUS, data + again)] if batches == 1 else [(BUS, data), (BUS, again)]

    return story


def _reused(card: Card) -> list[Step]:
    first = ride(card, "20260105070015")
    second = record.unpack(ride(card))
    clone = msgspec.structs.replace(
        second, offline_counter=1, balance_before_fen=5_000, balance_after_fen=4_950
    )
    return [(BUS, first), (BUS, world.sealed(clone))]


def _refunded(card: Card) -> list[Step]:
    refund = card.tap(
        AGENT, card.balance_fen, at="20260105070015", kind=TapKind.CARD_REFUND, gross_fen=0
    )
    return [(AGENT, refund), (BUS, ride(card, balance_before_fen=5_000, balance_after_fen=4_950))]


def _metro(*taps: dict[str, object]) -> Case:
    def story(card: Card) -> list[Step]:
        return [
            (METRO, ride(card, operator=METRO, terminal_id=world.terminal(METRO), **fields))
            for fields in taps
        ]

    return story


def _station(name: str) -> int:
    rule_set = rules.load(rules.read(["xian"]))
    return rule_set.stations("xian/metro")[0 if name == "first" else 5].number


FIRST, SIXTH = _station("first"), _station("sixth")
FREE = {"amount_fen": 0, "gross_fen": 0, "balance_before_fen": 5_000, "balance_after_fen": 5_000}
IN = {"kind": TapKind.METRO_TAP_IN, "station": FIRST} | FREE
OUT = {"kind": TapKind.METRO_TAP_OUT, "station": SIXTH}
R = Reason

CASES: dict[Reason, tuple[Case, dict[str, object]]] = {
    R.CLEAN: (one(), {}),
    R.MALFORMED: (one(reserved="000001"), {}),
    R.UNKNOWN_KIND: (one(kind=99), {}),
    R.DUPLICATE_IN_BATCH: (_twice(batches=1), {}),
    R.DUPLICATE: (_twice(), {}),
    R.DUPLICATE_ALTERED: (_twice(altered=True), {}),
    R.TAC_WRONG: (one(good_tac=False), {}),
    R.TAC_TORN: (lambda card: [(BUS, torn(ride(card)))], {}),
    R.KEY_SET_UNKNOWN: (one(key_version=9), {}),
    R.ISSUER_UNKNOWN: (one(issuer="0000000000009999"), {}),
    R.ISSUER_NOT_INTEROPERABLE: (one(issuer=ENDED_ISSUER), {}),
    R.CARD_NOT_ISSUED: (one(), {"unissued": True}),
    R.TEST_CARD: (one(), {"kind": CardKind.TEST}),
    R.CARD_EXPIRED: (one(), {"expires_day": 100}),
    R.CARD_CLOSED: (_refunded, {}),
    R.DENYLISTED: (one(), {"denied": 1}),
    R.DENYLIST_UNDELIVERED: (one(), {"denied": 2}),
    R.TERMINAL_UNKNOWN: (one(terminal_id="710000119999"), {}),
    R.TERMINAL_OF_OTHER_OPERATOR: (one(terminal_id=world.terminal(TAXI)), {}),
    R.OPERATOR_OTHER: (one(of=TAXI), {}),
    R.ZERO_AMOUNT: (one(METRO, kind=TapKind.METRO_SUPPLEMENT, terminal_id=world.terminal(METRO), **FREE), {}),
    R.COUNTER_REUSED: (_reused, {}),
    R.AMOUNT_ABOVE_LIMIT: (one(amount_fen=60_000, balance_before_fen=70_000, balance_after_fen=10_000),
                           {"balance": 70_000}),
    R.BALANCE_ABOVE_LIMIT: (one(balance_before_fen=200_000, balance_after_fen=199_950), {"balance": 200_000}),
    R.BALANCE_ARITHMETIC: (one(balance_after_fen=4_000), {}),
    R.FUTURE: (one(tapped_at="20260107083015"), {}),
    R.PRESENTED_LATE: (one(tapped_at="20251130083015"), {}),
    R.TARIFF_MISSING: (one(kind=TapKind.BUS_TAP_OUT), {}),
    R.ACCOUNT_MISSING: (one(SPLITLESS, terminal_id=world.terminal(SPLITLESS)), {}),
    R.FEE_RULE_MISSING: (one(FEELESS, terminal_id=world.terminal(FEELESS)), {}),
    R.KIND_NOT_SUPPORTED: (one(AGENT, kind=TapKind.TOP_UP_REVERSAL, type_byte=TypeByte.LOAD,
                               terminal_id=world.terminal(AGENT)), {}),
    R.REFUND_HELD: (lambda card: _refunded(card)[:1], {}),
    R.ABOVE_TARIFF: (one(amount_fen=80, balance_after_fen=4_920), {}),
    R.BELOW_TARIFF: (one(amount_fen=40, balance_after_fen=4_960), {}),
    R.TRANSFER_UNMARKED: (one(AMOUNTS, terminal_id=world.terminal(AMOUNTS), gross_fen=200, amount_fen=120,
                              balance_after_fen=4_880), {}),
    R.TRANSFER_UNQUALIFIED: (one(discount_claimed=Discount.TRANSFER, amount_fen=30, balance_after_fen=4_970), {}),
    R.TRANSFER_UNPROVEN: (lambda card: [(BUS, ride(card, discount_claimed=Discount.TRANSFER, amount_fen=30,
                          offline_counter=3, balance_before_fen=4_900, balance_after_fen=4_870))], {}),
    R.CARD_KIND_DIFFERS: (one(card_kind=CardKind.STUDENT), {}),
    R.CARD_KIND_UNKNOWN: (one(card_kind=99), {}),
    R.CONCESSION_NOT_OF_CARD: (one(discount_claimed=Discount.CONCESSION), {}),
    R.BALANCE_RISE_PENDING: (_rise, {}),
    R.CHAIN_GAP_PENDING: (_gap, {}),
    R.COUNTER_LATE: (_late, {}),
    R.TAP_OUT_WITHOUT_TAP_IN: (_metro(OUT | {"amount_fen": 180, "gross_fen": 200, "balance_after_fen": 4_820}), {}),
    R.ENTRY_WITHOUT_EXIT: (_metro(IN, IN | {"tapped_at": "20260105090015"}), {}),
    R.JOURNEY_TOO_LONG: (_metro(IN, OUT | {"tapped_at": "20260105133015", "amount_fen": 180, "gross_fen": 200,
                                           "balance_before_fen": 5_000, "balance_after_fen": 4_820,
                                           "entry_at": "20260105083015", "entry_station": FIRST}), {}),
    R.TERMINAL_LINE_DIFFERS: (one(terminal_id=LINED, line=4), {}),
    R.TERMINAL_DEVICE_DIFFERS: (one(terminal_id=DEVICED, device=9), {}),
    R.TERMINAL_NUMBER_REUSED: (_after({"terminal_number": 77_777}, terminal_number=77_777), {}),
    R.TAC_BY_ISSUER: (one(amount_fen=100, issuer=FOREIGN_ISSUER, balance_after_fen=4_900), {}),
    R.TAC_UNAVAILABLE: (one(ABSENT_OK, terminal_id=world.terminal(ABSENT_OK), algorithm=255, tac="00000000"), {}),
    R.TAC_NOT_ALLOWED_ABSENT: (one(algorithm=255), {}),
    R.DEGRADED_MODE: (one(mode=Mode.DEGRADED), {}),
    R.CARD_UNREGISTERED: (one(ABSENT_OK, terminal_id=world.terminal(ABSENT_OK), algorithm=255,
                              issuer=OPEN_ISSUER, tac="00000000"), {}),
    R.GROSS_DIFFERS: (one(gross_fen=300), {}),
    R.DUPLICATE_OTHER_DATE: (lambda card: [(BUS, ride(card))], {"again": NEXT}),
}  # fmt: skip
"""By reason: the card's story, and what is special about the card."""

ELSEWHERE = {R.DUPLICATE_OTHER_CITY, R.REFUSED_BY_ISSUER, R.DECLARED_LATE}
"""Reasons that need another city, or that are a batch's."""


async def city(dsn: str, home: Path) -> tuple[Node, dict[Reason, tuple[int, int, int]]]:
    """The city with every case cleared: its node, and (operator, number, row) of each case's tap.

    The first date is sealed; what a case does on the next one is cleared on that.
    """
    deck = {reason: _card(n, special) for n, (reason, (_, special)) in enumerate(CASES.items(), 1)}
    issued = [card for reason, card in deck.items() if "unissued" not in CASES[reason][1]]
    node = await world.settle_in(dsn, home, [])
    await _add_rules(dsn)
    await register(dsn, _rows(deck), [_issued(card, deck) for card in issued])
    node = await _production(dsn, node)
    numbers: dict[int, int] = {}
    places: dict[Reason, tuple[int, int, int]] = {}
    engine = await Engine.start(dsn, node)
    try:
        for reason, (story, _) in CASES.items():
            for operator, records in story(deck[reason]):
                places[reason] = await _clear(engine, numbers, operator, records)
    finally:
        await engine.close()
    # Not further: a fee without a rule stops the netting of its date.
    await settle_day(Context(dsn, node), OPEN)
    engine = await Engine.start(dsn, node)
    try:
        for reason, (story, special) in CASES.items():
            if "again" in special:
                for operator, records in story(_card(deck[reason].number, special)):
                    places[reason] = await _clear(engine, numbers, operator, records)
    finally:
        await engine.close()
    return node, places


def _card(number: int, special: dict[str, object]) -> Card:
    return Card(
        number,
        kind=int(special.get("kind", CardKind.ORDINARY)),  # type: ignore[call-overload]
        balance_fen=int(special.get("balance", 5_000)),  # type: ignore[call-overload]
    )


def _issued(card: Card, deck: dict[Reason, Card]) -> tuple[bytes, bytes]:
    special = next(CASES[reason][1] for reason, each in deck.items() if each is card)
    line = cards.unpack(card.line())
    line.expires_day = int(special.get("expires_day", 0))  # type: ignore[call-overload]
    return bytes([1]) + bytes.fromhex(OWN_ISSUER + world.serial(card.number)), cards.pack(line)


async def _clear(
    engine: Engine, numbers: dict[int, int], operator: int, records: bytes
) -> tuple[int, int, int]:
    number = numbers[operator] = numbers.get(operator, 0) + 1
    profile = "shenzhen-2018" if operator in (AMOUNTS, ABSENT_OK) else ""
    made = envelope.make(
        operator, number, "20260105", records, profile=profile,
        signature_algorithm=SignatureAlgorithm.ED25519,
    )  # fmt: skip
    signature = world.operator_key(operator).sign(envelope.signing_input(made.header.digest))
    await engine.clear_batch(to_binary(envelope.signed(made, signature)))
    return operator, number, len(records) // record.SIZE - 1


async def _add_rules(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            files = rules.read(["xian", "shenzhen-2018"]) | GAPS
            await store.add_rules(connection, rules.load(files).digest, files)
    finally:
        await connection.close()


async def _production(dsn: str, node: Node) -> Node:
    """The node as it is now, in production, where test cards are refused."""
    connection = await asyncpg.connect(dsn)
    try:
        row = await store.read_node(connection)
    finally:
        await connection.close()
    assert row is not None
    limits = msgspec.structs.replace(node.limits, production=True)
    return Node(row, node.home, limits, node.keys, node.signing, node.secret)


def _rows(deck: dict[Reason, Card]) -> list[tuple[str, msgspec.Struct]]:
    lenient = int(Check.TERMINAL_REGISTRY | Check.JOURNEYS | Check.TARIFF)
    operators = [
        _operator(METRO, "xian/metro"),
        _operator(AMOUNTS, "shenzhen-2018/bus", checks=lenient),
        _operator(SPLITLESS, "xian/bus", split="gaps/later"),
        _operator(FEELESS, "xian/bus", fee="gaps/later"),
        _operator(ABSENT_OK, "xian/bus", checks=lenient),
    ]
    bus = world.operators()[0]
    operators.append(
        msgspec.structs.replace(bus, denylist_acknowledged=((1, "2026-01-01T00:00:00"),))
    )
    rows: list[tuple[str, msgspec.Struct]] = [("operator", row) for row in operators]
    rows += [
        ("terminal", registry.Terminal(terminal_id=world.terminal(row.number), operator=row.number))
        for row in operators
    ]
    rows += [
        ("terminal", registry.Terminal(terminal_id=LINED, operator=BUS, line=17)),
        ("terminal", registry.Terminal(terminal_id=DEVICED, operator=BUS, device=5)),
        ("issuer", registry.Issuer(number=3, family=1, issuer=ENDED_ISSUER, city="7970", name="Weinan",
                                   own=False, until=date(2026, 1, 1))),
        ("issuer", registry.Issuer(number=4, family=1, issuer=OPEN_ISSUER, city="7910", name="Open",
                                   own=True, open_registry=True)),
    ]  # fmt: skip
    for reason, card in deck.items():
        version = CASES[reason][1].get("denied")
        if isinstance(version, int):
            rows.append(
                ("denied", registry.Denied(family=1, issuer=OWN_ISSUER, serial=world.serial(card.number),
                                           since="2025-12-31T00:00:00", version=version))
            )  # fmt: skip
    return rows


def _operator(
    number: int, tariff: str, *, split: str = "", fee: str = "", checks: int = int(Check.ALL)
) -> registry.Operator:
    return registry.Operator(
        number=number,
        code=f"operator{number}",
        name=f"operator {number}",
        mode="bus",
        tariff=tariff,
        split=split,
        fee=fee,
        checks=checks,
        public_key=world.operator_key(number).public.encode().hex(),
    )
