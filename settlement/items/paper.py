"""The proof of items: what a date wrote of items, decisions and load logs, line by line, sealed.

Card numbers are masked, with a keyed mark that tells cards apart; the keyed digest of each line covers
every byte of its row.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from clearing.node import Node
from schemas.record import CARD
from settlement import books, comparing
from settlement.context import Context
from settlement.exceptions import masked
from settlement.findings import Finding
from settlement.store import Connection, DayRow
from settlement.store.dated import read_dated
from settlement.tables import line_bytes

PAPER: Final = "proof/items.jsonl"

_DIGITS: Final = 2 * (CARD.stop - CARD.start)
_CARD: Final = re.compile(
    rf"(?<![0-9a-fA-F])(?:\\{{1,2}}x)?([0-9a-fA-F]{{{_DIGITS}}})(?![0-9a-fA-F])"
)
"""A card's 19 bytes in hexadecimal, as ids have them and as PostgreSQL writes bytes."""


def hidden(node: Node, text: str) -> str:
    """A text with the cards in it masked, each with twelve digits that only this node can make."""

    def name(found: re.Match[str]) -> str:
        card = found[1].lower()
        mark = hmac.digest(node.secret, b"card\n" + card.encode(), hashlib.sha256).hex()[:12]
        return f"{masked(int(card[:2], 16), card[2:18], card[18:])}~{mark}"

    return _CARD.sub(name, text)


async def lines(
    connection: Connection, node: Node, business_date: date
) -> Iterator[tuple[str, bytes]]:
    """(subject, canonical line) of every row that the date wrote."""
    rows = await read_dated(connection, business_date)
    return (_line(node, f"{table} {key}", row) for table, key, row in rows)


def _line(node: Node, subject: str, row: dict[str, Any]) -> tuple[str, bytes]:
    whole = line_bytes({"subject": subject, "row": row})
    digest = hmac.digest(node.secret, b"items\n" + whole, hashlib.sha256).hex()
    told = books.decoded(hidden(node, whole.decode()).encode())
    return told["subject"], line_bytes(told | {"digest": digest})


async def paper(connection: Connection, context: Context, day: DayRow) -> bytes:
    """The paper of a date that was audited."""
    found = await lines(connection, context.node, day.business_date)
    return books.lines_bytes(line for _, line in found)


async def check(
    connection: Connection, context: Context, day: DayRow, kept: bytes
) -> Iterator[Finding]:
    """Which rows are not what they were when the date was audited."""
    was = comparing.by_key(kept, "subject")
    now = dict(await lines(connection, context.node, day.business_date))
    return (
        finding
        for subject in sorted(was.keys() | now.keys())
        for finding in _compare(subject, was.get(subject), now.get(subject))
    )


def _compare(subject: str, was: bytes | None, now: bytes | None) -> Iterator[Finding]:
    if was == now:
        return
    if was is None or now is None:
        yield Finding(subject, "is missing" if now is None else "was added")
        return
    old, new = books.decoded(was), books.decoded(now)
    yield from comparing.compare_values(
        subject, old["row"] | {"digest": old["digest"]}, new["row"] | {"digest": new["digest"]}
    )
