"""A fee as people read it: what holds on a date, and how a day's fee is found, with source lines."""

from collections.abc import Iterator
from datetime import date

import msgspec

from clearing.plan import local_day
from clearing.rules.document import Table
from clearing.rules.fees import Billing, Cards, FeeBearer, FeeRule, Part, Volume
from clearing.rules.ruleset import RuleSet
from clearing.rules.showing import Shown
from clearing.rules.words import ROUNDINGS, Said, share_words, span_words, yuan_words

ROLES: dict[str, Said] = {
    "clearing_centre": ("the clearing centre", "清分中心"),
    "issuer": ("the issuer", "发卡机构"),
    "province": ("the province", "省级清分中心"),
    "operator": ("the operator", "运营商"),
}
_OF: dict[Cards, Said] = {
    Cards.ALL: ("on the rides of all cards", "计费范围：所有卡"),
    Cards.OWN: ("on the rides of our own cards", "计费范围：本市卡"),
    Cards.FOREIGN: ("on the rides of other cities' cards", "计费范围：异地卡"),
}
_BEARERS: dict[FeeBearer, Said] = {
    FeeBearer.OPERATOR: ("paid by the operator", "由运营商承担"),
    FeeBearer.ISSUER: (
        "paid by the card's issuer, for other cities' cards by way of the province",
        "由发卡机构承担，异地卡经省级清分中心收取",
    ),
}
_BILLINGS: dict[Billing, Said] = {
    Billing.DAILY: ("booked with each business date", "按日入账并轧差"),
    Billing.MONTHLY: (
        "told each business date, booked on the last one of the month",
        "按日计提，每月最后一个清算日入账",
    ),
}


def _version(rules: RuleSet, name: str, on: date) -> tuple[FeeRule, Table, Said]:
    """The version of a fee in force on a date, as it is written, and its time. Raises ``ClearingError``."""
    rule = rules.fee(name, on)
    tables = rules.written.sections["fee"][name].tables
    at_s = local_day(on) * 86_400
    for (span, _), table in zip(rules.fees[name], tables, strict=True):
        if span.holds(at_s):
            return rule, table, span_words(span.since_s, span.until_s)
    raise AssertionError(name)


def _at(table: Table, said: Said, key: str | None = None, *, heading: bool = False) -> Shown:
    path = table.path if key is None or not table.has(key) else (*table.path, key)
    return Shown(*said, table.document.file, table.document.line(path), heading)


def show_fee(rules: RuleSet, name: str, on: date) -> list[Shown]:
    """Everything that a fee says on a date."""
    rule, table, span = _version(rules, name, on)
    found = [_at(table, (f"Fee {name}, {span[0]}", f"费用规则 {name}，{span[1]}"), heading=True)]
    for key, label in (("source", ("source", "来源")), ("stand_in", ("made up", "暂代"))):
        if table.has(key):
            text = table.text(key)
            found.append(_at(table, (f"{label[0]}: {text}", f"{label[1]}：{text}"), key))
    found += [
        *_rates(rule, table),
        _at(table, _OF[rule.of], "of"),
        _at(table, _BEARERS[rule.bearer], "bearer"),
        _at(table, _BILLINGS[rule.billing], "billing"),
        _at(table, ROUNDINGS[rule.rounding], "rounding"),
        *_bounds(rule, table),
        _at(table, _recipients(rule), "recipients"),
    ]
    return found


def _rates(rule: FeeRule, table: Table) -> Iterator[Shown]:
    rows = iter(table.tables("tiers")) if table.has("tiers") else iter(())
    for tiers, key, unit in (
        (rule.fen_tiers, "per_mille", "fen"),
        (rule.tap_tiers, "per_tap_fen", "taps"),
    ):
        for tier in tiers:
            rate = _rate(unit, tier.rate)
            if table.has(key):
                yield _at(table, rate, key)
                continue
            start = _volume(unit, tier.start)
            said = (
                f"of the month's volume from {start[0]} on: {rate[0]}",
                f"当月累计{start[1]}以上部分：{rate[1]}",
            )
            yield _at(next(rows), said)


def _rate(unit: str, rate: int) -> Said:
    if unit == "fen":
        return f"{rate} ‰ of accepted principal", f"正常交易金额的{rate}‰"
    return f"{rate} fen each ride", f"每笔{rate}分"


def _volume(unit: str, volume: int) -> Said:
    return yuan_words(volume) if unit == "fen" else (f"{volume} rides", f"{volume}笔")


def _bounds(rule: FeeRule, table: Table) -> Iterator[Shown]:
    period = ("a month", "每月") if rule.billing is Billing.MONTHLY else ("a date", "每日")
    for key, fen, words in (
        ("min_fen", rule.min_fen, ("at least", "最低")),
        ("max_fen", rule.max_fen, ("at most", "最高")),
    ):
        if table.has(key) and fen is not None:
            money = yuan_words(fen)
            yield _at(
                table,
                (f"{words[0]} {money[0]} {period[0]}", f"{period[1]}{words[1]}{money[1]}"),
                key,
            )


def _recipients(rule: FeeRule) -> Said:
    english, chinese = [], []
    for role, weight in rule.recipients:
        share = share_words(weight) if weight < 1000 else ("all", "全部")
        english.append(f"{ROLES[role][0]} gets {share[0]}")
        chinese.append(f"{ROLES[role][1]}得{share[1]}")
    return ", ".join(english), "，".join(chinese)


# -- explain -----------------------------------------------------------------------------------------


class FeeStep(msgspec.Struct, frozen=True):
    """A step of a fee: what it leaves in all, fen, and where the rule stands."""

    english: str
    chinese: str
    fee_fen: int
    file: str
    line: int


class ExplainedFee(msgspec.Struct, frozen=True):
    """A fee of a date, and, billed monthly, of its month so far."""

    fee: str
    steps: list[FeeStep]
    due_fen: int


def explain_fee(rules: RuleSet, name: str, on: date, before: Volume, today: Volume) -> ExplainedFee:
    """How a date's fee is found, after the month's earlier dates came to ``before``."""
    rule, table, _ = _version(rules, name, on)
    whole = before + today if rule.by_month else today
    steps, mille = [], 0
    for part in rule.parts(whole):
        mille += part.mille
        steps.append(_step(table, _part_words(part), mille // 1000, "tiers"))
    steps.append(_step(table, ROUNDINGS[rule.rounding], rule.scheduled_fen(whole), "rounding"))
    if rule.billing is Billing.MONTHLY:
        fee, was = rule.fee_fen(whole), rule.fee_fen(before)
    else:
        fee, was = rule.scheduled_fen(whole), rule.scheduled_fen(before) if rule.tiered else 0
    if fee != rule.scheduled_fen(whole):
        steps.append(_step(table, ("within the bounds", "按上下限"), fee, "min_fen"))
    if rule.by_month:
        money = yuan_words(was)
        said = (
            f"less the month's earlier dates, {money[0]}",
            f"减当月之前各日已计{money[1]}",
        )
        steps.append(_step(table, said, fee - was))
    due_fen = rule.due_fen(before, was, today)
    if due_fen != fee - was:
        steps.append(_step(table, ("within the bounds", "按上下限"), due_fen, "min_fen"))
    return ExplainedFee(name, steps, due_fen)


def _step(table: Table, said: Said, fee_fen: int, key: str | None = None) -> FeeStep:
    shown = _at(table, said, key)
    return FeeStep(shown.english, shown.chinese, fee_fen, shown.file, shown.line)


def _part_words(part: Part) -> Said:
    rate, volume, start = (
        _rate(part.of, part.rate),
        _volume(part.of, abs(part.volume)),
        _volume(part.of, part.start),
    )
    if part.volume < 0:
        return f"{volume[0]} taken back: {rate[0]}", f"冲回{volume[1]}：{rate[1]}"
    return (
        f"{volume[0]} beyond {start[0]}: {rate[0]}",
        f"{start[1]}以上{volume[1]}：{rate[1]}",
    )
