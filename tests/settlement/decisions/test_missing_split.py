"""A tap that was held because no split applied is released by the split that was added since."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from clearing import rules, store
from schemas.codes import TapKind
from schemas.items import Action
from settlement.context import Context
from settlement.day import settle_day
from settlement.decisions import DecisionRefused
from tests import world
from tests.settlement import night
from tests.settlement.decisions import town
from tests.settlement.decisions.test_actions import done, released, standing
from tests.settlement.decisions.town import NEXT
from tests.world import TAXI, Card


async def put_in_force(connection: asyncpg.Connection[Any], files: dict[str, str]) -> None:
    async with connection.transaction():
        await store.add_rules(connection, rules.load(files).digest, files)


def without_taxi_split(files: dict[str, str]) -> dict[str, str]:
    """The rules, with a taxi split that begins too late."""
    late = {
        name: text.replace(
            "[[split.taxi]]\nsince = 2000-01-01", "[[split.taxi]]\nsince = 2026-03-01"
        )
        for name, text in files.items()
    }
    assert late != files
    return late


async def test_released_by_the_split_that_was_added(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    files = rules.read(["xian"])
    await put_in_force(connection, without_taxi_split(files))
    tap = Card(19).tap(
        TAXI, 1_300, kind=TapKind.TAXI_TRIP, distance_m=5_000, at=town.at(1, NEXT)
    )  # fmt: skip
    await night.clear(held, [world.batch(TAXI, 9, tap, f"{NEXT:%Y%m%d}")])
    context = Context(held.dsn, held.node, held.kernel)
    await settle_day(context, NEXT)
    assert (await standing(connection, "held/4/0")).item.body["reason"] == "account_missing"
    with pytest.raises(DecisionRefused, match="No split says to whom fares of operator 12 go"):
        await done(connection, context, "held/4/0", Action.RELEASE)
    await put_in_force(connection, _again(files))
    number = await done(connection, context, "held/4/0", Action.RELEASE)
    lines = await town.lines_of(connection, f"item/{number}")
    assert lines == released("suspense", 1_300, "held", operator_12=104, driver_12=1_196)


def _again(files: dict[str, str]) -> dict[str, str]:
    """The right rules once more, as a version of their own."""
    return {name: f"{text}\n# once more\n" for name, text in files.items()}
