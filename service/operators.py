"""Operators of a node: registering them, their API keys, reading who is in force."""

import hashlib
import secrets
from collections.abc import Iterable
from hmac import compare_digest
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from clearing import store
from schemas.registry import Operator
from service.errors import ServiceError
from service.home import open_node, register

KEY_PREFIX: Final = "ock_"
"""API keys start with it, so that a search for leaked ones finds them."""


def new_api_key() -> str:
    """A random API key of 256 bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def api_key_digest(api_key: str) -> str:
    """What the registry keeps of an API key: SHA-256 in upper-case hexadecimal."""
    return hashlib.sha256(api_key.encode()).hexdigest().upper()


def holder(api_key: str, operators: Iterable[Operator]) -> Operator | None:
    """The operator whose API key this is. Looks at every one, whatever it finds."""
    digest = api_key_digest(api_key)
    found = None
    for row in operators:
        if row.api_key_sha256 and compare_digest(digest, row.api_key_sha256.upper()):
            found = row
    return found


async def read_operators(dsn: str) -> list[Operator]:
    """The operators in force, by number."""
    connection = await asyncpg.connect(dsn)
    try:
        _, version = await store.read_versions(connection)
        rows = (await store.read_registry(connection, version, ("operator",)))["operator"]
    finally:
        await connection.close()
    return sorted((row for row in rows if isinstance(row, Operator)), key=lambda row: row.number)


async def operators_of(home: Path) -> list[Operator]:
    """The operators of a home's node."""
    async with open_node(home) as opened:
        return await read_operators(opened.dsn)


async def add_operator(
    home: Path,
    *,
    code: str,
    name: str | None,
    mode: str,
    number: int | None,
    public_key: str,
    api_key: bool | None,
    **fields: str,
) -> tuple[Operator, str]:
    """Register an operator, or change the one with this code; returns its row and new API key.

    ``api_key`` None: a key for a new operator, the old one for a known operator. ``fields`` are tariff,
    split, fee, payee_account and payee_name.
    """
    async with open_node(home) as opened:
        known = await read_operators(opened.dsn)
        old = next((row for row in known if row.code == code), None)
        number = _number_for(code, number, old, known)
        make_key = old is None if api_key is None else api_key
        secret = new_api_key() if make_key else ""
        base = old or Operator(number=number, code=code, name=name or code, mode=mode, tariff="")
        row = msgspec.structs.replace(
            base,
            number=number,
            name=name or base.name,
            mode=mode,
            load_agent=mode == "agent",
            public_key=public_key or base.public_key,
            api_key_sha256=api_key_digest(secret) if secret else base.api_key_sha256,
            **{field: value or getattr(base, field) for field, value in fields.items()},
        )
        await register(opened.dsn, [("operator", row)])
    return row, secret


def _number_for(
    code: str, number: int | None, old: Operator | None, known: Iterable[Operator]
) -> int:
    """The number of an operator. It keeps it for ever, and nobody else gets it."""
    if old is not None and number not in {None, old.number}:
        raise ServiceError(
            f"The operator {code} has the number {old.number}, and keeps it.", "Leave --number out."
        )
    holder_of_it = next((row for row in known if row.number == number and row is not old), None)
    if holder_of_it is not None:
        raise ServiceError(
            f"The number {number} is {holder_of_it.code}'s.", "Leave --number out for a free one."
        )
    if old is not None:
        return old.number
    return number or max((row.number for row in known), default=0) + 1
