"""A transfer that only the corrected rules grant, and nothing proves yet, is settled by the nights after."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.items import ItemOutcome, ItemState
from tests.settlement.chains.nights import Card, City
from tests.settlement.reclearing.correcting import LATE, put, recleared
from tests.settlement.transfers.legs import TRANSFER, booked_fen, change, only, ride


@pytest.mark.parametrize("came", [True, False], ids=["the leg before came", "it never came"])
async def test_a_transfer_of_corrected_rules_is_settled(
    migrated: str, tmp_path: Path, came: bool
) -> None:
    city = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 10)])
    await put(city, LATE, note="late")
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000", 50)
    await city.hand_in(second)
    await city.sleep()
    assert await city.items(TRANSFER, open_only=False) == []
    assert await booked_fen(city, "principal/operator/11") == 50
    await put(city, note="in time")
    assert await recleared(city) == 1
    await city.sleep()
    waiting = await only(city)
    assert (waiting.item.item_id, waiting.state, waiting.amount_fen) == (
        "transfer/1/0", ItemState.OPEN, 20,
    )  # fmt: skip
    if came:
        await city.hand_in(first)
        await city.sleep()
        assert (await only(city)).outcome == ItemOutcome.PROVEN
        # Both legs, less what is the cardholder's now.
        assert await booked_fen(city, "principal/operator/11") == 50 + 50 - 20
    else:
        await city.sleep(4)
        assert (await only(city)).outcome == ItemOutcome.NOT_PROVEN
        assert await booked_fen(city, "principal/operator/11") == 50
    await city.verified()
