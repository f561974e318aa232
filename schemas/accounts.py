"""Accounts: the kinds, and the one way to name an account.

An account is (purse, kind, participant). Its code is ``purse/kind`` or ``purse/kind/participant``,
lower case, e.g. ``principal/operator/12``, ``principal/card_liability/1``. Debits are positive and
credits negative everywhere in the books.
"""

from enum import StrEnum

import msgspec

from schemas.codes import Purse


class AccountKind(StrEnum):
    """What an account is for (domain §7, §8)."""

    CARD_LIABILITY = "card_liability"
    """What the issuer owes its cardholders; participant = issuer number."""
    FLOAT_BANK = "float_bank"
    """The issuer's reserve money (备付金) at the bank; participant = issuer number."""
    OPERATOR = "operator"
    """What is owed to an operator; participant = operator number."""
    DRIVER = "driver"
    """The drivers' part of taxi fares, paid through their operator; participant = operator number."""
    LOAD_AGENT = "load_agent"
    """Cash that a load agent took and owes; participant = operator number."""
    REFUND_AGENT = "refund_agent"
    """Cash that a refund agent paid out and is owed; participant = operator number."""
    SUSPENSE = "suspense"
    """Held money and excess fares, waiting for a decision."""
    UNCLAIMED = "unclaimed"
    """Rejected taps whose debit is proven; participant = reason name. ``chain_gap``: debits that only
    the card's chain proves; ``written_off``: no longer looked for."""
    PROVINCE_PENDING = "province_pending"
    """Between cities, presented but not in a cycle yet."""
    PROVINCE = "province"
    """Between cities, by cycle; equals the city's account at the province."""
    CITY = "city"
    """In the province's books: what a city owes (debit) or is owed; participant = city code."""
    SETTLEMENT_TRANSIT = "settlement_transit"
    """Instructed payments until the bank confirms them."""
    FEE = "fee"
    """Fees that a participant owes (debit) or earns (credit); participant = its number or name."""
    BUDGET = "budget"
    """Subsidies that the public budget owes."""
    ISSUER_DISCOUNT = "issuer_discount"
    """Discounts that the issuer bears from its own funds."""
    SUBSIDY = "subsidy"
    """Subsidies and borne discounts owed to an operator; participant = operator number."""


class Account(msgspec.Struct, frozen=True):
    """One account of the ledger. ``number`` is this node's; ``code`` is unique."""

    number: int
    code: str
    purse: Purse
    kind: AccountKind
    participant: str


def code_of(purse: Purse, kind: AccountKind, participant: str = "") -> str:
    """The code of an account."""
    code = f"{purse.name.lower()}/{kind.value}"
    return f"{code}/{participant}" if participant else code
