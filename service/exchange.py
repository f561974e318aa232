"""The exchange's door outwards: the link to the province over HTTP, and the rounds in a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

import asyncpg
import httpx
import structlog

from clearing.engine import Engine
from clearing.errors import ClearingError
from clearing.node import Node
from settlement.exchange.courier import exchange_round
from settlement.exchange.errors import LinkDown

if TYPE_CHECKING:
    from types import TracebackType

log = structlog.get_logger(__name__)

MESSAGES: Final = "/v1/exchange/messages"
PULLS: Final = "/v1/exchange/pulls"
TIMEOUT_S: Final = 60.0
PAUSE_MAX_S: Final = 60.0
"""Longest pause after a round that failed; each failure in a row doubles it."""


class HttpLink:
    """The way to the province node at ``url``. Use it as a context manager."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def post(self, envelope: bytes) -> bytes:
        """Send one envelope; the acknowledgement. Raises ``LinkDown``."""
        return await self._send(MESSAGES, envelope)

    async def pull(self, request: bytes) -> bytes:
        """Send a signed pull request; the envelopes. Raises ``LinkDown``."""
        return await self._send(PULLS, request)

    async def _send(self, path: str, body: bytes) -> bytes:
        try:
            answer = await self._client.post(path, content=body)
        except httpx.HTTPError as error:
            raise LinkDown(str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise LinkDown(f"{path} answered {answer.status_code}: {answer.text[:200]}")
        return answer.content


async def keep_exchanging(
    pool: asyncpg.Pool[asyncpg.Record],
    node: Node,
    engine: Engine,
    province_url: str,
    interval_s: float,
) -> None:
    """Rounds until cancelled, ``interval_s`` apart when there is nothing to do.

    A city without ``province_url`` has nobody to exchange with; the province needs no address, it
    applies what cities posted. A round that fails is logged and tried again after a pause.
    """
    if node.row.role == "city" and not province_url:
        return
    pause_s = interval_s
    async with HttpLink(province_url or "http://nobody.invalid") as link:
        reach = link if node.row.role == "city" else None
        while True:
            try:
                done = await exchange_round(pool, node, engine, reach)
            except (ClearingError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("exchange round failed", error=str(error) or type(error).__name__)
                pause_s = min(max(2 * pause_s, interval_s), max(PAUSE_MAX_S, interval_s))
            else:
                pause_s = interval_s
                if not done.quiet:
                    log.info(
                        "exchange round",
                        delivered=done.delivered,
                        fetched=done.fetched,
                        applied=done.applied,
                    )
                    continue
            await asyncio.sleep(pause_s)
