"""Explains a fare step by step: what was looked at, what it left of the fare, and the line that says so."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import msgspec

from clearing import pricing
from clearing.errors import ClearingError
from clearing.plan import (
    EPOCH,
    DayKind,
    Degraded,
    FareClass,
    Period,
    Tariff,
    TariffType,
    TransferType,
    local_day,
)
from clearing.pricing import Ride
from clearing.rules import sharing
from clearing.rules.dated import DatedTariff
from clearing.rules.document import Table
from clearing.rules.hours import (
    DAYS_CHINESE,
    DAYS_ENGLISH,
    duration_in_words,
    hours_in_words,
)
from clearing.rules.quoting import (
    FOREIGN,
    FULL_FARE,
    NO_CLAIMS,
    Claims,
    class_for,
    gross_of,
    ride_of,
)
from clearing.rules.shares import DatedSplit
from clearing.rules.sharing import Sharing
from clearing.rules.transfers import modes_of
from clearing.rules.words import (
    BEARERS,
    ROUNDINGS,
    Said,
    share_words,
    span_words,
    yuan_words,
)
from schemas.codes import CardKind

_BASE_KEYS: Final = ("bands", "fares", "by_line", "fare_fen", "start_fen", "min_fen")
"""Where a version says its base fare, by type: the first that is there."""


class Question(msgspec.Struct, frozen=True):
    """What is asked: a ride, the card, and as much of the card's history as the answer may depend on.

    ``first_leg_at_s``: when the transfer window began, None where the card changed from nothing;
    ``transfers_used`` since then. ``from_mode``: the mode of the leg before, "" where it does not matter.
    ``marked``: the device claims the transfer. ``spent_fen``: paid in the accumulation's period so far.
    """

    at_s: int
    origin: int | str = 0
    destination: int | str = 0
    card_kind: CardKind | str | None = None
    claims: Claims = NO_CLAIMS
    first_leg_at_s: int | None = None
    transfers_used: int = 0
    from_mode: str = ""
    marked: bool = True
    spent_fen: int = 0


class Step(msgspec.Struct, frozen=True):
    """One step: what was found, in English and Chinese, the fare after it, and where the rule stands."""

    english: str
    chinese: str
    fare_fen: int | None
    file: str
    line: int


class Explained(msgspec.Struct, frozen=True):
    """The steps in order, what the ride costs, and what others than the operator bear of it.

    ``sharing``: who gets the fare, where a split was asked for.
    """

    tariff: str
    steps: tuple[Step, ...]
    gross_fen: int
    fare_fen: int
    subsidies_fen: dict[str, int]
    sharing: Sharing | None = None


def explain(
    dated: DatedTariff, question: Question, split: tuple[str, DatedSplit] | None = None
) -> Explained:
    """How the fare of a ride is found and, by a split of that name, who gets it.

    Raises ``ClearingError`` for what the tariff does not know.
    """
    explainer = _Explainer(dated, question)
    explained = explainer.explained()
    if split is None:
        return explained
    ride, fen = explainer.ride, explained.fare_fen
    shared = sharing.share(*split, ride.entry_station, ride.station, fen)
    return msgspec.structs.replace(explained, sharing=shared)


class _Explainer:
    def __init__(self, dated: DatedTariff, question: Question) -> None:
        self.dated, self.question = dated, question
        self.tariff: Tariff = dated.tariff
        self.sources = dated.sources
        self.ride: Ride = ride_of(
            dated, question.at_s, question.origin, question.destination, question.claims
        )
        gross = gross_of(self.tariff, self.ride)
        if gross is None:
            raise ClearingError(
                f"The tariff {self.tariff.name} has no fare for this ride.",
                "Ask for a ride that it prices.",
            )
        self.gross_fen = gross

    def explained(self) -> Explained:
        question, tariff = self.question, self.tariff
        fare_class = class_for(tariff, question.card_kind, self.ride)
        own = question.card_kind is not None and question.card_kind != FOREIGN
        reason, counts = self._transfer_said() if own else (None, False)
        spent = question.spent_fen if own and tariff.accumulation is not None else None
        net = pricing.net(tariff, self.gross_fen, fare_class, transfer=counts, spent_fen=spent)
        steps = [*self._version(), *self._gross(), *self._class(fare_class, net.class_fen)]
        if reason is not None and self.sources.transfer is not None:
            steps.append(self._step(self.sources.transfer.table, None, reason, net.transfer_fen))
        if spent is not None:
            steps.append(self._accumulated(spent, net.fare_fen))
        return Explained(
            tariff.name,
            tuple(steps),
            self.gross_fen,
            net.fare_fen,
            {bearer.name.lower(): fen for bearer, fen in net.subsidies.items() if fen},
        )

    @staticmethod
    def _step(table: Table, key: str | None, said: Said, fare_fen: int | None) -> Step:
        path = table.path if key is None else (*table.path, key)
        document = table.document
        return Step(said[0], said[1], fare_fen, document.file, document.line(path))

    # -- which rule, which day ---------------------------------------------------------------------

    def _version(self) -> Iterator[Step]:
        tariff, version = self.tariff, self.sources.version
        english, chinese = span_words(tariff.since_s, tariff.until_s)
        yield self._step(
            version,
            None,
            (f"tariff {tariff.name}, in force {english}", f"票价规则 {tariff.name}，{chinese}施行"),
            None,
        )
        if self.sources.calendar is not None:
            yield self._day()

    def _day(self) -> Step:
        calendar = self.sources.calendar
        assert calendar is not None
        day = self.ride.at_s // 86_400
        kind = pricing.day_kind(self.tariff, day)
        date = EPOCH.date() + timedelta(days=day)
        table, key, name = calendar.table, "years", ""
        for row in calendar.table.tables("holidays"):
            start = local_day(row.day("from"))
            end = local_day(row.day("to")) if row.has("to") else start
            if start <= day <= end:
                table, key, name = row, "from", f" ({row.text('name')})"
            elif row.has("workdays") and date in row.values("workdays"):
                table, key, name = row, "workdays", f" ({row.text('name')}, worked instead)"
        plural, chinese = DAYS_ENGLISH[DayKind(kind)], DAYS_CHINESE[DayKind(kind)]
        said = f"{date} is a {plural.removesuffix('s')}{name}", f"{date}为{chinese}"
        return self._step(table, key, said, None)

    # -- the gross fare ----------------------------------------------------------------------------

    def _gross(self) -> Iterator[Step]:
        tariff, ride, version = self.tariff, self.ride, self.sources.version
        if ride.degraded and tariff.degraded is not Degraded.AS_CHARGED:
            said = "degraded mode has a fare of its own", "降级模式另有票价"
            yield self._step(version, "degraded", said, self.gross_fen)
            return
        plain = msgspec.structs.replace(tariff, surcharges=(), overstay_s=0, same_station_s=0)
        base = gross_of(plain, ride)
        assert base is not None
        key = next((key for key in _BASE_KEYS if version.has(key)), None)
        yield self._step(version, key, self._base_said(), base)
        late = self._late()
        if late is not None:
            yield late
            return
        fare = base
        rows = version.tables("surcharges") if tariff.surcharges else []
        for row, surcharge in zip(rows, tariff.surcharges, strict=True):
            applies = pricing.surcharge_applies(tariff, surcharge, ride)
            if applies:
                fare += surcharge.add_fen + (base * surcharge.per_mille + 500) // 1000
            name = row.text("name")
            said = (
                (f"surcharge {name}", f"附加费 {name}")
                if applies
                else (f"surcharge {name}: not for this ride", f"附加费 {name}：不适用")
            )
            yield self._step(row, None, said, fare)

    def _base_said(self) -> Said:
        tariff, ride = self.tariff, self.ride
        if tariff.type is TariffType.OD:
            origin = self._station(ride.entry_station)
            destination = self._station(ride.station)
            metres = self._metres()
            return (
                f"from {origin} to {destination}" + (f", {metres:,} metres" if metres else ""),
                f"{origin}至{destination}" + (f"，{metres:,}米" if metres else ""),
            )
        if tariff.type is TariffType.METERED:
            return (
                f"{ride.distance_m:,} metres, {ride.duration_s} s of waiting",
                f"{ride.distance_m:,}米，等候{ride.duration_s}秒",
            )
        if tariff.type is TariffType.FLAT:
            place = self.dated.lines.find(ride.line)
            name = place.chinese or place.id if place else str(ride.line)
            return f"line {name}", f"线路{name}"
        return "as the device declares it", "终端申报"

    def _station(self, number: int) -> str:
        place = self.dated.stations.find(number)
        assert place is not None
        return place.chinese or place.english or place.id

    def _metres(self) -> int:
        network = self.sources.network
        if network is None or self.sources.version.text("type") != "distance":
            return 0
        order = network.order
        return network.distances()[order[self.ride.entry_station]][order[self.ride.station]]

    def _late(self) -> Step | None:
        """The step of a stay that was too long."""
        tariff, ride = self.tariff, self.ride
        if ride.entry_at_s is None:
            return None
        stay_s = ride.at_s - ride.entry_at_s
        same = ride.entry_station and ride.entry_station == ride.station
        for key, limit_s, holds in (
            ("overstay_s", tariff.overstay_s, True),
            ("same_station_s", tariff.same_station_s, same),
        ):
            if holds and 0 < limit_s < stay_s:
                stay, limit = duration_in_words(stay_s), duration_in_words(limit_s)
                said = (
                    f"a stay of {stay[0]} is longer than {limit[0]}",
                    f"停留{stay[1]}，超过{limit[1]}",
                )
                return self._step(self.sources.version, key, said, self.gross_fen)
        return None

    # -- what is taken off -------------------------------------------------------------------------

    def _class(self, chosen: FareClass | None, fare_fen: int) -> Iterator[Step]:
        """The classes of the card that were passed over, then the one that was taken."""
        scheme, kind = self.sources.scheme, self.question.card_kind
        if scheme is None or kind is None:
            said = (FULL_FARE, "全价")
            yield self._step(self.sources.version, None, said, fare_fen)
            return
        if kind == FOREIGN and self.tariff.foreign_class < 0:
            said = "a card of another city pays the full fare", "异地卡全价"
            yield self._step(self.sources.version, None, said, fare_fen)
            return
        taken = None
        for written, fare_class in zip(scheme.classes, self.tariff.classes, strict=True):
            if chosen is not None and fare_class.name == chosen.name:
                taken = written.table
                break
            wanted = chosen.card_kind if chosen is not None else 0
            if fare_class.card_kind == wanted and kind != FOREIGN:
                why = self._why_not(fare_class)
                said = (
                    f"class {fare_class.name}: {why[0]}",
                    f"优惠类别 {fare_class.name}：{why[1]}",
                )
                yield self._step(written.table, None, said, None)
        if chosen is None or taken is None:
            said = "no class is for this card: the full fare", "无适用优惠：全价"
            yield self._step(scheme.table, "classes", said, fare_fen)
            return
        share = _share_of(chosen)
        rounding, bearer = ROUNDINGS[chosen.rounding], BEARERS[chosen.bearer]
        said = (
            f"class {chosen.name}: {share[0]}, {rounding[0]}, {bearer[0]}",
            f"优惠类别 {chosen.name}：{share[1]}，{rounding[1]}，{bearer[1]}",
        )
        yield self._step(taken, None, said, fare_fen)

    def _why_not(self, fare_class: FareClass) -> Said:
        if not pricing.hours_hold(self.tariff, fare_class.hours, self.ride):
            english, chinese = hours_in_words(fare_class.hours)
            return f"only {english}", f"仅限{chinese}"
        return "not from this station", "进站车站不适用"

    def _transfer_said(self) -> tuple[Said | None, bool]:
        """What is to be said of the transfer, and whether its discount applies."""
        question, transfer, scheme = self.question, self.tariff.transfer, self.sources.transfer
        if scheme is None or transfer.type is TransferType.NONE:
            return None, False
        if transfer.by_mark:
            if question.first_leg_at_s is None:
                return None, False
            return ("transfer, by the device's mark", "换乘，以终端标记为准"), True
        if question.first_leg_at_s is None:
            return ("no transfer: no leg before this one", "非换乘：此前无行程"), False
        after = question.at_s - question.first_leg_at_s
        words, window = duration_in_words(after), duration_in_words(transfer.window_s)
        modes = modes_of(self.tariff.kinds)
        pairs = [pair for pair in scheme.pairs if not pair.to or pair.to in modes]
        if not 0 <= after <= transfer.window_s:
            return (
                f"no transfer: {words[0]} after the first leg, the window is {window[0]}",
                f"非换乘：距首程{words[1]}，时限{window[1]}",
            ), False
        if question.transfers_used >= transfer.count_max:
            return (
                f"no transfer: {question.transfers_used} of {transfer.count_max} are used",
                f"非换乘：已用{question.transfers_used}次，上限{transfer.count_max}次",
            ), False
        if scheme.pairs and question.from_mode and question.from_mode not in [
            pair.origin for pair in pairs
        ]:  # fmt: skip
            return (
                f"no transfer from {question.from_mode} to {' or '.join(sorted(modes))}",
                f"非换乘：不含{question.from_mode}换乘",
            ), False
        if not question.marked and not transfer.without_mark:
            return ("no transfer: the device does not claim it", "非换乘：终端未标记"), False
        used = question.transfers_used + 1
        return (
            f"transfer {used} of {transfer.count_max}, {words[0]} after the first leg",
            f"第{used}次换乘（共{transfer.count_max}次），距首程{words[1]}",
        ), True

    def _accumulated(self, spent_fen: int, fare_fen: int) -> Step:
        dated = self.sources.accumulation
        assert dated is not None
        month = dated.accumulation.period is Period.MONTH
        spent, bearer = yuan_words(spent_fen), BEARERS[dated.accumulation.bearer]
        said = (
            f"accumulation: {spent[0]} paid this {'month' if month else 'day'} before; {bearer[0]}",
            f"累计优惠：{'本月' if month else '当日'}已付{spent[1]}；{bearer[1]}",
        )
        key = "tiers" if dated.table.has("tiers") else "cap_fen"
        return self._step(dated.table, key, said, fare_fen)


def _share_of(fare_class: FareClass) -> Said:
    if len(fare_class.bands) == 1:
        english, chinese = share_words(fare_class.bands[0][1])
        return english if english != "free" else "free of charge", chinese
    parts = [share_words(pay) for _, pay in fare_class.bands]
    return "by parts of the fare " + ", ".join(p[0] for p in parts), "分段 " + "、".join(
        p[1] for p in parts
    )
