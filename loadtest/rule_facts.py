"""Fare facts read from the rule sets' data files (TOML and CSV), as they hold on a day.

The files are data; the engine's loader, its checks and its compiler are not used. Only what the
demonstration's sets contain is understood here, and anything else is refused by name.
"""

import csv
import tomllib
from collections.abc import Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, Final

from loadtest.facts import (
    DAY_S,
    BusFares,
    CityFares,
    Discount,
    MetroFares,
    TaxiFares,
    TransferFact,
    shortest,
)
from schemas.codes import CardKind

SETS: Final = Path(__file__).resolve().parent.parent / "clearing" / "rules" / "sets"
"""Where the rule sets lie beside this package; nothing is imported from there."""

SET_OF_CITY: Final = {"7910": "xian", "7930": "baoji"}
MADE_UP_LINES: Final = 12
"""Lines 1 to this number run where a set names no lines and one fare holds for all."""

FULL: Final = 1000
"""Per mille of the full fare."""

Rule = Mapping[str, Any]


class FactsError(ValueError):
    """A rule set with something in it that the generator does not understand."""


def in_force(versions: list[Rule], day: date) -> Rule | None:
    """The version of a rule that holds on a day."""
    found = None
    for version in versions:
        if version["since"] <= day and not ("until" in version and version["until"] <= day):
            found = version
    return found


class RuleFiles:
    """One rule set's files, asked *as of* a day."""

    def __init__(self, folder: Path, day: date) -> None:
        self.folder, self.day = folder, day
        self.data: Rule = tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8"))

    def name(self, rule: str) -> str:
        """The full name of a rule, as registry rows give it: SET/RULE."""
        return f"{self.folder.name}/{rule}"

    def rule(self, group: str, name: str) -> Rule | None:
        """The version of ``[[group.name]]`` that holds on the day."""
        return in_force(self.data.get(group, {}).get(name, []), self.day)

    def table(self, network: Rule, key: str) -> list[Mapping[str, Any]]:
        """Rows of a network: in the file itself, or in a CSV file beside it."""
        value = network.get(key, [])
        if isinstance(value, list):
            return value
        lines = (self.folder / value).read_text(encoding="utf-8").splitlines()
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))

    def discounts(self, tariff: Rule) -> dict[int, Discount]:
        """What each card kind pays under a tariff."""
        found = self.rule("discount", tariff["discounts"]) if "discounts" in tariff else None
        result: dict[int, Discount] = {}
        full: dict[int, tuple[tuple[int, int], ...]] = {}
        for row in found["classes"] if found else []:
            plain = "bands" not in row and "entry_stations" not in row
            kind = int(CardKind[row["card_kind"].upper()])
            if plain and "hours" in row and row["pay_per_mille"] == FULL:
                # The first class that applies is taken: hours above the class of all other times.
                full[kind] = self._workday_hours(row["hours"])
            elif plain and "hours" not in row and row.get("rounding") == "half_up":
                subsidised = row["bearer"] != "operator"
                result[kind] = Discount(row["pay_per_mille"], subsidised, full.get(kind, ()))
            else:
                raise FactsError(f"{self.folder.name}: discount {row['name']} is not understood")
        return result

    def _workday_hours(self, rows: list[Rule]) -> tuple[tuple[int, int], ...]:
        for row in rows:
            if row.get("days") != ["workday"] or row.get("of", "tap") != "tap":
                raise FactsError(f"{self.folder.name}: hours {row} are not understood")
        return _seconds(rows)

    def calendar(self) -> tuple[frozenset[date], frozenset[date]]:
        """Holidays, and the rest days that are worked, of the calendar that the set's tariffs name."""
        names = {
            version["calendar"]
            for versions in self.data.get("tariff", {}).values()
            for version in versions
            if "calendar" in version
        }
        holidays: set[date] = set()
        worked: set[date] = set()
        for name in names:
            folder, _, short = name.rpartition("/")
            files = RuleFiles(self.folder.parent / folder, self.day) if folder else self
            for row in files.data["calendar"][short]["holidays"]:
                days = (row.get("to", row["from"]) - row["from"]).days
                holidays |= {row["from"] + timedelta(days=n) for n in range(days + 1)}
                worked |= set(row.get("workdays", ()))
        return frozenset(holidays), frozenset(worked)

    def transfer(self, tariff: Rule) -> TransferFact | None:
        """The transfer discount of a tariff, if there is one on the day."""
        found = self.rule("transfer", tariff["transfer"]) if "transfer" in tariff else None
        if found is None:
            return None
        if found["type"] != "amount_off" or found.get("by_mark"):
            raise FactsError(f"{self.folder.name}: this kind of transfer is not understood")
        return TransferFact(found["value_fen"], found["window_s"], found["count_max"])

    def bus(self) -> BusFares:
        """Flat fares by line."""
        tariff = self._tariff("bus", "flat")
        network = self.data["network"].get(tariff.get("network", ""), {})
        rows = self.table(network, "lines")
        numbers = [int(row["number"]) for row in rows] or list(range(1, MADE_UP_LINES + 1))
        by_name = {str(row["id"]): int(row["number"]) for row in rows}
        lines = {number: tariff["fare_fen"] for number in numbers if "fare_fen" in tariff}
        for entry in tariff.get("by_line", []):
            for name in entry["lines"]:
                lines[by_name.get(str(name), name)] = entry["fare_fen"]
        return BusFares(
            self.name("bus"),
            lines,
            self.discounts(tariff),
            self.transfer(tariff),
            "fare_fen" in tariff,
        )

    def taxi(self) -> TaxiFares:
        """The meter."""
        tariff = self._tariff("taxi", "metered")
        names = [
            "start_fen",
            "start_m",
            "step_fen",
            "step_m",
            "wait_fen",
            "wait_s",
            "tolerance_fen",
        ]
        values = {name: tariff[name] for name in names}
        night_fen = 0
        night_s: tuple[tuple[int, int], ...] = ()
        for row in tariff.get("surcharges", []):
            hours = row.get("hours", [])
            unknown = {"lines", "per_mille"} & row.keys() or any("days" in part for part in hours)
            if unknown or night_fen:
                raise FactsError(f"{self.folder.name}: surcharge {row['name']} is not understood")
            night_fen, night_s = row["add_fen"], _seconds(hours)
        return TaxiFares(
            self.name("taxi"),
            **values,
            discounts=self.discounts(tariff),
            night_fen=night_fen,
            night_s=night_s,
        )

    def metro(self) -> MetroFares | None:
        """Fares from station to station, by distance or as listed."""
        tariff = self.rule("tariff", "metro")
        if tariff is None:
            return None
        network = self.data["network"][tariff["network"]]
        rows = self.table(network, "stations")
        numbers = {str(row["id"]): int(row["number"]) for row in rows}
        links = self.table(network, "links")
        first_line = int(self.table(network, "lines")[0]["number"])
        line_of = dict.fromkeys(numbers.values(), first_line)
        # The first link that touches a station names its line.
        for link in reversed(links):
            for end in ("from", "to"):
                line_of[numbers[link[end]]] = int(link["line"])
        if tariff["type"] == "distance":
            fares = _by_distance(tariff, numbers, links)
        elif tariff["type"] == "od":
            fares = _as_listed(tariff, numbers)
        else:
            raise FactsError(f"{self.folder.name}: metro tariffs of this type are not understood")
        overstay_fen = tariff.get("overstay_fen", 0)
        supplement = "metro_supplement" in tariff["taps"]
        return MetroFares(
            self.name("metro"),
            line_of,
            fares,
            self.discounts(tariff),
            self.transfer(tariff),
            min(fare for fare in fares.values() if fare) if supplement else 0,
            tariff.get("overstay_s", 0),
            max(fares.values()) if overstay_fen == "top" else overstay_fen,
        )

    def _tariff(self, name: str, wanted: str) -> Rule:
        tariff = self.rule("tariff", name)
        if tariff is None or tariff["type"] != wanted:
            raise FactsError(f"{self.folder.name}: no tariff {name} of type {wanted}")
        return tariff


def _seconds(hours: list[Rule]) -> tuple[tuple[int, int], ...]:
    """The hours of rules as seconds since midnight, [from, to)."""
    return tuple((_second(row.get("from"), 0), _second(row.get("to"), DAY_S)) for row in hours)


def _second(value: time | None, default: int) -> int:
    return default if value is None else value.hour * 3600 + value.minute * 60 + value.second


def _band_fare(bands: list[Rule], metres: int) -> int:
    start, fare = 0, 0
    for band in bands:
        if "each_m" in band:
            steps = -(-(metres - start) // band["each_m"])
            return int(fare + steps * band["add_fen"])
        start, fare = band.get("to_m", metres), band["fare_fen"]
        if metres <= start:
            break
    return fare


def _by_distance(
    tariff: Rule, numbers: Mapping[str, int], links: list[Mapping[str, Any]]
) -> dict[tuple[int, int], int]:
    edges: dict[int, dict[int, int]] = {number: {} for number in numbers.values()}
    for link in links:
        start, end, metres = numbers[link["from"]], numbers[link["to"]], int(link["metres"])
        edges[start][end] = min(metres, edges[start].get(end, metres))
        edges[end][start] = min(metres, edges[end].get(start, metres))
    bands: list[Rule] = tariff["bands"]
    same = tariff.get("same_station_fen", _band_fare(bands, 0))
    return {
        (start, end): same if start == end else _band_fare(bands, metres)
        for start in edges
        for end, metres in shortest(edges, start).items()
    }


def _as_listed(tariff: Rule, numbers: Mapping[str, int]) -> dict[tuple[int, int], int]:
    fares = {}
    for row in tariff["fares"]:
        start, end = numbers[row["from"]], numbers[row["to"]]
        fares[start, end] = row["fare_fen"]
        if tariff.get("symmetric"):
            fares[end, start] = row["fare_fen"]
    return fares


def read(folder: Path, day: date) -> CityFares:
    """The fare facts of a rule set's folder on a day."""
    files = RuleFiles(folder, day)
    splits, fees = files.data.get("split", {}), files.data.get("fee", {})
    holidays, worked = files.calendar()
    return CityFares(
        bus=files.bus(),
        taxi=files.taxi(),
        metro=files.metro(),
        splits={name: files.name(name) for name in splits},
        fee=files.name("standard") if "standard" in fees else "",
        holidays=holidays,
        worked=worked,
    )


def read_cities(cities: tuple[str, ...], day: date, sets: Path = SETS) -> dict[str, CityFares]:
    """The fare facts of cities. Raises ``FactsError`` for one that has no rule set."""
    for area in cities:
        if area not in SET_OF_CITY:
            raise FactsError(f"no rule set is known for the city {area}: give its fare facts")
    return {area: read(sets / SET_OF_CITY[area], day) for area in cities}
