"""Registries, cards and rules, dated by version."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import asyncpg
import msgspec

from clearing.errors import RegistryError
from clearing.store.books import add_event
from clearing.store.connection import REGISTRY_LOCK, Connection
from clearing.store.nodes import read_open_date
from schemas.registry import KINDS, key_of

REGISTRY_EVENT: Final = "registry"
"""Kind of the event that each registry version leaves: its subject is the version."""


class DatedRow(msgspec.Struct, frozen=True):
    """A registry row in versions [version_from, version_to), and the business date on which each of
    them came in force (None for one that is older than such dates are kept)."""

    row: msgspec.Struct
    version_from: int
    version_to: int | None
    date_from: date | None
    date_to: date | None


async def read_registry(
    connection: Connection, version: int, kinds: Sequence[str] = tuple(KINDS)
) -> dict[str, list[msgspec.Struct]]:
    """Every registry row in force at a version, by kind, by key; of some kinds only, where asked."""
    rows = await connection.fetch(
        "SELECT kind, body FROM clearing.registry WHERE version_from <= $1"
        " AND (version_to IS NULL OR version_to > $1) AND kind = ANY($2) ORDER BY kind, key",
        version, kinds,
    )  # fmt: skip
    found: dict[str, list[msgspec.Struct]] = {kind: [] for kind in KINDS}
    for row in rows:
        found[row["kind"]].append(msgspec.json.decode(row["body"], type=KINDS[row["kind"]]))
    return found


async def change_registry(
    connection: Connection,
    rows: Iterable[tuple[str, msgspec.Struct]],
    cards: Sequence[tuple[bytes, bytes]] = (),
    ended: Iterable[tuple[str, str]] = (),
) -> int:
    """Put rows and cards (card 19 bytes, line 64 bytes) in force, and end rows by (kind, key);
    returns the new version.

    A row equal to the one in force changes nothing. A new version leaves an event on the open date.
    Call inside a transaction.
    """
    # The date before the registry, as the engine's commits have it.
    open_date = await read_open_date(connection, lock="FOR SHARE")
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
    ends = [(kind, key, version) for kind, key in ended if (kind, key) in in_force]
    if not changed and not cards and not ends:
        return version - 1
    await connection.executemany(
        "UPDATE clearing.registry SET version_to = $3 WHERE kind = $1 AND key = $2"
        " AND version_to IS NULL",
        [*(row[:3] for row in changed), *ends],
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
    counts: dict[str, Any] = {
        "put": Counter(row[0] for row in changed),
        "ended": Counter(row[0] for row in ends),
        "cards": len(cards),
    }
    await add_event(connection, open_date, REGISTRY_EVENT, str(version), counts)
    return version


async def read_history(connection: Connection, kind: str, key: str) -> list[DatedRow]:
    """Every version of a registry row, the first one first."""
    rows = await connection.fetch(
        "SELECT r.body, r.version_from, r.version_to, f.business_date AS date_from,"
        " t.business_date AS date_to FROM clearing.registry r"
        " LEFT JOIN clearing.event f ON f.kind = $3 AND f.subject = r.version_from::text"
        " LEFT JOIN clearing.event t ON t.kind = $3 AND t.subject = r.version_to::text"
        " WHERE r.kind = $1 AND r.key = $2 ORDER BY r.version_from",
        kind, key, REGISTRY_EVENT,
    )  # fmt: skip
    return [
        DatedRow(
            msgspec.json.decode(row["body"], type=KINDS[kind]),
            row["version_from"],
            row["version_to"],
            row["date_from"],
            row["date_to"],
        )
        for row in rows
    ]


async def read_version_on(connection: Connection, business_date: date) -> int | None:
    """The registry version in force at the end of a business date; None for a date never opened."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT coalesce(registry_version, (SELECT registry_version FROM clearing.node))"
        " FROM clearing.business_day WHERE business_date = $1",
        business_date,
    )


async def read_card_lines(connection: Connection, cards: Sequence[bytes]) -> dict[bytes, bytes]:
    """The opening lines of those of these cards (19 bytes) that are registered."""
    rows = await connection.fetch(
        "SELECT card, line FROM clearing.card WHERE card = ANY($1) ORDER BY version_from", cards
    )
    return {row["card"]: row["line"] for row in rows}


async def read_cards(connection: Connection, after: int, up_to: int) -> bytes:
    """Opening lines of cards registered in versions (after, up_to], in order."""
    rows = await connection.fetch(
        "SELECT line FROM clearing.card WHERE version_from > $1 AND version_from <= $2"
        " ORDER BY version_from, card",
        after, up_to,
    )  # fmt: skip
    return b"".join(row["line"] for row in rows)


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
