"""A city whose first date was priced under a wrong fare and is sealed; made once, copied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from service.database import Server
from settlement.context import Context
from settlement.day import settle_day
from tests.settlement import copies
from tests.settlement.copies import Made, Run
from tests.settlement.reclearing import town
from tests.world import OPEN


async def _make(dsn: str, home: Path) -> Context:
    context = await town.found(dsn, home)
    await settle_day(context, OPEN)
    return context


@pytest.fixture(scope="session")
def wrong_template(
    postgres: Server, template: str, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    with copies.made(
        postgres, template, run, "wrong", tmp_path_factory.mktemp("wrong"), _make
    ) as city:
        yield city


@pytest.fixture
def wrong(postgres: Server, wrong_template: Made, run: Run, tmp_path: Path) -> Iterator[Context]:
    """The city on its second date, its first one sealed; a test's own."""
    with copies.copied(postgres, run, wrong_template, tmp_path / "home") as context:
        yield context


@pytest.fixture
async def connection(wrong: Context) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the city's database."""
    found = await asyncpg.connect(wrong.dsn)
    yield found
    await found.close()
