"""Subsidies of released rides are claimed, and can be audited, with the date that releases them."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

from schemas.items import Action
from settlement.context import Context
from settlement.day import settle_day
from settlement.subsidies.claim import RIDES
from settlement.verify import verify_day
from tests.settlement.decisions import town
from tests.settlement.decisions.test_actions import done
from tests.settlement.subsidies.test_claims import found, moved, paper


async def test_a_released_ride_is_claimed_with_the_date_that_releases_it(
    held: Context, connection: asyncpg.Connection[Any]
) -> None:
    for item_id in ("held/1/0", "held/1/8", "torn/1/2"):
        await done(connection, held, item_id, Action.RELEASE)
    await settle_day(held, town.NEXT)
    rides = [json.loads(line) for line in (await paper(held, town.NEXT, RIDES)).splitlines()]
    accounts = await moved(held, town.NEXT)
    assert sum(ride["subsidy_fen"] for ride in rides) == accounts["subsidies/budget"] > 0
    assert all(ride["entry"].startswith("item/") and ride["rides"] == 1 for ride in rides)
    assert await found(held, town.NEXT) == set()
    assert await verify_day(held, town.NEXT) == []
