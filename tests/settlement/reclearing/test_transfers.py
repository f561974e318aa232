"""A transfer that only the corrected rules grant, and nothing proves yet, is settled by the nights after."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from clearing import rules
from clearing import store as clearing_store
from schemas.items import ItemOutcome, ItemState
from schemas.registry import Staff
from settlement import reclearing, store
from settlement.reclearing.people import compute
from tests.settlement.chains.nights import OPEN, Card, City
from tests.settlement.transfers.legs import TRANSFER, booked_fen, change, only, ride

LATE = ("[[transfer.city]]\nsince = 2025-11-25", "[[transfer.city]]\nsince = 2026-01-06")
"""Transfers that began on the date after the first one; the notice said six weeks before."""


async def put(city: City, *, late: bool) -> None:
    """Put Xi'an's rules, with transfers that begin too late or in time."""
    files = rules.read(["xian"])
    text = files["xian/rules.toml"]
    assert LATE[0] in text
    if late:
        text = text.replace(*LATE)
    # Another comment makes another version.
    files |= {"xian/rules.toml": f"# {'late' if late else 'in time'}\n{text}"}
    connection = await asyncpg.connect(city.context.dsn)
    try:
        async with connection.transaction():
            await clearing_store.add_rules(connection, rules.load(files).digest, files)
    finally:
        await connection.close()


async def recleared(city: City) -> int:
    """Two people re-clear the first date by the rules in force; returns how many taps the list has."""
    connection = await asyncpg.connect(city.context.dsn)
    try:
        async with connection.transaction():
            people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in ("anna", "bo")]
            await clearing_store.change_registry(connection, [("staff", row) for row in people])
        day = await store.read_day(connection, OPEN)
        listed = await compute(city.context, day, None)
        made = await reclearing.propose(connection, city.context, day, listed, "late", "anna")
        await reclearing.decide(connection, city.context, made.proposal_no, True, "", "bo")
    finally:
        await connection.close()
    return made.taps


@pytest.mark.parametrize("came", [True, False], ids=["the leg before came", "it never came"])
async def test_a_transfer_of_corrected_rules_is_settled(
    migrated: str, tmp_path: Path, came: bool
) -> None:
    city = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 10)])
    await put(city, late=True)
    card = Card(1)
    first, second = ride(card, city, "080000"), change(card, city, "083000", 50)
    await city.hand_in(second)
    await city.sleep()
    assert await city.items(TRANSFER, open_only=False) == []
    assert await booked_fen(city, "principal/operator/11") == 50
    await put(city, late=False)
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
