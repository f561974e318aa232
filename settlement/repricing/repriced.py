"""What a comparison of one date under two rule sets says."""

import struct
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import msgspec

from clearing.comparison import FIGURES, AccountRow, Figures, LineRow, shares_of
from clearing.kernel import Judgement
from clearing.store import BatchRow
from schemas import record
from schemas.reasons import Reason, verdict_of


class Outcome(msgspec.Struct, frozen=True):
    """What rules make of a tap: ``flags`` are reasons as bits, ``shares`` (account, fen) by the split."""

    verdict: int
    reason: int
    flags: int
    priced_fen: int
    credited_fen: int
    subsidy_fen: int
    shares: tuple[tuple[int, int], ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A tap whose verdict or money differs. ``card_kind`` is as issued (``Kernel.card_kinds``); ``tapped_at``
    and ``amount_fen`` are the record's, the signed amount."""

    batch_seq: int
    row_no: int
    operator_no: int
    line: int
    card_kind: int
    kind: int
    issuer_no: int
    tapped_at: str
    amount_fen: int
    before: Outcome
    after: Outcome


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


class LineTotals(msgspec.Struct, frozen=True):
    """Rides of one operator, card kind as issued and line; ``changed`` of them differ."""

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


class Repriced(msgspec.Struct, frozen=True, kw_only=True):
    """A date under the rules as they were and under others; taps that operators of ours handed in.

    ``supposed``: what was charged is taken to be what the tariff asks for, on either side (a forecast).
    ``differences`` are in order of batch and row, and empty where nobody asked for them.
    """

    business_date: date
    supposed: bool
    lines: list[LineTotals]
    accounts: list[AccountTotals]
    differences: list[Difference]


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


def differences_of(
    batch: BatchRow,
    records: bytes,
    kinds: bytes,
    rows: Sequence[int],
    before: Judgement,
    after: Judgement,
) -> Iterator[Difference]:
    """The differences of a batch at these rows."""
    for row in rows:
        tap = record.unpack(records[row * record.SIZE : (row + 1) * record.SIZE])
        yield Difference(
            batch_seq=batch.batch_seq,
            row_no=row,
            operator_no=tap.operator,
            line=tap.line,
            card_kind=kinds[row],
            kind=tap.kind,
            issuer_no=int.from_bytes(before.issuer_numbers[2 * row : 2 * row + 2], "little"),
            tapped_at=tap.tapped_at,
            amount_fen=tap.amount_fen,
            before=_outcome(before, row),
            after=_outcome(after, row),
        )


_FEN: Final = struct.Struct("<i")
_FLAGS: Final = struct.Struct("<Q")


def _outcome(judgement: Judgement, row: int) -> Outcome:
    reason = Reason(judgement.reasons[row])
    return Outcome(
        int(verdict_of(reason)),
        int(reason),
        _FLAGS.unpack_from(judgement.flags, 8 * row)[0],
        _FEN.unpack_from(judgement.priced_fen, 4 * row)[0],
        _FEN.unpack_from(judgement.credited_fen, 4 * row)[0],
        _FEN.unpack_from(judgement.subsidy_fen, 4 * row)[0],
        tuple(shares_of(judgement, row)),
    )
