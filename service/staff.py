"""Staff of the clearing centre: who may propose or decide, each with an own key.

A key is shown once; the registry keeps its SHA-256 (kind ``staff``). A person who left keeps the row,
with the date it ended, so that what was signed stays somebody's.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import date
from hmac import compare_digest
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from clearing import store
from clearing.store import Connection
from schemas.registry import Staff
from service.errors import ServiceError
from service.home import open_node
from service.registration import register_in
from settlement.store.decisions import add_look_up

KEY_PREFIX: Final = "ocs_"
"""Staff keys start with it, so that a search for leaked ones finds them."""

_Change = Callable[[Staff | None, date], Staff]
"""Makes a person's new row of the old one and the open date."""

_NAME: Final = re.compile(r"\w[\w.-]{0,63}")
_NOBODY: Final = "0" * 64
"""Compared with where there is no such person, so that a wrong name takes as long as a wrong key."""


def new_staff_key() -> str:
    """A random key of 256 bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def staff_key_digest(key: str) -> str:
    """What the registry keeps of a key: SHA-256 in upper-case hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest().upper()


async def authenticate(connection: Connection, name: str, key: str) -> Staff:
    """The person of this name, if the key is theirs and the open business date lies in their time.

    Raises ``ServiceError``, in the same words for an unknown name and for a wrong key.
    """
    person = next((row for row in await read_staff(connection) if row.name == name), None)
    expected = person.key_sha256.upper() if person is not None else _NOBODY
    right = compare_digest(staff_key_digest(key.strip()), expected)
    if person is None or not right:
        raise ServiceError(
            f"The key is not that of {name!r}.",
            "Give your own name and key (ONECARD_STAFF_KEY or --staff-key-file).",
        )
    if not is_in_force(person, await store.read_open_date(connection)):
        raise ServiceError(
            f"{name} is no member of staff on the open business date.",
            "See onecard staff list; a new key comes from onecard staff add.",
        )
    return person


def is_in_force(person: Staff, on: date) -> bool:
    """Whether the person may sign on a date."""
    return person.since <= on and (person.until is None or on < person.until)


async def sign_look_up(home: Path, name: str, key: str, subject: str) -> None:
    """Whoever is to see whole card numbers signs for it, which leaves an event; raises as above."""
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            async with connection.transaction():
                on = await store.read_open_date(connection, lock="FOR SHARE")
                person = await authenticate(connection, name, key)
                await add_look_up(connection, on, subject, person.name)
        finally:
            await connection.close()


async def read_staff(connection: Connection) -> list[Staff]:
    """Everybody who is, or was, on the staff, by name."""
    _, version = await store.read_versions(connection)
    rows = (await store.read_registry(connection, version, ("staff",)))["staff"]
    return sorted((row for row in rows if isinstance(row, Staff)), key=lambda row: row.name)


async def staff_of(home: Path) -> tuple[list[Staff], date]:
    """The staff of a home's node, and its open date."""
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            return await read_staff(connection), await store.read_open_date(connection)
        finally:
            await connection.close()


async def add_staff(home: Path, name: str, full_name: str, *, new_key: bool) -> tuple[Staff, str]:
    """Take a person in, or give one a new key; returns the row and the key, which is kept nowhere."""
    if not _NAME.fullmatch(name):
        raise ServiceError(
            f"{name!r} cannot be a name.",
            "Use letters, digits, dots, hyphens and underlines, up to 64, for example li.wei.",
        )
    key = new_staff_key()

    def change(old: Staff | None, today: date) -> Staff:
        in_force = old is not None and is_in_force(old, today)
        if in_force and not new_key:
            raise ServiceError(
                f"{name} is on the staff already.", "Use --new-key if the key was lost or seen."
            )
        if new_key and not in_force:
            raise ServiceError(f"Nobody named {name} is on the staff.", "Leave --new-key out.")
        return Staff(
            name=name,
            full_name=full_name or (old.full_name if old else ""),
            key_sha256=staff_key_digest(key),
            since=old.since if old is not None and in_force else today,
        )

    return await _change(home, name, change), key


async def end_staff(home: Path, name: str) -> Staff:
    """From now on the person may sign nothing more."""

    def change(old: Staff | None, today: date) -> Staff:
        if old is None or not is_in_force(old, today):
            raise ServiceError(f"Nobody named {name} is on the staff.", "See onecard staff list.")
        return msgspec.structs.replace(old, until=today)

    return await _change(home, name, change)


async def _change(home: Path, name: str, change: _Change) -> Staff:
    """Replace a person's row by what ``change`` makes of it and of the open date."""
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            async with connection.transaction():
                today = await store.read_open_date(connection, lock="FOR SHARE")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", store.REGISTRY_LOCK)
                people = {row.name: row for row in await read_staff(connection)}
                row = change(people.get(name), today)
                await register_in(connection, [("staff", row)])
        finally:
            await connection.close()
    return row
