"""What a concession took off a released fare: paid as if the tap had been accepted at once.

A tap that was not accepted is stored without a subsidy, so it is found again by the tariff of its batch's
versions, for the card kind that the issuer issued.
"""

import msgspec

from clearing import cards, pricing
from clearing.plan import Bearer, Plan
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


async def subsidy_of(connection: Connection, plan: Plan, tap: DecidedTap) -> Subsidy | None:
    """The subsidy of a fare of an own card; None where the operator bears its discounts itself.

    ``plan``: of the versions that the tap's batch was judged under.
    """
    fields = record.unpack(tap.record.ljust(record.SIZE, b"\0"))
    if tap.kind in _TAPS_IN or fields.mode == Mode.DEGRADED or not tap.checks & Check.TARIFF:
        return None
    operator = next((row for row in plan.operators if row.number == tap.operator_no), None)
    if operator is None:
        return None
    tariff = pricing.tariff_at(operator.tariffs, tap.kind, tap.tapped_s)
    if tariff is None or tariff.by_amount:
        return None
    kind = await _issued_kind(connection, tap, fields.card_kind)
    fare_class = pricing.class_of(tariff, kind)
    if fare_class is None or fare_class.bearer == Bearer.OPERATOR:
        return None
    fen = tap.gross_fen - pricing.discounted(fare_class, tap.gross_fen)
    by_budget = fare_class.bearer == Bearer.BUDGET
    payer = plan.budget_account if by_budget else plan.issuer_discount_account
    return Subsidy(payer, operator.subsidy_account, fen) if fen else None


async def _issued_kind(connection: Connection, tap: DecidedTap, claimed: int) -> int:
    """The card kind that the issuer issued; the record's where it keeps no list of cards."""
    card = tap.record[record.CARD]
    line = (await read_card_lines(connection, [card])).get(card)
    return claimed if line is None else cards.unpack(line).card_kind
