"""A simulation's sums by operator, card kind, line, date: one row each, both views side by side."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from service.simulating.words import WORDS, card_words
from service.text import Said
from settlement.repricing import Amounts, LineTotals
from settlement.repricing.simulation import Simulation, totals

Key: TypeAlias = tuple[int, ...]


class Group(msgspec.Struct, frozen=True):
    """Rides that belong together. ``kept`` and ``forecast``: amounts before and after.

    ``changed``: rides that a re-clearing would move.
    """

    name: Said
    rides: int
    changed: int
    kept: tuple[Amounts, Amounts]
    forecast: tuple[Amounts, Amounts]

    @property
    def fare_change(self) -> int:
        """What the rules ask for, more or less, fen."""
        return self.forecast[1].expected_fen - self.forecast[0].expected_fen

    @property
    def subsidy_change(self) -> int:
        """The same of subsidies, fen."""
        return self.forecast[1].subsidy_fen - self.forecast[0].subsidy_fen

    @property
    def credited_change(self) -> int:
        """What a re-clearing would credit, more or less, fen."""
        return self.kept[1].credited_fen - self.kept[0].credited_fen

    @property
    def reclear_subsidy_change(self) -> int:
        """What a re-clearing would claim as subsidies, more or less, fen."""
        return self.kept[1].subsidy_fen - self.kept[0].subsidy_fen

    @property
    def changes(self) -> tuple[int, int, int]:
        """What the picture shows: forecast fares and subsidies, re-clear credits; fen."""
        return self.fare_change, self.subsidy_change, self.credited_change


BY: Final[dict[str, Callable[[LineTotals], Key]]] = {
    "operator": lambda row: (row.operator,),
    "card_kind": lambda row: (row.card_kind,),
    "line": lambda row: (row.operator, row.line),
}
"""How rows are grouped."""


def groups(found: Simulation, by: str) -> list[Group]:
    """The groups of a kind, those that change most first."""
    key_of = BY[by]
    kept, forecast = (_gathered(view.lines, key_of) for view in (found.kept, found.forecast))
    rows = [_group(_name(found, by, key), kept[key], forecast[key]) for key in sorted(kept)]
    return sorted(rows, key=lambda row: -max(map(abs, row.changes)))


def whole(found: Simulation) -> Group:
    """Everything together."""
    return _group(WORDS["all"], found.kept.lines, found.forecast.lines)


def told(rows: Sequence[Group], shown_max: int | None = None) -> list[Group]:
    """Groups, those without a change as one, and those beyond ``shown_max`` as one."""
    moved = [row for row in rows if row.changed or any(row.changes)]
    still = [row for row in rows if not row.changed and not any(row.changes)]
    shown = moved if shown_max is None else moved[:shown_max]
    return [
        *shown,
        *_together("others", moved[len(shown) :]),
        *_together("unchanged", still),
    ]


def _together(name: str, rows: Sequence[Group]) -> list[Group]:
    """Several groups as one of that name; one alone stays as it is."""
    if len(rows) < 2:
        return list(rows)
    said = WORDS[name]
    return [
        Group(
            # A number in front would read as an operator's.
            Said(f"{said.zh}（{len(rows)}项）", f"{said.en} ({len(rows)})"),
            sum(row.rides for row in rows),
            sum(row.changed for row in rows),
            _summed([row.kept for row in rows]),
            _summed([row.forecast for row in rows]),
        )
    ]


def _summed(pairs: Sequence[tuple[Amounts, Amounts]]) -> tuple[Amounts, Amounts]:
    before, after = Amounts(), Amounts()
    for one, other in pairs:
        before, after = before + one, after + other
    return before, after


def dates(found: Simulation) -> list[Group]:
    """A group for each date, in order."""
    return [
        Group(
            Said(f"{kept.business_date}", f"{kept.business_date}"),
            kept.rides,
            kept.changed,
            (kept.before, kept.after),
            (forecast.before, forecast.after),
        )
        for kept, forecast in zip(found.kept.dates, found.forecast.dates, strict=True)
    ]


def _gathered(
    lines: Iterable[LineTotals], key_of: Callable[[LineTotals], Key]
) -> dict[Key, list[LineTotals]]:
    gathered: dict[Key, list[LineTotals]] = {}
    for row in lines:
        gathered.setdefault(key_of(row), []).append(row)
    return gathered


def _group(name: Said, kept: Sequence[LineTotals], forecast: Sequence[LineTotals]) -> Group:
    rides, changed, *amounts = totals(kept)
    _, _, *supposed = totals(forecast)
    return Group(name, rides, changed, (amounts[0], amounts[1]), (supposed[0], supposed[1]))


def _name(found: Simulation, by: str, key: Key) -> Said:
    if by == "card_kind":
        return card_words(key[0])
    if by == "operator":
        return operator_name(found, key[0])
    return line_name(found, key[0], key[1])


def operator_name(found: Simulation, operator: int) -> Said:
    """An operator's name, the same in both languages, with its number."""
    name = f"{operator} {found.operators.get(operator, '')}".rstrip()
    return Said(name, name)


def line_name(found: Simulation, operator: int, line: int) -> Said:
    """A line's names; its number where the rules do not name it."""
    for row in found.line_names:
        if (row.operator, row.line) == (operator, line):
            return Said(
                f"{operator} {row.chinese or row.english or line}",
                f"{operator} {row.english or row.chinese or line}",
            )
    return Said(f"{operator} 线路{line}", f"{operator} line {line}")
