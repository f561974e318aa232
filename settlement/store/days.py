"""The night and its business dates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Final

import asyncpg
import msgspec

from clearing.store import Connection
from settlement.errors import DayNotReady, NightRunning

NIGHT_LOCK: Final = 0x0C1EA206

STATES: Final = (
    "open", "cut_off", "complete", "audited", "netted", "stated", "instructed", "sealed",
)  # fmt: skip
"""The states of a business date, in order."""


@asynccontextmanager
async def night(dsn: str) -> AsyncIterator[Connection]:
    """A connection that holds the night lock. Raises ``NightRunning`` while another one does."""
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", NIGHT_LOCK):
            raise NightRunning(
                "Another process is settling this node.", "Wait until it is done, then try again."
            )
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def reading(dsn: str) -> AsyncIterator[Connection]:
    """A connection that sees one state of the database from beginning to end, and writes nothing."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    finally:
        await connection.close()


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """A business date as it is stored."""

    business_date: date
    state: str
    first_batch_seq: int | None = None
    last_batch_seq: int | None = None
    registry_version: int | None = None
    rules_version: int | None = None
    rules_digest: bytes | None = None
    taps_root: bytes | None = None
    ledger_root: bytes | None = None
    events_root: bytes | None = None
    papers_root: bytes | None = None
    seal: bytes | None = None

    def reached(self, state: str) -> bool:
        """Whether the date is in this state or past it."""
        return STATES.index(self.state) >= STATES.index(state)


_DAY: Final = ", ".join(DayRow.__struct_fields__)


async def read_day(connection: Connection, business_date: date, *, lock: str = "") -> DayRow:
    """A business date; ``lock`` is FOR UPDATE for who moves it. Raises ``DayNotReady``."""
    row = await connection.fetchrow(
        f"SELECT {_DAY} FROM clearing.business_day WHERE business_date = $1 {lock}", business_date
    )
    if row is None:
        latest = await connection.fetchval("SELECT max(business_date) FROM clearing.business_day")
        raise DayNotReady(
            f"There is no business date {business_date} on this node.",
            f"The open date is {latest}.",
        )
    return DayRow(**dict(row))


async def read_days_before(connection: Connection, business_date: date) -> list[DayRow]:
    """Every earlier business date, in order."""
    rows = await connection.fetch(
        f"SELECT {_DAY} FROM clearing.business_day WHERE business_date < $1 ORDER BY 1",
        business_date,
    )
    return [DayRow(**dict(row)) for row in rows]


async def change_day(connection: Connection, business_date: date, **values: object) -> None:
    """Set columns of a business date."""
    names = sorted(values)
    await connection.execute(
        "UPDATE clearing.business_day SET "
        + ", ".join(f"{name} = ${at}" for at, name in enumerate(names, 2))
        + " WHERE business_date = $1",
        business_date, *(values[name] for name in names),
    )  # fmt: skip


async def read_batch_range(
    connection: Connection, business_date: date
) -> tuple[int | None, int | None]:
    """The first and last batch_seq of a date; None where it has no batch."""
    row = await connection.fetchrow(
        "SELECT min(batch_seq) AS first, max(batch_seq) AS last FROM clearing.batch"
        " WHERE business_date = $1",
        business_date,
    )
    assert row is not None
    return row["first"], row["last"]


async def read_rules_digest(connection: Connection, version: int) -> bytes:
    """The digest of a rule set; empty where there is none."""
    found = await connection.fetchval(
        "SELECT digest FROM clearing.rules WHERE rules_version = $1", version
    )
    return found or b""
