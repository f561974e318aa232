"""Rules that turn out wrong, and the two people who re-clear the first date by others."""

from __future__ import annotations

import asyncpg

from clearing import rules
from clearing import store as clearing_store
from schemas.registry import Staff
from settlement import reclearing, store
from settlement.reclearing.people import compute
from tests.settlement.chains.nights import OPEN, City

LATE = ("[[transfer.city]]\nsince = 2025-11-25", "[[transfer.city]]\nsince = 2026-01-06")
"""Transfers that begin on the date after the first one; the notice said six weeks before."""


async def put(city: City, *edits: tuple[str, str], note: str) -> int:
    """Put Xi'an's rules with these edits; returns their version. Another ``note`` makes another version."""
    files = rules.read(["xian"])
    text = files["xian/rules.toml"]
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    files |= {"xian/rules.toml": f"# {note}\n{text}"}
    connection = await asyncpg.connect(city.context.dsn)
    try:
        async with connection.transaction():
            return await clearing_store.add_rules(connection, rules.load(files).digest, files)
    finally:
        await connection.close()


async def recleared(city: City, version: int | None = None) -> int:
    """Two people re-clear the first date by a version of the rules, the newest where none is named;
    returns how many taps the list has."""
    connection = await asyncpg.connect(city.context.dsn)
    try:
        async with connection.transaction():
            people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in ("anna", "bo")]
            await clearing_store.change_registry(connection, [("staff", row) for row in people])
        day = await store.read_day(connection, OPEN)
        listed = await compute(city.context, day, version)
        made = await reclearing.propose(connection, city.context, day, listed, "late", "anna")
        await reclearing.decide(connection, city.context, made.proposal_no, True, "", "bo")
    finally:
        await connection.close()
    return made.taps
