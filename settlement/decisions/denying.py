"""Two people put a card on the denylist: its next version has it, from the node's present moment on."""

from clearing.node import Node
from clearing.plan import moment_of
from clearing.store import REGISTRY_LOCK, Connection, change_registry, read_registry, read_versions
from schemas.registry import Denied, Denylist, key_of
from settlement.decisions.case import Case


async def deny(connection: Connection, node: Node, case: Case) -> int:
    """Publish the next denylist version with the case's card; returns the version.

    A card that is denied already stays as it is; the version returned is then the one that has it.
    """
    card = case.card
    # Versions count up, so nobody else may publish between reading the last one and writing the next.
    await connection.execute("SELECT pg_advisory_xact_lock($1)", REGISTRY_LOCK)
    _, registry_version = await read_versions(connection)
    registry = await read_registry(connection, registry_version, ("denied", "denylist"))
    denied = [row for row in registry["denied"] if isinstance(row, Denied)]
    lists = [row for row in registry["denylist"] if isinstance(row, Denylist)]
    versions = [row.version for row in denied] + [row.version for row in lists]
    version = 1 + max(versions, default=0)
    moment = moment_of(node.clock_s(case.open_date)).isoformat()
    row = Denied(
        family=card[0],
        issuer=card[1:9].hex().upper(),
        serial=card[9:].hex().upper(),
        since=moment,
        version=version,
    )
    for known in denied:
        if key_of("denied", known).upper() == key_of("denied", row).upper():
            return known.version
    published = Denylist(version=version, published_at=moment, added=1, removed=0)
    await change_registry(connection, [("denied", row), ("denylist", published)])
    return version
