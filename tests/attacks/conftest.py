"""The stage that attacks are played on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.database import Server
from tests.attacks.stage import Stage, stage


@pytest.fixture
async def town(postgres: Server, template: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage with a morning behind it."""
    async with stage(postgres, template, tmp_path) as found:
        yield found
