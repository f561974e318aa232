"""Tariffs with all that they name, compiled to ``plan.Tariff``, cut where what they name changes."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, Protocol, TypeVar

import msgspec

from clearing.plan import FOREVER, FareClass, Tariff, Transfer, TransferType, moment_of
from clearing.rules import stays, untold, versions
from clearing.rules.accumulations import DatedAccumulation
from clearing.rules.calendars import Calendar
from clearing.rules.collecting import Collected, Rule
from clearing.rules.dated import DatedTariff, Sources
from clearing.rules.discounts import Scheme
from clearing.rules.document import Table
from clearing.rules.hours import need_calendar
from clearing.rules.networks import DatedNetwork, Network, in_force
from clearing.rules.places import Directory
from clearing.rules.tariffs import Body, Context, modules
from clearing.rules.transfers import TransferScheme, leads_to, modes_of
from clearing.rules.versions import Span
from schemas.codes import DEBIT_KINDS

TAP_KINDS: Final = {kind.name.lower(): kind for kind in sorted(DEBIT_KINDS)}

KEYS: Final = (
    versions.KEYS
    | {
        "type": "kind of tariff",
        "taps": "kinds of taps that it prices: " + ", ".join(TAP_KINDS),
        "network": "the network of its stations or lines",
        "calendar": "the calendar that says which days are workdays, rest days and holidays",
        "discounts": "the discount scheme",
        "foreign_class": "the class that cards of other cities pay by; absent: the full fare",
        "transfer": "the transfer scheme",
        "accumulation": "the accumulation of a day or a month",
    }
    | stays.KEYS
)
"""The keys that every tariff has; each type adds its own."""


class _Spanned(Protocol):
    @property
    def span(self) -> Span:
        """When it holds."""


_Dated = TypeVar("_Dated", bound=_Spanned)


class _Named(msgspec.Struct, frozen=True):
    """What a version of a tariff names: all versions of each."""

    network: Network | None
    calendar: Calendar | None
    schemes: tuple[Scheme, ...]
    transfers: tuple[TransferScheme, ...]
    accumulations: tuple[DatedAccumulation, ...]


class TariffCompiler(msgspec.Struct, frozen=True):
    """Compiles the tariffs of some rule sets; the rules that they can name come by full name."""

    collected: Collected
    calendars: Mapping[str, Calendar]
    networks: Mapping[str, list[DatedNetwork]]
    schemes: Mapping[str, tuple[Scheme, ...]]
    transfers: Mapping[str, tuple[TransferScheme, ...]]
    accumulations: Mapping[str, tuple[DatedAccumulation, ...]]

    def tariff(self, rule: Rule) -> tuple[DatedTariff, ...]:
        """The versions of ``[[tariff.NAME]]``, cut where a scheme that they name changes."""
        dated: list[DatedTariff] = []
        for table, span in zip(rule.tables, versions.spans(rule.tables), strict=True):
            module = table.word("type", modules())
            table.only({**KEYS, **module.KEYS})
            named = self._named(table, span)
            body = module.build(table, Context(named.network, self.collected.rows))
            _check_named(table, named)
            dated.extend(
                _compiled(rule.name, table, body, piece, named) for piece in _pieces(span, named)
            )
        return tuple(dated)

    def _named(self, table: Table, span: Span) -> _Named:
        named = self.collected.named
        networks = named(table, "network", self.networks)
        return _Named(
            in_force(table, networks, span, "tariff") if networks else None,
            named(table, "calendar", self.calendars),
            named(table, "discounts", self.schemes) or (),
            named(table, "transfer", self.transfers) or (),
            named(table, "accumulation", self.accumulations) or (),
        )


def _check_named(table: Table, named: _Named) -> None:
    """What can only be told where rules meet: calendars of hours, pairs of modes."""
    for scheme in named.schemes if named.calendar is None else ():
        for written in scheme.classes:
            need_calendar(written.table, written.fare_class.hours, table.rule)
    modes = modes_of(_kinds(table))
    for transfer in named.transfers:
        if transfer.pairs and not any(leads_to(pair, modes) for pair in transfer.pairs):
            raise table.error(
                "transfer",
                f"No pair of the transfer leads to {' or '.join(sorted(modes))}.",
                "Add the pair, or take transfer out of the tariff.",
            )


def _kinds(table: Table) -> int:
    bits = 0
    for name in table.texts("taps"):
        bits |= 1 << table.choose("taps", name, TAP_KINDS)
    return bits


def _pieces(span: Span, named: _Named) -> list[Span]:
    """The interval cut at every moment inside it when something that is named begins or ends."""
    schemes: list[_Spanned] = [*named.schemes, *named.transfers, *named.accumulations]
    ends = {end for scheme in schemes for end in (scheme.span.since_s, scheme.span.until_s)}
    cuts = [span.since_s, *sorted(end for end in ends if span.holds(end)), span.until_s]
    return [Span(since, until) for since, until in pairwise(cuts) if since < until]


def _compiled(name: str, table: Table, body: Body, piece: Span, named: _Named) -> DatedTariff:
    scheme = _at(named.schemes, piece)
    if named.schemes and scheme is None:
        until = "" if piece.until_s == FOREVER else f" until {moment_of(piece.until_s)}"
        raise table.error(
            "discounts",
            f"The discounts do not hold from {moment_of(piece.since_s)}{until}, the tariff does.",
            "Let the discount scheme cover the whole time of the tariff.",
        )
    transfer, accumulation = _at(named.transfers, piece), _at(named.accumulations, piece)
    network, calendar = named.network, named.calendar
    tariff = Tariff(
        name=name,
        type=body.type,
        since_s=piece.since_s,
        until_s=piece.until_s,
        kinds=_kinds(table),
        min_fen=body.min_fen,
        max_fen=body.max_fen,
        step_fen=body.step_fen,
        flat_fen=body.flat_fen,
        stations=body.stations,
        od_fen=body.od_fen,
        meter=body.meter,
        classes=_classes(table, scheme, network, body) if scheme else (),
        by_amount=scheme.by_amount if scheme else False,
        transfer=transfer.transfer if transfer else Transfer(TransferType.NONE),
        calendar=calendar.days if calendar else b"",
        calendar_from=calendar.first if calendar else 0,
        foreign_class=_foreign(table, scheme),
        accumulation=accumulation.accumulation if accumulation else None,
        **stays.read_stays(table, network, body, calendar=calendar is not None),
    )
    rival = untold.beside_accumulation(tariff)
    if rival is not None:
        raise table.error(
            "accumulation",
            f"The accumulation and the {rival} are borne by different parties; no stored sum tells which took"
            " off what.",
            "Let the same bear both, or the operator one of them.",
        )
    return DatedTariff(
        tariff,
        network.stations if network else Directory(()),
        network.lines if network else Directory(()),
        Sources(table, network, calendar, scheme, transfer, accumulation),
    )


def _at(rules: Iterable[_Dated], piece: Span) -> _Dated | None:
    return next((rule for rule in rules if rule.span.holds(piece.since_s)), None)


def _classes(
    table: Table, scheme: Scheme, network: Network | None, body: Body
) -> tuple[FareClass, ...]:
    """The classes with their stations of entry as numbers of the tariff's network."""
    return tuple(
        msgspec.structs.replace(
            written.fare_class,
            stations=_stations(table, written.table, written.entry_stations, network, body),
        )
        if written.entry_stations
        else written.fare_class
        for written in scheme.classes
    )


def _stations(
    version: Table, table: Table, names: Sequence[object], network: Network | None, body: Body
) -> tuple[int, ...]:
    if network is None or not body.stations:
        raise table.error(
            "entry_stations",
            f"Stations of entry are named, and {version.rule} prices no stations.",
            "Give this tariff a discount scheme without entry_stations.",
        )
    numbers = [
        network.stations.expect_name(table, "entry_stations", name, "station").number
        for name in names
    ]
    for at, number in enumerate(numbers):
        if number in numbers[:at]:
            raise table.error(
                "entry_stations", f"{names[at]} is named twice.", "Name each station once."
            )
    return tuple(sorted(numbers))


def _foreign(table: Table, scheme: Scheme | None) -> int:
    if not table.has("foreign_class"):
        return -1
    names = [written.fare_class.name for written in scheme.classes] if scheme else []
    return table.word("foreign_class", {name: at for at, name in enumerate(names)})
