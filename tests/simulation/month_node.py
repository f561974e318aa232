"""A node that is given what a generated month's directory has for it before the first date."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import asyncpg
import msgspec

from clearing import cards as card_lines
from clearing import rules, store
from clearing.cards import CardLine
from clearing.keys.signing import SigningKey
from clearing.node import Node
from clearing.plan import local_day
from loadtest.cards import IssuedCard, TestKeySet
from schemas.registry import KINDS
from service.registration import register
from settlement.context import Context
from tests.simulation.province import ProvinceKeys
from tests.world import LIMITS

KERNEL = os.environ.get("CLEARING_KERNEL", "fastpath")


def key_sets(folder: Path) -> list[TestKeySet]:
    """The test keys of a month."""
    rows = msgspec.json.decode((folder / "keys.json").read_bytes())
    return [
        TestKeySet(
            **{
                **row,
                "factors": tuple(row["factors"]),
                "master_key": bytes.fromhex(row["master_key"]),
            }
        )
        for row in rows
    ]


def read_rows(path: Path) -> list[tuple[str, msgspec.Struct]]:
    """Registry rows of a file; none where there is none."""
    if not path.exists():
        return []
    lines = map(msgspec.json.decode, path.read_bytes().splitlines())
    return [(line["kind"], msgspec.convert(line["row"], KINDS[line["kind"]])) for line in lines]


def opening(card: IssuedCard, issuer: int) -> tuple[bytes, bytes]:
    """A card's 19 bytes and its opening line."""
    line = CardLine(
        family=card.family,
        card_kind=card.card_kind,
        issuer_number=issuer,
        serial=bytes.fromhex(card.serial),
        status=card_lines.STATUS_CLOSED if card.closed else card_lines.STATUS_GOOD,
        flags=card_lines.REGISTERED | card_lines.BALANCE_KNOWN,
        offline_highest=card.offline_counter,
        online_highest=card.online_counter,
        expires_day=local_day(card.expires),
        counter_window=2**64 - 1,
        stated_balance_fen=card.balance_fen,
        book_balance_fen=card.balance_fen,
    )
    name = bytes([card.family]) + bytes.fromhex(card.issuer) + line.serial
    return name, card_lines.pack(line)


async def open_node(dsn: str, home: Path, folder: Path) -> Context:
    """A city node that knows what it must know before the first date."""
    first = dates_of(folder)[0]
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            row = store.NodeRow("city", "7910", "Xi'an", first, True, True, 0, 0)
            await store.create_node(connection, row)
            files = rules.read(["xian", *sorted((folder / "rules").iterdir())])
            await store.add_rules(connection, rules.load(files).digest, files)
        rows = read_rows(folder / "dates" / f"{first}" / "registry.jsonl")
        own = {row.issuer.upper(): row.number for kind, row in rows if kind == "issuer"}  # type: ignore[attr-defined]
        decode = msgspec.json.Decoder(IssuedCard).decode
        issued = map(decode, (folder / "cards.jsonl").read_bytes().splitlines())
        await register(dsn, rows, [opening(card, own[card.issuer.upper()]) for card in issued])
        node_row = await store.read_node(connection)
    finally:
        await connection.close()
    assert node_row is not None
    keys = ProvinceKeys(key_sets(folder))
    signing = SigningKey.from_seed(b"n" * 32)
    limits = msgspec.structs.replace(LIMITS, production=node_row.production)
    return Context(dsn, Node(node_row, home, limits, keys, signing, b"s" * 32), KERNEL)


def dates_of(folder: Path) -> list[date]:
    """The business dates of a month, in order."""
    return sorted(date.fromisoformat(path.name) for path in (folder / "dates").iterdir())
