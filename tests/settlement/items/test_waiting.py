"""Open items by the page and in sums are the items whose last change leaves them open, on every date."""

from collections import Counter
from datetime import date
from itertools import groupby

import asyncpg
import pytest

from schemas.items import ItemKind, ItemState
from settlement.context import Context
from settlement.store.items import Standing, read_standing
from settlement.store.waiting import Wanted, read_ages, read_moneys, read_page, read_waiting
from tests.settlement.items.story import DATES

WANTED = (
    Wanted(),
    Wanted(kind=ItemKind.HELD),
    Wanted(opened_until=DATES[1]),
    Wanted(operator_no=11),
)


def fits(each: Standing, wanted: Wanted) -> bool:
    item = each.item
    return (
        each.state == ItemState.OPEN
        and wanted.kind in (None, item.kind)
        and wanted.operator_no in (None, item.operator_no)
        and (wanted.opened_until is None or item.opened_on <= wanted.opened_until)
    )


@pytest.mark.parametrize("day", DATES)
async def test_as_the_changes_say(lived: Context, day: date) -> None:
    connection = await asyncpg.connect(lived.dsn)
    try:
        for night in (False, True):
            every = await read_standing(connection, day, open_only=False, before_night=night)
            some = await read_standing(connection, day, before_night=night)
            assert some == [each for each in every if each.state == ItemState.OPEN]
        every = await read_standing(connection, day, open_only=False)
        moneys: Counter[int] = Counter()
        for each in every:
            if each.account_no is not None:
                moneys[each.account_no] += each.amount_fen
        assert await read_moneys(connection, day) == moneys
        for wanted in WANTED:
            ordered = sorted(
                (each for each in every if fits(each, wanted)),
                key=lambda each: (each.item.opened_on, each.item.item_id.encode()),
            )
            pages = [await read_page(connection, day, wanted, limit=3, skip=at)
                     for at in range(0, len(ordered) + 3, 3)]  # fmt: skip
            assert [each for page in pages for each in page] == ordered
            assert await read_ages(connection, day, wanted) == [
                (opened, len(group), sum(each.amount_fen for each in group))
                for opened, found in groupby(ordered, key=lambda each: each.item.opened_on)
                for group in [list(found)]
            ]
        assert sum(row[1] for row in await read_waiting(connection, day)) == len(
            [each for each in every if each.state == ItemState.OPEN]
        )
    finally:
        await connection.close()
