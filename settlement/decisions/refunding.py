"""Card refunds that people pay before their window has closed: proven ones, and what the card has."""

from typing import Final

from schemas.reasons import Reason
from settlement.decisions.case import Case
from settlement.decisions.errors import DecisionRefused
from settlement.store.decisions import read_book_fen
from settlement.store.items import card_adjustments

_WITHOUT_PROOF: Final = (
    Reason.TAC_TORN, Reason.TAC_WRONG, Reason.TAC_UNAVAILABLE, Reason.TAC_NOT_ALLOWED_ABSENT,
    Reason.TAC_BY_ISSUER, Reason.KEY_SET_UNKNOWN,
)  # fmt: skip


async def must_be_covered(case: Case) -> None:
    """Raises ``DecisionRefused`` where nothing proves that the card was given back, and where the refund
    is more than what is owed to the card now: its book balance and all adjustments, today's included.

    Whoever decides another refund of the card waits until this one is through.
    """
    name = case.item.item_id
    for reason in _WITHOUT_PROOF:
        if case.says(reason):
            raise DecisionRefused(
                f"Nothing proves the card refund of {name}: {reason.name.lower()}.",
                "Dismiss it; the agent hands a new one in, signed by the card.",
            )
    book_fen = await read_book_fen(case.connection, case.card)
    adjusted = await card_adjustments(case.connection, [case.card], case.open_date)
    owed_fen = book_fen + adjusted.get(case.card, 0)
    if case.amount_fen > owed_fen:
        raise DecisionRefused(
            f"The card refund of {name} is of {case.amount_fen} fen, and {owed_fen} fen are owed to"
            " the card.",
            "Wait for the loads that are missing, or dismiss it.",
        )
