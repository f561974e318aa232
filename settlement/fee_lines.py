"""Fees as people read them: by contract and fee, with base, rates, tiers and what is booked."""

from typing import Final

import msgspec

from clearing.rules.fees import Part
from clearing.store import Connection
from settlement import parties
from settlement.context import Context
from settlement.fees import Due, of_date
from settlement.store import DayRow
from settlement.store.fees import FeeRow
from settlement.tables import Row, csv_bytes


class Step(msgspec.Struct, frozen=True, order=True):
    """What a date adds at one rate: ``volume`` of ``of`` (fen, or taps) in the tier from ``start`` on.

    ``rate`` is per mille of fen, or fen each ride; ``mille`` is in thousandths of a fen, before rounding
    and bounds.
    """

    of: str
    start: int
    rate: int
    volume: int
    mille: int


class FeeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A fee of a contract on a date, fen. ``month_*`` are of the month's dates up to this one."""

    operator: int
    name: str
    fee: str
    rules_version: int
    bearer: str
    billing: str
    of: str
    base_fen: int
    base_taps: int
    month_base_fen: int
    month_base_taps: int
    steps: list[Step]
    min_fen: int
    max_fen: int | None
    due_fen: int
    month_due_fen: int
    booked_fen: int


async def read_lines(
    connection: Connection, context: Context, day: DayRow, registry: parties.Registry
) -> list[FeeLine]:
    """The fees of a date that is netted, by operator and in the order of the contract; none before."""
    if not day.reached("netted"):
        return []
    found = await of_date(connection, context, day)
    names = parties.names(registry)
    return [
        _line(due, row, names.get(f"operator/{due.operator}", ""))
        for due, row in zip(found.dues, found.rows, strict=True)
    ]


def _line(due: Due, row: FeeRow, name: str) -> FeeLine:
    rule, today = due.rule, due.today.whole
    month = due.before.whole + today
    return FeeLine(
        operator=due.operator,
        name=name,
        fee=rule.name,
        rules_version=row.rules_version,
        bearer=rule.bearer.value,
        billing=rule.billing.value,
        of=rule.of.value,
        base_fen=today.fen,
        base_taps=today.taps,
        month_base_fen=month.fen,
        month_base_taps=month.taps,
        steps=steps(due),
        min_fen=rule.min_fen,
        max_fen=rule.max_fen,
        due_fen=row.due_fen,
        month_due_fen=due.due_before_fen + row.due_fen,
        booked_fen=row.booked_fen,
    )


def steps(due: Due) -> list[Step]:
    """At which rates a date's volume is charged, as the month stands; less than nothing where it fell."""
    rule, before = due.rule, due.before.whole
    if not rule.by_month:
        return [_step(part, part.volume, part.mille) for part in rule.parts(due.today.whole)]
    was, now = _by_tier(rule.parts(before)), _by_tier(rule.parts(before + due.today.whole))
    found = []
    for key in sorted(was.keys() | now.keys()):
        old, new = was.get(key), now.get(key)
        part = new or old
        assert part is not None
        volume = (new.volume if new else 0) - (old.volume if old else 0)
        mille = (new.mille if new else 0) - (old.mille if old else 0)
        if volume:
            found.append(_step(part, volume, mille))
    return found


def _by_tier(parts: list[Part]) -> dict[tuple[str, int], Part]:
    return {(part.of, part.start): part for part in parts}


def _step(part: Part, volume: int, mille: int) -> Step:
    return Step(part.of, part.start, part.rate, volume, mille)


def step_words(step: Step) -> str:
    """A step as a person works it out: the tier, the volume, the rate, the fen."""
    sign, thousandths = ("-" if step.mille < 0 else ""), abs(step.mille)
    fen = f"{sign}{thousandths // 1000}.{thousandths % 1000:03}"
    unit, rate = ("fen", f"{step.rate}‰") if step.of == "fen" else ("taps", f"{step.rate} fen")
    return f"{step.start}+: {step.volume} {unit} × {rate} = {fen} fen"


# -- papers --------------------------------------------------------------------------------------

COLUMNS: Final = (
    "operator", "name", "fee", "bearer", "billing", "of", "base_fen", "base_taps",
    "month_base_fen", "month_base_taps", "steps", "due_fen", "month_due_fen", "booked_fen",
)  # fmt: skip


def row_of(line: FeeLine) -> Row:
    """A line as a row of ``COLUMNS``."""
    return (
        line.operator, line.name, line.fee, line.bearer, line.billing, line.of, line.base_fen,
        line.base_taps, line.month_base_fen, line.month_base_taps,
        "; ".join(map(step_words, line.steps)), line.due_fen, line.month_due_fen, line.booked_fen,
    )  # fmt: skip


def fee_papers(lines: list[FeeLine]) -> dict[str, bytes]:
    """All fees for the centre, each operator's own for itself."""
    found = {"centre/fees.csv": csv_bytes(COLUMNS, map(row_of, lines))}
    for number in sorted({line.operator for line in lines}):
        own = [row_of(line) for line in lines if line.operator == number]
        found[f"operators/{number}/fees.csv"] = csv_bytes(COLUMNS, own)
    return found
