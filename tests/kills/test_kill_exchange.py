"""kill -9 of any node's server in mid-exchange: books, roots, seals and papers as in the calm run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from service.demo.nodes import DemoNode
from service.home import open_node
from settlement.exchange.summary import Summary, compare, summarise
from tests.kills.runs import DAY, KILLS, NAMES, copy_of, files_of, outcome

pytestmark = pytest.mark.kills
SEED = 20261125
FOLLOWING = DAY + timedelta(days=1)
QUIET_WAIT_S = 90.0


class Storm:
    """Kills a server at random moments and starts it again, while it blows."""

    def __init__(self, nodes: list[DemoNode], source: random.Random) -> None:
        self._nodes, self._source = nodes, source
        self.kills = 0

    async def blow(self, kills: int) -> None:
        """So many kills, moments apart."""
        for _ in range(kills):
            await asyncio.sleep(self._source.uniform(0.05, 0.9))
            node = self._source.choice(self._nodes)
            assert node.process is not None
            node.process.kill()
            await asyncio.to_thread(node.process.wait)
            self.kills += 1
            node.start(self._nodes[-1].url)
            await node.ready()


async def test_killed_exchange_changes_nothing(
    prepared: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("seed", SEED)
    record_property("kills", KILLS)
    calm = await _day(prepared, tmp_path / "calm", None)
    stormy = await _day(prepared, tmp_path / "stormy", random.Random(SEED))
    assert stormy == calm, f"seed {SEED}"


async def _day(prepared: Path, root: Path, source: random.Random | None) -> dict[str, Any]:
    """A day of the province; with a source of chance, servers are killed during the exchange."""
    nodes = [DemoNode(area, name, copy_of(prepared, area, root)) for area, name in NAMES.items()]
    towns, province = nodes[:-1], nodes[-1]
    storm = Storm(nodes, source or random.Random(0))
    try:
        for node in (province, *towns):
            node.start(province.url)
        await asyncio.gather(*(node.ready() for node in nodes))
        for town in towns:
            await _submit(prepared, town)
        # Every city closes the date before one presents, so that what comes in belongs to the next.
        for town in towns:
            await town.command("settle", "--date", str(DAY), "--until", "cut_off")
        for town in towns:
            await town.command("settle", "--date", str(DAY))
        if source is not None:
            await storm.blow(KILLS // 2)
        await _quiet(nodes, lambda s: not s.presented)
        await province.command("settle", "--date", str(DAY))
        if source is not None:
            await storm.blow(KILLS - KILLS // 2)
        await _quiet(nodes, lambda s: s.at_rest)
        for town in towns:
            await town.command("settle", "--date", str(FOLLOWING))
        summaries = [await _summary(node) for node in nodes]
        assert compare(summaries[-1], summaries[:-1]) == []
    finally:
        await asyncio.gather(*(node.stop() for node in nodes))
    assert source is None or storm.kills == KILLS
    found = {
        f"{town.area} {day}": outcome(town.home, day) for town in towns for day in (DAY, FOLLOWING)
    }
    return found | {"province": outcome(province.home)}


async def _submit(prepared: Path, town: DemoNode) -> None:
    keys = town.api_keys(prepared / "traffic")
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        for path in map(Path, files_of(prepared, town.area)):
            answer = await client.post(
                f"{town.url}/v1/batches",
                content=path.read_bytes(),
                headers={"Authorization": f"Bearer {keys[int(path.name.split('-')[2])]}"},
            )
            assert answer.is_success, answer.text


async def _quiet(nodes: list[DemoNode], done: Callable[[Summary], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + QUIET_WAIT_S
    while True:
        found = [await _summary(node) for node in nodes]
        if all(done(s) and not (s.unacknowledged or s.unapplied) for s in found):
            return
        assert asyncio.get_running_loop().time() < deadline, f"not at rest: {found}"
        await asyncio.sleep(0.3)


async def _summary(node: DemoNode) -> Summary:
    async with open_node(node.home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            return await summarise(connection, opened.node)
        finally:
            await connection.close()
