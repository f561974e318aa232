"""Accumulations: what a card pays the less, the more it has paid in a day or a month, and caps."""

from collections.abc import Sequence
from typing import Final

import msgspec

from clearing.plan import Accumulation, Period
from clearing.rules import versions
from clearing.rules.discounts import BEARERS, ROUNDINGS
from clearing.rules.document import Table
from clearing.rules.versions import Span

KEYS: Final = versions.KEYS | {
    "period": "over which time is added up: day or month",
    "tiers": "what is paid, by what was spent before: a list of { from_fen, pay_per_mille }",
    "cap_fen": "the most that is paid in the period, over all tariffs that name the rule",
    "rounding": "to whole fen, once per fare: half_up, down, up",
    "bearer": "who bears what was taken off: operator, issuer, budget",
}
"""The keys of an accumulation."""

TIER_KEYS: Final = {
    "from_fen": "spent before in the period, from this amount on; 0 in the first tier",
    "pay_per_mille": "what is paid of each 1000 fen of the fare",
}
"""The keys of a tier."""

PERIODS: Final = {period.name.lower(): period for period in Period}
DAY_SPENT_MAX_FEN: Final = 0xFFFF
"""What a card's line can hold of one day; a higher bound would never be reached."""


class DatedAccumulation(msgspec.Struct, frozen=True):
    """One version of an accumulation."""

    span: Span
    accumulation: Accumulation
    table: Table


def _tiers(table: Table) -> tuple[tuple[int, int], ...]:
    tiers: list[tuple[int, int]] = []
    for row in table.tables("tiers") if table.has("tiers") else []:
        row.only(TIER_KEYS)
        start, pay = row.integer("from_fen"), row.integer("pay_per_mille", 0, 1000)
        if not tiers and start:
            raise row.error(
                "from_fen",
                f"The first tier begins at {start} fen; below it nothing is said.",
                "Begin with from_fen = 0 and pay_per_mille = 1000.",
            )
        if tiers and start <= tiers[-1][0]:
            raise row.error(
                "from_fen",
                f"The tier from {start} fen is not above the one before it, from {tiers[-1][0]}.",
                "Write tiers in rising order of from_fen.",
            )
        tiers.append((start, pay))
    return tuple(tiers)


def _accumulation(table: Table) -> Accumulation:
    period, tiers = table.word("period", PERIODS), _tiers(table)
    cap = table.integer("cap_fen", 1) if table.has("cap_fen") else 0
    if not cap and not any(pay != 1000 for _, pay in tiers):
        raise table.error(
            None, "The accumulation takes nothing off.", "Give it tiers, cap_fen or both."
        )
    if cap and tiers and cap <= tiers[-1][0]:
        raise table.error(
            "cap_fen",
            f"The cap of {cap} fen is below the tier from {tiers[-1][0]} fen, which nobody reaches.",
            "Raise cap_fen, or leave out the tiers above it.",
        )
    highest = max([cap, *(start for start, _ in tiers)])
    if period is Period.DAY and highest > DAY_SPENT_MAX_FEN:
        raise table.error(
            "cap_fen" if cap == highest else "tiers",
            f"{highest} fen in a day is more than a card's line counts to, {DAY_SPENT_MAX_FEN} fen.",
            'Lower the bound, or write period = "month".',
        )
    return Accumulation(
        period,
        tiers,
        cap,
        table.word("rounding", ROUNDINGS),
        table.word("bearer", BEARERS),
    )


def read_accumulations(tables: Sequence[Table]) -> tuple[DatedAccumulation, ...]:
    """The versions of ``[[accumulation.NAME]]``."""
    for table in tables:
        table.only(KEYS)
    return tuple(
        DatedAccumulation(span, _accumulation(table), table)
        for table, span in zip(tables, versions.spans(tables), strict=True)
    )
