"""Card refunds before their window has closed, and loads taken back: proven ones, and what the card has."""

from typing import Final

from schemas.codes import TapKind
from schemas.reasons import Reason
from settlement.decisions.case import Case
from settlement.decisions.errors import DecisionRefused
from settlement.store.decisions import read_book_fen
from settlement.store.items import card_adjustments

_WITHOUT_PROOF: Final = (
    Reason.TAC_TORN, Reason.TAC_WRONG, Reason.TAC_UNAVAILABLE, Reason.TAC_NOT_ALLOWED_ABSENT,
    Reason.TAC_BY_ISSUER, Reason.KEY_SET_UNKNOWN,
)  # fmt: skip
_NAMES: Final = {
    TapKind.CARD_REFUND: "card refund",
    TapKind.TOP_UP_REVERSAL: "top-up reversal",
}
TAKING: Final = frozenset(_NAMES)
"""Kinds of taps whose release takes from what is owed to a card, without being a fare."""


async def must_be_covered(case: Case) -> None:
    """Raises ``DecisionRefused`` where nothing proves that the card was given back or its load undone, and
    where that is more than what is owed to the card now: its book balance and all adjustments, today's
    included.

    Whoever decides another one of the card waits until this one is through.
    """
    name, what = case.item.item_id, _NAMES[TapKind(case.tap.kind)]
    for reason in _WITHOUT_PROOF:
        if case.says(reason):
            raise DecisionRefused(
                f"Nothing proves the {what} of {name}: {reason.name.lower()}.",
                "Dismiss it; the agent hands a new one in, signed by the card.",
            )
    book_fen = await read_book_fen(case.connection, case.card)
    adjusted = await card_adjustments(case.connection, [case.card], case.open_date)
    owed_fen = book_fen + adjusted.get(case.card, 0)
    if case.amount_fen > owed_fen:
        raise DecisionRefused(
            f"The {what} of {name} is of {case.amount_fen} fen, and {owed_fen} fen are owed to"
            " the card.",
            "Wait for the loads that are missing, or dismiss it.",
        )
