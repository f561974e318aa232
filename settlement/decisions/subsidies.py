"""What a concession took off a released fare: paid as if the tap had been accepted at once.

A tap that was not accepted is stored without a subsidy, so it is found again by the tariff that its price
follows from, for the card kind that the issuer issued.
"""

import msgspec

from clearing import bearers, cards, rides
from clearing.bearers import Price
from clearing.plan import Bearer, Plan
from clearing.store import Connection, read_card_lines
from schemas import record
from settlement.store.decisions import DecidedTap


class Subsidy(msgspec.Struct, frozen=True):
    """Who pays what to whom: account numbers of the subsidy purse, fen."""

    payer: int
    payee: int
    amount_fen: int


async def subsidies_of(connection: Connection, plan: Plan, tap: DecidedTap) -> list[Subsidy]:
    """The subsidies of a fare of an own card; none where the operator bears its discounts itself.

    ``plan``: of the versions that the tap's price follows from.
    """
    operator = next((row for row in plan.operators if row.number == tap.operator_no), None)
    if operator is None:
        return []
    claimed = tap.record[record.OFFSET["card_kind"]]
    kind = await _issued_kind(connection, tap, claimed)
    payers = {Bearer.ISSUER: plan.issuer_discount_account, Bearer.BUDGET: plan.budget_account}
    price = Price(tap.gross_fen, tap.priced_fen)
    found = bearers.borne_when_accepted(
        operator, tap.checks, kind, rides.ride_of(tap.record), price
    )
    return [Subsidy(payers[bearer], operator.subsidy_account, fen) for bearer, fen in found.items()]


async def _issued_kind(connection: Connection, tap: DecidedTap, claimed: int) -> int:
    """The card kind that the issuer issued; the record's where it keeps no list of cards."""
    card = tap.record[record.CARD]
    line = (await read_card_lines(connection, [card])).get(card)
    return claimed if line is None else cards.unpack(line).card_kind
