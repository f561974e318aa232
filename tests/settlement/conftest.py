"""A sealed day, made once and copied for each test that damages it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database import Server
from settlement.context import Context
from settlement.day import settle_day
from tests.settlement import copies, night
from tests.settlement.copies import Made, Run
from tests.world import OPEN


async def _make(dsn: str, home: Path) -> Context:
    deck = night.cards()
    context = await night.city(dsn, home, deck)
    await night.clear(context, night.traffic(deck))
    await settle_day(context, OPEN)
    return context


@pytest.fixture(scope="session")
def sealed_template(
    postgres: Server, template: str, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    with copies.made(
        postgres, template, run, "sealed", tmp_path_factory.mktemp("sealed"), _make
    ) as city:
        yield city


@pytest.fixture
def sealed(postgres: Server, sealed_template: Made, run: Run, tmp_path: Path) -> Iterator[Context]:
    """The context of a node with one sealed day, and the next one open; a test's own to damage."""
    with copies.copied(postgres, run, sealed_template, tmp_path / "home") as context:
        yield context
