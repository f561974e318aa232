"""A tariff as people read it: what holds at a moment, sentence by sentence, with its source lines."""

from collections.abc import Iterator

import msgspec

from clearing.plan import Degraded, FareClass, MissingEntry, Period, Transfer, TransferType
from clearing.rules.dated import DatedTariff
from clearing.rules.document import Table
from clearing.rules.hours import duration_in_words, hours_in_words
from clearing.rules.tariffs import modules
from clearing.rules.transfers import Pair, modes_of
from clearing.rules.words import (
    BEARERS,
    CARDS,
    ROUNDINGS,
    Said,
    moment_words,
    share_words,
    span_words,
    yuan_words,
)


class Shown(msgspec.Struct, frozen=True):
    """A sentence and where the rule stands. ``heading``: it opens a part."""

    english: str
    chinese: str
    file: str
    line: int
    heading: bool = False


def show(dated: DatedTariff) -> list[Shown]:
    """Everything that a version of a tariff says, with what it names, in the order of pricing."""
    return [
        *_version(dated),
        *_fares(dated),
        *_stays(dated),
        *_classes(dated),
        *_transfer(dated),
        *_accumulation(dated),
    ]


def _at(table: Table, said: Said, key: str | None = None, *, heading: bool = False) -> Shown:
    path = table.path if key is None else (*table.path, key)
    document = table.document
    return Shown(said[0], said[1], document.file, document.line(path), heading)


def _version(dated: DatedTariff) -> Iterator[Shown]:
    tariff, version = dated.tariff, dated.sources.version
    english, chinese = span_words(tariff.since_s, tariff.until_s)
    yield _at(
        version,
        (f"Tariff {tariff.name}, {english}", f"票价规则 {tariff.name}，{chinese}"),
        heading=True,
    )
    for key, label in (("source", ("source", "来源")), ("stand_in", ("made up", "暂代"))):
        if version.has(key):
            text = version.text(key)
            yield _at(version, (f"{label[0]}: {text}", f"{label[1]}：{text}"), key)
    for key, label in (("network", ("network", "线网")), ("calendar", ("calendar", "日历"))):
        if version.has(key):
            text = version.text(key)
            yield _at(version, (f"{label[0]}: {text}", f"{label[1]}：{text}"), key)


def _fares(dated: DatedTariff) -> Iterator[Shown]:
    version = dated.sources.version
    kind = version.text("type")
    yield _at(version, (f"Fares, {kind}", "票价"), "type", heading=True)
    for said in modules()[kind].tell(version):
        yield _at(version, said, "bands" if version.has("bands") else "type")
    rows = version.tables("surcharges") if version.has("surcharges") else []
    for row, surcharge in zip(rows, dated.tariff.surcharges, strict=True):
        english, chinese = [f"surcharge {row.text('name')}:"], [f"附加费 {row.text('name')}："]
        if row.has("lines"):
            names = ", ".join(map(str, row.values("lines")))
            english.append(f"lines {names},")
            chinese.append(f"线路{names}，")
        if surcharge.hours:
            hours = hours_in_words(surcharge.hours)
            english.append(f"{hours[0]},")
            chinese.append(f"{hours[1]}，")
        if surcharge.add_fen:
            money = yuan_words(surcharge.add_fen)
            english.append(f"{money[0]} more")
            chinese.append(f"加{money[1]}")
        if surcharge.per_mille:
            percent = f"{surcharge.per_mille / 10:g}"
            english.append(f"{percent} % of the base fare more")
            chinese.append(f"加基本票价的{percent}%")
        yield _at(row, (" ".join(english), "".join(chinese)))


def _stays(dated: DatedTariff) -> Iterator[Shown]:
    tariff, version = dated.tariff, dated.sources.version
    for key, limit_s, fare_fen, label in (
        ("overstay_s", tariff.overstay_s, tariff.overstay_fen, ("A stay", "停留")),
        (
            "same_station_s",
            tariff.same_station_s,
            tariff.same_station_late_fen,
            ("A stay back to the same station", "同站进出停留"),
        ),
    ):
        if limit_s:
            limit, money = duration_in_words(limit_s), yuan_words(fare_fen)
            yield _at(
                version,
                (
                    f"{label[0]} of more than {limit[0]}: {money[0]}",
                    f"{label[1]}超过{limit[1]}：{money[1]}",
                ),
                key,
            )
    if version.has("degraded"):
        money = yuan_words(tariff.degraded_fen)
        words: dict[Degraded, Said] = {
            Degraded.AS_CHARGED: ("as the device charged", "以终端扣款为准"),
            Degraded.FREE: ("free", "免费"),
            Degraded.FLAT: money,
        }
        said = words[tariff.degraded]
        yield _at(version, (f"Degraded mode: {said[0]}", f"降级模式：{said[1]}"), "degraded")
    if version.has("missing_entry"):
        ways: dict[MissingEntry, Said] = {
            MissingEntry.COLUMN: ("any fare to that station", "至该站的任一票价"),
            MissingEntry.TOP: yuan_words(tariff.max_fen),
            MissingEntry.MINIMUM: yuan_words(tariff.min_fen),
        }
        said = ways[tariff.missing_entry]
        yield _at(
            version, (f"Exit without entry: {said[0]}", f"无进站记录：{said[1]}"), "missing_entry"
        )


def _classes(dated: DatedTariff) -> Iterator[Shown]:
    scheme, tariff = dated.sources.scheme, dated.tariff
    if scheme is None:
        yield _at(
            dated.sources.version,
            ("Discounts: none, everyone pays the full fare", "无优惠，一律全价"),
            heading=True,
        )
        return
    yield _at(
        scheme.table,
        (
            f"Discounts since {moment_words(scheme.span.since_s)}, the first that applies",
            f"优惠（{moment_words(scheme.span.since_s)}起），以首个适用者为准",
        ),
        heading=True,
    )
    for written, fare_class in zip(scheme.classes, tariff.classes, strict=True):
        yield _at(written.table, _class_said(fare_class, written.table))
    name = tariff.classes[tariff.foreign_class].name if tariff.foreign_class >= 0 else ""
    yield _at(
        dated.sources.version,
        (
            f"cards of other cities: {'by class ' + name if name else 'the full fare'}",
            f"异地卡：{'按类别 ' + name if name else '全价'}",
        ),
        "foreign_class" if name else None,
    )


def _class_said(fare_class: FareClass, table: Table) -> Said:
    cards, rounding = CARDS[fare_class.card_kind], ROUNDINGS[fare_class.rounding]
    bearer, english, chinese = BEARERS[fare_class.bearer], [], []
    lower = 0
    for upper, pay in fare_class.bands:
        share = share_words(pay)
        if len(fare_class.bands) == 1:
            english.append(share[0])
            chinese.append(share[1])
        else:
            start = yuan_words(lower)
            english.append(f"{share[0]} of the part above {start[0]}")
            chinese.append(f"{start[1]}以上部分{share[1]}")
        lower = upper
    conditions, chinese_conditions = "", ""
    if fare_class.hours:
        hours = hours_in_words(fare_class.hours)
        conditions, chinese_conditions = f", {hours[0]}", f"，{hours[1]}"
    if fare_class.stations:
        names = [str(name) for name in table.values("entry_stations")]
        conditions += f", from {', '.join(names)}"
        chinese_conditions += f"，进站：{'、'.join(names)}"
    return (
        f"{fare_class.name} ({cards[0]}){conditions}: {', '.join(english)}; {rounding[0]}, {bearer[0]}",
        f"{fare_class.name}（{cards[1]}）{chinese_conditions}：{'，'.join(chinese)}；{rounding[1]}，{bearer[1]}",
    )


def _transfer(dated: DatedTariff) -> Iterator[Shown]:
    scheme = dated.sources.transfer
    if scheme is None:
        return
    transfer, since = dated.tariff.transfer, moment_words(scheme.span.since_s)
    yield _at(scheme.table, (f"Transfers since {since}", f"换乘（{since}起）"), heading=True)
    what, bearer = _taken_off(transfer), BEARERS[transfer.bearer]
    yield _at(scheme.table, (f"{what[0]}; {bearer[0]}", f"{what[1]}；{bearer[1]}"), "type")
    if transfer.by_mark:
        yield _at(scheme.table, ("by the device's mark alone", "仅以终端标记为准"), "by_mark")
        return
    window = duration_in_words(transfer.window_s)
    yield _at(
        scheme.table,
        (
            f"{transfer.count_max} times within {window[0]} of the first leg, the last second included",
            f"首程后{window[1]}内（含）{transfer.count_max}次",
        ),
        "window_s",
    )
    modes = modes_of(dated.tariff.kinds)
    for pair in scheme.pairs:
        if not pair.to or isinstance(pair.to, int) or pair.to in modes:
            yield _at(scheme.table, _pair_said(pair), "pairs")
    if transfer.without_mark:
        yield _at(scheme.table, ("the device need not claim it", "无需终端标记"), "without_mark")


def _taken_off(transfer: Transfer) -> Said:
    money = yuan_words(transfer.value_fen)
    match transfer.type:
        case TransferType.AMOUNT_OFF:
            return f"the leg costs {money[0]} less", f"本程减{money[1]}"
        case TransferType.FIXED_PRICE:
            return f"the leg costs {money[0]}", f"本程{money[1]}"
        case TransferType.PER_MILLE:
            share = share_words(transfer.value_fen)
            return f"the leg costs {share[0]}", f"本程{share[1]}"
        case _:
            return "the leg is free", "本程免费"


def _pair_said(pair: Pair) -> Said:
    origin = f"operator {pair.origin}" if isinstance(pair.origin, int) else pair.origin
    to = f"operator {pair.to}" if isinstance(pair.to, int) else pair.to or "anything"
    return f"from {origin} to {to}", f"{pair.origin}换{pair.to or '任意'}"


def _accumulation(dated: DatedTariff) -> Iterator[Shown]:
    found = dated.sources.accumulation
    if found is None:
        return
    accumulation, month = found.accumulation, found.accumulation.period is Period.MONTH
    bearer = BEARERS[accumulation.bearer]
    yield _at(
        found.table,
        (
            f"Accumulation of a {'month' if month else 'day'}, {bearer[0]}",
            f"{'月' if month else '日'}累计优惠，{bearer[1]}",
        ),
        heading=True,
    )
    for start, pay in accumulation.tiers:
        money, share = yuan_words(start), share_words(pay)
        yield _at(
            found.table,
            (f"from {money[0]} paid on: {share[0]}", f"已付{money[1]}起：{share[1]}"),
            "tiers",
        )
    if accumulation.cap_fen:
        money = yuan_words(accumulation.cap_fen)
        yield _at(found.table, (f"never more than {money[0]}", f"封顶{money[1]}"), "cap_fen")
