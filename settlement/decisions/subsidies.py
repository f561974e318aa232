"""What a concession took off a released fare: paid as if the tap had been accepted at once.

A tap that was not accepted is stored without a subsidy, so it is found again by the tariff of its batch's
versions, for the card kind that the issuer issued.
"""

import msgspec

from clearing import cards, pricing, rides
from clearing.plan import Bearer, Degraded, Plan
from clearing.store import Connection, read_card_lines
from schemas import record
from schemas.codes import Check, Mode, TapKind
from settlement.store.decisions import DecidedTap

_TAPS_IN = frozenset({TapKind.BUS_TAP_IN, TapKind.METRO_TAP_IN})


class Subsidy(msgspec.Struct, frozen=True):
    """Who pays what to whom: account numbers of the subsidy purse, fen."""

    payer: int
    payee: int
    amount_fen: int


async def subsidies_of(connection: Connection, plan: Plan, tap: DecidedTap) -> list[Subsidy]:
    """The subsidies of a fare of an own card; none where the operator bears its discounts itself.

    ``plan``: of the versions that the tap's batch was judged under.
    """
    fields = record.unpack(tap.record.ljust(record.SIZE, b"\0"))
    if tap.kind in _TAPS_IN or not tap.checks & Check.TARIFF:
        return []
    operator = next((row for row in plan.operators if row.number == tap.operator_no), None)
    if operator is None:
        return []
    tariff = pricing.tariff_at(operator.tariffs, tap.kind, tap.tapped_s)
    if tariff is None or tariff.by_amount:
        return []
    if fields.mode == Mode.DEGRADED and tariff.degraded is Degraded.AS_CHARGED:
        return []
    kind = await _issued_kind(connection, tap, fields.card_kind)
    fare_class = pricing.class_of(tariff, kind, rides.ride_of(tap.record))
    net = pricing.net_of_price(tariff, tap.gross_fen, fare_class, tap.priced_fen)
    payers = {Bearer.ISSUER: plan.issuer_discount_account, Bearer.BUDGET: plan.budget_account}
    return [
        Subsidy(payers[bearer], operator.subsidy_account, fen)
        for bearer, fen in net.subsidies.items()
        if fen
    ]


async def _issued_kind(connection: Connection, tap: DecidedTap, claimed: int) -> int:
    """The card kind that the issuer issued; the record's where it keeps no list of cards."""
    card = tap.record[record.CARD]
    line = (await read_card_lines(connection, [card])).get(card)
    return claimed if line is None else cards.unpack(line).card_kind
