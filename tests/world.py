"""A small world for tests: one city node in a real database, some operators, cards and keys.

Taps are made with the keys of this world through ``cryptography``, not through the engine.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import asyncpg
import msgspec

from clearing import cards, ledger, rules, store
from clearing.compile import accounts_for
from clearing.keys import reference as crypto
from clearing.keys.chains import ChainEntry, KeySetId, check_chain
from clearing.keys.port import KeySet
from clearing.keys.signing import SigningKey
from clearing.limits import (
    AMOUNT_MAX_FEN,
    BALANCE_MAX_FEN,
    CLOCK_TOLERANCE_S,
    PRESENTMENT_WINDOW_DAYS,
)
from clearing.node import Node
from clearing.plan import Limits
from schemas import batch as envelope
from schemas import record, registry
from schemas.batch import Batch
from schemas.codes import Algorithm, CardFamily, CardKind, SignatureAlgorithm, TapKind, TypeByte
from schemas.record import Tap

OPEN = date(2026, 1, 5)
LIMITS = Limits(AMOUNT_MAX_FEN, BALANCE_MAX_FEN, CLOCK_TOLERANCE_S, PRESENTMENT_WINDOW_DAYS, False)
OWN_ISSUER = "0000000000007100"
FOREIGN_ISSUER = "0000000000007130"
BUS, TAXI, AGENT = 11, 12, 13
MASTER = bytes.fromhex("0123456789ABCDEF1032547698BADCFE")


class WorldKeys:
    """A key store with one DES chain of two levels."""

    def __init__(self, issuer: str, city_code: str) -> None:
        entry = ChainEntry(
            issuer=issuer,
            key_version=1,
            key_index=1,
            algorithm="des",
            factors=("city_code|FF0000000000", "serial_8"),
            city_code=city_code,
        )
        self.chain = check_chain(entry, "world", "chain")

    def key_sets(self) -> tuple[KeySet, ...]:
        return (KeySet(self.chain, True, "000000"),)

    def level_key(self, _: KeySetId) -> bytes:
        return self.chain.level_key(MASTER)

    def require_production(self) -> None:
        raise AssertionError("test keys")

    def close(self) -> None:
        pass


def operator_key(number: int) -> SigningKey:
    """The signing key of an operator."""
    return SigningKey.from_seed(bytes([number]) * 32)


def operators(tariffs: tuple[str, str] = ("xian/bus", "xian/taxi")) -> list[registry.Operator]:
    """Bus, taxi and load agent."""
    rows = (
        (BUS, "bus", "bus", tariffs[0], "", False),
        (TAXI, "taxi", "taxi", tariffs[1], "xian/taxi", False),
        (AGENT, "agent", "agent", "", "", True),
    )
    return [
        registry.Operator(
            number=number,
            code=code,
            name=f"{code} operator",
            mode=mode,
            tariff=tariff,
            split=split,
            load_agent=agent,
            public_key=operator_key(number).public.encode().hex(),
            payee_account=f"CN{number:018}",
            payee_name=f"{code} company",
        )
        for number, code, mode, tariff, split, agent in rows
    ]


def issuers() -> list[registry.Issuer]:
    """Our issuer and a foreign one."""
    return [
        registry.Issuer(number=1, family=1, issuer=OWN_ISSUER, city="7910", name="Xi'an", own=True),
        registry.Issuer(
            number=2, family=1, issuer=FOREIGN_ISSUER, city="7930", name="Baoji", own=False
        ),
    ]


def terminal(operator: int, number: int = 1) -> str:
    """The id of an operator's terminal."""
    return f"7100{operator:04}{number:04}"


def serial(card: int) -> str:
    """The serial of a card, 8 bytes BCD after two zero bytes."""
    return f"0000{7100:04}{card:012}"


class Card(msgspec.Struct):
    """A card as its chip knows it."""

    number: int
    issuer: str = OWN_ISSUER
    kind: int = CardKind.ORDINARY
    offline: int = 0
    online: int = 0
    balance_fen: int = 5_000

    def line(self) -> bytes:
        """Its opening card line."""
        return cards.pack(
            cards.CardLine(
                family=1,
                card_kind=self.kind,
                issuer_number=1,
                serial=bytes.fromhex(serial(self.number)),
                flags=cards.REGISTERED | cards.BALANCE_KNOWN,
                offline_highest=self.offline,
                online_highest=self.online,
                counter_window=2**64 - 1,
                stated_balance_fen=self.balance_fen,
                book_balance_fen=self.balance_fen,
            )
        )

    def tap(
        self,
        operator: int,
        amount_fen: int,
        *,
        at: str = "20260105083015",
        number: int = 0,
        kind: TapKind = TapKind.BUS_FLAT,
        good_tac: bool = True,
        **changes: object,
    ) -> bytes:
        """The card's next tap, 144 bytes; its counters and balance go on."""
        load = kind == TapKind.TOP_UP
        before = self.balance_fen
        self.balance_fen += amount_fen if load else -amount_fen
        if load:
            self.online += 1
        else:
            self.offline += 1
        values: dict[str, object] = {
            "family": CardFamily.MOHURD,
            "issuer": self.issuer,
            "serial": serial(self.number),
            "terminal_id": terminal(operator),
            "terminal_number": number or self.offline + self.online,
            "tapped_at": at,
            "type_byte": TypeByte.LOAD if load else TypeByte.PURCHASE,
            "operator": operator,
            "kind": kind,
            "amount_fen": amount_fen,
            "gross_fen": amount_fen,
            "card_kind": self.kind,
            "offline_counter": self.offline,
            "online_counter": self.online,
            "balance_before_fen": before,
            "balance_after_fen": self.balance_fen,
            "city": "7910",
            "line": 1,
            "key_version": 1,
            "key_index": 1,
            "algorithm": Algorithm.DES,
        }
        return sealed(Tap(**(values | changes)), good_tac)  # type: ignore[arg-type]


def sealed(tap: Tap, good: bool = True) -> bytes:
    """The record with the TAC that the card makes (or one that is wrong)."""
    data = record.pack(tap)
    city_code = tap.issuer[-4:]
    level = crypto.diversify(0, MASTER, bytes.fromhex(city_code + "FF0000000000"))
    key = crypto.diversify(0, level, data[12:20])
    number = tap.terminal_number.to_bytes(4, "big")
    tail = bytes.fromhex(tap.terminal_id) + number + bytes.fromhex(tap.tapped_at)
    signed = tap.amount_fen.to_bytes(4, "big") + bytes([tap.type_byte]) + tail
    if tap.type_byte == TypeByte.LOAD:
        signed = (
            tap.balance_after_fen.to_bytes(4, "big")
            + tap.online_counter.to_bytes(2, "big")
            + tap.amount_fen.to_bytes(4, "big")
            + bytes([tap.type_byte])
            + bytes.fromhex(tap.terminal_id)
            + bytes.fromhex(tap.tapped_at)
        )
    tac = crypto.tac(0, key, signed)
    if not good:
        tac = bytes(byte ^ 0x55 for byte in tac)
    return record.pack(msgspec.structs.replace(tap, tac=tac.hex()))


def batch(operator: int, number: int, records: bytes, declared: str = "20260105") -> Batch:
    """A signed batch."""
    made = envelope.make(
        operator,
        number,
        declared,
        records,
        signature_algorithm=SignatureAlgorithm.ED25519,
    )
    signature = operator_key(operator).sign(envelope.signing_input(made.header.digest))
    return envelope.signed(made, signature)


async def settle_in(
    dsn: str,
    home: Path,
    cards_: list[Card],
    opened: date = OPEN,
    *,
    rule_files: dict[str, str] | None = None,
    running: list[registry.Operator] | None = None,
) -> Node:
    """Make the database of ``dsn`` this world's city node; returns the node.

    Xi'an's rules and ``operators()``, unless others are given.
    """
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            row = store.NodeRow("city", "7910", "Xi'an", opened, True, False, 0, 0)
            await store.create_node(connection, row)
            files = rule_files or rules.read(["xian"])
            running = running or operators()
            await store.add_rules(connection, rules.load(files).digest, files)
            rows: list[tuple[str, msgspec.Struct]] = [("issuer", row) for row in issuers()]
            rows += [("operator", row) for row in running]
            rows += [
                (
                    "terminal",
                    registry.Terminal(terminal_id=terminal(row.number), operator=row.number),
                )
                for row in running
            ]
            own = [card for card in cards_ if card.issuer == OWN_ISSUER]
            version = await store.change_registry(
                connection,
                rows,
                [
                    (bytes([1]) + bytes.fromhex(OWN_ISSUER + serial(card.number)), card.line())
                    for card in own
                ],
            )
            registry_rows = await store.read_registry(connection, version)
            wanted = accounts_for(registry_rows, rules.load(files))
            accounts = await store.ensure_accounts(connection, wanted)
            entry = ledger.opening_entry(
                version,
                [
                    (
                        accounts["principal/float_bank/1"].number,
                        accounts["principal/card_liability/1"].number,
                        sum(card.balance_fen for card in own),
                    )
                ],
            )
            await store.add_entries(connection, opened, [entry])
        node_row = await store.read_node(connection)
    finally:
        await connection.close()
    assert node_row is not None
    return Node(
        node_row,
        home,
        LIMITS,
        WorldKeys(OWN_ISSUER, "7100"),
        SigningKey.from_seed(b"n" * 32),
        b"s" * 32,
    )
