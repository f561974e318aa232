"""What a date was judged under, as digests: registry rows, new cards, load logs, the node's row."""

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Any

from clearing.store import Connection


def _digest(rows: Iterable[Iterable[Any]]) -> str:
    """SHA-256 over rows, each value after its length, so that no two lists of rows look alike."""
    hasher = hashlib.sha256()
    for row in rows:
        for value in row:
            data = bytes(value) if isinstance(value, bytes) else str(value).encode()
            hasher.update(len(data).to_bytes(8, "big"))
            hasher.update(data)
    return hasher.hexdigest()


async def registry_digests(connection: Connection, version: int) -> dict[str, str]:
    """By kind, over the rows in force at a registry version."""
    rows = await connection.fetch(
        "SELECT kind, key, version_from, body::text FROM clearing.registry"
        " WHERE version_from <= $1 AND (version_to IS NULL OR version_to > $1) ORDER BY kind, key",
        version,
    )
    by_kind: dict[str, list[Any]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], []).append(tuple(row))
    return {kind: _digest(found) for kind, found in by_kind.items()}


async def cards_digest(connection: Connection, after: int, up_to: int) -> str:
    """Over the cards registered in versions (after, up_to]."""
    rows = await connection.fetch(
        "SELECT card, version_from, line FROM clearing.card"
        " WHERE version_from > $1 AND version_from <= $2 ORDER BY version_from, card",
        after, up_to,
    )  # fmt: skip
    return _digest(tuple(row) for row in rows)


async def loads_digest(connection: Connection, on: date) -> str:
    """Over what a date learned of the issuers' load logs."""
    loads = await connection.fetch(
        "SELECT issuer_no, authorisation, card, online_counter, amount_fen, loaded_at, operator_no"
        " FROM settlement.load_log WHERE imported_on = $1 ORDER BY issuer_no, authorisation",
        on,
    )
    until = await connection.fetch(
        "SELECT issuer_no, complete_until FROM settlement.load_log_until WHERE imported_on = $1"
        " ORDER BY issuer_no, complete_until",
        on,
    )
    return _digest(tuple(row) for row in (*loads, *until))


async def node_digest(connection: Connection) -> str:
    """Over what the node is and never ceases to be."""
    rows = await connection.fetch(
        "SELECT role, city, name, opened_on, historical, production FROM clearing.node"
    )
    return _digest(tuple(row) for row in rows)
