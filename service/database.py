"""The database of a node: the one that was given, or an embedded PostgreSQL of the node's own.

::

    async with running(home) as server:
        connection = await asyncpg.connect(server.dsn)

With ``ONECARD_DSN`` in the environment that database is used and nothing is started. Otherwise a
PostgreSQL runs on ``home/database`` for as long as any process is inside such a block, whichever
came first and whichever leaves last; ``service.postgres`` tells how. ``ONECARD_PG_BIN`` names the
directory of the programs to run it with; without it the wheel's are taken, then Debian's.

A process that was made by ``fork`` inside the block holds the server too, until it ends.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import asyncpg

from service.postgres import binaries
from service.postgres.attachment import READY_WAIT_S, Attachment, attach
from service.postgres.binaries import SUPPORTED_MAJORS, Binaries
from service.postgres.cluster import SUPERUSER, Layout
from service.postgres.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = [
    "SUPPORTED_MAJORS",
    "DatabaseError",
    "Server",
    "create_database",
    "database_dsn",
    "drop_database",
    "running",
]

DATABASE = "onecard"
CONNECT_WAIT_S = 30.0

# What a connection meets while a server dies, and while it comes back.
PASSING = (
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.CrashShutdownError,
    asyncpg.PostgresConnectionError,
)
PASSING_ERRNOS = (errno.ENOENT, errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE)


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that runs.

    ``dsn`` connects to the node's database with asyncpg or psql; ``version`` is PostgreSQL's own
    number, 180006 for 18.6. For an embedded one, ``binaries`` is the directory of its programs
    (the first user's, where several share it), ``data`` its data directory, ``log`` what it says,
    ``pid`` its process as it was when we came; for a given one these are None.
    """

    dsn: str
    version: int
    binaries: Path | None = None
    data: Path | None = None
    log: Path | None = None
    pid: int | None = None

    @property
    def major(self) -> int:
        """The major version, for example 18."""
        return self.version // 10_000


@asynccontextmanager
async def running(
    home: Path, *, dsn: str | None = None, environ: Mapping[str, str] = os.environ
) -> AsyncIterator[Server]:
    """A server for this home, which runs at least until the block is left.

    ``dsn``, or else ``ONECARD_DSN``, names a database to use instead of an embedded one; then
    ``home`` is not looked at. Leaving the block as the last user returns when the server is down.

    Raises DatabaseError: no programs, not startable, data of another major version, a version that
    is not supported, a given database that does not answer.
    """
    given = dsn or environ.get("ONECARD_DSN")
    if given:
        yield Server(given, await _version_of_given(given))
        return
    programs = await asyncio.to_thread(binaries.find, environ)
    layout = Layout.of_home(home)
    attachment = await _attach(layout, programs)
    try:
        address = f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(attachment.sockets))}"
        version = await _version_of_embedded(address, attachment)
        yield Server(address, version, programs.directory, layout.data, layout.log, attachment.pid)
    finally:
        await asyncio.shield(asyncio.to_thread(attachment.leave))


async def create_database(dsn: str, name: str, *, template: str = "template0") -> str:
    """Makes a database on the server of ``dsn``, a copy of ``template``; returns its dsn.

    Nobody may be connected to the template. Raises asyncpg.DuplicateDatabaseError.
    """
    connection = await asyncpg.connect(database_dsn(dsn, "postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {_quoted(name)} TEMPLATE {_quoted(template)}")
    finally:
        await connection.close()
    return database_dsn(dsn, name)


async def drop_database(dsn: str, name: str) -> None:
    """Drops a database on the server of ``dsn``, and the connections to it; none is no error."""
    connection = await asyncpg.connect(database_dsn(dsn, "postgres"))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
    finally:
        await connection.close()


def database_dsn(dsn: str, name: str) -> str:
    """The same server and user, another database."""
    # Not by urlunsplit: it drops the two slashes of an address that has no host.
    scheme, _, rest = dsn.partition("://")
    authority, slash, tail = rest.partition("/")
    if not slash:
        authority, question, query = rest.partition("?")
    else:
        _, question, query = tail.partition("?")
    return f"{scheme}://{authority}/{quote(name, safe='')}{question}{query}"


async def _attach(layout: Layout, programs: Binaries) -> Attachment:
    """Attaches in a thread. When we are cancelled meanwhile the thread lets go of what it brings."""
    lock = threading.Lock()
    brought: list[Attachment] = []
    given_up = False

    def bring() -> Attachment:
        attachment = attach(layout, programs)
        with lock:
            brought.append(attachment)
            if given_up:
                attachment.abandon()
        return attachment

    try:
        return await asyncio.to_thread(bring)
    except asyncio.CancelledError:
        with lock:
            given_up = True
            for attachment in brought:
                attachment.abandon()
        raise


async def _version_of_embedded(dsn: str, attachment: Attachment) -> int:
    """Waits while a server that was killed is started again by its supervisor."""
    give_up_at = time.monotonic() + READY_WAIT_S
    while True:
        attachment.check()
        try:
            return await _open_or_make(dsn)
        except (*PASSING, OSError) as error:
            passing = not isinstance(error, OSError) or error.errno in PASSING_ERRNOS
            if not passing or time.monotonic() > give_up_at:
                raise DatabaseError(
                    f"The database runs and cannot be reached: {_said(error)}.",
                    f"The end of {attachment.log} may say more.",
                ) from error
            await asyncio.sleep(0.05)


async def _open_or_make(dsn: str) -> int:
    """The version of the server, on which the node's database is made if it is not there yet."""
    try:
        return await _version(await asyncpg.connect(dsn, timeout=CONNECT_WAIT_S))
    except asyncpg.InvalidCatalogNameError:
        # Two that come at once may both try; that one of them succeeds is all we need.
        with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await create_database(dsn, DATABASE)
    return await _version(await asyncpg.connect(dsn, timeout=CONNECT_WAIT_S))


async def _version_of_given(dsn: str) -> int:
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_WAIT_S)
    except (
        OSError,
        ValueError,
        TimeoutError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        raise DatabaseError(
            f"The database {_without_password(dsn)} does not answer: {_said(error)}.",
            "Mend ONECARD_DSN (postgresql://user:password@host:port/database), or leave it unset"
            " for a database of the node's own.",
        ) from error
    version = await _version(connection)
    if version // 10_000 not in SUPPORTED_MAJORS:
        raise DatabaseError(
            f"The database {_without_password(dsn)} is PostgreSQL {version // 10_000}, and this"
            f" release is tested on {' and '.join(map(str, SUPPORTED_MAJORS))} only.",
            "Name one of those in ONECARD_DSN.",
        )
    return version


async def _version(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    try:
        return int(await connection.fetchval("SHOW server_version_num"))
    finally:
        await connection.close()


def _said(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")


def _without_password(dsn: str) -> str:
    """What of a dsn may be shown: where it leads."""
    try:
        parts = urlsplit(dsn)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "that ONECARD_DSN names"
    return f"{parts.path.lstrip('/') or 'of the user'} on {host or 'a local socket'}" + (
        f":{port}" if port else ""
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
