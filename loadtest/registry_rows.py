"""The registry rows of a city: what its node must know before the first tap."""

from datetime import date, timedelta

from loadtest.cards import IssuerFacts
from loadtest.plan import DENYLIST_DELIVERED
from loadtest.world import BUS, METRO, CityWorld
from schemas.registry import Denied, Issuer, Operator, Station, Terminal

Row = Operator | Terminal | Issuer | Denied | Station


def rows_of(
    worlds: dict[str, CityWorld], area: str, excluded: IssuerFacts, day: date, days: int
) -> list[tuple[str, Row]]:
    """(kind, row) of every row of a city."""
    world = worlds[area]
    acknowledged = _acknowledged(day, days)
    rows: list[tuple[str, Row]] = [
        ("operator", operator.row(acknowledged)) for operator in world.operators.values()
    ]
    rows += [("terminal", row) for row in _terminals(world)]
    rows += [
        ("issuer", pool.issuer.row(own=other is world))
        for other in worlds.values()
        for pool in other.pools
    ]
    rows.append(("issuer", excluded.row(own=False, until=day - timedelta(days=30))))
    rows += [("denied", row) for row in _denied(world, day)]
    rows += _names(world)
    return rows


def _acknowledged(day: date, days: int) -> tuple[tuple[int, str], ...]:
    """An old denylist that binds since days, and one a day that binds a day later."""
    delivered = (DENYLIST_DELIVERED, f"{day - timedelta(days=3)}T06:00:00")
    fresh = [(number + 2, f"{day + timedelta(days=number)}T05:00:00") for number in range(days)]
    return (delivered, *fresh)


def _terminals(world: CityWorld) -> list[Terminal]:
    return [
        Terminal(
            terminal_id=terminal_id.hex().upper(),
            operator=operator.number,
            line=line,
            device=operator.number * 10_000 + position,
        )
        for operator in world.operators.values()
        for position, (terminal_id, line) in enumerate(
            zip(operator.terminals.ids, operator.terminals.lines, strict=True)
        )
    ]


def _denied(world: CityWorld, day: date) -> list[Denied]:
    rows = []
    for pool, index, version in world.denied:
        if version == DENYLIST_DELIVERED:
            since = day - timedelta(days=5)
        else:
            since = day + timedelta(days=version - 2)
        rows.append(
            Denied(
                family=pool.issuer.family,
                issuer=pool.issuer.code,
                serial=pool.serial(index).hex().upper(),
                since=f"{since}T00:00:00",
                version=version,
            )
        )
    return rows


def _names(world: CityWorld) -> list[tuple[str, Row]]:
    bus = world.operators[BUS].number
    rows: list[tuple[str, Row]] = [
        ("line", Station(number=line, name=f"Line {line}", operator=bus))
        for line in sorted(world.fares.bus.lines)
    ]
    metro = world.fares.metro
    if metro is not None:
        number = world.operators[METRO].number
        rows += [
            ("station", Station(number=station, name=f"Station {station}", operator=number))
            for station in sorted(metro.line_of)
        ]
    return rows
