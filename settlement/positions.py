"""What a date's postings come to: positions per participant and purse, what is payable."""

from collections.abc import Iterable
from typing import Final

from clearing.plan import Purpose
from schemas.accounts import Account, AccountKind
from schemas.codes import Purse
from settlement.parties import CENTRE
from settlement.store import Position, Sum

_NOT_OF_THE_POSITION: Final[dict[AccountKind, tuple[Purpose, ...]]] = {
    AccountKind.OPERATOR: (Purpose.FARE_UNCONFIRMED,),
    AccountKind.DRIVER: (Purpose.FARE_UNCONFIRMED,),
    AccountKind.CARD_LIABILITY: (
        Purpose.HELD, Purpose.EXCESS, Purpose.REJECTED, Purpose.OPENING,
    ),
}  # fmt: skip
"""Purposes that stay with the centre: unconfirmed fares, money that waits for a decision."""

_PARTICIPANTS: Final[dict[AccountKind, str]] = {
    AccountKind.OPERATOR: "operator/{}",
    AccountKind.DRIVER: "driver/{}",
    AccountKind.LOAD_AGENT: "load_agent/{}",
    AccountKind.REFUND_AGENT: "refund_agent/{}",
    AccountKind.CARD_LIABILITY: "issuer/{}",
    AccountKind.CITY: "city/{}",
    AccountKind.PROVINCE: "province",
    AccountKind.SUBSIDY: "operator/{}",
    AccountKind.BUDGET: "budget",
    AccountKind.ISSUER_DISCOUNT: "issuer_discount",
}


def participant_of(account: Account, purpose: int) -> str:
    """Whose position a posting belongs to."""
    if account.kind == AccountKind.FEE:
        name = account.participant
        return name.replace("operator-", "operator/") if name.startswith("operator-") else name
    if purpose in _NOT_OF_THE_POSITION.get(account.kind, ()):
        return CENTRE
    return _PARTICIPANTS.get(account.kind, CENTRE).format(account.participant)


def positions_of(sums: Iterable[Sum], accounts: dict[int, Account]) -> list[Position]:
    """The positions of a date, the centre's among them, by purse and participant."""
    found: dict[tuple[int, str], int] = {}
    for row in sums:
        if row.purpose == Purpose.SETTLEMENT:
            continue
        account = accounts[row.account]
        key = (int(account.purse), participant_of(account, row.purpose))
        found[key] = found.get(key, 0) - row.amount_fen
    return sorted(Position(purse, name, fen) for (purse, name), fen in found.items())


def payable(
    positions: Iterable[Position], sums: Iterable[Sum], accounts: dict[int, Account]
) -> list[Position]:
    """What may be instructed of each position. Subsidies: the issuer-borne part; the rest is invoiced."""
    borne = issuer_borne(sums, accounts)
    found: list[Position] = []
    for row in positions:
        fen = row.amount_fen
        if row.purse == Purse.SUBSIDIES:
            number = row.participant.removeprefix("operator/")
            fen = borne.get(int(number), 0) if number.isdecimal() else 0
        if fen:
            found.append(Position(row.purse, row.participant, fen))
    return found


def issuer_borne(sums: Iterable[Sum], accounts: dict[int, Account]) -> dict[int, int]:
    """Discounts that the issuer bears from its own funds, by operator, fen."""
    found: dict[int, int] = {}
    for row in sums:
        if accounts[row.account].kind == AccountKind.ISSUER_DISCOUNT and row.operator:
            found[row.operator] = found.get(row.operator, 0) + row.amount_fen
    return found
