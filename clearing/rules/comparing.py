"""Compares two states of rules: which rules changed, from when, in words.

Rules are compared as they are written, key by key, and tariffs once more as they price: how many pairs
of stations cost something else, from which day on.
"""

import struct
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final

import msgspec

from clearing.plan import FOREVER, Tariff, TariffType
from clearing.rules.collecting import Rule
from clearing.rules.dated import DatedTariff
from clearing.rules.document import Table
from clearing.rules.ruleset import RuleSet
from clearing.rules.versions import spans
from clearing.rules.words import Said, moment_words, yuan_words

_NOTES: Final = ("source", "stand_in")
_DATES: Final = ("since", "until")


class Change(msgspec.Struct, frozen=True):
    """One change: of which rule, from which local second on (None: it has no date), in words."""

    section: str
    rule: str
    since_s: int | None
    english: str
    chinese: str
    file: str
    line: int


def compare(old: RuleSet, new: RuleSet) -> list[Change]:
    """What changes between two states of rules, by section and rule, in order of time."""
    changes = [*_written(old, new), *_files(old, new), *_priced(old, new)]
    return sorted(changes, key=lambda change: (change.section, change.rule, change.since_s or 0))


# -- as written --------------------------------------------------------------------------------------


def _written(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    for section, rules in new.written.sections.items():
        before = old.written.sections.get(section, {})
        for name in sorted(before.keys() - rules.keys()):
            yield _of(before[name].tables[0], section, name, None, ("the rule is gone", "规则取消"))
        for name in sorted(rules):
            if name not in before:
                table = rules[name].tables[0]
                since = spans(rules[name].tables)[0].since_s if rules[name].dated else None
                yield _of(table, section, name, since, ("a new rule", "新增规则"))
            else:
                yield from _versions(section, before[name], rules[name])


def _of(table: Table, section: str, rule: str, since_s: int | None, said: Said) -> Change:
    document = table.document
    return Change(section, rule, since_s, *said, document.file, document.line(table.path))


def _versions(section: str, old: Rule, new: Rule) -> Iterator[Change]:
    """Versions are the same ones if they begin at the same moment."""
    if not (old.dated and new.dated):
        for said in _tables(old.tables[0].data, new.tables[0].data):
            yield _of(new.tables[0], section, new.name, None, said)
        return
    before = {
        span.since_s: table for table, span in zip(old.tables, spans(old.tables), strict=True)
    }
    ends = {span.since_s: span.until_s for span in spans(old.tables)}
    # Where the next version takes over, its own beginning says so.
    begins = {span.since_s for span in spans(new.tables)}
    latest: Table | None = None
    for table, span in zip(new.tables, spans(new.tables), strict=True):
        known = before.pop(span.since_s, None)
        base = known or latest
        if known is None:
            said = "a new version begins", "新版本开始施行"
            yield _of(table, section, new.name, span.since_s, said)
        elif ends[span.since_s] != span.until_s and span.until_s not in begins:
            end = moment_words(span.until_s) if span.until_s != FOREVER else ""
            said = (
                (f"the version ends on {end}", f"本版本止于{end}")
                if end
                else ("the version has no end any more", "本版本不再终止")
            )
            since_s = min(ends[span.since_s], span.until_s)
            yield _of(table, section, new.name, since_s, said)
        if base is not None:
            for said in _tables(base.data, table.data):
                yield _of(table, section, new.name, span.since_s, said)
        latest = table
    for since_s, table in before.items():
        said = f"the version of {moment_words(since_s)} is gone", f"{moment_words(since_s)}版本取消"
        yield _of(table, section, new.name, since_s, said)


def _tables(old: Mapping[str, Any], new: Mapping[str, Any], where: str = "") -> Iterator[Said]:
    """The keys that two tables differ in; lists of tables with names are compared by name."""
    for key in [*old, *(key for key in new if key not in old)]:
        if key in _DATES or old.get(key) == new.get(key):
            continue
        label = f"{where}{key}"
        if key in _NOTES:
            yield f"{label}: another note", f"{label}：说明有改动"
        elif key not in new:
            yield (
                f"{label} is gone, it was {_value(old[key])}",
                f"{label}：取消（原{_value(old[key])}）",
            )
        elif key not in old:
            yield f"{label} is new: {_value(new[key])}", f"{label}：新增{_value(new[key])}"
        elif _named(old[key]) and _named(new[key]):
            yield from _rows(label, old[key], new[key])
        else:
            yield (
                f"{label}: {_value(old[key])} → {_value(new[key])}",
                f"{label}：{_value(old[key])}改为{_value(new[key])}",
            )


def _rows(label: str, old: list[Any], new: list[Any]) -> Iterator[Said]:
    before, after = ({row[_name_key(row)]: row for row in rows} for rows in (old, new))
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield f"{label} {name} is gone", f"{label} {name}：取消"
        elif name not in before:
            words = ", ".join(f"{key} {_value(value)}" for key, value in after[name].items())
            yield f"{label} {name} is new: {words}", f"{label} {name}：新增"
        else:
            yield from _tables(before[name], after[name], f"{label} {name}, ")
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield f"{label}: another order", f"{label}：次序改变"


def _name_key(row: Mapping[str, Any]) -> str:
    return next((key for key in ("name", "role", "id", "number") if key in row), "")


def _named(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        return False
    keys = [row.get(_name_key(row)) for row in value]
    return None not in keys and len(set(map(str, keys))) == len(keys)


def _value(value: object) -> str:
    """A value as a person would write it."""
    if isinstance(value, bool):
        return "yes 是" if value else "no 否"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


# -- data files --------------------------------------------------------------------------------------


def _files(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    """CSV files that differ. What that means for fares is said of the tariffs."""
    for file in sorted({*old.files, *new.files}):
        if not file.endswith(".csv") or old.files.get(file) == new.files.get(file):
            continue
        before = old.files.get(file, "").splitlines()
        after = new.files.get(file, "").splitlines()
        added, gone = len({*after} - {*before}), len({*before} - {*after})
        said = f"lines: {added} new, {gone} gone", f"新增{added}行，删除{gone}行"
        yield Change("file", file, None, *said, file, 1)


# -- as priced ---------------------------------------------------------------------------------------


def _priced(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    for name in sorted(old.tariffs.keys() & new.tariffs.keys()):
        before, after = old.tariffs[name], new.tariffs[name]
        cuts = {dated.tariff.since_s for dated in (*before, *after)}
        said: Said | None = None
        for at_s in sorted(cuts):
            one, other = _holding(before, at_s), _holding(after, at_s)
            found = _pairs(one, other) if one is not None and other is not None else None
            if found is not None and found != said:
                assert other is not None
                yield _of(other.sources.version, "tariff", name, at_s, found)
            said = found


def _holding(versions: tuple[DatedTariff, ...], at_s: int) -> DatedTariff | None:
    return next(
        (dated for dated in versions if dated.tariff.since_s <= at_s < dated.tariff.until_s), None
    )


def _cells(tariff: Tariff) -> dict[tuple[int, int], int]:
    stations = tariff.stations
    size = len(stations)
    fares = struct.unpack(f"<{size * size}i", tariff.od_fen)
    return {
        (one, other): fares[row * size + column]
        for row, one in enumerate(stations)
        for column, other in enumerate(stations)
    }


def _pairs(one: DatedTariff, other: DatedTariff) -> Said | None:
    """How many pairs of stations cost something else, with the first of them."""
    if one.tariff.type is not TariffType.OD or other.tariff.type is not TariffType.OD:
        return None
    if (one.tariff.stations, one.tariff.od_fen) == (other.tariff.stations, other.tariff.od_fen):
        return None
    before, after = _cells(one.tariff), _cells(other.tariff)
    changed = [pair for pair in before if pair in after and before[pair] != after[pair]]
    english, chinese = [], []
    if changed:
        dearer = sum(after[pair] > before[pair] for pair in changed)
        pair = changed[0]
        names = [other.stations.find(number) for number in pair]
        way = " – ".join(place.chinese or place.id for place in names if place)
        was, now = yuan_words(max(before[pair], 0)), yuan_words(max(after[pair], 0))
        english.append(
            f"{len(changed):,} pairs of stations cost something else, {dearer:,} of them more;"
            f" {way}: {was[0]} → {now[0]}"
        )
        chinese.append(
            f"{len(changed):,}对车站票价变动，其中{dearer:,}对上调；{way}：{was[1]}改为{now[1]}"
        )
    for label, numbers in (
        (("new", "个新车站"), set(other.tariff.stations) - set(one.tariff.stations)),
        (
            ("gone", "个车站取消"),
            set(one.tariff.stations) - set(other.tariff.stations),
        ),
    ):
        if numbers:
            english.append(f"stations: {len(numbers)} {label[0]}")
            chinese.append(f"{len(numbers)}{label[1]}")
    return "; ".join(english), "；".join(chinese)
