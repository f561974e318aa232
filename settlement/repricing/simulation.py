"""Many dates under other rules, added up: what a change of rules would have done."""

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from clearing.compile import sets_of_contracts
from clearing.rules import sets_needed
from clearing.store import read_registry, read_versions
from schemas.accounts import Account
from schemas.registry import Operator
from settlement import parties, store
from settlement.context import Context
from settlement.errors import DayNotReady, SettlementError
from settlement.repricing.other_rules import OtherRules
from settlement.repricing.repriced import (
    AccountTotals,
    Amounts,
    LeftOutTotals,
    LineTotals,
    Repriced,
)
from settlement.repricing.repricer import Repricer
from settlement.store import Connection, DayRow


class LineName(msgspec.Struct, frozen=True):
    """What people call a line of an operator."""

    operator: int
    line: int
    chinese: str
    english: str


class AccountName(msgspec.Struct, frozen=True):
    """An account of the ledger; ``opened`` is false where only the other rules need it."""

    account: int
    code: str
    opened: bool


class DateTotals(msgspec.Struct, frozen=True):
    """A date as a whole. ``rides`` are debits of any verdict."""

    business_date: date
    rides: int
    changed: int
    before: Amounts
    after: Amounts


class View(msgspec.Struct, frozen=True):
    """One way to look at all dates. ``supposed`` and ``left_out`` as in ``Repriced``."""

    supposed: bool
    dates: list[DateTotals]
    lines: list[LineTotals]
    accounts: list[AccountTotals]
    left_out: list[LeftOutTotals]


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """Dates [first, last] under other rules.

    ``kept`` keeps the signed amounts: what re-clearing each of the dates would move. ``forecast`` takes what was charged to
    be what the tariff asks for, on both sides: what the rules bring in once devices know them.
    """

    node: str
    name: str
    first: date
    last: date
    kept: View
    forecast: View
    operators: dict[int, str]
    line_names: list[LineName]
    account_names: list[AccountName]


async def simulate(context: Context, other: OtherRules, first: date, last: date) -> Simulation:
    """Judge the dates again under other rules, in one read-only snapshot. Nothing is written.

    Raises what ``reprice`` does, and ``SettlementError`` for dates the wrong way round, for a node that
    prices nothing and for dates without a ride.
    """
    if first > last:
        raise SettlementError(
            f"{first} is after {last}.", "Give the earlier date to --from, the later one to --to."
        )
    if context.is_province:
        raise SettlementError(
            "The province's node prices no rides.", "Ask a city's node: --home its home."
        )
    async with store.reading(context.dsn) as connection:
        days = await _days(connection, first, last)
        await _must_be_used(connection, other, days)
        repricer = Repricer(context, other, forecast=True)
        found = [await repricer.compare(connection, day) for day in days]
        kept, forecast = (_view([each[at] for each in found]) for at in range(2))
        if not kept.lines:
            raise SettlementError(
                f"No operator handed in a ride from {first} to {last}.", "Name other dates."
            )
        operators, line_names = await _names(connection, repricer, days[-1])
        return Simulation(
            node=context.node.city,
            name=context.node.row.name,
            first=first,
            last=last,
            kept=kept,
            forecast=forecast,
            operators=operators,
            line_names=line_names,
            account_names=_account_names(repricer, kept, forecast),
        )


async def _days(connection: Connection, first: date, last: date) -> list[DayRow]:
    """The dates, all of them there and audited, before any of them is judged."""
    days = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = await store.read_day(connection, date.fromordinal(ordinal))
        if not day.reached("audited"):
            raise DayNotReady(
                f"{day.business_date} is {day.state}; only what was audited is judged again.",
                "End before it, or settle it first.",
            )
        days.append(day)
    return days


async def _must_be_used(connection: Connection, other: OtherRules, days: Sequence[DayRow]) -> None:
    """Every set that was named must be one that contracts of these dates go by; else nothing would change,
    and nobody would know why. Raises ``SettlementError``."""
    used: set[str] = set()
    for version in sorted({day.registry_version for day in days if day.registry_version}):
        rows = await read_registry(connection, version, ("operator",))
        used |= sets_of_contracts(rows)
    unused = sorted((other.named or frozenset()) - sets_needed(other.files, used))
    if unused:
        raise SettlementError(
            f"No contract goes by the rule set {unused[0]!r}, so it would change nothing.",
            f"Contracts go by: {', '.join(sorted(used)) or 'none'}. Give the directory that name, or let a"
            " contract name the set first (onecard operator add).",
        )


def _view(found: Sequence[Repriced]) -> View:
    lines: dict[tuple[int, int, int], LineTotals] = {}
    accounts: dict[tuple[int, int], AccountTotals] = {}
    left_out: dict[tuple[str, int], LeftOutTotals] = {}
    for each in found:
        for row in each.lines:
            key = (row.operator, row.card_kind, row.line)
            lines[key] = _added(lines[key], row) if key in lines else row
        for out in each.left_out:
            group = (out.why, out.operator)
            so_far = left_out.get(group, LeftOutTotals(*group, 0, 0))
            left_out[group] = LeftOutTotals(
                *group, so_far.taps + out.taps, so_far.credited_fen + out.credited_fen
            )
        for share in each.accounts:
            place = (share.operator, share.account)
            known = accounts.get(place, AccountTotals(*place, 0, 0))
            accounts[place] = AccountTotals(
                *place, known.before_fen + share.before_fen, known.after_fen + share.after_fen
            )
    return View(
        supposed=found[0].supposed,
        dates=[_date(each) for each in found],
        lines=[lines[key] for key in sorted(lines)],
        accounts=[accounts[place] for place in sorted(accounts)],
        left_out=[left_out[group] for group in sorted(left_out)],
    )


def _added(one: LineTotals, other: LineTotals) -> LineTotals:
    return msgspec.structs.replace(
        one,
        taps=one.taps + other.taps,
        changed=one.changed + other.changed,
        before=one.before + other.before,
        after=one.after + other.after,
    )


def _date(each: Repriced) -> DateTotals:
    return DateTotals(each.business_date, *totals(each.lines))


def totals(lines: Iterable[LineTotals]) -> tuple[int, int, Amounts, Amounts]:
    """Rides, those that differ, amounts before and after, of all these together."""
    taps, changed, before, after = 0, 0, Amounts(), Amounts()
    for row in lines:
        taps, changed = taps + row.taps, changed + row.changed
        before, after = before + row.before, after + row.after
    return taps, changed, before, after


async def _names(
    connection: Connection, repricer: Repricer, day: DayRow
) -> tuple[dict[int, str], list[LineName]]:
    """Names of operators and lines by the registry of the last date and the other rules."""
    rules_version, registry_version = await read_versions(connection)
    rules = await repricer.plans.rules(connection, day.rules_version or rules_version)
    rows = await read_registry(connection, day.registry_version or registry_version, ("operator",))
    operators, lines = {}, []
    for operator in parties.rows(rows, "operator", Operator):
        operators[operator.number] = operator.name
        if operator.tariff in rules.tariffs:
            lines += [
                LineName(operator.number, place.number, place.chinese, place.english)
                for place in rules.lines(operator.tariff)
            ]
    return operators, lines


def _account_names(repricer: Repricer, *views: View) -> list[AccountName]:
    """The accounts that fares fell to under either rules."""
    accounts: dict[int, Account] = {row.number: row for row in repricer.plans.accounts.values()}
    wanted = {row.account for view in views for row in view.accounts}
    return [
        AccountName(number, accounts[number].code, number <= repricer.plans.last_opened)
        for number in sorted(wanted)
    ]
