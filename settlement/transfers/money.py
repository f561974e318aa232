"""What a transfer that is proven changes of what was booked when its tap came. No database; money in fen."""

from collections.abc import Iterable

import msgspec

from clearing import pricing, rides
from clearing.plan import Bearer, Purpose
from clearing.store import Posting
from clearing.transfers import Granted, granted
from settlement.transfers.reading import Found


class Change(msgspec.Struct, frozen=True):
    """``discount_fen``: what the transfer takes off the fare; ``excess_fen``: what was charged beyond the
    fare that is left and was credited to the operator."""

    granted: Granted
    discount_fen: int
    excess_fen: int


def change_of(found: Found, card_kind: int, gross_fen: int) -> Change:
    """What proving a tap's transfer would change. ``card_kind``: as issued; ``gross_fen``: the fare before
    discounts. Both matter only where the tariff accumulates."""
    tap, tariff = found.tap, found.tariff
    class_fen = tap.priced_fen
    if tariff.accumulation is not None:
        fare_class = pricing.class_of(tariff, card_kind, rides.ride_of(tap.record))
        class_fen = max(pricing.discounted(fare_class, gross_fen), tap.priced_fen)
    more = granted(tariff, class_fen, tap.priced_fen)
    excess_fen = max(tap.credited_fen - more.fare_fen, 0)
    return Change(more, tap.priced_fen - more.fare_fen, excess_fen)


def postings_of(found: Found, change: Change, liability: int) -> tuple[Posting, ...]:
    """The difference between what the kernels would have booked and what they did.

    Each bearer owes the operator what the transfer took off; what the operator was credited beyond the fare
    waits in suspense for the cardholder. ``liability``: the account of what is owed to the issuer's cards.
    """
    plan, operator = found.plan, found.operator
    payers = {Bearer.ISSUER: plan.issuer_discount_account, Bearer.BUDGET: plan.budget_account}
    lines: dict[tuple[int, Purpose], int] = {}

    def move(debit: int, credit: int, purpose: Purpose, fen: int) -> None:
        lines[debit, purpose] = lines.get((debit, purpose), 0) + fen
        lines[credit, purpose] = lines.get((credit, purpose), 0) - fen

    for bearer, fen in change.granted.subsidies.items():
        move(payers[bearer], operator.subsidy_account, Purpose.SUBSIDY, fen)
    if change.excess_fen:
        tap = found.tap
        for account, fen in _shares(found, tap.credited_fen - change.excess_fen):
            move(liability, account, Purpose.FARE, fen)
        for account, fen in _shares(found, tap.credited_fen):
            move(liability, account, Purpose.FARE, -fen)
        move(liability, plan.suspense_account, Purpose.EXCESS, change.excess_fen)
    return tuple(
        Posting(account, purpose, fen, 1)
        for (account, purpose), fen in sorted(lines.items())
        if fen
    )


def _shares(found: Found, fen: int) -> Iterable[tuple[int, int]]:
    tap = found.tap
    stations = rides.stations_of(tap.record)
    return rides.shares_fen(found.operator.splits, tap.tapped_s, stations, fen)
