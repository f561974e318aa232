"""Submitted bytes → committed taps, entries and receipts, beside raw COPY and the plain script.

Rounds alternate: the engine, COPY of the very same bytes into the same table definition, the script on
the same taps, then again. Rates go into ``extra_info``; ``report`` takes medians and ratios.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

import asyncpg
import pytest

from clearing import store
from clearing.engine import Engine
from clearing.kernel import BatchContext, choose
from clearing.keys.chains import KeySetId
from clearing.plan import local_day, local_seconds
from clearing.state import Plans, State
from loadtest.benchmarks.node import DAY, BenchNode, bench_node
from loadtest.benchmarks.script import SCHEMA, Script
from schemas import record
from schemas.batch import Batch
from schemas.codes import Check, Source

IN_FLIGHT = 16
"""Batches that submitters keep under way at once."""

SCRIPT_TAPS = 60_000
"""The script gets a part of the taps; its rate does not depend on how many."""


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop for the module: the server's users live on it."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(scope="module")
def node(loop: asyncio.AbstractEventLoop) -> Iterator[BenchNode]:
    """The node, made once."""
    entered = bench_node()
    yield loop.run_until_complete(entered.__aenter__())
    loop.run_until_complete(entered.__aexit__(None, None, None))


@pytest.fixture(scope="module", params=range(1, 5), ids="round{}".format)
def turn(request: pytest.FixtureRequest) -> int:
    """Four rounds; the first warms up and is not counted."""
    return int(request.param)


def _measure(benchmark: Any, key: str, taps: int, turn: int, call: Any) -> None:
    benchmark.pedantic(call, rounds=1, iterations=1)
    benchmark.extra_info.update(key=key, taps=taps, counted=turn > 1)


def test_durable(
    benchmark: Any, node: BenchNode, turn: int, loop: asyncio.AbstractEventLoop
) -> None:
    """The engine, everything on."""
    bodies = node.bodies

    async def prepare() -> tuple[Any, Engine]:
        fresh = node.fresh()
        dsn = await fresh.__aenter__()
        return fresh, await Engine.start(dsn, node.node)

    async def submit(engine: Engine) -> int:
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def one(body: bytes) -> bytes:
            async with gate:
                return await engine.clear_batch(body)

        return len(await asyncio.gather(*(one(body) for body in bodies)))

    async def finish(fresh: Any, engine: Engine) -> None:
        await engine.close()
        await fresh.__aexit__(None, None, None)

    fresh, engine = loop.run_until_complete(prepare())
    _measure(
        benchmark,
        "durable_taps_per_s",
        node.taps,
        turn,
        lambda: loop.run_until_complete(submit(engine)),
    )
    loop.run_until_complete(finish(fresh, engine))


def test_copy_limit(
    benchmark: Any,
    node: BenchNode,
    turn: int,
    loop: asyncio.AbstractEventLoop,
    judged: list[bytes],
) -> None:
    """Raw COPY of the bytes that the engine would write, one connection, the same groups."""

    async def copy(connection: Any) -> None:
        for group in range(0, len(judged), 5):
            async with connection.transaction():
                await store.write_taps(connection, DAY, judged[group : group + 5])

    async def prepare() -> tuple[Any, Any]:
        fresh = node.fresh()
        return fresh, await asyncpg.connect(await fresh.__aenter__())

    async def finish(fresh: Any, connection: Any) -> None:
        await connection.close()
        await fresh.__aexit__(None, None, None)

    fresh, connection = loop.run_until_complete(prepare())
    _measure(
        benchmark,
        "copy_limit_rows_per_s",
        node.taps,
        turn,
        lambda: loop.run_until_complete(copy(connection)),
    )
    loop.run_until_complete(finish(fresh, connection))


def test_script(
    benchmark: Any, node: BenchNode, turn: int, loop: asyncio.AbstractEventLoop
) -> None:
    """The same job the obvious way."""
    batches = _des_taps(node)
    key_set = next(k for k in node.node.keys.key_sets() if k.id.algorithm == 0)
    level_key = node.node.keys.level_key(KeySetId(*key_set.id))

    async def prepare() -> tuple[Any, Any]:
        fresh = node.fresh()
        connection = await asyncpg.connect(await fresh.__aenter__())
        await connection.execute("SET search_path = public")
        await connection.execute(SCHEMA)
        return fresh, connection

    async def clear(connection: Any) -> int:
        script = Script(connection, level_key)
        return sum([await script.clear(records) for records in batches])

    async def finish(fresh: Any, connection: Any) -> None:
        await connection.close()
        await fresh.__aexit__(None, None, None)

    fresh, connection = loop.run_until_complete(prepare())
    accepted: list[int] = []
    _measure(
        benchmark,
        "script_taps_per_s",
        sum(len(records) for records in batches) // record.SIZE,
        turn,
        lambda: accepted.append(loop.run_until_complete(clear(connection))),
    )
    assert accepted[0] > 0.9 * sum(len(records) for records in batches) / record.SIZE
    loop.run_until_complete(finish(fresh, connection))


@pytest.fixture(scope="module")
def judged(node: BenchNode, loop: asyncio.AbstractEventLoop) -> list[bytes]:
    """The COPY tuples of every batch, as the engine's kernel makes them."""

    async def judge() -> list[bytes]:
        connection = await asyncpg.connect(node.dsn)
        try:
            state = State(choose(), Plans(node.node))
            await state.bring_to(connection, *await store.read_versions(connection))
        finally:
            await connection.close()
        return [_copy_rows(state, seq, batch) for seq, batch in enumerate(node.batches, 1)]

    return loop.run_until_complete(judge())


def _copy_rows(state: State, seq: int, batch: Batch) -> bytes:
    context = BatchContext(
        batch_seq=seq,
        business_day=local_day(DAY),
        judged_at_s=local_seconds(datetime.combine(DAY, time(23, 59, 59))),
        source=Source.OPERATOR,
        operator=batch.header.operator,
        checks=Check.ALL,
        salt_key=seq.to_bytes(32, "big"),
    )
    judgement = state.kernel.judge(batch.records, context)
    state.kernel.keep(seq)
    return judgement.copy_rows


def _des_taps(node: BenchNode) -> list[bytes]:
    """Batches of the same size with the purchases of the own DES cards only, which the script knows."""
    size, picked = record.SIZE, []
    own = next(k for k in node.node.keys.key_sets() if k.id.algorithm == 0).id.issuer
    for batch in node.batches:
        data = batch.records
        picked += [
            data[at : at + size]
            for at in range(0, len(data), size)
            if data[at + 128] == 0 and data[at + 37] == 6 and data[at + 2 : at + 10] == own
        ]
        if len(picked) >= SCRIPT_TAPS:
            break
    return [b"".join(picked[at : at + 10_000]) for at in range(0, len(picked), 10_000)]
