"""Fees: what clearing costs, on what, by which tiers, who bears it and who gets it.

A fee is on accepted principal (per mille), on accepted rides (fen each), or on both. Thousandths of a fen
are added up first and rounded once. Tiers are marginal: each fen, or each ride, of a month's volume is
charged at the rate of the tier that it falls into.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from clearing.plan import FOREVER, Rounding, moment_of
from clearing.rules import versions
from clearing.rules.discounts import ROUNDINGS
from clearing.rules.document import FEN_MAX, Table
from clearing.rules.shares import read_shares


class Billing(StrEnum):
    """When a fee is booked."""

    DAILY = "daily"
    """Each date's with that date, netted at once."""
    MONTHLY = "monthly"
    """Told every date, booked as one sum on the last date of the month."""


class FeeBearer(StrEnum):
    """Who pays a fee."""

    OPERATOR = "operator"
    ISSUER = "issuer"
    """The issuer of the cards: our own, or by way of the province those of other cities."""


class Cards(StrEnum):
    """Whose cards' rides a fee is on."""

    ALL = "all"
    OWN = "own"
    FOREIGN = "foreign"


SUM_MAX: Final = 2**53 - 1
"""The highest volume or bound of a fee: sums over all rides of a month, not fares. All JSON readers keep it."""

ROLES: Final = ("clearing_centre", "issuer", "province", "operator")
"""Who can share a fee."""

KEYS: Final = versions.KEYS | {
    "per_mille": "the fee on each 1000 fen of an operator's accepted principal",
    "per_tap_fen": "the fee on each accepted ride",
    "tiers": "rates by the month's volume so far: a list of { from_fen, per_mille } or of"
    " { from_taps, per_tap_fen }",
    "min_fen": "least fee of a day, or of a month where it is billed monthly",
    "max_fen": "highest fee of a day, or of a month where it is billed monthly",
    "rounding": "to whole fen, once: half_up, down, up",
    "billing": "daily (booked with each date; so where absent), or monthly",
    "bearer": "who pays: operator (so where absent), or issuer",
    "of": "whose cards' rides: all (so where absent), own, or foreign",
    "recipients": "who gets how much of the fee, in order",
}
"""The keys of a fee."""

TIER_KEYS: Final = {
    "from_fen": "the tier holds from this principal of the month on; 0 in the first one",
    "from_taps": "the tier holds after this many rides of the month; 0 in the first one",
    "per_mille": "the fee on each 1000 fen of the tier's principal",
    "per_tap_fen": "the fee on each ride of the tier",
}
"""The keys of a tier."""

BILLINGS: Final = {each.value: each for each in Billing}
BEARERS: Final = {each.value: each for each in FeeBearer}
CARDS: Final = {each.value: each for each in Cards}


class Volume(msgspec.Struct, frozen=True):
    """What a fee is on: accepted principal, fen, and accepted rides. Corrections may make it negative."""

    fen: int = 0
    taps: int = 0

    def __add__(self, other: "Volume") -> "Volume":
        return Volume(self.fen + other.fen, self.taps + other.taps)

    def __bool__(self) -> bool:
        return bool(self.fen or self.taps)


class Tier(msgspec.Struct, frozen=True):
    """From which volume on, and what is charged there: per mille of fen, or fen each ride."""

    start: int
    rate: int


class Part(msgspec.Struct, frozen=True):
    """A step of a fee: the volume (fen, or rides) charged at one rate, and what that comes to.

    ``of`` is ``fen`` or ``taps``; ``start`` is where the tier begins. ``mille`` is in thousandths of a fen.
    """

    of: str
    start: int
    rate: int
    volume: int
    mille: int


class FeeRule(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a fee. ``fen_tiers`` are on principal, ``tap_tiers`` on rides; a flat rate is one tier.

    ``tiered``: rates depend on the month so far. Bounds are of what is billed at once: a date, or a
    month; ``max_fen`` None: no highest fee. ``recipients`` are (role, weight per mille): the fee is split by largest remainder.
    """

    name: str
    since: date
    fen_tiers: tuple[Tier, ...] = ()
    tap_tiers: tuple[Tier, ...] = ()
    tiered: bool = False
    min_fen: int = 0
    max_fen: int | None = None
    rounding: Rounding = Rounding.HALF_UP
    billing: Billing = Billing.DAILY
    bearer: FeeBearer = FeeBearer.OPERATOR
    of: Cards = Cards.ALL
    recipients: tuple[tuple[str, int], ...]

    @property
    def by_month(self) -> bool:
        """Whether a date's fee depends on the month's earlier dates."""
        return self.tiered or self.billing is Billing.MONTHLY

    def parts(self, volume: Volume) -> list[Part]:
        """The fee on a volume step by step, before rounding and bounds."""
        return [
            *_parts("fen", self.fen_tiers, volume.fen),
            *_parts("taps", self.tap_tiers, volume.taps),
        ]

    def scheduled_fen(self, volume: Volume) -> int:
        """The fee on a volume, rounded once, without bounds."""
        mille = sum(part.mille for part in self.parts(volume))
        extra = {Rounding.HALF_UP: 500, Rounding.DOWN: 0, Rounding.UP: 999}[self.rounding]
        # A per mille of fen is a thousandth of a fen.
        return (mille + extra) // 1000

    def has_volume(self, volume: Volume) -> bool:
        """Whether there is anything that the fee is on; bounds hold only then."""
        return bool((self.fen_tiers and volume.fen > 0) or (self.tap_tiers and volume.taps > 0))

    def fee_fen(self, volume: Volume) -> int:
        """The fee on the whole volume of what is billed at once; none on nothing, and below nothing, where
        corrections take back more than there is, the first tier's rate gives back."""
        return self._bounded(self.scheduled_fen(volume), volume)

    def due_fen(self, before: Volume, due_before_fen: int, today: Volume) -> int:
        """What a date adds to the fee.

        ``before`` and ``due_before_fen``: the volume and the fees of the month's earlier dates. A
        monthly fee is that of the month so far less what earlier dates came to; a daily one with tiers
        is the step between two roundings of the month's schedule; both sum up to the month's to the fen.
        Another daily fee is the date's alone. Corrections may make each of them negative.
        """
        if self.billing is Billing.MONTHLY:
            return self.fee_fen(before + today) - due_before_fen
        if not self.tiered:
            return self.fee_fen(today)
        step_fen = self.scheduled_fen(before + today) - self.scheduled_fen(before)
        return self._bounded(step_fen, today)

    def _bounded(self, fee_fen: int, volume: Volume) -> int:
        if fee_fen < 0:
            return fee_fen
        if not self.has_volume(volume):
            return 0
        bounded_fen = max(fee_fen, self.min_fen)
        return bounded_fen if self.max_fen is None else min(bounded_fen, self.max_fen)


def _parts(of: str, tiers: tuple[Tier, ...], volume: int) -> list[Part]:
    unit = 1 if of == "fen" else 1000
    found: list[Part] = []
    for at, tier in enumerate(tiers):
        upper = tiers[at + 1].start if at + 1 < len(tiers) else volume
        charged = min(volume, upper) - tier.start
        if charged > 0 or (charged and not at):
            found.append(Part(of, tier.start, tier.rate, charged, charged * tier.rate * unit))
    return found


def is_last_of_month(on: date) -> bool:
    """Whether a business date is the last of its month: every calendar day is one, so the next is known."""
    return (on + timedelta(days=1)).month != on.month


# -- reading -----------------------------------------------------------------------------------------


def read_fees(name: str, tables: Sequence[Table]) -> tuple[tuple[versions.Span, FeeRule], ...]:
    """The versions of ``[[fee.NAME]]`` with the interval in which each holds."""
    for table in tables:
        table.only(KEYS)
    return tuple(
        (span, _fee(name, table, span))
        for table, span in zip(tables, versions.spans(tables), strict=True)
    )


def _fee(name: str, table: Table, span: versions.Span) -> FeeRule:
    if span.since_s % 86_400:
        raise table.error(
            "since",
            "A fee begins in the middle of a day.",
            "Write a date: fees are taken per business date.",
        )
    low = table.integer_or("min_fen", 0, high=SUM_MAX)
    high = table.integer("max_fen", high=SUM_MAX) if table.has("max_fen") else None
    if high is not None and high < low:
        raise table.error("max_fen", f"max_fen {high} is below min_fen {low}.", "Exchange the two.")
    fen_tiers, tap_tiers = _rates(table)
    rule = FeeRule(
        name=name,
        since=moment_of(span.since_s).date(),
        fen_tiers=fen_tiers,
        tap_tiers=tap_tiers,
        tiered=table.has("tiers"),
        min_fen=low,
        max_fen=high,
        rounding=table.word("rounding", ROUNDINGS),
        billing=table.word("billing", BILLINGS) if table.has("billing") else Billing.DAILY,
        bearer=table.word("bearer", BEARERS) if table.has("bearer") else FeeBearer.OPERATOR,
        of=table.word("of", CARDS) if table.has("of") else Cards.ALL,
        recipients=read_shares(table, "recipients", ROLES),
    )
    _check_takes(table, rule)
    _check_months(table, span, rule)
    _check_recipients(table, rule)
    return rule


def _rates(table: Table) -> tuple[tuple[Tier, ...], tuple[Tier, ...]]:
    """The tiers on principal and those on rides; what has none is not charged."""
    fen: tuple[Tier, ...] = ()
    taps: tuple[Tier, ...] = ()
    if table.has("per_mille"):
        fen = (Tier(0, table.integer("per_mille", 0, 1000)),)
    if table.has("per_tap_fen"):
        taps = (Tier(0, table.integer("per_tap_fen")),)
    if table.has("tiers"):
        rows = table.tables("tiers")
        by_taps = rows[0].has("from_taps")
        start, rate = ("from_taps", "per_tap_fen") if by_taps else ("from_fen", "per_mille")
        if table.has(rate):
            raise table.error(
                rate, f"{rate} stands beside tiers that set it.", f"Leave {rate} out, or the tiers."
            )
        tiers = _tiers(rows, start, rate)
        fen, taps = (fen, tiers) if by_taps else (tiers, taps)
    if not fen and not taps:
        raise table.error(
            None,
            "The fee is on nothing.",
            "Add per_mille, per_tap_fen or tiers; several may stand.",
        )
    return fen, taps


def _tiers(rows: Sequence[Table], start: str, rate: str) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    for row in rows:
        row.only(TIER_KEYS)
        for key in ({"from_fen", "from_taps", "per_mille", "per_tap_fen"} - {start, rate}) & set(
            row.data
        ):
            raise row.error(
                key,
                f"The tier has {key}; the first one is by {start}.",
                "Write all tiers by from_fen and per_mille, or all by from_taps and per_tap_fen.",
            )
        tier = Tier(
            row.integer(start, high=SUM_MAX),
            row.integer(rate, 0, 1000 if rate == "per_mille" else FEN_MAX),
        )
        if not tiers and tier.start:
            raise row.error(
                start,
                f"The first tier begins at {tier.start}; below it there is no rate.",
                f"Begin with {start} = 0.",
            )
        if tiers and tier.start <= tiers[-1].start:
            raise row.error(
                start,
                f"The tier from {tier.start} does not rise above the one before it,"
                f" from {tiers[-1].start}.",
                f"Write tiers in rising order of {start}.",
            )
        tiers.append(tier)
    return tuple(tiers)


def _check_takes(table: Table, rule: FeeRule) -> None:
    """A fee is something: at some rate, or at least ``min_fen``, and not at most nothing."""
    if rule.max_fen == 0:
        raise table.error(
            "max_fen", "The fee is at most nothing.", "Leave the fee out, or max_fen."
        )
    tiers = (*rule.fen_tiers, *rule.tap_tiers)
    if not rule.min_fen and not any(tier.rate for tier in tiers):
        key = next(key for key in ("per_mille", "per_tap_fen", "tiers") if table.has(key))
        raise table.error(
            key,
            "The fee takes nothing: all its rates are 0.",
            "Give it a rate, or a min_fen; where nothing is charged, leave the fee out of the contract.",
        )


def _check_months(table: Table, span: versions.Span, rule: FeeRule) -> None:
    """What is counted by the month has one rule for all of it."""
    if not rule.by_month:
        return
    why = "billed monthly" if rule.billing is Billing.MONTHLY else "with tiers"
    if rule.since.day != 1:
        raise table.error(
            "since",
            f"A fee that is {why} begins inside a month.",
            "Let it begin on the first of a month: a month's volume has one rule.",
        )
    if span.until_s != FOREVER and moment_of(span.until_s).day != 1:
        raise table.error(
            "until" if table.has("until") else "since",
            f"A fee that is {why} ends inside a month, before {moment_of(span.until_s):%Y-%m-%d}.",
            "Let it end, and what follows begin, on the first of a month.",
        )


def _check_recipients(table: Table, rule: FeeRule) -> None:
    roles = {role for role, _ in rule.recipients}
    payers = {"operator"} if rule.bearer is FeeBearer.OPERATOR else _issuers_of(rule.of)
    for role in sorted(payers & roles):
        raise table.error(
            "recipients",
            f"{role} would pay the fee to itself.",
            "Name other recipients, or another bearer.",
        )


def _issuers_of(of: Cards) -> set[str]:
    """Whose account is charged for cards: ours, or that of the province for other cities' issuers."""
    return {Cards.OWN: {"issuer"}, Cards.FOREIGN: {"province"}}.get(of, {"issuer", "province"})
