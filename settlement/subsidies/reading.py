"""Claims as papers have them, for doors: of a date, of the stated dates of a month; audits of both."""

from datetime import date
from typing import Any

from settlement import store
from settlement.books import decoded
from settlement.context import Context
from settlement.errors import DayNotReady
from settlement.store import Connection
from settlement.subsidies.auditing import Audit, audit_claim
from settlement.subsidies.claim import CLAIM, told_month


async def claim_of_date(context: Context, on: date) -> dict[str, Any]:
    """The claim of a date as it was stated. Raises ``DayNotReady`` before that."""
    async with store.reading(context.dsn) as connection:
        day = await store.read_day(connection, on)
        paper = await store.read_paper(connection, on, CLAIM)
    if paper is None:
        raise DayNotReady(f"The claim of {on} is not stated yet: the date is {day.state}.",
                          f"Settle it: onecard settle --date {on}.")  # fmt: skip
    return decoded(paper)


async def claim_of_month(context: Context, month: date) -> dict[str, Any]:
    """The claims of a month's stated dates, added up. Raises ``DayNotReady`` where there is none."""
    async with store.reading(context.dsn) as connection:
        papers = {
            on: decoded(await store.read_paper(connection, on, CLAIM) or b"")
            for on in await _stated(connection, month)
        }
    return told_month(month, papers)


async def audits(context: Context, on: date | None, month: date | None) -> dict[date, Audit]:
    """Audits of a date, or of every stated date of a month."""
    async with store.reading(context.dsn) as connection:
        if on is not None:
            await store.read_day(connection, on)
            return {on: await audit_claim(connection, context, on)}
        assert month is not None
        return {
            each: await audit_claim(connection, context, each)
            for each in await _stated(connection, month)
        }


async def _stated(connection: Connection, month: date) -> list[date]:
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    found = [
        day.business_date
        for day in await store.read_days_before(connection, after)
        if day.business_date >= month and day.reached("stated")
    ]
    if not found:
        raise DayNotReady(
            f"No date of {month:%Y-%m} is stated yet.", "Settle its dates: onecard settle."
        )
    return found
