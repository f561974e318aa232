"""Registries, cards and rules, dated by version."""

from collections.abc import Iterable, Sequence
from typing import Final

import asyncpg
import msgspec

from clearing.errors import RegistryError
from clearing.store.connection import Connection
from schemas.registry import KINDS, key_of

REGISTRY_LOCK: Final = 0x0C1EA203


async def read_registry(connection: Connection, version: int) -> dict[str, list[msgspec.Struct]]:
    """Every registry row in force at a version, by kind, by key."""
    rows = await connection.fetch(
        "SELECT kind, body FROM clearing.registry WHERE version_from <= $1"
        " AND (version_to IS NULL OR version_to > $1) ORDER BY kind, key",
        version,
    )
    found: dict[str, list[msgspec.Struct]] = {kind: [] for kind in KINDS}
    for row in rows:
        found[row["kind"]].append(msgspec.json.decode(row["body"], type=KINDS[row["kind"]]))
    return found


async def change_registry(
    connection: Connection,
    rows: Iterable[tuple[str, msgspec.Struct]],
    cards: Sequence[tuple[bytes, bytes]] = (),
) -> int:
    """Put rows and cards (card 19 bytes, line 64 bytes) in force; returns the new version.

    A row equal to the one in force changes nothing. Call inside a transaction.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", REGISTRY_LOCK)
    version = 1 + int(await connection.fetchval("SELECT registry_version FROM clearing.node"))
    in_force = {
        (row["kind"], row["key"]): row["body"]
        for row in await connection.fetch(
            "SELECT kind, key, body FROM clearing.registry WHERE version_to IS NULL"
        )
    }
    changed: list[tuple[str, str, int, str]] = []
    for kind, row in rows:
        key, body = key_of(kind, row), msgspec.json.encode(row).decode()
        old = in_force.get((kind, key))
        if old is None or msgspec.json.decode(old) != msgspec.json.decode(body):
            changed.append((kind, key, version, body))
    if not changed and not cards:
        return version - 1
    await connection.executemany(
        "UPDATE clearing.registry SET version_to = $3 WHERE kind = $1 AND key = $2"
        " AND version_to IS NULL",
        [row[:3] for row in changed],
    )
    await connection.copy_records_to_table(
        "registry",
        schema_name="clearing",
        columns=("kind", "key", "version_from", "body"),
        records=changed,
    )
    try:
        await connection.copy_records_to_table(
            "card",
            schema_name="clearing",
            columns=("card", "version_from", "line"),
            records=[(card, version, line) for card, line in cards],
        )
    except asyncpg.UniqueViolationError as error:
        raise RegistryError(
            "A card stands in the import twice.", "Remove the repetition."
        ) from error
    await connection.execute("UPDATE clearing.node SET registry_version = $1", version)
    return version


async def read_cards(connection: Connection, after: int, up_to: int) -> bytes:
    """Opening lines of cards registered in versions (after, up_to], in order."""
    rows = await connection.fetch(
        "SELECT line FROM clearing.card WHERE version_from > $1 AND version_from <= $2"
        " ORDER BY version_from, card",
        after, up_to,
    )  # fmt: skip
    return b"".join(row["line"] for row in rows)


async def known_cards(connection: Connection, cards: Sequence[bytes]) -> set[bytes]:
    """Which of these cards (19 bytes) are registered already."""
    rows = await connection.fetch("SELECT card FROM clearing.card WHERE card = ANY($1)", cards)
    return {row["card"] for row in rows}


async def add_rules(connection: Connection, digest: str, files: dict[str, str]) -> int:
    """Put a rule set in force; returns its version (the present one if it is the same).

    ``digest`` is the rule set's, 64 hexadecimal digits.
    """
    row = await connection.fetchrow(
        "SELECT rules_version, digest FROM clearing.rules ORDER BY rules_version DESC LIMIT 1"
    )
    if row is not None and row["digest"].hex() == digest:
        return int(row["rules_version"])
    version = 1 + (row["rules_version"] if row is not None else 0)
    await connection.execute(
        "INSERT INTO clearing.rules (rules_version, digest, files) VALUES ($1, $2, $3)",
        version, bytes.fromhex(digest), msgspec.json.encode(files).decode(),
    )  # fmt: skip
    await connection.execute("UPDATE clearing.node SET rules_version = $1", version)
    return version


async def read_rules(connection: Connection, version: int) -> dict[str, str]:
    """The files of a rule set, by name."""
    body = await connection.fetchval(
        "SELECT files FROM clearing.rules WHERE rules_version = $1", version
    )
    return msgspec.json.decode(body, type=dict[str, str]) if body is not None else {}
