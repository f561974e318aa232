"""Which later dates a correction does not carry into: what a card spent was counted there as it was then."""

from calendar import monthrange
from datetime import date, timedelta

import msgspec

from clearing.fares import Period
from clearing.plan import Plan
from clearing.store import read_open_date
from settlement.context import Context
from settlement.store import Connection, DayRow


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """An accumulation that reaches beyond the date, and the later dates that it reaches, which stay as they are."""

    operator: int
    tariff: str
    period: str
    first: date
    last: date


async def read_later(
    connection: Connection, context: Context, day: DayRow, rules_version: int
) -> list[Later]:
    """The accumulations of a date, under its rules or the other ones, that later dates have gone on from."""
    assert day.rules_version is not None
    assert day.registry_version is not None
    reached: dict[tuple[int, str], Period] = {}
    for version in (day.rules_version, rules_version):
        plan = await context.plans.plan(connection, version, day.registry_version)
        reached |= _accumulations(plan)
    first, open_date = day.business_date + timedelta(days=1), await read_open_date(connection)
    found = []
    for (operator, tariff), period in sorted(reached.items()):
        # Taps of a day may be booked on the next date; a month's run on to its end.
        ends = first if period == Period.DAY else _month_end(day.business_date)
        last = min(ends, open_date)
        if first <= last:
            found.append(
                Later(
                    operator=operator,
                    tariff=tariff,
                    period=period.name.lower(),
                    first=first,
                    last=last,
                )
            )
    return found


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _accumulations(plan: Plan) -> dict[tuple[int, str], Period]:
    return {
        (operator.number, tariff.name): tariff.accumulation.period
        for operator in plan.operators
        for tariff in operator.tariffs
        if tariff.accumulation is not None
    }
