"""What a comparison of one date under two rule sets says."""

from datetime import date

import msgspec

from clearing.comparison import FIGURES, AccountRow, Figures, LineRow


class Amounts(msgspec.Struct, frozen=True):
    """Sums over accepted rides: how many; the gross fare and the amount as the records state them; what the
    tariff asks for; what went to the operator's side; what was claimed as subsidy."""

    accepted: int = 0
    gross_fen: int = 0
    charged_fen: int = 0
    expected_fen: int = 0
    credited_fen: int = 0
    subsidy_fen: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(*(getattr(self, name) + getattr(other, name) for name in FIGURES))

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(*(getattr(self, name) - getattr(other, name) for name in FIGURES))


class LineTotals(msgspec.Struct, frozen=True):
    """Rides of one operator, card kind as issued and line.

    ``changed`` of them differ: in a forecast in verdict, money or price, else in what a re-clearing would move.
    """

    operator: int
    card_kind: int
    line: int
    taps: int
    changed: int
    before: Amounts
    after: Amounts


class AccountTotals(msgspec.Struct, frozen=True):
    """What of an operator's fares fell to an account, fen."""

    operator: int
    account: int
    before_fen: int
    after_fen: int


class LeftOutTotals(msgspec.Struct, frozen=True):
    """Taps that a re-clearing would leave out, and by how much more they would be credited, fen.

    ``why``: a ``settlement.reclearing.selecting.Why``.
    """

    why: str
    operator: int
    taps: int
    credited_fen: int


class Repriced(msgspec.Struct, frozen=True, kw_only=True):
    """A date under the rules as they were and under others; taps that operators of ours handed in.

    ``supposed``: what was charged is taken to be what the tariff asks for, on either side (a forecast).
    Otherwise ``before`` is what the books say, approved re-clearings included, and ``after`` what a
    re-clearing would make of it; ``left_out`` is what that would leave as it is.
    """

    business_date: date
    supposed: bool
    lines: list[LineTotals]
    accounts: list[AccountTotals]
    left_out: list[LeftOutTotals]


def line_totals(row: LineRow) -> LineTotals:
    """The totals of a row of ``Comparison.lines``."""
    (operator, card_kind, line), taps, changed, before, after = row
    return LineTotals(operator, card_kind, line, taps, changed, _amounts(before), _amounts(after))


def _amounts(figures: Figures) -> Amounts:
    return Amounts(*figures)


def account_totals(row: AccountRow) -> AccountTotals:
    """The totals of a row of ``Comparison.accounts``."""
    (operator, account), before, after = row
    return AccountTotals(operator, account, before, after)
