"""Issuers' load logs 充值日志: importing them, and until when each is complete.

A line is known by (issuer, authorisation): the same line again is nothing, another one under its
authorisation is refused. The nightly audit holds top-ups and rises of balance against the log.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from clearing import store
from clearing.limits import CLOCK_TOLERANCE_S
from clearing.plan import moment_of
from clearing.store import Connection
from schemas.items import LoadLogged
from schemas.registry import Issuer, Operator
from service.documents import Line, Problem, Refused, convert, read_lines
from service.errors import ServiceError
from service.home import OpenNode, open_node
from service.masking import masked
from service.registry import version_on
from settlement.store import loads as stored
from settlement.store.loads import LoadLogState, LoadRow

IMPORTED: Final = "load_log"
"""Kind of the event that an import leaves."""

AUTHORISATION_CHARACTERS_MAX: Final = 64

Wrong = tuple[str, str, str]
"""(field, what is wrong, what to do)."""


class LoadsImported(msgspec.Struct):
    """What an import did: new lines and their sum, lines that were known, until when the log is
    complete now (None: nobody said), what is odd."""

    issuer: int
    new: int = 0
    amount_fen: int = 0
    known: int = 0
    complete_until: datetime | None = None
    warnings: list[str] = []


class IssuerLoads(msgspec.Struct, frozen=True):
    """An own issuer and what is known of its load log."""

    issuer: int
    name: str
    loads: int
    amount_fen: int
    last_loaded_at: datetime | None
    complete_until: datetime | None


async def import_loads(
    home: Path, file: Path | None, issuer: int, complete_until: datetime | None
) -> LoadsImported:
    """Put an issuer's lines in the log, all or none. Raises ``Refused`` with every wrong row."""
    problems: list[Problem] = []
    lines = read_lines(file, problems) if file is not None else []
    documents = [(line, convert(line, LoadLogged, problems)) for line in lines]
    async with _connected(home) as (opened, connection), connection.transaction():
        today = await store.read_open_date(connection, lock="FOR SHARE")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", store.REGISTRY_LOCK)
        latest = moment_of(opened.node.clock_s(today)) + timedelta(seconds=CLOCK_TOLERANCE_S)
        row = await _own_issuer(connection, issuer)
        rows = _rows(documents, row, latest, today, problems)
        known = await stored.read_loads_by_authorisation(connection, issuer, list(rows))
        problems += _differing(rows, known)
        if problems:
            raise Refused(problems)
        if complete_until is not None and complete_until > latest:
            raise ServiceError(
                f"The log cannot be complete until {complete_until}: that time has not come.",
                "Give the time up to which every load is in the log.",
            )
        new = [row for authorisation, (_, row) in rows.items() if authorisation not in known]
        return await _import_in(connection, issuer, new, len(known), complete_until, today)


async def _import_in(
    connection: Connection,
    issuer: int,
    new: Sequence[LoadRow],
    known: int,
    complete_until: datetime | None,
    today: date,
) -> LoadsImported:
    before = (await stored.read_complete_until(connection, today)).get(issuer)
    done = LoadsImported(issuer, len(new), sum(row.amount_fen for row in new), known, before)
    await stored.add_loads(connection, new)
    news = False
    if complete_until is not None and (before is None or complete_until > before):
        news = await stored.add_complete_until(connection, issuer, complete_until, today)
        done.complete_until = complete_until
    elif complete_until is not None:
        done.warnings.append(f"The log was complete until {before} already.")
    done.warnings += await _oddities(connection, new, before)
    if new or news:
        body = {
            "loads": len(new),
            "amount_fen": done.amount_fen,
            "complete_until": complete_until.isoformat() if news and complete_until else None,
        }
        subject = f"{issuer}/{_digest(new, complete_until)}"
        await store.add_event(connection, today, IMPORTED, subject, body)
    return done


async def status_of(home: Path, on: date | None) -> list[IssuerLoads]:
    """What is known of each own issuer's load log, now or at the end of a business date."""
    async with _connected(home) as (_, connection):
        if on is not None:
            await version_on(connection, on)
        else:
            on = await store.read_open_date(connection)
        states = await stored.read_load_states(connection, on)
        issuers = [row for row in await _issuers(connection) if row.own]
    found = []
    for row in issuers:
        empty = LoadLogState(
            issuer_no=row.number, loads=0, amount_fen=0, last_loaded_at=None, complete_until=None
        )
        state = states.get(row.number, empty)
        found.append(
            IssuerLoads(
                row.number,
                row.name,
                state.loads,
                state.amount_fen,
                state.last_loaded_at,
                state.complete_until,
            )
        )
    return found


# -- what must hold of a line --------------------------------------------------------------------


def _rows(
    documents: Sequence[tuple[Line, LoadLogged | None]],
    issuer: Issuer,
    latest: datetime,
    today: date,
    problems: list[Problem],
) -> dict[str, tuple[Line, LoadRow]]:
    """Lines by authorisation, each once."""
    found: dict[str, tuple[Line, LoadRow]] = {}
    for line, load in documents:
        if load is None:
            continue
        wrong = list(_wrong(load, issuer, latest))
        problems += [line.problem(*words) for words in wrong]
        if wrong:
            continue
        row = LoadRow(
            issuer_no=issuer.number,
            authorisation=load.authorisation,
            card=bytes([load.family]) + bytes.fromhex(load.issuer) + bytes.fromhex(load.serial),
            online_counter=load.online_counter,
            amount_fen=load.amount_fen,
            loaded_at=datetime.fromisoformat(load.loaded_at),
            operator_no=load.operator,
            imported_on=today,
        )
        first, earlier = found.setdefault(load.authorisation, (line, row))
        if earlier != row:
            problems.append(
                line.problem(
                    "authorisation",
                    f"{load.authorisation} stands in line {first.line} with other content.",
                    "Each load has an authorisation of its own.",
                )
            )
    return found


def _wrong(load: LoadLogged, issuer: Issuer, latest: datetime) -> Iterator[Wrong]:
    if load.family != issuer.family:
        yield "family", f"issuer {issuer.number} has family {issuer.family}.", "Name its own cards."
    if load.issuer.upper() != issuer.issuer.upper():
        yield (
            "issuer",
            f"{load.issuer} is not issuer {issuer.number}, {issuer.issuer}.",
            "Import each issuer's log by itself.",
        )
    if not re.fullmatch(r"[0-9A-Fa-f]{20}", load.serial):
        yield "serial", f"{load.serial!r} is not 20 hexadecimal digits.", "Give all of them."
    if not 0 <= load.online_counter < 2**16:
        yield "online_counter", f"{load.online_counter} is no counter.", "Use 0 to 65535."
    if not 0 < load.amount_fen < 2**31:
        yield "amount_fen", f"{load.amount_fen} fen is no load.", "Give fen, more than 0."
    if not 0 < load.operator < 2**32:
        yield "operator", f"{load.operator} is no operator.", "Give the load agent's number."
    if not 0 < len(load.authorisation.strip()) <= AUTHORISATION_CHARACTERS_MAX:
        yield (
            "authorisation",
            f"it has {len(load.authorisation)} characters.",
            f"Give 1 to {AUTHORISATION_CHARACTERS_MAX}, another one for each load.",
        )
    try:
        moment = datetime.fromisoformat(load.loaded_at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        yield "loaded_at", f"{load.loaded_at!r} is no local time.", "Write 2026-01-05T08:30:00."
    elif moment > latest:
        yield "loaded_at", f"{load.loaded_at} has not come.", "Give the time of the load."


def _differing(
    rows: Mapping[str, tuple[Line, LoadRow]], known: Mapping[str, LoadRow]
) -> Iterator[Problem]:
    for authorisation, (line, row) in rows.items():
        old = known.get(authorisation)
        if old is None:
            continue
        fields = [
            f"{name} {getattr(old, name)}"
            for name in ("card", "online_counter", "amount_fen", "loaded_at", "operator_no")
            if getattr(old, name) != getattr(row, name)
        ]
        if fields:
            words = ", ".join("another card" if f.startswith("card ") else f for f in fields)
            yield line.problem(
                "authorisation",
                f"{authorisation} came on {old.imported_on} with other content ({words}).",
                "What came first stays; ask the issuer.",
            )


async def _oddities(
    connection: Connection, new: Sequence[LoadRow], before: datetime | None
) -> list[str]:
    """What is taken and ought to be looked at."""
    found = [
        f"Card {masked(card[9:].hex().upper())} has load counter {counter} in"
        f" {len(authorisations)} loads: {', '.join(authorisations)}."
        for card, counter, authorisations in await stored.read_same_counters(connection, new)
    ]
    late = sum(before is not None and row.loaded_at < before for row in new)
    if late:
        found.append(f"{late:,} loads lie before {before}, until when the log was complete.")
    _, version = await store.read_versions(connection)
    rows = (await store.read_registry(connection, version, ("operator",)))["operator"]
    agents = {row.number for row in rows if isinstance(row, Operator)}
    strangers = sorted({row.operator_no for row in new} - agents)
    if strangers:
        words = ", ".join(map(str, strangers[:20]))
        found.append(f"Load agents that are not registered here: {words}.")
    return found


# -- where ---------------------------------------------------------------------------------------


async def _issuers(connection: Connection) -> list[Issuer]:
    _, version = await store.read_versions(connection)
    rows = (await store.read_registry(connection, version, ("issuer",)))["issuer"]
    return sorted((row for row in rows if isinstance(row, Issuer)), key=lambda row: row.number)


async def _own_issuer(connection: Connection, number: int) -> Issuer:
    own = [row for row in await _issuers(connection) if row.own]
    found = next((row for row in own if row.number == number), None)
    if found is None:
        words = ", ".join(f"{row.number} {row.name}" for row in own)
        raise ServiceError(
            f"Issuer {number} is not this node's own.",
            f"Its own are: {words}." if words else "It has none.",
        )
    return found


def _digest(rows: Sequence[LoadRow], complete_until: datetime | None) -> str:
    """Names an import by what it brought."""
    lines = sorted(row.authorisation for row in rows)
    return hashlib.sha256("\n".join([*lines, str(complete_until)]).encode()).hexdigest()


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
