"""The node, its one writer, its business dates."""

from datetime import date
from typing import Final

import msgspec

from clearing.errors import DayClosed, NotTheWriter
from clearing.store.connection import Connection

WRITER_LOCK: Final = 0x0C1EA202


class NodeRow(msgspec.Struct, frozen=True):
    """What this node is, as its database says."""

    role: str
    city: str
    name: str
    opened_on: date
    historical: bool
    production: bool
    registry_version: int
    rules_version: int


async def create_node(connection: Connection, row: NodeRow) -> None:
    """Write the node's row and open its first business date."""
    await connection.execute(
        "INSERT INTO clearing.node (role, city, name, opened_on, historical, production)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        row.role, row.city, row.name, row.opened_on, row.historical, row.production,
    )  # fmt: skip
    await open_day(connection, row.opened_on)


async def read_node(connection: Connection) -> NodeRow | None:
    """The node's row, None before ``create_node``."""
    row = await connection.fetchrow(
        "SELECT role, city, name, opened_on, historical, production, registry_version,"
        " rules_version FROM clearing.node"
    )
    return None if row is None else NodeRow(**dict(row))


async def become_writer(connection: Connection) -> int:
    """Take the writer lock on this connection and raise the epoch; returns the epoch.

    Raises ``NotTheWriter`` while another engine holds the lock.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", WRITER_LOCK):
        raise NotTheWriter(
            "Another engine is at work on this node.",
            "Submit through it (onecard submit --url …), or stop it first.",
        )
    return int(
        await connection.fetchval(
            "UPDATE clearing.node SET writer_epoch = writer_epoch + 1 RETURNING writer_epoch"
        )
    )


async def check_epoch(connection: Connection, epoch: int) -> tuple[int, int]:
    """Inside a transaction: still the writer? Returns the rules and registry version in force."""
    row = await connection.fetchrow(
        "SELECT writer_epoch, registry_version, rules_version FROM clearing.node FOR SHARE"
    )
    if row is None or row["writer_epoch"] != epoch:
        raise NotTheWriter("Another engine took over this node.", "Stop this one.")
    return row["rules_version"], row["registry_version"]


def partition_of(business_date: date) -> str:
    """Name of the tap partition of a date, without schema."""
    return f"tap_{business_date:%Y%m%d}"


async def open_day(connection: Connection, business_date: date) -> None:
    """Open a business date: its row and its partition. There is one open date at a time.

    The partition is made apart and attached, which lets everyone read and write the others meanwhile:
    making it in its place would wait for every reader of any date, the night among them. It gets the
    trigger of its own because a statement on a partition does not fire its parent's.
    """
    await connection.execute(
        "INSERT INTO clearing.business_day (business_date, state) VALUES ($1, 'open')",
        business_date,
    )
    following = date.fromordinal(business_date.toordinal() + 1)
    name = partition_of(business_date)
    await connection.execute(
        f"CREATE TABLE clearing.{name} (LIKE clearing.tap INCLUDING STORAGE);"
        f"ALTER TABLE clearing.tap ATTACH PARTITION clearing.{name}"
        f" FOR VALUES FROM ('{business_date}') TO ('{following}');"
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clearing.{name}"
        " FOR EACH STATEMENT EXECUTE FUNCTION clearing.refuse_change()"
    )


async def read_open_date(connection: Connection, *, lock: str = "") -> date:
    """The open business date; ``lock`` is FOR SHARE for who books on it. Raises ``DayClosed``.

    A locked read that waited for a cut-off finds its row closed and the next one not yet in sight,
    so it looks once more.
    """
    for _ in range(2):
        found = await connection.fetchval(
            f"SELECT business_date FROM clearing.business_day WHERE state = 'open' {lock}"
        )
        if found is not None:
            return found  # type: ignore[no-any-return]
    raise DayClosed("No business date is open.", "Run onecard init, or finish the cut-off.")


async def read_last_sealed(connection: Connection) -> date | None:
    """The latest sealed date; every date up to it is sealed."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT max(business_date) FROM clearing.business_day WHERE state = 'sealed'"
    )


async def read_unsealed(connection: Connection) -> list[date]:
    """The dates that are not sealed, in order; the last one is the open one."""
    rows = await connection.fetch(
        "SELECT business_date FROM clearing.business_day WHERE state <> 'sealed' ORDER BY 1"
    )
    return [row["business_date"] for row in rows]


async def read_versions(connection: Connection) -> tuple[int, int]:
    """The rules and registry versions in force."""
    row = await connection.fetchrow("SELECT rules_version, registry_version FROM clearing.node")
    return (row["rules_version"], row["registry_version"]) if row is not None else (0, 0)


async def read_closing_version(connection: Connection, before: date) -> int:
    """The registry version up to which cards are in the state that a date opened with."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(max(registry_version), 0) FROM clearing.business_day"
            " WHERE business_date < $1",
            before,
        )
    )


async def read_last_sealed_before(connection: Connection, business_date: date) -> date | None:
    """The latest sealed date earlier than a date."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT max(business_date) FROM clearing.business_day"
        " WHERE state = 'sealed' AND business_date < $1",
        business_date,
    )
