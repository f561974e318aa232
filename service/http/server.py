"""``onecard serve``: the engine and the HTTP door in one process, until it is told to stop."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import asyncpg
import structlog
from granian.constants import Interfaces
from granian.server.embed import Server

from clearing.engine import Engine
from service import logs
from service.errors import ServiceError
from service.exchange import keep_exchanging
from service.home import open_node
from service.http.app import make_app
from service.http.doors import Doors
from service.http.throttle import Throttle

log = structlog.get_logger(__name__)

BACKLOG: Final = 1024
READERS_MAX: Final = 4


async def serve(
    home: Path, port: int | None = None, ready: Callable[[str], None] = lambda _url: None
) -> None:
    """Serve the node of a home until SIGTERM or SIGINT; ``ready`` is told the URL.

    Raises ``NotTheWriter`` where another engine is at work, ``ServiceError`` where the port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_node(home) as opened:
        settings = opened.settings
        logs.configure(settings, production=opened.node.row.production)
        chosen = _free_port(settings.http_host, settings.http_port if port is None else port)
        engine = await Engine.start(opened.dsn, opened.node, opened.kernel)
        try:
            async with asyncpg.create_pool(opened.dsn, min_size=1, max_size=READERS_MAX) as reading:
                throttle = Throttle(settings.requests_per_s, settings.requests_burst)
                doors = Doors(opened, engine, reading, throttle)
                async with _exchanging(doors):
                    await _run(doors, settings.http_host, chosen, stop, ready)
        finally:
            await engine.close()
    log.info("stopped")


@asynccontextmanager
async def _exchanging(doors: Doors) -> AsyncIterator[None]:
    """Rounds of the exchange beside the server. A round may be cut anywhere and begun again."""
    opened, settings = doors.opened, doors.opened.settings
    rounds = asyncio.create_task(
        keep_exchanging(
            doors.reading,
            opened.node,
            doors.engine,
            settings.province_url,
            settings.exchange_interval_s,
        )
    )
    try:
        yield
    finally:
        rounds.cancel()
        with suppress(asyncio.CancelledError):
            await rounds


async def _run(
    doors: Doors, host: str, port: int, stop: asyncio.Event, ready: Callable[[str], None]
) -> None:
    """The server around the application; returns when all that was begun is finished."""
    server = Server(
        make_app(doors),
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        backlog=BACKLOG,
        websockets=False,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    await _listening(host, port, serving)
    log.info("serving", url=url, node=doors.opened.node.city)
    ready(url)
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping")
        if not await doors.drain(doors.opened.settings.stop_wait_s):
            log.warning("stopped before every request was answered")
    finally:
        stopping.cancel()
        server.stop()  # type: ignore[no-untyped-call]
        await serving


async def _listening(host: str, port: int, serving: asyncio.Task[None]) -> None:
    """Wait until a connection is taken."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    await serving


def _free_port(host: str, port: int) -> int:
    """The port, if nobody listens on it; any free one for 0.

    The server would share a port that another one holds, and each would get half of the requests.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServiceError(
                f"Port {port} on {host} cannot be had: {error.strerror}.",
                "Choose another one with --port, or stop whoever holds it.",
            ) from error
        return int(probe.getsockname()[1])
