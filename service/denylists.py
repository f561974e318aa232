"""Denylists 黑名单: versions, which operator acknowledged which, from when each binds.

A version says which cards it added; a card keeps the version that added it until it is removed, so that a
version which an operator acknowledged goes on binding it. An acknowledgement is the proof of delivery: from
it, plus grace, the operator bears what it takes from a denied card; before, the issuer.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from clearing import store
from clearing.limits import DENYLIST_GRACE_S
from clearing.node import Node
from clearing.plan import moment_of
from clearing.store import Connection
from schemas.registry import Denylist, Operator, key_of
from service import rowchecks
from service.documents import Line, Problem, Refused, convert, read_lines
from service.errors import ServiceError
from service.home import OpenNode, open_node
from service.masking import masked
from service.registry import version_on
from settlement.denylist import Current, DeniedCard, publish_in, read_current

ACKNOWLEDGED: Final = "denylist_acknowledged"
"""Kind of the event that an acknowledgement leaves."""

GRACE: Final = timedelta(seconds=DENYLIST_GRACE_S)


class Published(msgspec.Struct, frozen=True):
    """What a publication did: ``version`` is the list in force now, ``known`` were denied already,
    ``absent`` were to be removed and are on no list; both masked."""

    version: int
    added: int
    removed: int
    known: tuple[str, ...]
    absent: tuple[str, ...]


class Acknowledgement(msgspec.Struct, frozen=True):
    """An operator has a version since ``acknowledged_at``; it binds from ``binds_from`` on. ``first``:
    it was not acknowledged before."""

    operator: int
    version: int
    acknowledged_at: datetime
    binds_from: datetime
    first: bool


class OperatorState(msgspec.Struct, frozen=True):
    """Where an operator stands: the last version it acknowledged (0: none), since when, from when that
    binds, whether it does now, and the versions that it has not acknowledged."""

    operator: int
    code: str
    name: str
    version: int
    acknowledged_at: datetime | None
    binds_from: datetime | None
    binds: bool
    outstanding: tuple[int, ...]


# -- reading -------------------------------------------------------------------------------------


async def _operators(connection: Connection) -> list[Operator]:
    _, version = await store.read_versions(connection)
    rows = (await store.read_registry(connection, version, ("operator",)))["operator"]
    return sorted((row for row in rows if isinstance(row, Operator)), key=lambda row: row.number)


def state_of(row: Operator, versions: Sequence[int], now: datetime) -> OperatorState:
    """Where an operator stands with the versions there are."""
    last = max((version for version, _ in row.denylist_acknowledged), default=0)
    moment = _acknowledged_at(row, last) if last else None
    binds_from = moment + GRACE if moment is not None else None
    return OperatorState(
        operator=row.number,
        code=row.code,
        name=row.name,
        version=last,
        acknowledged_at=moment,
        binds_from=binds_from,
        binds=binds_from is not None and now >= binds_from,
        outstanding=tuple(version for version in versions if version > last),
    )


def _acknowledged_at(row: Operator, version: int) -> datetime | None:
    """When an operator first acknowledged this version or a later one."""
    moments = [
        datetime.fromisoformat(moment)
        for known, moment in row.denylist_acknowledged
        if known >= version
    ]
    return min(moments, default=None)


async def status_of(home: Path) -> tuple[Current, list[OperatorState]]:
    """The denylist in force, and where each operator stands with it."""
    async with _connected(home) as (opened, connection):
        current = await read_current(connection)
        now = _now(opened.node, await store.read_open_date(connection))
        rows = await _operators(connection)
    return current, [state_of(row, current.versions, now) for row in rows]


async def denylist_on(home: Path, on: date) -> Current:
    """The denylist as it stood at the end of a business date."""
    async with _connected(home) as (_, connection):
        return await read_current(connection, await version_on(connection, on))


# -- publishing ----------------------------------------------------------------------------------


async def publish(home: Path, add: Path | None, remove: Path | None) -> Published:
    """Publish the next version. Raises ``Refused`` with every wrong row; nothing is published then."""
    problems: list[Problem] = []
    added = _read(add, problems)
    removed = _read(remove, problems)
    problems += [
        removed[key][0].problem("serial", "the card is added, too.", "Keep one of both.")
        for key in added.keys() & removed.keys()
    ]
    if problems:
        raise Refused(problems)
    async with _connected(home) as (opened, connection), connection.transaction():
        done = await publish_in(
            connection,
            opened.node,
            [card for _, card in added.values()],
            [card for _, card in removed.values()],
        )
    return Published(
        version=done.version,
        added=done.added,
        removed=done.removed,
        known=tuple(masked(row.serial) for row in done.known),
        absent=tuple(masked(row.serial) for row in done.absent),
    )


def _read(path: Path | None, problems: list[Problem]) -> dict[str, tuple[Line, DeniedCard]]:
    found: dict[str, tuple[Line, DeniedCard]] = {}
    for line in read_lines(path, problems) if path is not None else ():
        card = convert(line, DeniedCard, problems)
        if card is None:
            continue
        row = card.row("2000-01-01T00:00:00", 1)
        problems += [line.problem(*wrong) for wrong in rowchecks.check_denied(row)]
        key = key_of("denied", row)
        if found.setdefault(key, (line, card))[1] != card:
            problems.append(
                line.problem(
                    "since", f"the card stands in line {found[key][0].line}, too.", "Keep one."
                )
            )
    return found


# -- acknowledging -------------------------------------------------------------------------------


async def acknowledge(
    home: Path, operator: str, version: int, at: datetime | None
) -> Acknowledgement:
    """Note that an operator, by number or code, has a version since a time, by default since now."""
    async with _connected(home) as (opened, connection), connection.transaction():
        rows = await _operators(connection)
        row = next((row for row in rows if operator in {str(row.number), row.code}), None)
        if row is None:
            raise ServiceError(f"There is no operator {operator!r}.", "See onecard operator list.")
        return await acknowledge_in(connection, opened.node, row.number, version, at)


async def acknowledge_in(
    connection: Connection, node: Node, operator: int, version: int, at: datetime | None = None
) -> Acknowledgement:
    """The same inside a transaction of the caller's. Who has a version already keeps its time."""
    open_date = await store.read_open_date(connection, lock="FOR SHARE")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", store.REGISTRY_LOCK)
    row = next(row for row in await _operators(connection) if row.number == operator)
    current = await read_current(connection)
    if not 1 <= version <= current.version:
        raise ServiceError(
            f"There is no denylist version {version}.",
            f"Versions go up to {current.version}."
            if current.version
            else "No denylist was published.",
        )
    earlier = _acknowledged_at(row, version)
    if earlier is not None:
        return Acknowledgement(operator, version, earlier, earlier + GRACE, first=False)
    now = _now(node, open_date)
    moment = at or now
    await _check_moment(connection, version, moment, now)
    text = moment.isoformat()
    acknowledged = (*row.denylist_acknowledged, (version, text))
    changed = msgspec.structs.replace(row, denylist_acknowledged=acknowledged)
    await store.change_registry(connection, [("operator", changed)])
    await store.add_event(
        connection, open_date, ACKNOWLEDGED, f"{operator}/{version}", {"acknowledged_at": text}
    )
    return Acknowledgement(operator, version, moment, moment + GRACE, first=True)


async def _check_moment(
    connection: Connection, version: int, moment: datetime, now: datetime
) -> None:
    if moment > now:
        raise ServiceError(
            f"{moment.isoformat()} has not come; the node's clock shows {now.isoformat()}.",
            "Give the time of the acknowledgement, or leave --at out.",
        )
    history = await store.read_history(connection, "denylist", str(version))
    published = history[-1].row if history else None
    if isinstance(published, Denylist) and moment < datetime.fromisoformat(published.published_at):
        raise ServiceError(
            f"Version {version} was published at {published.published_at}, later than that.",
            "Give the time of the acknowledgement.",
        )


# -- where ---------------------------------------------------------------------------------------


def _now(node: Node, open_date: date) -> datetime:
    return moment_of(node.clock_s(open_date))


@asynccontextmanager
async def _connected(
    home: Path,
) -> AsyncIterator["tuple[OpenNode, asyncpg.Connection[asyncpg.Record]]"]:
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            yield opened, connection
        finally:
            await connection.close()
