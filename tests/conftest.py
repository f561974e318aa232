"""Fixtures for every test: databases, and which tests a run leaves out.

A test that meets PostgreSQL takes one of

- ``database``: the dsn of an empty database of its own;
- ``migrated``: the same with every migration applied, copied from a template in some 25 ms;
- ``postgres``: the server that both lie on, for a test that wants several databases.

The server is a real one, embedded or as ``ONECARD_PG_BIN`` or ``ONECARD_DSN`` name it, started once
for the whole run, with the settings that production has.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
import structlog

from schemas.migrations import apply
from service.database import Server, create_database, database_dsn, drop_database, running
from service.logs import LIBRARIES
from tests.evidence import Evidence

TEMPLATE = f"onecard_template_{os.getpid()}"
NUMBERS = itertools.count(1)
# The tests that take one of these are marked database_matrix, so that CI runs them on every
# PostgreSQL that is supported.
MEETS_POSTGRES = frozenset({"postgres", "database", "migrated"})

Result = TypeVar("Result")
Run = Callable[[Coroutine[Any, Any, Result]], Result]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """At full count, evidence is kept of what was run."""
    if os.environ.get("TORTURE") == "1":
        config.pluginmanager.register(Evidence(), "evidence")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what meets PostgreSQL, and leaves full counts to ``make torture``."""
    for item in items:
        if not MEETS_POSTGRES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.database_matrix)
    if os.environ.get("TORTURE") == "1":
        return
    left_out = [item for item in items if item.get_closest_marker("torture")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("torture")]


@pytest.fixture(autouse=True)
def logs_as_found() -> Iterator[None]:
    """A command that ran in this process sent events to a stream that closes with its test."""
    handlers = {name: list(logging.getLogger(name).handlers) for name in LIBRARIES}
    yield
    structlog.reset_defaults()
    for name, found in handlers.items():
        logging.getLogger(name).handlers = found


@pytest.fixture(scope="session")
def run() -> Iterator[Run[Any]]:
    """Runs a coroutine from a fixture that is not one, on an event loop beside the tests' own."""
    loop = asyncio.new_event_loop()
    try:
        yield loop.run_until_complete
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture(scope="session")
def postgres(run: Run[Any]) -> Iterator[Server]:
    """A server for the whole run, on a home that is removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="onecard-test-"))
    entered = running(home)
    server: Server = run(entered.__aenter__())
    try:
        yield server
    finally:
        run(entered.__aexit__(None, None, None))
        shutil.rmtree(home)


@pytest.fixture
def database(postgres: Server, run: Run[Any]) -> Iterator[str]:
    """The dsn of an empty database of this test's own."""
    yield from _fresh(postgres, run, "template0")


@pytest.fixture
def migrated(postgres: Server, template: str, run: Run[Any]) -> Iterator[str]:
    """The dsn of a database of this test's own, with every migration applied."""
    yield from _fresh(postgres, run, template)


@pytest.fixture(scope="session")
def template(postgres: Server, run: Run[Any]) -> Iterator[str]:
    """The name of the database that ``migrated`` ones are copied from."""
    run(create_database(postgres.dsn, TEMPLATE))
    try:
        run(_migrate(database_dsn(postgres.dsn, TEMPLATE)))
        yield TEMPLATE
    finally:
        run(drop_database(postgres.dsn, TEMPLATE))


def _fresh(postgres: Server, run: Run[Any], template: str) -> Iterator[str]:
    name = f"onecard_test_{os.getpid()}_{next(NUMBERS)}"
    yield run(create_database(postgres.dsn, name, template=template))
    run(drop_database(postgres.dsn, name))


async def _migrate(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await apply(connection)
    finally:
        await connection.close()
