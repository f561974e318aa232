"""A sealed day, made once and copied for each test that damages it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from service.database import Server, create_database, drop_database
from settlement.context import Context
from settlement.day import settle_day
from tests.settlement import night
from tests.world import OPEN

Run = Callable[[Coroutine[Any, Any, Any]], Any]
NUMBERS = count(1)
SEALED = f"onecard_sealed_{os.getpid()}"


async def _seal(dsn: str, home: Path) -> Context:
    deck = night.cards()
    context = await night.city(dsn, home, deck)
    await night.clear(context, night.traffic(deck))
    await settle_day(context, OPEN)
    return context


@pytest.fixture(scope="session")
def sealed_template(
    postgres: Server, template: str, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Context]:
    dsn = run(create_database(postgres.dsn, SEALED, template=template))
    yield run(_seal(dsn, tmp_path_factory.mktemp("sealed")))
    run(drop_database(postgres.dsn, SEALED))


@pytest.fixture
def sealed(
    postgres: Server, sealed_template: Context, run: Run, tmp_path: Path
) -> Iterator[Context]:
    """The context of a node with one sealed day, and the next one open; a test's own to damage."""
    name = f"{SEALED}_{next(NUMBERS)}"
    dsn = run(create_database(postgres.dsn, name, template=SEALED))
    home = tmp_path / "home"
    shutil.copytree(sealed_template.node.home, home)
    yield Context(dsn, replace(sealed_template.node, home=home), sealed_template.kernel)
    run(drop_database(postgres.dsn, name))
