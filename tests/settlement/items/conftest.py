"""The story's node, made once and copied for each test that damages it."""

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
from tests.settlement.items import story

Run = Callable[[Coroutine[Any, Any, Any]], Any]
NUMBERS = count(1)
LIVED = f"onecard_items_{os.getpid()}"


@pytest.fixture(scope="session")
def lived_template(
    postgres: Server, template: str, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Context]:
    dsn = run(create_database(postgres.dsn, LIVED, template=template))
    yield run(story.live(dsn, tmp_path_factory.mktemp("items")))
    run(drop_database(postgres.dsn, LIVED))


@pytest.fixture
def lived(postgres: Server, lived_template: Context, run: Run, tmp_path: Path) -> Iterator[Context]:
    """The context of a node that lived through the story, all dates of it sealed; a test's own."""
    name = f"{LIVED}_{next(NUMBERS)}"
    dsn = run(create_database(postgres.dsn, name, template=LIVED))
    home = tmp_path / "home"
    shutil.copytree(lived_template.node.home, home)
    yield Context(dsn, replace(lived_template.node, home=home), lived_template.kernel)
    run(drop_database(postgres.dsn, name))
