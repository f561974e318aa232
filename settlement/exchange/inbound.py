"""Received messages, applied once each, in the order of their numbers, each in one transaction.

What a message does wrong goes back to its sender as an objection, and its number is done with. A
clearing total that disagrees with our books stays: it is tried again each time, and booked as soon as
the books agree.
"""

from datetime import date

import asyncpg
import structlog

from clearing.engine import Engine
from clearing.errors import ClearingError
from clearing.node import Node
from clearing.store import Connection, add_event, read_open_date
from schemas import exchange as words
from schemas.cities import PROVINCE
from schemas.exchange import Code, Envelope, MessageError, MessageKind, Objection, Presentment
from settlement.exchange import acquirer, codec, cycle, issuer, post, province, store
from settlement.exchange.codec import Keys
from settlement.exchange.errors import AlreadyApplied

log = structlog.get_logger(__name__)


async def apply_waiting(
    pool: "asyncpg.Pool[asyncpg.Record]", node: Node, engine: Engine | None
) -> int:
    """Apply every stored message that can be; returns how many were applied.

    A city needs its engine for presentments; without one they wait, and what came after them too.
    What goes wrong on our side (the database away, no open date) stops that sender's messages where
    they are, not the others', and is raised at the end; nothing of the message is written.
    """
    async with pool.acquire() as connection:
        keys = await post.read_keys(connection)
        waiting = await store.read_waiting(connection)
    applied, stopped, failure = 0, set[str](), None
    for sender, number, kind in waiting:
        by_engine = kind == MessageKind.PRESENTMENT_FORWARDED and node.city != PROVINCE
        if sender in stopped:
            continue
        if by_engine and engine is None:
            log.info("presentments wait for the engine", sender=sender, number=number)
            stopped.add(sender)
            continue
        try:
            if by_engine:
                assert engine is not None
                applied += await _apply_by_engine(pool, node, engine, keys, (sender, number))
            else:
                applied += await _apply(pool, node, keys, (sender, number))
        except Exception as error:  # noqa: BLE001 - a defect that one sender meets must not stop all
            log.error("message cannot be applied", sender=sender, number=number, error=str(error))
            stopped.add(sender)
            failure = failure or error
    if failure is not None:
        raise failure
    return applied


async def _read(connection: Connection, at: tuple[str, int]) -> Envelope:
    """A stored envelope. Its signature was checked when it came in."""
    data = await store.read_incoming(connection, *at)
    assert data is not None
    return words.decode_versioned(data, Envelope)


async def _apply(
    pool: "asyncpg.Pool[asyncpg.Record]", node: Node, keys: Keys, at: tuple[str, int]
) -> bool:
    """Apply a message in a transaction of its own."""
    async with pool.acquire() as connection, connection.transaction():
        earlier = await store.lock_waiting(connection, *at)
        if earlier is None:
            return False
        open_date = await read_open_date(connection, lock="FOR SHARE")
        envelope = await _read(connection, at)
        try:
            async with connection.transaction():
                codec.read_body(envelope)
                await _book(connection, node, keys, envelope, open_date)
                await store.close_incoming(connection, *at, open_date)
        except MessageError as error:
            return await _object(connection, node, envelope, error, earlier, open_date)
    log.info("message applied", sender=at[0], number=at[1], kind=envelope.kind)
    return True


async def _book(
    connection: Connection, node: Node, keys: Keys, envelope: Envelope, open_date: date
) -> None:
    """Whoever a message is for books it. Raises ``MessageError``."""
    at_province = node.city == PROVINCE
    match MessageKind(envelope.kind):
        case MessageKind.PRESENTMENT if at_province:
            await province.apply_presentment(connection, node, keys, envelope)
        case MessageKind.ANSWER if at_province:
            await province.apply_answer(connection, node, envelope, open_date)
        case MessageKind.DAY_COMPLETE if at_province:
            await province.check_day_complete(connection, envelope)
        case MessageKind.ANSWER_FORWARDED if not at_province:
            await acquirer.apply_answer(connection, node, keys, envelope, open_date)
        case MessageKind.CLEARING_TOTAL if not at_province:
            await cycle.apply_total(connection, node, envelope, open_date)
        case MessageKind.OBJECTION:
            await _note_objection(connection, envelope, open_date)
        case _:
            raise MessageError(Code.BAD_SCHEMA, f"{node.city} takes no {envelope.kind}")


async def _apply_by_engine(
    pool: "asyncpg.Pool[asyncpg.Record]",
    node: Node,
    engine: Engine,
    keys: Keys,
    at: tuple[str, int],
) -> bool:
    """Let the engine book a presentment; what it writes along closes the message."""
    async with pool.acquire() as connection:
        envelope = await _read(connection, at)
        try:
            presentment = await _presentment(connection, node, keys, envelope)
        except MessageError as error:
            async with connection.transaction():
                earlier = await store.lock_waiting(connection, *at)
                if earlier is None:
                    return False
                open_date = await read_open_date(connection, lock="FOR SHARE")
                return await _object(connection, node, envelope, error, earlier, open_date)
    try:
        await issuer.clear(engine, node, envelope, presentment)
    except ClearingError as error:
        # The writer undoes what it judged and tells whoever waits in words of its own.
        if isinstance(error, AlreadyApplied) or await _is_applied(pool, at):
            return False
        raise
    log.info("presentment answered", presentment=presentment.presentment_id)
    return True


async def _presentment(
    connection: Connection, node: Node, keys: Keys, envelope: Envelope
) -> Presentment:
    codec.read_body(envelope)
    return await issuer.check(connection, node, keys, envelope)


async def _is_applied(pool: "asyncpg.Pool[asyncpg.Record]", at: tuple[str, int]) -> bool:
    async with pool.acquire() as connection, connection.transaction():
        return await store.lock_waiting(connection, *at) is None


async def _object(
    connection: Connection,
    node: Node,
    envelope: Envelope,
    error: MessageError,
    earlier: Code,
    open_date: date,
) -> bool:
    """Tell the sender what is wrong, once, and close the message, unless it is to be tried again."""
    stays = error.code == Code.TOTAL_DISAGREEMENT
    if stays and earlier == error.code:
        return False
    at = (envelope.sender, envelope.number)
    log.error("message not taken", sender=at[0], number=at[1], code=error.code.name)
    body = {"code": error.code.name.lower(), "detail": error.detail, "kind": envelope.kind}
    await add_event(connection, open_date, "exchange.message_not_taken", f"{at[0]}/{at[1]}", body)
    await store.close_incoming(connection, *at, open_date, error.code, applied=not stays)
    if envelope.kind != MessageKind.OBJECTION:
        objection = Objection(
            number=envelope.number,
            kind=envelope.kind,
            subject=envelope.subject,
            code=error.code,
            detail=error.detail[:256],
        )
        await post.send(
            connection,
            node,
            envelope.sender,
            MessageKind.OBJECTION,
            str(envelope.number),
            words.encode(objection),
        )
    return not stays


async def _note_objection(connection: Connection, envelope: Envelope, open_date: date) -> None:
    """A message of ours was not taken: a person must see to it. No money moves by itself."""
    objection = words.decode(envelope.body, Objection)
    log.error("objection", receiver=envelope.sender, number=objection.number)
    await store.acknowledge(connection, envelope.sender, objection.number, objection.code)
    await add_event(
        connection,
        open_date,
        "exchange.objection",
        f"{envelope.sender}/{objection.number}",
        {
            "code": objection.code.name.lower(),
            "detail": objection.detail,
            "kind": objection.kind,
            "subject": objection.subject,
        },
    )
