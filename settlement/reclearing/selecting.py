"""What a re-clearing leaves out: of one tap as it is stored, and of a whole batch in columns.

Lists go tap by tap; a simulation of a month adds up columns. Both leave out by this one law.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

from clearing.kernel import Judgement
from clearing.store import BatchRow
from schemas.codes import DEBIT_KINDS, Source
from schemas.items import ItemKind, ItemOutcome
from schemas.reasons import Reason
from settlement import tap_index
from settlement.store.items import Standing


class Why(StrEnum):
    """Why a tap that would be answered otherwise is left out. The first that holds is the one told."""

    OTHER_CITY = "other_city"
    """Another city's card, or another city's tap: their clearing totals were exchanged."""
    NO_FARE = "no_fare"
    """No ride: rules of fares say nothing of what it moves."""
    TORN = "torn"
    """A torn tap: its card's next record settles it."""
    DECIDED = "decided"
    """An item about the tap was decided or settled already."""


WHYS: Final = tuple(Why)


def why_not(*, own: bool, kind: int, torn: bool, decided: bool) -> Why | None:
    """Why a tap is left out, if it is. ``own``: card and operator are both ours."""
    if not own:
        return Why.OTHER_CITY
    if kind not in DEBIT_KINDS:
        return Why.NO_FARE
    if torn:
        return Why.TORN
    return Why.DECIDED if decided else None


def is_torn(reason: int, flags: int) -> bool:
    """Whether a tap is torn, by its answer."""
    return reason == Reason.TAC_TORN or bool(flags >> Reason.TAC_TORN & 1)


_NO_TRANSFER: Final = (ItemOutcome.REFUTED, ItemOutcome.NOT_PROVEN, ItemOutcome.DISMISSED)
"""A transfer item that ended so moved no money, and no night will book for it."""


def is_decided(each: Standing) -> bool:
    """Whether somebody or something moved an item's money since the night opened it."""
    if each.item.kind == ItemKind.DOUBLE_DEDUCTION:
        return each.outcome == ItemOutcome.REVERSED
    if each.item.kind == ItemKind.TRANSFER:
        # While it waits, and once it is proven, a night books by the rules of the tap's batch.
        return each.outcome not in _NO_TRANSFER
    return each.outcome not in (ItemOutcome.OPENED, ItemOutcome.RECLEARED)


def left_out(
    batch: BatchRow, judged: Judgement, own: Collection[int], decided: Iterable[int]
) -> bytearray:
    """A byte for each row of a batch as it was judged: 0, or 1 + the place in ``WHYS`` of why it is left out.

    ``own``: numbers of our issuers; ``decided``: rows of which an item was decided. Torn taps are not looked for:
    they are held or rejected, and what is not accepted goes tap by tap.
    """
    if batch.source != Source.OPERATOR:
        return bytearray([_mark(Why.OTHER_CITY)]) * judged.count
    found = bytearray(judged.count)
    # The law of ``why_not``, backwards: what counts more is written over what counts less.
    for row in decided:
        found[row] = _mark(Why.DECIDED)
    for row, kind in enumerate(tap_index.plane(judged.copy_rows, "kind")):
        if kind not in DEBIT_KINDS:
            found[row] = _mark(Why.NO_FARE)
    for row, issuer in enumerate(memoryview(judged.issuer_numbers).cast("H")):
        if issuer not in own:
            found[row] = _mark(Why.OTHER_CITY)
    return found


def why_of(mark: int) -> Why:
    """The reason that a byte of ``left_out`` stands for."""
    return WHYS[mark - 1]


def _mark(why: Why) -> int:
    return 1 + WHYS.index(why)
