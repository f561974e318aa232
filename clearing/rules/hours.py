"""Hours: the parts of days in which a class or a surcharge applies."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from clearing.plan import Basis, DayKind, Hours
from clearing.rules.document import Table

KEYS: Final = {
    "days": "kinds of days: a list of workday, rest_day, holiday; absent: all days",
    "from": "the time of day when they begin; absent: midnight",
    "to": "the time of day when they end, itself not included; absent: midnight",
    "of": "whose time counts: tap, or entry (that of the journey); absent: tap",
}
"""The keys of one entry of ``hours``."""

DAY_KINDS: Final = {kind.name.lower(): kind for kind in DayKind}
BASES: Final = {"tap": Basis.EXIT, "entry": Basis.ENTRY}
ALL_DAYS: Final = (1 << len(DayKind)) - 1
DAY_S: Final = 86_400


def read_hours(table: Table) -> tuple[Hours, ...]:
    """The ``hours`` of a class or a surcharge; none where the key is absent, which means always."""
    found: list[Hours] = []
    for row in table.tables("hours") if table.has("hours") else []:
        row.only(KEYS)
        if not any(row.has(key) for key in ("days", "from", "to")):
            raise row.error(
                None, "The hours say neither days nor times.", "Give days, from or to, or no hours."
            )
        hours = Hours(
            _days(row),
            row.time_s("from") if row.has("from") else 0,
            row.time_s("to") if row.has("to") else DAY_S,
            row.word("of", BASES) if row.has("of") else Basis.EXIT,
        )
        if hours.to_s <= hours.from_s:
            raise row.error(
                "to",
                f"The hours end at {clock(hours.to_s)}, before they begin at {clock(hours.from_s)}.",
                "Hours over midnight are two entries: one without to, one without from.",
            )
        for other in found:
            if _meet(hours, other):
                raise row.error(
                    None,
                    f"The hours from {clock(hours.from_s)} to {clock(hours.to_s)} overlap those"
                    f" from {clock(other.from_s)} to {clock(other.to_s)}.",
                    "Write each hour once.",
                )
        found.append(hours)
    return tuple(found)


def need_calendar(table: Table, hours: tuple[Hours, ...], tariff: str) -> None:
    """Refuse hours of some kinds of days for a tariff that has no calendar."""
    if any(part.days != ALL_DAYS for part in hours):
        raise table.error(
            "hours",
            f"Kinds of days are named, and {tariff} has no calendar.",
            'Give the tariff a calendar, such as calendar = "china/holidays".',
        )


def _days(row: Table) -> int:
    if not row.has("days"):
        return ALL_DAYS
    bits = 0
    for name in row.texts("days"):
        bit = 1 << row.choose("days", name, DAY_KINDS)
        if bits & bit:
            raise row.error("days", f"days has {name} twice.", "Name each kind of day once.")
        bits |= bit
    return bits


def _meet(one: Hours, other: Hours) -> bool:
    return bool(
        one.days & other.days
        and one.basis == other.basis
        and one.from_s < other.to_s
        and other.from_s < one.to_s
    )


def clock(seconds: int) -> str:
    """A time of day, 07:00; with seconds where there are some; 24:00 is the end of the day."""
    hours, rest = divmod(seconds, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours:02}:{minutes:02}" + (f":{second:02}" if second else "")


DAYS_ENGLISH: Final[Mapping[DayKind, str]] = {
    DayKind.WORKDAY: "workdays",
    DayKind.REST_DAY: "rest days",
    DayKind.HOLIDAY: "holidays",
}
DAYS_CHINESE: Final[Mapping[DayKind, str]] = {
    DayKind.WORKDAY: "工作日",
    DayKind.REST_DAY: "休息日",
    DayKind.HOLIDAY: "节假日",
}


def hours_in_words(hours: tuple[Hours, ...]) -> tuple[str, str]:
    """Hours in English and in Chinese; two empty texts where they are always."""
    english, chinese = [], []
    for part in hours:
        kinds = [kind for kind in DayKind if part.days >> kind & 1]
        every = len(kinds) == len(DayKind)
        span = f"{clock(part.from_s)}–{clock(part.to_s)}"
        whole = part.to_s - part.from_s == DAY_S
        entry = part.basis == Basis.ENTRY
        english.append(
            ("every day" if every else " and ".join(DAYS_ENGLISH[kind] for kind in kinds))
            + ("" if whole else f" {span}")
            + (" by time of entry" if entry else "")
        )
        chinese.append(
            ("每日" if every else "、".join(DAYS_CHINESE[kind] for kind in kinds))
            + ("" if whole else span)
            + ("进站" if entry else "")
        )
    return ", ".join(english), "，".join(chinese)


def duration_in_words(seconds: int) -> tuple[str, str]:
    """A length of time in English and in Chinese."""
    if seconds % 60 == 0:
        return f"{seconds // 60} minutes", f"{seconds // 60}分钟"
    return f"{timedelta(seconds=seconds)}", f"{seconds}秒"
