"""Calendars: which days are worked, which are for rest, which are holidays.

China's State Council announces each year's holidays and, with them, the days of rest that are worked
instead 调休. A calendar is compiled to one ``DayKind`` a byte, a byte for each day of its years.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import msgspec

from clearing.plan import EPOCH, DayKind, local_day
from clearing.rules.document import Table
from clearing.rules.versions import notes

KEYS: Final = {
    "years": "the years that it covers, in order; outside of them Monday to Friday are workdays",
    "holidays": "the holidays, each with the rest days that are worked instead",
    "source": "where the facts come from",
    "stand_in": "why and how the facts are made up, where none are public",
}
"""The keys of a calendar."""

HOLIDAY_KEYS: Final = {
    "name": "the name of the holiday",
    "from": "its first day",
    "to": "its last day, included; absent: one day",
    "workdays": "Saturdays and Sundays that are worked instead",
}
"""The keys of a holiday."""

YEAR_MAX: Final = 2135


class Calendar(msgspec.Struct, frozen=True):
    """``days`` has one ``DayKind`` a byte from local day ``first`` on."""

    table: Table
    first: int
    days: bytes

    def kind_of(self, day: int) -> DayKind:
        """What kind of day a local day is; outside of the years Monday to Friday are workdays."""
        at = day - self.first
        return DayKind(self.days[at]) if 0 <= at < len(self.days) else plain_kind(day)


def plain_kind(day: int) -> DayKind:
    """The kind of a local day where nothing was announced."""
    weekday = (EPOCH.date() + timedelta(days=day)).weekday()
    return DayKind.WORKDAY if weekday < 5 else DayKind.REST_DAY


def read_calendar(table: Table) -> Calendar:
    """The calendar of a table ``[calendar.NAME]``."""
    table.only(KEYS)
    notes(table)
    years = _years(table)
    first = local_day(date(years[0], 1, 1))
    days = bytearray(plain_kind(day) for day in range(first, local_day(date(years[-1] + 1, 1, 1))))
    rows = table.tables("holidays")
    seen: set[int] = set()
    for row in rows:
        row.only(HOLIDAY_KEYS)
        row.text("name")
        for day in _holiday(row, years):
            days[day - first] = DayKind.HOLIDAY
            seen.add((EPOCH.date() + timedelta(days=day)).year)
    for row in rows:
        for day in _worked(row, years):
            if days[day - first] != DayKind.REST_DAY:
                raise row.error("workdays", *_no_rest(day, DayKind(days[day - first])))
            days[day - first] = DayKind.WORKDAY
    for year in years:
        if year not in seen:
            raise table.error(
                "years",
                f"The year {year} has no holiday.",
                f"Add the holidays of {year}, or leave the year out until they are announced.",
            )
    _overlaps(rows, years)
    return Calendar(table, first, bytes(days))


def _years(table: Table) -> list[int]:
    years: list[int] = []
    for year in table.values("years"):
        if type(year) is not int or not EPOCH.year <= year <= YEAR_MAX:
            raise table.error(
                "years", f"{year!r} is no year.", f"Write years from {EPOCH.year} to {YEAR_MAX}."
            )
        if years and year != years[-1] + 1:
            raise table.error(
                "years",
                f"The year {year} does not follow {years[-1]}.",
                "Write every year once, in order, and leave none out.",
            )
        years.append(year)
    return years


def _within(row: Table, key: str, day: date, years: list[int]) -> int:
    if not years[0] <= day.year <= years[-1]:
        raise row.error(
            key, f"{day} is in none of the calendar's years.", f"Add {day.year} to years."
        )
    return local_day(day)


def _holiday(row: Table, years: list[int]) -> range:
    start = row.day("from")
    end = row.day("to") if row.has("to") else start
    if end < start:
        raise row.error(
            "to",
            f"The holiday ends on {end}, before it begins on {start}.",
            "Exchange from and to; to is the last day of the holiday.",
        )
    return range(_within(row, "from", start, years), _within(row, "to", end, years) + 1)


def _worked(row: Table, years: list[int]) -> Iterator[int]:
    for value in row.values("workdays") if row.has("workdays") else ():
        yield _within(row, "workdays", row.as_day("workdays", value), years)


def _no_rest(day: int, kind: DayKind) -> tuple[str, str]:
    when = EPOCH.date() + timedelta(days=day)
    if kind is DayKind.HOLIDAY:
        return f"{when} is a holiday and worked.", "Leave the day out of one of the two."
    return (
        f"{when}, a {when:%A}, is a workday already.",
        "Name only Saturdays and Sundays that are worked, each once.",
    )


def _overlaps(rows: list[Table], years: list[int]) -> None:
    owners: dict[int, Table] = {}
    for row in rows:
        for day in _holiday(row, years):
            other = owners.setdefault(day, row)
            if other is not row:
                raise row.error(
                    "from",
                    f"{row.text('name')} and {other.text('name')} overlap on"
                    f" {EPOCH.date() + timedelta(days=day)}.",
                    "Join the two, or correct their days.",
                )
