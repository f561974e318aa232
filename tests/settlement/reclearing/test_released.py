"""What is released after its date was re-cleared goes by the rules that hold for the date since then."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from clearing.store import Connection
from schemas.items import Action
from settlement.context import Context
from settlement.day import settle_day
from settlement.decisions import Words
from settlement.decisions import decide as decide_item
from settlement.decisions import propose as propose_item
from settlement.subsidies.claim import RIDES
from settlement.verify import verify_day
from tests.settlement.decisions.town import lines_of
from tests.settlement.reclearing import town
from tests.settlement.reclearing.test_proof import damage
from tests.settlement.reclearing.town import ANNA, BO, NEXT, OPEN, WAITING
from tests.settlement.subsidies.test_claims import found, moved, paper

STUDENT, SENIOR, TAXI = f"held/{WAITING}/0", f"held/{WAITING}/1", f"held/{WAITING + 1}/0"


@pytest.fixture
async def city(migrated: str, tmp_path: Path) -> Context:
    """The city on its second date; taps of students, seniors and taxis wait."""
    context = await town.found(migrated, tmp_path, *town.waiting())
    await settle_day(context, OPEN)
    return context


@pytest.fixture
async def connection(city: Context) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the city's database."""
    made = await asyncpg.connect(city.dsn)
    yield made
    await made.close()


async def released(
    connection: Connection, context: Context, item_id: str
) -> dict[tuple[str, str], int]:
    """Release an item; returns what that booked."""
    made = await propose_item(connection, context, item_id, Action.RELEASE, Words("so"), ANNA)
    await decide_item(connection, context, made.proposal_no, True, "", BO)
    return await lines_of(connection, f"item/{made.proposal_no}")


@pytest.mark.parametrize(
    ("right", "fare"), [(town.RIGHT, 200), (town.DEARER, 180)], ids=["stated fare", "other fare"]
)
async def test_a_released_ride_is_subsidised_by_the_corrected_fare(
    city: Context, connection: Connection, right: tuple[str, str], fare: int
) -> None:
    proposal = await town.corrected(connection, city, right)
    student = await released(connection, city, STUDENT)
    senior = await released(connection, city, SENIOR)
    for lines, fen in ((student, fare // 2), (senior, fare)):
        assert lines["subsidies/budget", "subsidy"] == fen
        assert lines["subsidies/subsidy/11", "subsidy"] == -fen
    assert student["operator/11", "release"] == -fare // 2
    await settle_day(city, NEXT)
    rides = [json.loads(line) for line in (await paper(city, NEXT, RIDES)).splitlines()]
    told = {
        (ride["row"], ride["rules_version"], ride["fare_class"], ride["gross_fen"],
         ride["fare_fen"], ride["budget_fen"])
        for ride in rides if ride["entry"].startswith("item/")
    }  # fmt: skip
    version = proposal.rules_version
    assert told == {
        (0, version, "student", fare, fare // 2, fare // 2),
        (1, version, "senior", fare, 0, fare),
    }
    # What the re-clearing itself brought is claimed under its own rules, too.
    assert {ride["rules_version"] for ride in rides} == {version}
    assert (await moved(city, NEXT))["subsidies/budget"] == sum(r["budget_fen"] for r in rides)
    assert await found(city, NEXT) == set()
    assert await verify_day(city, NEXT) == []


async def test_an_auditor_works_a_released_ride_out_by_the_corrected_rules(
    city: Context, connection: Connection
) -> None:
    await town.corrected(connection, city, town.RIGHT)
    await released(connection, city, SENIOR)
    await settle_day(city, NEXT)
    # What the senior's ride would have brought under the rules that were wrong.
    await damage(
        connection,
        "UPDATE clearing.posting SET amount_fen = sign(amount_fen) * 100"
        " WHERE starts_with(entry_id, 'item/') AND purpose = 7",
    )
    named = await found(city, NEXT)
    assert f"ride {WAITING}/1: subsidy_fen is 100, must be 200" in named


async def test_a_released_fare_is_split_by_the_corrected_rules(
    city: Context, connection: Connection
) -> None:
    """The price of the trip is what it was, so that it is the split alone that the list corrects."""
    await town.corrected(connection, city, *town.PLATFORM)
    lines = await released(connection, city, TAXI)
    assert sorted(
        fen for (_, purpose), fen in lines.items() if purpose == "release" and fen < 0
    ) == [-1_300 * 900 // 1000, -1_300 * 100 // 1000]
    await settle_day(city, NEXT)
    assert await verify_day(city, NEXT) == []
