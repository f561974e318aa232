"""Fare facts: what a ride costs, as plain data, with short code of its own to compute it.

The engine has rules, compilers and kernels; here are a few dictionaries and thirty lines. Facts
come from a rule set's data files (``rule_facts``); ``BUILT_IN`` is a small province for tests.
Money is integer fen.
"""

import heapq
from datetime import date
from typing import Final

import msgspec

from schemas.codes import CardKind

DAY_S: Final = 86_400
SATURDAY: Final = 5


class Discount(msgspec.Struct, frozen=True):
    """What one card kind pays, per mille of the fare; whether others pay the rest.

    ``full_s``: hours of workdays, [from, to) in seconds since midnight, in which the full fare is paid.
    """

    per_mille: int
    subsidised: bool = False
    full_s: tuple[tuple[int, int], ...] = ()


class TransferFact(msgspec.Struct, frozen=True):
    """A leg within ``window_s`` (inclusive) of the window's start costs ``off_fen`` less."""

    off_fen: int
    window_s: int
    count_max: int


class BusFares(msgspec.Struct, frozen=True):
    """Flat fares by line, fen. ``any_line``: a line that is not listed has a fare, too."""

    tariff: str
    lines: dict[int, int]
    discounts: dict[int, Discount]
    transfer: TransferFact | None = None
    any_line: bool = False


class MetroFares(msgspec.Struct, frozen=True):
    """Fares from station to station, fen; ``line_of`` names a line for each station.

    ``supplement_fen``: what a supplement at the exit may cost before discounts; 0 = there is none.
    A stay of more than ``overstay_s`` (0 = any) costs ``overstay_fen``.
    """

    tariff: str
    line_of: dict[int, int]
    fares: dict[tuple[int, int], int]
    discounts: dict[int, Discount]
    transfer: TransferFact | None = None
    supplement_fen: int = 0
    overstay_s: int = 0
    overstay_fen: int = 0

    def gross(self, origin: int, destination: int, stay_s: int) -> int:
        """The fare of a ride before discounts."""
        if 0 < self.overstay_s < stay_s:
            return self.overstay_fen
        return self.fares[origin, destination]


class TaxiFares(msgspec.Struct, frozen=True):
    """The meter: start fare, then each begun step, and each full waiting unit; by night more to start.

    ``night_s``: the hours of ``night_fen``, [from, to) in seconds since midnight.
    """

    tariff: str
    start_fen: int
    start_m: int
    step_fen: int
    step_m: int
    wait_fen: int
    wait_s: int
    tolerance_fen: int
    discounts: dict[int, Discount]
    night_fen: int = 0
    night_s: tuple[tuple[int, int], ...] = ()

    def gross(self, distance_m: int, duration_s: int, second: int = DAY_S // 2) -> int:
        """What the meter shows at the end of a trip, at a second of the day."""
        steps = max(0, distance_m - self.start_m + self.step_m - 1) // self.step_m
        waits = duration_s // self.wait_s if self.wait_s else 0
        night = self.night_fen if _within(self.night_s, second) else 0
        return self.start_fen + steps * self.step_fen + waits * self.wait_fen + night


class CityFares(msgspec.Struct, frozen=True):
    """Every fare of a city; it may have no metro.

    ``splits`` names the split of each mode in the city's rule set, ``fee`` its fee.
    """

    bus: BusFares
    taxi: TaxiFares
    metro: MetroFares | None = None
    splits: dict[str, str] = {}
    fee: str = ""
    holidays: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()
    """Saturdays and Sundays that are worked."""

    def workday(self, day: date) -> bool:
        """Whether a day is a workday."""
        return day in self.worked or (day.weekday() < SATURDAY and day not in self.holidays)


def _within(hours: tuple[tuple[int, int], ...], second: int) -> bool:
    return any(start <= second < end for start, end in hours)


def fare_of(
    discounts: dict[int, Discount],
    card_kind: int,
    gross_fen: int,
    second: int = 0,
    *,
    workday: bool = False,
) -> tuple[int, int]:
    """(fare, subsidy) of our own card of a kind at a second of a day: rounded half up, once."""
    discount = discounts.get(card_kind) or discounts.get(0)
    if discount is None or (workday and _within(discount.full_s, second)):
        return gross_fen, 0
    fare = (gross_fen * discount.per_mille + 500) // 1000
    return fare, gross_fen - fare if discount.subsidised else 0


def shortest(edges: dict[int, dict[int, int]], start: int) -> dict[int, int]:
    """Metres of the shortest way from a station to every other."""
    distances = {start: 0}
    heap = [(0, start)]
    while heap:
        metres, station = heapq.heappop(heap)
        if metres > distances[station]:
            continue
        for neighbour, length in edges[station].items():
            further = metres + length
            if further < distances.get(neighbour, further + 1):
                distances[neighbour] = further
                heapq.heappush(heap, (further, neighbour))
    return distances


def xian_metro_fare(metres: int) -> int:
    """Xi'an metro: 2 yuan to 6 km, 3 to 10, 4 to 14, 5 to 20, 6 to 26, then 1 yuan per 8 km."""
    for limit_m, fen in ((6000, 200), (10000, 300), (14000, 400), (20000, 500), (26000, 600)):
        if metres <= limit_m:
            return fen
    return 600 + -(-(metres - 26000) // 8000) * 100


def _stand_in_network() -> tuple[dict[int, int], dict[tuple[int, int], int]]:
    """A stand-in: three lines of fifteen stations that cross at their eighth."""
    edges: dict[int, dict[int, int]] = {}
    line_of: dict[int, int] = {}
    for line in (1, 2, 3):
        stations = [108 if at == 8 else 100 * line + at for at in range(1, 16)]
        for number, station in enumerate(stations):
            line_of.setdefault(station, line)
            edges.setdefault(station, {})
            if number:
                length = 900 + 37 * (station % 23)
                edges[station][stations[number - 1]] = length
                edges[stations[number - 1]][station] = length
    fares = {
        (start, end): xian_metro_fare(metres)
        for start in edges
        for end, metres in shortest(edges, start).items()
    }
    return line_of, fares


def _built_in() -> dict[str, CityFares]:
    free = Discount(0, subsidised=True)
    half, most = Discount(500), Discount(900)
    on_bus = {
        int(CardKind.ORDINARY): half,
        int(CardKind.STUDENT): half,
        int(CardKind.SENIOR): free,
        int(CardKind.LOVE): free,
    }
    on_metro = {**on_bus, int(CardKind.ORDINARY): most}
    lines = {number: 200 if number % 3 else 100 for number in range(1, 31)}
    line_of, fares = _stand_in_network()
    return {
        "7910": CityFares(
            bus=BusFares("bus", lines, on_bus),
            metro=MetroFares("metro", line_of, fares, on_metro),
            taxi=TaxiFares("taxi", 900, 3000, 230, 1000, 230, 300, 200, {}),
        ),
        "7930": CityFares(
            bus=BusFares("bus", {n: 200 if n % 2 else 100 for n in range(1, 13)}, on_bus),
            taxi=TaxiFares("taxi", 600, 2000, 160, 1000, 160, 300, 200, {}),
        ),
    }


BUILT_IN: Final = _built_in()
"""Fare facts by area code, for tests and for who gives no others."""
