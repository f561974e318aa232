"""The stage that attacks are played on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.database import Server, drop_database
from tests.attacks.stage import Morning, Stage, make_morning, stage

Run = Callable[[Coroutine[Any, Any, Any]], Any]
MORNING = f"onecard_morning_{os.getpid()}"


@pytest.fixture(scope="session")
def morning(
    postgres: Server, template: str, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Morning]:
    """A city after its morning, made once."""
    home = tmp_path_factory.mktemp("morning")
    yield run(make_morning(postgres, template, MORNING, home))
    run(drop_database(postgres.dsn, MORNING))


@pytest.fixture
async def town(postgres: Server, morning: Morning, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage with a morning behind it."""
    async with stage(postgres, morning, tmp_path) as found:
        yield found
