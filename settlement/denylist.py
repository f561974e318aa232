"""The denylist 黑名单: how it stands, and its next version, whoever publishes it.

A file of the centre's and a decision of two people both come here. A version says which cards it added; a
card keeps the version that added it until it is removed.
"""

from collections.abc import Iterable

import msgspec

from clearing.node import Node
from clearing.plan import moment_of
from clearing.store import (
    REGISTRY_LOCK,
    Connection,
    change_registry,
    read_open_date,
    read_registry,
    read_versions,
)
from schemas.registry import Denied, Denylist, key_of


class DeniedCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A card to be denied, as a line of a denylist file names it: ``issuer`` 16, ``serial`` 20
    hexadecimal digits; denied from local time ``since``, by default from the moment of publication."""

    family: int
    issuer: str
    serial: str
    since: str = ""

    def row(self, since: str, version: int) -> Denied:
        """The card's row of a version; ``since`` where the card names no time of its own."""
        return Denied(
            family=self.family,
            issuer=self.issuer.upper(),
            serial=self.serial.upper(),
            since=self.since or since,
            version=version,
        )


class Current(msgspec.Struct, frozen=True):
    """A denylist as it stands: its last version, when that was published (empty: not known), cards."""

    version: int
    published_at: str
    cards: list[Denied]
    versions: tuple[int, ...]


class Publication(msgspec.Struct, frozen=True):
    """What a publication did: ``version`` is the list in force now, ``known`` were denied already and
    stand as they stood, ``absent`` were to be removed and are on no list."""

    version: int
    added: int
    removed: int
    known: tuple[Denied, ...]
    absent: tuple[Denied, ...]


async def read_current(connection: Connection, registry_version: int | None = None) -> Current:
    """The denylist of a registry version, by default the one in force."""
    if registry_version is None:
        _, registry_version = await read_versions(connection)
    rows = await read_registry(connection, registry_version, ("denied", "denylist"))
    cards = [row for row in rows["denied"] if isinstance(row, Denied)]
    lists = {row.version: row for row in rows["denylist"] if isinstance(row, Denylist)}
    versions = sorted(lists.keys() | {card.version for card in cards})
    last = versions[-1] if versions else 0
    published = lists[last].published_at if last in lists else ""
    return Current(last, published, cards, tuple(versions))


async def publish_in(
    connection: Connection,
    node: Node,
    add: Iterable[DeniedCard],
    remove: Iterable[DeniedCard] = (),
) -> Publication:
    """Publish the next version inside a transaction of the caller's; without anything new there is none.

    Cards are denied from the node's present moment on the open date, where they name no other.
    """
    open_date = await read_open_date(connection, lock="FOR SHARE")
    # Versions count up, so nobody else may publish between reading the last one and writing the next.
    await connection.execute("SELECT pg_advisory_xact_lock($1)", REGISTRY_LOCK)
    current = await read_current(connection)
    now = moment_of(node.clock_s(open_date)).isoformat()
    version = current.version + 1
    denied = {key_of("denied", card): card for card in current.cards}
    wanted = {key_of("denied", row): row for row in (card.row(now, version) for card in add)}
    leaving = {key_of("denied", row): row for row in (card.row(now, version) for card in remove)}
    rows = [row for key, row in wanted.items() if key not in denied]
    ended = [key for key in leaving if key in denied]
    if rows or ended:
        published = Denylist(version=version, published_at=now, added=len(rows), removed=len(ended))
        await change_registry(
            connection,
            [*(("denied", row) for row in rows), ("denylist", published)],
            ended=[("denied", key) for key in ended],
        )
    return Publication(
        version=version if rows or ended else current.version,
        added=len(rows),
        removed=len(ended),
        known=tuple(denied[key] for key in wanted if key in denied),
        absent=tuple(row for key, row in leaving.items() if key not in denied),
    )
