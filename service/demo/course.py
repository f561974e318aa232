"""The course of the demonstration, step by step, and whether it came out as expected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas import cities
from schemas.cities import CITIES, PROVINCE
from service.demo import traffic as day_traffic
from service.demo.nodes import DemoNode
from service.demo.outcome import Outcome
from service.demo.summary import print_summary
from service.errors import ServiceError
from service.home import open_node
from settlement.exchange.summary import Summary, compare, summarise

AREAS: Final = ("7910", "7930")
QUIET_WAIT_S: Final = 60.0

_T = TypeVar("_T")


@dataclass
class Course:
    """One run. ``root`` holds a directory per node and the traffic."""

    console: Console
    root: Path
    taps: int
    seed: int
    day: date
    kept: bool

    async def run(self) -> int:
        """Every step; 0 if everything came out as expected."""
        outcome = Outcome(await self._step("the day's traffic", self._generate))
        nodes = self._nodes()
        try:
            await self._step("three nodes: homes, keys, registries", lambda: self._make(nodes))
            await self._step("three servers", lambda: self._start(nodes))
            await self._submit(nodes, outcome)
            await self._step("answers against expected.jsonl", lambda: self._check(nodes, outcome))
            await self._step("the night", lambda: self._settle(nodes, outcome))
            await self._step("replay of the sealed day", lambda: self._verify(nodes, outcome))
        finally:
            await asyncio.gather(*(node.stop() for node in nodes))
        print_summary(self.console, outcome, nodes, self.root if self.kept else None)
        return 1 if outcome.wrong else 0

    def _nodes(self) -> list[DemoNode]:
        """The cities, then the province."""
        named = [(facts.area, facts.name) for facts in CITIES if facts.area in AREAS]
        return [
            DemoNode(area, name, self.root / name.lower().replace("'", ""))
            for area, name in (*named, (PROVINCE, "Shaanxi"))
        ]

    @property
    def _traffic(self) -> Path:
        return self.root / "traffic"

    async def _step(self, name: str, call: Callable[[], Awaitable[_T]]) -> _T:
        async with self._said(name):
            return await call()

    @asynccontextmanager
    async def _said(self, name: str) -> AsyncIterator[None]:
        """Say what is being done while it is, and how long it took when it is done."""
        started = asyncio.get_running_loop().time()
        with self.console.status(name):
            yield
        took = asyncio.get_running_loop().time() - started
        self.console.print(f"  {name} [dim]{took:.1f} s[/dim]", highlight=False)

    async def _generate(self) -> day_traffic.Summary:
        return await day_traffic.generate(self._traffic, self.taps, self.seed, str(self.day))

    async def _make(self, nodes: list[DemoNode]) -> None:
        await asyncio.gather(*(node.make(self._traffic, self.day) for node in nodes))
        await asyncio.gather(*(node.introduce(self._traffic, nodes) for node in nodes))

    async def _start(self, nodes: list[DemoNode]) -> None:
        province = next(node for node in nodes if node.is_province)
        province.start("")
        for node in nodes:
            if not node.is_province:
                node.start(province.url)
        await asyncio.gather(*(node.ready() for node in nodes))

    async def _submit(self, nodes: list[DemoNode], outcome: Outcome) -> None:
        """With a bar: it is the longest step, and what the rate is measured on."""
        bar = Progress(
            TextColumn("  taps over HTTP"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        with bar:
            task = bar.add_task("taps", total=outcome.traffic.taps)
            outcome.taps, outcome.seconds = await day_traffic.submit(
                self._traffic,
                [node for node in nodes if not node.is_province],
                lambda taps: bar.advance(task, taps),
            )
        self.console.print(
            f"  {outcome.taps:,} taps in {outcome.traffic.batches:,} batches over HTTP"
            f" [dim]{outcome.seconds:.1f} s[/dim]",
            highlight=False,
        )

    async def _check(self, nodes: list[DemoNode], outcome: Outcome) -> None:
        towns = [node for node in nodes if not node.is_province]
        outcome.wrong += await day_traffic.compare(self._traffic, towns)
        if outcome.taps != outcome.traffic.taps:
            outcome.wrong.append(
                f"{outcome.traffic.taps} taps were made and {outcome.taps} have a receipt"
            )

    async def _settle(self, nodes: list[DemoNode], outcome: Outcome) -> None:
        """The cities' night, the answers, the province's night, the totals, the cities' next night.

        What another city answered is booked on the next date, so that one is settled as well.
        """
        towns, province = nodes[:-1], nodes[-1]
        following = self.day + timedelta(days=1)
        # Every city closes the date before one presents, so that what comes in belongs to the next.
        for town in towns:
            await town.command("settle", "--date", str(self.day), "--until", "cut_off")
        for town in towns:
            await town.command("settle", "--date", str(self.day))
        await self._quiet(nodes, lambda s: not s.presented)
        await province.command("settle", "--date", str(self.day))
        await self._quiet(nodes, lambda s: s.at_rest)
        for town in towns:
            await town.command("settle", "--date", str(following))
        for node in nodes:
            outcome.reports[node.area] = await node.report(self.day)
            if not node.is_province:
                outcome.reports[f"{node.area}+1"] = await node.report(following)
            outcome.exchange[node.area] = await self._summary(node)
        outcome.wrong += compare(
            outcome.exchange[PROVINCE], [outcome.exchange[town.area] for town in towns]
        )
        outcome.claims = [row for town in towns for row in await day_traffic.claims_of(town)]
        expected = sorted(outcome.traffic.claims, key=lambda row: (row.acquirer, row.issuer))
        if outcome.claims != expected:
            outcome.wrong.append(f"claims are {outcome.claims}, and {expected} were expected")
        for area, found in outcome.reports.items():
            outcome.wrong += [
                f"the trial balance of {area} in the {purse} purse is {fen} fen, not 0"
                for purse, fen in found["trial_balance"].items()
                if fen
            ]

    async def _quiet(self, nodes: list[DemoNode], done: Callable[[Summary], bool]) -> None:
        """Wait until the exchange has nothing left to do that it can do now."""
        deadline = asyncio.get_running_loop().time() + QUIET_WAIT_S
        while True:
            found = [await self._summary(node) for node in nodes]
            if all(done(s) and not (s.unacknowledged or s.unapplied) for s in found):
                return
            if asyncio.get_running_loop().time() > deadline:
                raise ServiceError(
                    "The exchange did not come to rest: "
                    + "; ".join(str(msgspec.to_builtins(s)) for s in found),
                    "See server.log in each home.",
                )
            await asyncio.sleep(0.3)

    async def _summary(self, node: DemoNode) -> Summary:
        async with open_node(node.home) as opened:
            connection = await asyncpg.connect(opened.dsn)
            try:
                return await summarise(connection, opened.node)
            finally:
                await connection.close()

    async def _verify(self, nodes: list[DemoNode], outcome: Outcome) -> None:
        for node in nodes:
            dates = [self.day] if node.is_province else [self.day, self.day + timedelta(days=1)]
            for on in dates:
                try:
                    await node.command("verify", "--date", str(on))
                except ServiceError as error:
                    outcome.wrong.append(str(error))
                else:
                    outcome.verified.append(f"{node.name} {on}")


assert all(cities.find(area) for area in AREAS)
