"""Two judgements of the same taps side by side: which taps differ, and the sums of both.

Like the kernels there are two that mean the same: ``_comparison`` in C, and ``PlainComparison`` here.
What they give out are plain tuples, so that neither has to know the other's shapes.
"""

import struct
from typing import Final, Protocol, TypeAlias

from clearing.errors import ClearingError
from clearing.kernel import COPY_COLUMNS, Judgement, Kernel
from schemas import record
from schemas.codes import DEBIT_KINDS, Verdict

FIGURES: Final = (
    "accepted", "gross_fen", "charged_fen", "expected_fen", "credited_fen", "subsidy_fen",
)  # fmt: skip
"""What is summed over accepted rides: how many, the gross fare and the amount that the records state,
what our tariff asks for, what went to the operator's side, what was claimed as subsidy."""

Figures: TypeAlias = tuple[int, ...]
LineRow: TypeAlias = tuple[tuple[int, int, int], int, int, Figures, Figures]
"""((operator, card kind, line), rides, rides that differ, figures before, figures after)."""
AccountRow: TypeAlias = tuple[tuple[int, int], int, int]
"""((operator, account), fen before, fen after)."""


class Comparison(Protocol):
    """Sums over rides, every kind of debit, of all batches added."""

    def add(
        self, before: Judgement, after: Judgement, kinds: bytes, left_out: bytes | None = None
    ) -> list[int]:
        """Add two judgements of one batch; ``kinds`` is the card kind of each row.

        Without ``left_out`` every ride counts as judged, for a forecast. Returns the numbers of the rows whose
        verdict, credit, subsidy, shares or, if accepted, price differ.

        With it only what a re-clearing would move counts: ``left_out`` has a byte for each row, and a row that
        has other than 0 stays in the sums as it was. Returns the numbers of all rows, left out or not, whose
        verdict, credit, subsidy or shares differ.
        """

    def lines(self) -> list[LineRow]:
        """The sums by (operator, card kind, line), sorted."""

    def accounts(self) -> list[AccountRow]:
        """What fell to each account, by (operator, account), sorted."""


def comparison_for(kernel: Kernel) -> Comparison:
    """The comparison that goes with a kernel: plain Python with the reference, else the compiled one."""
    if kernel.name == "reference":
        return PlainComparison()
    try:
        from clearing._comparison import FastComparison
    except ImportError as error:
        raise ClearingError(
            "The compiled module clearing._comparison is not there.",
            "Run `make setup`, or set CLEARING_KERNEL=reference to go on slowly.",
        ) from error
    return FastComparison()


_ROW: Final = struct.Struct("!H iI iQ iI iH iH iQ iH iQ iH iq ii ii ii ii ii i? i".replace(" ", ""))
"""A COPY tuple up to the length of its identity: after the count, each length and its value."""
_REST_AT: Final = _ROW.size + (record.IDENTITY.stop - record.IDENTITY.start) + 4
_ROW_SIZE: Final = _REST_AT + 1 + record.SIZE - record.REST
_LINE_AT: Final = _REST_AT + 1 + record.OFFSET["line"] - record.REST
_SHARES: Final = struct.Struct("<Ii")


class PlainComparison:
    """``Comparison`` in plain Python, slow and obvious."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int, int], tuple[list[int], list[int], list[int]]] = {}
        self._accounts: dict[tuple[int, int], list[int]] = {}

    def add(
        self, before: Judgement, after: Judgement, kinds: bytes, left_out: bytes | None = None
    ) -> list[int]:
        """See ``Comparison``."""
        differing = []
        for row, card_kind in enumerate(kinds):
            one, other = _values(before, row), _values(after, row)
            shares, other_shares = shares_of(before, row), shares_of(after, row)
            differs = _money(one) != _money(other) or _sums(shares) != _sums(other_shares)
            # The price of a tap that is not accepted brings nobody anything.
            if left_out is None and other["verdict"] == Verdict.ACCEPTED:
                differs = differs or one["priced_fen"] != other["priced_fen"]
            if differs:
                differing.append(row)
            if one["kind"] not in DEBIT_KINDS:
                continue
            if left_out is not None and left_out[row]:
                other, other_shares, differs = one, shares, False
            operator = one["operator_no"]
            counts, *sides = self._lines.setdefault(
                (operator, card_kind, one["line"]), ([0, 0], [0] * len(FIGURES), [0] * len(FIGURES))
            )
            counts[0] += 1
            counts[1] += differs
            for side, values in zip(sides, (one, other), strict=True):
                _add_ride(side, values)
            for at, fallen in enumerate((shares, other_shares)):
                for account, fen in fallen:
                    self._accounts.setdefault((operator, account), [0, 0])[at] += fen
        return differing

    def lines(self) -> list[LineRow]:
        """See ``Comparison``."""
        return sorted(
            (key, taps, changed, tuple(before), tuple(after))
            for key, ((taps, changed), before, after) in self._lines.items()
        )

    def accounts(self) -> list[AccountRow]:
        """See ``Comparison``."""
        return sorted((key, before, after) for key, (before, after) in self._accounts.items())


def _values(judgement: Judgement, row: int) -> dict[str, int]:
    """The numbers of a row's COPY tuple by column, and its line."""
    tuple_ = judgement.copy_rows[row * _ROW_SIZE : (row + 1) * _ROW_SIZE]
    numbers = _ROW.unpack_from(tuple_)[2::2]
    line = int.from_bytes(tuple_[_LINE_AT : _LINE_AT + 4], "big")
    return {**dict(zip(COPY_COLUMNS, numbers, strict=False)), "line": line}


def _money(values: dict[str, int]) -> tuple[int, ...]:
    """Verdict and money of a row."""
    return values["verdict"], values["credited_fen"], values["subsidy_fen"]


def _sums(shares: list[tuple[int, int]]) -> dict[int, int]:
    """What falls to each account: in which order does not matter."""
    found: dict[int, int] = {}
    for account, fen in shares:
        found[account] = found.get(account, 0) + fen
    return found


def _add_ride(side: list[int], values: dict[str, int]) -> None:
    """What an accepted ride comes to; any other comes to nothing."""
    if values["verdict"] != Verdict.ACCEPTED:
        return
    names = ("gross_fen", "amount_fen", "priced_fen", "credited_fen", "subsidy_fen")
    for at, fen in enumerate([1, *(values[name] for name in names)]):
        side[at] += fen


def shares_of(judgement: Judgement, row: int) -> list[tuple[int, int]]:
    """(account, fen) of a row's shares that are not nothing."""
    size = len(judgement.shares) // judgement.count
    packed = judgement.shares[row * size : (row + 1) * size]
    return [(account, fen) for account, fen in _SHARES.iter_unpack(packed) if fen]
