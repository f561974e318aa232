"""The type of a connection, whether it was opened alone or lent by a pool; the registry's lock."""

from typing import TYPE_CHECKING, Final

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

REGISTRY_LOCK: Final = 0x0C1EA203
"""Whoever changes registry rows or accounts takes this advisory lock, after the open date's."""
