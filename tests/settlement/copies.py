"""A city that is made once, in a database of its own, and copied for each test that changes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from service.database import Server, create_database, drop_database
from settlement.context import Context

Run = Callable[[Coroutine[Any, Any, Any]], Any]
_NUMBERS = count(1)


@dataclass(frozen=True)
class Made:
    """A city as it was made, and the name of its database."""

    name: str
    context: Context


@contextmanager
def made(
    postgres: Server,
    template: str,
    run: Run,
    name: str,
    home: Path,
    make: Callable[[str, Path], Awaitable[Context]],
) -> Iterator[Made]:
    """A city that ``make`` makes from (DSN, home); its database goes when this ends."""
    name = f"onecard_{name}_{os.getpid()}"
    dsn = run(create_database(postgres.dsn, name, template=template))

    async def city() -> Context:
        return await make(dsn, home)

    yield Made(name, run(city()))
    run(drop_database(postgres.dsn, name))


@contextmanager
def copied(postgres: Server, run: Run, city: Made, home: Path) -> Iterator[Context]:
    """A copy of a city in a home of its own; its database goes when this ends."""
    name = f"{city.name}_{next(_NUMBERS)}"
    dsn = run(create_database(postgres.dsn, name, template=city.name))
    shutil.copytree(city.context.node.home, home)
    yield Context(dsn, replace(city.context.node, home=home), city.context.kernel)
    run(drop_database(postgres.dsn, name))
