"""A prepared province: traffic and three homes, copied by each run so that runs can be compared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from service.demo.nodes import DemoNode
from service.demo.traffic import generate
from tests.kills.runs import DAY, NAMES


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, run: Any) -> Iterator[Path]:
    """A directory with ``traffic`` and the homes of two cities and the province, nothing running."""
    root = tmp_path_factory.mktemp("prepared")
    traffic = root / "traffic"
    nodes = [DemoNode(area, name, root / area) for area, name in NAMES.items()]

    async def make() -> None:
        await generate(traffic, 4000, 11, str(DAY))
        for node in nodes:
            await node.make(traffic, DAY)
        for node in nodes:
            await node.introduce(traffic, nodes)

    assert isinstance(DAY, date)
    run(make())
    yield root
    shutil.rmtree(root, ignore_errors=True)
