"""A city whose first date was priced under a wrong fare and is sealed; made once, copied for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.database import Server, create_database, drop_database
from settlement.context import Context
from settlement.day import settle_day
from tests.settlement.reclearing import town
from tests.world import OPEN

Run = Callable[[Coroutine[Any, Any, Any]], Any]
NUMBERS = count(1)
WRONG = f"onecard_wrong_{os.getpid()}"


@pytest.fixture(scope="session")
def wrong_template(
    postgres: Server, template: str, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Context]:
    dsn = run(create_database(postgres.dsn, WRONG, template=template))
    yield run(_make(dsn, tmp_path_factory.mktemp("wrong")))
    run(drop_database(postgres.dsn, WRONG))


async def _make(dsn: str, home: Path) -> Context:
    context = await town.found(dsn, home)
    await settle_day(context, OPEN)
    return context


@pytest.fixture
def wrong(postgres: Server, wrong_template: Context, run: Run, tmp_path: Path) -> Iterator[Context]:
    """The city on its second date, its first one sealed; a test's own."""
    name = f"{WRONG}_{next(NUMBERS)}"
    dsn = run(create_database(postgres.dsn, name, template=WRONG))
    home = tmp_path / "home"
    shutil.copytree(wrong_template.node.home, home)
    yield Context(dsn, replace(wrong_template.node, home=home), wrong_template.kernel)
    run(drop_database(postgres.dsn, name))


@pytest.fixture
async def connection(wrong: Context) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the city's database."""
    found = await asyncpg.connect(wrong.dsn)
    yield found
    await found.close()
