"""What a re-clearing changes of subsidies is claimed on the date that books it, ride by ride."""

from __future__ import annotations

import json

from clearing.store import Connection
from settlement.context import Context
from settlement.day import settle_day
from settlement.subsidies.claim import CLAIM, RIDES
from settlement.verify import verify_day
from tests.settlement.reclearing import town
from tests.settlement.reclearing.town import NEXT
from tests.settlement.subsidies.test_claims import found, moved, paper


async def test_the_difference_is_claimed(wrong: Context, connection: Connection) -> None:
    proposal = await town.corrected(connection, wrong, town.RIGHT)
    await settle_day(wrong, NEXT)
    rides = [json.loads(line) for line in (await paper(wrong, NEXT, RIDES)).splitlines()]
    # The student pays half of 1 yuan more, the senior rides for 1 yuan more.
    assert [
        (ride["row"], ride["entry"], ride["rides"], ride["budget_fen"], ride["card_kind"])
        for ride in rides
    ] == [
        (town.STUDENT, f"reclear/{proposal.proposal_no}/1", 0, 50, "student"),
        (town.SENIOR, f"reclear/{proposal.proposal_no}/1", 0, 100, "senior"),
    ]
    claim = json.loads(await paper(wrong, NEXT, CLAIM))
    assert (claim["rides"], claim["subsidy_fen"]) == (0, 150)
    assert await moved(wrong, NEXT) == {"subsidies/budget": 150, "subsidies/subsidy/11": -150}
    assert await found(wrong, NEXT) == set()
    assert await verify_day(wrong, NEXT) == []
