"""One round of the exchange at a node: deliver what waits, fetch what waits for us, apply it.

Only the province has an address: a city posts its messages to it and pulls what is for the city. So
a province's round only applies. A round may be cut anywhere and begun again.
"""

from typing import Final, Protocol

import asyncpg
import msgspec
import structlog

from clearing.engine import Engine
from clearing.node import Node
from clearing.store import Connection
from schemas import exchange as words
from schemas.cities import PROVINCE
from schemas.exchange import Acknowledgement, Code, MessageError
from settlement.exchange import inbound, post, store
from settlement.exchange.errors import ExchangeError

log = structlog.get_logger(__name__)

_HAS_IT: Final = frozenset({Code.ACCEPTED, Code.DUPLICATE, Code.BAD_SCHEMA, Code.MISMATCH})
"""Acknowledgements of a message that the receiver has stored, whatever it thinks of it."""


class Link(Protocol):
    """The way to the province. Both raise ``LinkDown`` where there is no answer."""

    async def post(self, envelope: bytes) -> bytes:
        """Send one envelope; the acknowledgement."""

    async def pull(self, request: bytes) -> bytes:
        """Send a signed pull request; the envelopes, as ``words.encode_pulled`` writes them."""


class Round(msgspec.Struct, frozen=True):
    """What a round did. All zero, and nothing waits: everything that could happen has happened."""

    delivered: int = 0
    fetched: int = 0
    applied: int = 0

    @property
    def quiet(self) -> bool:
        """Whether nothing happened."""
        return not (self.delivered or self.fetched or self.applied)


async def exchange_round(
    pool: "asyncpg.Pool[asyncpg.Record]", node: Node, engine: Engine | None, link: Link | None
) -> Round:
    """Deliver, fetch, apply, and deliver what that gave rise to. The province needs no link.

    Raises ``LinkDown``; what is done until then stays done.
    """
    if node.city == PROVINCE or link is None:
        return Round(applied=await inbound.apply_waiting(pool, node, engine))
    # What came in earlier needs no link to be applied.
    applied = await inbound.apply_waiting(pool, node, engine)
    delivered = await deliver(pool, node, link)
    fetched = await fetch(pool, node, link)
    applied += await inbound.apply_waiting(pool, node, engine)
    return Round(delivered + await deliver(pool, node, link), fetched, applied)


async def deliver(pool: "asyncpg.Pool[asyncpg.Record]", node: Node, link: Link) -> int:
    """Post unacknowledged messages to the province, in order; how many it took."""
    async with pool.acquire() as connection:
        number = await store.first_unacknowledged(connection, PROVINCE)
    taken = 0
    while number is not None:
        async with pool.acquire() as connection:
            envelope = await store.read_outgoing(connection, PROVINCE, number)
        if envelope is None:
            break
        answer = await link.post(envelope)
        async with pool.acquire() as connection:
            acknowledgement = await _read_answer(connection, node, envelope, answer)
            if acknowledgement is None:
                break
            if acknowledgement.code in _HAS_IT:
                code = acknowledgement.code
                code = Code.ACCEPTED if code == Code.DUPLICATE else code
                await store.acknowledge(connection, PROVINCE, number, code)
                taken += acknowledgement.code != Code.DUPLICATE
                number = await store.first_unacknowledged(connection, PROVINCE, number)
            elif 0 < acknowledgement.want < number:
                # The province lost what it had acknowledged: it came back from a backup.
                number = acknowledgement.want
            else:
                raise ExchangeError(
                    f"The province does not take message {number}:"
                    f" {acknowledgement.code.name.lower()}, {acknowledgement.detail}.",
                    "See that both registries have the other's public key, and the same version.",
                )
    return taken


async def _read_answer(
    connection: Connection, node: Node, envelope: bytes, answer: bytes
) -> Acknowledgement | None:
    """The acknowledgement, or None where what came back is none of this envelope: try again later."""
    try:
        return await post.open_acknowledgement(connection, node, envelope, answer)
    except MessageError as error:
        log.warning("no acknowledgement", detail=error.detail)
        return None


async def fetch(pool: "asyncpg.Pool[asyncpg.Record]", node: Node, link: Link) -> int:
    """Pull from the province until it has nothing more for us; how many messages were stored."""
    stored = 0
    while True:
        async with pool.acquire() as connection:
            request = await post.make_pull(connection, node, PROVINCE)
        answer = await link.pull(request)
        try:
            envelopes = words.decode_pulled(answer)
        except MessageError as error:
            log.warning("not an answer to a pull", detail=error.detail)
            return stored
        async with pool.acquire() as connection:
            if await post.was_refused(connection, node, PROVINCE, request, envelopes):
                continue
        taken = await _take(pool, node, envelopes)
        stored += taken
        if not taken:
            return stored


async def _take(pool: "asyncpg.Pool[asyncpg.Record]", node: Node, envelopes: list[bytes]) -> int:
    """Store what was pulled; how many of them are new."""
    taken = 0
    for envelope in envelopes:
        async with pool.acquire() as connection, connection.transaction():
            acknowledgement = await post.receive(connection, node, envelope)
        taken += acknowledgement.code in _HAS_IT - {Code.DUPLICATE}
    return taken
