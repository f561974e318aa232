"""The registry as dated data: what changes, what was in force when, what became of a row."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from clearing import store
from clearing.store import Connection, DatedRow
from schemas.registry import KINDS, key_of
from service import rowchecks
from service.errors import ServiceError
from service.home import open_node
from service.masking import masked
from service.registration import register_in

InForce = Mapping[str, Mapping[str, msgspec.Struct]]
"""Rows by kind and key."""

NEW: Final = "new"
CHANGED: Final = "changed"
ENDED: Final = "ended"
WHATS: Final = (NEW, CHANGED, ENDED)

_CARDS: Final = frozenset({"denied"})
"""Kinds whose key holds a card's number."""


class FieldChange(msgspec.Struct, frozen=True):
    """A field before and after, as JSON has them."""

    field: str
    old: Any
    new: Any


class Change(msgspec.Struct, frozen=True):
    """What becomes of a row: ``what`` is new, changed or ended; ``fields`` of a new row are none."""

    kind: str
    key: str
    what: str
    fields: tuple[FieldChange, ...] = ()


def by_key(rows: Mapping[str, Iterable[msgspec.Struct]]) -> dict[str, dict[str, msgspec.Struct]]:
    """Rows of a registry version by kind and key."""
    return {kind: {key_of(kind, row): row for row in found} for kind, found in rows.items()}


def change_of(
    kind: str, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None
) -> Change | None:
    """What lies between two rows of one key (None: not in force), if anything."""
    if old == new:
        return None
    if old is None:
        return Change(kind, key, NEW)
    if new is None:
        return Change(kind, key, ENDED)
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    fields = tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in after
        if before.get(name) != after.get(name)
    )
    ends = [change.field for change in fields] == ["until"] and fields[0].old is None
    return Change(kind, key, ENDED if ends else CHANGED, fields)


def changes_between(old: InForce, new: InForce) -> list[Change]:
    """What lies between two registry versions, by kind and key."""
    found: list[Change] = []
    for kind in KINDS:
        before, after = old.get(kind, {}), new.get(kind, {})
        for key in sorted(before.keys() | after.keys()):
            change = change_of(kind, key, before.get(key), after.get(key))
            if change is not None:
                found.append(change)
    return found


def shown_key(kind: str, key: str, *, unmasked: bool = False) -> str:
    """A row's key for people: a card's number is masked."""
    if kind not in _CARDS or unmasked:
        return key
    place, _, serial = key.rpartition("/")
    return f"{place}/{masked(serial)}"


def end_of(row: msgspec.Struct, on: date) -> msgspec.Struct | None:
    """A row that ends on a date: it keeps its place with ``until``, so that what happened before is
    judged as before; a row without dates is in force no more (None)."""
    if "until" not in row.__struct_fields__:
        return None
    return msgspec.structs.replace(row, until=on)


# -- asking and ending ---------------------------------------------------------------------------


def check_kind(kind: str) -> None:
    """Raises ``ServiceError`` where there is no such kind."""
    if kind not in KINDS:
        raise ServiceError(f"There is no kind of row {kind!r}.", f"Known are {', '.join(KINDS)}.")


async def read_version(
    connection: Connection, version: int
) -> dict[str, dict[str, msgspec.Struct]]:
    """The rows in force at a version. Raises ``ServiceError`` where it never was."""
    _, latest = await store.read_versions(connection)
    if not 0 <= version <= latest:
        raise ServiceError(
            f"There is no registry version {version}.", f"Versions go up to {latest}."
        )
    return by_key(await store.read_registry(connection, version))


class Listing(msgspec.Struct, frozen=True):
    """The rows of a kind in force at a version, by key."""

    kind: str
    version: int
    rows: dict[str, msgspec.Struct]


async def version_on(connection: Connection, on: date) -> int:
    """The registry version in force at the end of a business date."""
    version = await store.read_version_on(connection, on)
    if version is None:
        raise ServiceError(
            f"{on} is no business date of this node.", "Name a date that was opened."
        )
    return version


async def list_rows(home: Path, kind: str, at: int | None, on: date | None) -> Listing:
    """The rows of a kind at a version, on a business date, or now."""
    check_kind(kind)
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            if on is not None:
                at = await version_on(connection, on)
            if at is None:
                _, at = await store.read_versions(connection)
            rows = (await read_version(connection, at))[kind]
        finally:
            await connection.close()
    return Listing(kind, at, dict(sorted(rows.items())))


async def diff_versions(home: Path, first: int, second: int) -> list[Change]:
    """What lies between two versions."""
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            return changes_between(
                await read_version(connection, first), await read_version(connection, second)
            )
        finally:
            await connection.close()


async def history_of(home: Path, kind: str, key: str) -> list[DatedRow]:
    """Every version of a row. Raises ``ServiceError`` where there never was one."""
    check_kind(kind)
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            found = await store.read_history(connection, kind, key)
        finally:
            await connection.close()
    if not found:
        raise ServiceError(
            f"There never was a {kind} {key!r}.", f"See onecard registry list {kind}."
        )
    return found


class Ended(msgspec.Struct, frozen=True):
    """A row that was ended: by which version, what changed, what is against a rule."""

    version: int
    change: Change
    warnings: tuple[str, ...]


async def end_row(home: Path, kind: str, key: str, on: date | None) -> Ended:
    """End a row on a date, by default the open business date."""
    check_kind(kind)
    if kind in {"denied", "denylist"}:
        raise ServiceError(
            "Cards leave the denylist by its next version.",
            "Use onecard denylist publish --remove FILE.",
        )
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            async with connection.transaction():
                open_date = await store.read_open_date(connection, lock="FOR SHARE")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", store.REGISTRY_LOCK)
                return await _end_in(connection, kind, key, on or open_date, open_date)
        finally:
            await connection.close()


async def _end_in(connection: Connection, kind: str, key: str, on: date, open_date: date) -> Ended:
    _, version = await store.read_versions(connection)
    old = by_key(await store.read_registry(connection, version))[kind].get(key)
    if old is None:
        raise ServiceError(f"No {kind} {key!r} is in force.", f"See onecard registry list {kind}.")
    new = end_of(old, on)
    if new is None:
        version = await register_in(connection, [], ended=[(kind, key)])
    else:
        since = getattr(new, "since", on)
        if on < since:
            raise ServiceError(
                f"The {kind} {key} began on {since}.", "End it on that date or later."
            )
        version = await register_in(connection, [(kind, new)])
    change = change_of(kind, key, old, new)
    if change is None:
        raise ServiceError(f"The {kind} {key} ends on {on} already.", "Nothing is to be done.")
    warnings = tuple(rowchecks.warnings(old, new, open_date)) if new is not None else ()
    return Ended(version, change, warnings)
