"""SQL migrations: plain files, applied in name order, once each, under an advisory lock."""

from importlib import resources
from typing import Any

LOCK = 0x0C1EA201


def files() -> list[tuple[str, str]]:
    """(name, text) of every migration, in order."""
    found = [
        (entry.name, entry.read_text(encoding="utf-8"))
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(".sql")
    ]
    return sorted(found)


async def apply(connection: Any) -> list[str]:
    """Apply what is missing through an asyncpg connection; returns the names applied.

    Safe to call from several processes at once: the advisory lock makes the others wait.
    """
    applied: list[str] = []
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS public.onecard_migration"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {
            row["name"]
            for row in await connection.fetch("SELECT name FROM public.onecard_migration")
        }
        for name, text in files():
            if name in done:
                continue
            async with connection.transaction():
                await connection.execute(text)
                await connection.execute(
                    "INSERT INTO public.onecard_migration (name) VALUES ($1)", name
                )
            applied.append(name)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)
    return applied
