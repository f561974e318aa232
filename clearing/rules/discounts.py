"""Discounts: what each kind of card pays of a fare, at which hours, from which stations."""

from collections.abc import Sequence
from typing import Final

import msgspec

from clearing.plan import FOREVER, Basis, Bearer, FareClass, Hours, Rounding
from clearing.rules import versions
from clearing.rules.document import Table
from clearing.rules.hours import read_hours
from clearing.rules.versions import Span
from schemas.codes import CardKind

ROUNDINGS: Final = {rounding.name.lower(): rounding for rounding in Rounding}
BEARERS: Final = {bearer.name.lower(): bearer for bearer in Bearer}
CARD_KINDS: Final = {
    "any_other": 0,
    **{kind.name.lower(): int(kind) for kind in CardKind if kind is not CardKind.UNSTATED},
}

KEYS: Final = versions.KEYS | {
    "by_amount": "true: cards show their kind in the amount only; the first class that gives it",
    "classes": "what each kind of card pays, in order",
}
"""The keys of a discount scheme."""

CLASS_KEYS: Final = {
    "name": "the name of the class, as quotes and explanations show it",
    "card_kind": "which cards: " + ", ".join(CARD_KINDS),
    "hours": "when: a list of { days, from, to, of }; absent: always",
    "entry_stations": "only for rides from these stations; absent: from any",
    "pay_per_mille": "what is paid of each 1000 fen of fare, 0 (free) to 1000 (full fare)",
    "bands": "banded: parts of the fare with a per mille each",
    "rounding": "to whole fen, once per fare: " + ", ".join(ROUNDINGS),
    "bearer": "who bears what was taken off: " + ", ".join(BEARERS),
}
"""The keys of a class."""

BAND_KEYS: Final = {
    "to_fen": "upper end of the part of the fare; absent in the last band",
    "pay_per_mille": "what is paid of each 1000 fen in this part",
}
"""The keys of a band of a class."""


class WrittenClass(msgspec.Struct, frozen=True):
    """A class as it is written: its stations of entry are names until a tariff's network knows them."""

    fare_class: FareClass
    entry_stations: tuple[object, ...]
    table: Table


class Scheme(msgspec.Struct, frozen=True):
    """One version of a discount scheme."""

    span: Span
    by_amount: bool
    classes: tuple[WrittenClass, ...]
    table: Table


def _bands(table: Table) -> tuple[tuple[int, int], ...]:
    if table.has("bands") == table.has("pay_per_mille"):
        raise table.error(
            None,
            "A class needs either pay_per_mille or bands.",
            "Give one of the two, not both.",
        )
    if not table.has("bands"):
        return ((FOREVER, table.integer("pay_per_mille", 0, 1000)),)
    bands: list[tuple[int, int]] = []
    rows = table.tables("bands")
    for row in rows:
        row.only(BAND_KEYS)
        lower = bands[-1][0] if bands else 0
        if row is not rows[-1]:
            upper = row.integer("to_fen", 1)
        elif row.has("to_fen"):
            raise row.error(
                "to_fen", "The last band is not open.", "Leave to_fen out of the last band."
            )
        else:
            upper = FOREVER
        if upper <= lower:
            raise row.error(
                "to_fen",
                f"The band to {upper} fen is never reached: the one above it ends at {lower}.",
                "Write bands in rising order of to_fen.",
            )
        bands.append((upper, row.integer("pay_per_mille", 0, 1000)))
    return tuple(bands)


def _conditions(table: Table, by_amount: bool) -> tuple[tuple[Hours, ...], tuple[object, ...]]:
    for key in ("hours", "entry_stations"):
        if by_amount and table.has(key):
            raise table.error(
                key,
                f"{key} cannot be told where the class is found by the amount.",
                f"Leave out {key}, or by_amount if the data says what kind of card it was.",
            )
    stations = table.values("entry_stations") if table.has("entry_stations") else []
    return read_hours(table), tuple(stations)


def _refuse_if_shadowed(table: Table, new: WrittenClass, others: list[WrittenClass]) -> None:
    """A class that an earlier one of the same cards leaves nothing for."""
    name, kind = new.fare_class.name, new.fare_class.card_kind
    for other in others:
        if other.fare_class.name == name:
            raise table.error(
                "name",
                f"Two classes are called {name!r}; are they for the same cards?",
                "Give each class a name of its own.",
            )
        if other.fare_class.card_kind == kind and not (
            other.fare_class.hours or other.entry_stations
        ):
            raise table.error(
                "card_kind",
                f"The classes {other.fare_class.name!r} and {name!r} are for the same cards.",
                "Keep one of them, or write the one with hours or entry_stations first.",
            )


def _by_entry(written: WrittenClass) -> bool:
    return bool(written.entry_stations) or any(
        part.basis is Basis.ENTRY for part in written.fare_class.hours
    )


def _refuse_if_untold(table: Table, new: WrittenClass, others: list[WrittenClass]) -> None:
    """A class from which no stored sum tells another one of the same cards, that somebody else bears.

    Entries that a record does not state are known to the kernels alone.
    """
    mine = new.fare_class
    for other in others:
        its = other.fare_class
        same_cards = mine.card_kind == its.card_kind or 0 in (mine.card_kind, its.card_kind)
        same_fares = (mine.bands, mine.rounding) == (its.bands, its.rounding)
        others_bear = Bearer.OPERATOR not in (mine.bearer, its.bearer)
        if (
            same_cards and same_fares and others_bear and mine.bearer is not its.bearer
            and (_by_entry(new) or _by_entry(other))
        ):  # fmt: skip
            raise table.error(
                "bearer",
                f"The classes {its.name!r} and {mine.name!r} take off the same; the entry alone tells who"
                " bears it.",
                "Let the same bear both, or let them depend on the exit.",
            )


def _classes(version: Table, by_amount: bool) -> tuple[WrittenClass, ...]:
    classes: list[WrittenClass] = []
    for table in version.tables("classes"):
        table.only(CLASS_KEYS)
        kind = (
            0 if by_amount and not table.has("card_kind") else table.word("card_kind", CARD_KINDS)
        )
        name, (hours, stations) = table.text("name"), _conditions(table, by_amount)
        bands = _bands(table)
        written = WrittenClass(
            FareClass(
                name,
                kind,
                bands,
                table.word("rounding", ROUNDINGS),
                table.word("bearer", BEARERS),
                hours,
            ),
            stations,
            table,
        )
        if not by_amount or any(name == other.fare_class.name for other in classes):
            _refuse_if_shadowed(table, written, classes)
        _refuse_if_untold(table, written, classes)
        classes.append(written)
    return tuple(classes)


def read_schemes(tables: Sequence[Table]) -> tuple[Scheme, ...]:
    """The versions of ``[[discount.NAME]]``."""
    for table in tables:
        table.only(KEYS)
    schemes: list[Scheme] = []
    for table, span in zip(tables, versions.spans(tables), strict=True):
        by_amount = table.flag("by_amount")
        schemes.append(Scheme(span, by_amount, _classes(table, by_amount), table))
    return tuple(schemes)
