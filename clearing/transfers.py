"""Transfers 换乘: which leg of a card's history begins a window, which one takes a discount from it.

What it says of one leg after the other is the meaning of ``fares.Transfer`` for whoever has a card's history
in the card's own order; the reference kernel asks the same of a card's line. Times are local seconds,
money is fen.
"""

from typing import Final

import msgspec

from clearing.fares import Bearer, Tariff, Transfer, TransferType
from clearing.pricing import accumulated, transferred
from schemas.codes import TapKind

WINDOW_STARTS: Final = frozenset({TapKind.BUS_FLAT, TapKind.BUS_TAP_IN, TapKind.METRO_TAP_OUT})
"""The kinds of debits that begin a window unless they take a discount themselves."""


class Window(msgspec.Struct, frozen=True):
    """A transfer window: when its first leg was, whose it was, how many transfers it has given."""

    base_s: int = 0
    operator: int = 0
    used: int = 0


NO_WINDOW: Final = Window()
"""That of a card without a leg to change from."""


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """A debit of a card as far as transfers go. ``operator`` is as a card's line holds it.

    ``marked``: the record claims the discount; ``transfer``: that of the tariff that priced it, of type
    NONE where nothing is taken off whatever came before.
    """

    at_s: int
    kind: int
    operator: int
    marked: bool = False
    transfer: Transfer = Transfer()


def may_qualify(leg: Leg) -> bool:
    """Whether a leg takes the discount if the history before it allows that."""
    transfer = leg.transfer
    if transfer.type == TransferType.NONE:
        return False
    # A supplement is part of the leg before it, so nothing but a mark makes it a leg of its own.
    unasked = transfer.without_mark and leg.kind != TapKind.METRO_SUPPLEMENT
    return leg.marked or (unasked and not transfer.by_mark)


def qualifies(window: Window, leg: Leg) -> bool:
    """Whether a leg takes the discount, being the next one after those that left ``window``."""
    transfer = leg.transfer
    if not may_qualify(leg):
        return False
    if transfer.by_mark:
        return True
    return (
        window.base_s > 0
        and 0 <= leg.at_s - window.base_s <= transfer.window_s
        and window.used < transfer.count_max
        and (not transfer.from_operators or window.operator in transfer.from_operators)
    )


def after(window: Window, leg: Leg, *, used: bool) -> Window:
    """The window that a leg leaves. ``used``: it took the discount."""
    if used:
        return Window(window.base_s, window.operator, window.used + 1)
    return Window(leg.at_s, leg.operator) if leg.kind in WINDOW_STARTS else window


class Granted(msgspec.Struct, frozen=True):
    """What a fare is with the discount that it was without, and how much more, or less, each bearer then
    owes the operator; fen."""

    fare_fen: int
    subsidies: dict[Bearer, int]


def granted(tariff: Tariff, class_fen: int, priced_fen: int) -> Granted:
    """The price with the transfer of a fare that was priced without it.

    ``class_fen`` is the fare after the class of the card, ``priced_fen`` what the accumulation left of it.
    """
    accumulation = tariff.accumulation
    transfer_fen = transferred(tariff, class_fen)
    fare_fen = transfer_fen
    if accumulation is not None and priced_fen < class_fen:
        fare_fen = accumulated(
            accumulation, _spent_fen(tariff, class_fen, priced_fen), transfer_fen
        )
    subsidies = {Bearer.ISSUER: 0, Bearer.BUDGET: 0}
    taken_fen = (transfer_fen - fare_fen) - (class_fen - priced_fen)
    for bearer, fen in (
        (tariff.transfer.bearer, class_fen - transfer_fen),
        (accumulation.bearer if accumulation is not None else Bearer.OPERATOR, taken_fen),
    ):
        if bearer is not Bearer.OPERATOR:
            subsidies[bearer] += fen
    return Granted(fare_fen, subsidies)


def _spent_fen(tariff: Tariff, class_fen: int, priced_fen: int) -> int:
    """What a card had spent, as far as the price tells: enough for a tier, or for the cap."""
    accumulation = tariff.accumulation
    assert accumulation is not None
    for from_fen, _ in accumulation.tiers:
        if accumulated(accumulation, from_fen, class_fen) == priced_fen:
            return from_fen
    return accumulation.cap_fen - priced_fen
