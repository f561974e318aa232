"""What a tariff says beside its fares: surcharges, long stays, degraded mode, missing entries."""

from typing import Final, TypedDict

from clearing.plan import Degraded, MissingEntry, Surcharge, TariffType
from clearing.rules.document import Table
from clearing.rules.hours import need_calendar, read_hours
from clearing.rules.networks import Network
from clearing.rules.tariffs import Body

KEYS: Final = {
    "surcharges": "what some lines or hours add: a list of { name, lines, hours, add_fen, per_mille }",
    "overstay_s": "longest stay between entry and exit, itself included",
    "overstay_fen": "what a longer stay costs: fen, or top (the highest fare)",
    "same_station_s": "longest stay for which the way back to the station of entry has its own fare",
    "same_station_late_fen": "what a longer one costs: fen, or top",
    "degraded": "what a ride in degraded mode costs: as_charged, free or flat; absent: as_charged",
    "degraded_fen": "with degraded = flat: the fare",
    "missing_entry": "an exit without a known entry costs: column (any fare to there), top, minimum",
}
"""The keys of a tariff that are read here."""

SURCHARGE_KEYS: Final = {
    "name": "what explanations call it",
    "lines": "lines, by number or name: of the tap or of its entry; absent: any",
    "hours": "when: a list of { days, from, to, of }; absent: always",
    "add_fen": "what is added",
    "per_mille": "what is added of each 1000 fen of the base fare",
}
"""The keys of a surcharge."""

DEGRADED: Final = {mode.name.lower(): mode for mode in Degraded}
MISSING: Final = {way.name.lower(): way for way in MissingEntry}
TOP: Final = "top"
_OF_JOURNEYS: Final = ("overstay_s", "same_station_s", "missing_entry")
PER_MILLE_MAX: Final = 10_000


class Stays(TypedDict):
    """The fields of ``plan.Tariff`` that are read here."""

    surcharges: tuple[Surcharge, ...]
    overstay_s: int
    overstay_fen: int
    same_station_s: int
    same_station_late_fen: int
    degraded: Degraded
    degraded_fen: int
    missing_entry: MissingEntry


def read_stays(version: Table, network: Network | None, body: Body, *, calendar: bool) -> Stays:
    """Those keys of a version of a tariff. ``calendar``: it has one."""
    for key in _OF_JOURNEYS:
        if body.type is not TariffType.OD and version.has(key):
            raise version.error(
                key,
                f"{key} means nothing here: the tariff prices no rides from station to station.",
                f"Leave {key} out.",
            )
    if body.type is TariffType.DECLARED and version.has("surcharges"):
        raise version.error(
            "surcharges",
            "The fare that the device declares has its surcharges in it.",
            "Leave surcharges out.",
        )
    overstay = _late(version, "overstay_s", "overstay_fen", body)
    same = _late(version, "same_station_s", "same_station_late_fen", body)
    degraded = version.word("degraded", DEGRADED) if version.has("degraded") else None
    if (degraded is Degraded.FLAT) != version.has("degraded_fen"):
        raise version.error(
            "degraded_fen" if version.has("degraded_fen") else "degraded",
            "degraded_fen and degraded = 'flat' belong together.",
            "Give both, or neither.",
        )
    return Stays(
        surcharges=_surcharges(version, network, calendar=calendar),
        overstay_s=overstay[0],
        overstay_fen=overstay[1],
        same_station_s=same[0],
        same_station_late_fen=same[1],
        degraded=degraded or Degraded.AS_CHARGED,
        degraded_fen=version.integer_or("degraded_fen", 0),
        missing_entry=(
            version.word("missing_entry", MISSING)
            if version.has("missing_entry")
            else MissingEntry.COLUMN
        ),
    )


def _late(version: Table, time_key: str, fare_key: str, body: Body) -> tuple[int, int]:
    if version.has(time_key) != version.has(fare_key):
        given, absent = (time_key, fare_key) if version.has(time_key) else (fare_key, time_key)
        raise version.error(
            given,
            f"{given} is given, {absent} is not.",
            f"Give {time_key} and {fare_key} together.",
        )
    if not version.has(time_key):
        return 0, 0
    fare = version.integer_or_word(fare_key, {TOP: body.max_fen})
    return version.integer(time_key, 1, 86_400), fare


def _surcharges(
    version: Table, network: Network | None, *, calendar: bool
) -> tuple[Surcharge, ...]:
    found: list[Surcharge] = []
    names: set[str] = set()
    for row in version.tables("surcharges") if version.has("surcharges") else []:
        row.only(SURCHARGE_KEYS)
        name = row.text("name")
        if name in names:
            raise row.error("name", f"Two surcharges are called {name!r}.", "Rename one of them.")
        names.add(name)
        hours = read_hours(row)
        if not calendar:
            need_calendar(row, hours, "the tariff")
        surcharge = Surcharge(
            _lines(row, network),
            hours,
            row.integer_or("add_fen", 0),
            row.integer_or("per_mille", 0, 0, PER_MILLE_MAX),
        )
        if not surcharge.add_fen and not surcharge.per_mille:
            raise row.error(
                None, "The surcharge adds nothing.", "Give it add_fen, per_mille or both."
            )
        found.append(surcharge)
    return tuple(found)


def _lines(row: Table, network: Network | None) -> tuple[int, ...]:
    if not row.has("lines"):
        return ()
    if network is None:
        raise row.error(
            "lines", "Lines are named, and the tariff has no network.", 'Add network = "…" to it.'
        )
    numbers = [
        network.lines.expect_name(row, "lines", name, "line").number for name in row.values("lines")
    ]
    if len(set(numbers)) < len(numbers):
        raise row.error("lines", "The surcharge names a line twice.", "Name each line once.")
    return tuple(sorted(numbers))
