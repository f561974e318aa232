"""What every handler holds: the engine, connections for reading, the keys, the limits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from litestar import Request

from clearing import inspection, store
from clearing.engine import Engine
from clearing.store import Connection
from schemas.registry import Operator
from service.home import OpenNode
from service.http.problems import ProblemError
from service.http.throttle import Throttle
from service.operators import holder

AnyRequest = Request[Any, Any, Any]


class Doors:
    """The state of the application. Not a dataclass: Litestar would look into it to check it."""

    def __init__(
        self,
        opened: OpenNode,
        engine: Engine,
        reading: "asyncpg.Pool[asyncpg.Record]",
        throttle: Throttle,
    ) -> None:
        self.opened, self.engine = opened, engine
        self.reading, self.throttle = reading, throttle
        self.closing = False
        self._busy = 0
        self._idle = asyncio.Event()
        self._operators: list[Operator] = []
        self._registry_version = -1

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Around whatever must be finished before the server stops."""
        if self.closing:
            raise ProblemError(
                503, "the server is stopping", "Try again soon.", {"Retry-After": "5"}
            )
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._idle.set()

    async def drain(self, wait_s: float) -> bool:
        """Let nothing new begin and wait for what has begun; whether all of it ended."""
        self.closing = True
        try:
            async with asyncio.timeout(wait_s):
                while self._busy:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def operator_of(self, request: AnyRequest) -> Operator:
        """Whose API key came with a request. Raises 401, or 429 where the key asks too often."""
        scheme, _, api_key = request.headers.get("authorization", "").partition(" ")
        operator = None
        if scheme.lower() == "bearer" and api_key.strip():
            operator = holder(api_key.strip(), await self.operators())
        client = request.client.host if request.client else ""
        self._throttle(f"operator {operator.number}" if operator else f"client {client}")
        if operator is None:
            raise ProblemError(
                401,
                "the API key is missing or not known",
                "Send the operator's API key: Authorization: Bearer KEY.",
                {"WWW-Authenticate": "Bearer"},
            )
        return operator

    async def operators(self) -> list[Operator]:
        """The operators in force at this moment."""
        async with self.reading.acquire() as connection:
            _, version = await store.read_versions(connection)
            if version != self._registry_version:
                rows = (await store.read_registry(connection, version))["operator"]
                self._operators = [row for row in rows if isinstance(row, Operator)]
                self._registry_version = version
        return self._operators

    @asynccontextmanager
    async def reading_as(self, operator: Operator) -> AsyncIterator[Connection]:
        """A connection that the database shows this operator's own rows only."""
        async with (
            self.reading.acquire() as connection,
            inspection.as_operator(connection, operator.number),
        ):
            yield connection

    def _throttle(self, name: str) -> None:
        wait_s = self.throttle.take(name)
        if wait_s:
            raise ProblemError(
                429,
                "too many requests",
                f"Wait {wait_s:.1f} s.",
                {"Retry-After": str(int(wait_s) + 1)},
            )
