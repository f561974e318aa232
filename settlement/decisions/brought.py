"""What a ride brought its operator, as the books have it now: what its batch booked of it, what re-clearings
moved, what nights and people booked for it since (an excess set aside or given, a transfer proven)."""

from collections import Counter
from typing import Final

import msgspec

from clearing import cards
from clearing.inspection import batch_by_seq, moved_by, read_taps
from clearing.store import read_accounts, read_card_lines
from schemas import record
from schemas.accounts import AccountKind
from schemas.codes import Purse
from settlement.books import numbered
from settlement.decisions.case import Case
from settlement.store.decisions import read_booked_since
from settlement.store.reclears import read_of_tap

_SIDE: Final = (AccountKind.OPERATOR, AccountKind.DRIVER)
"""Kinds of the principal accounts that fares go to."""


class Brought(msgspec.Struct, frozen=True):
    """Fen by account number, credits positive. ``fares``: what the operator's side has; ``subsidies``: what
    the operator is owed and its bearers owe, which sum to nothing."""

    fares: dict[int, int]
    subsidies: dict[int, int]


async def brought_by(case: Case) -> Brought:
    """What the case's ride, taken by an operator of ours, brought until now."""
    moved = await _batch_moved(case)
    place = case.tap.batch_seq, case.tap.row_no
    for _, tap in await read_of_tap(case.connection, *place):
        for delta in tap.deltas:
            moved[delta.account] -= delta.amount_fen
    moved.update(await read_booked_since(case.connection, *place))
    found = Brought({}, {})
    accounts = numbered(await read_accounts(case.connection))
    for number, fen in sorted(moved.items()):
        account = accounts[number]
        if fen and account.purse == Purse.SUBSIDIES:
            found.subsidies[number] = fen
        elif fen and account.kind in _SIDE:
            found.fares[number] = fen
    return found


async def _batch_moved(case: Case) -> Counter[int]:
    """What the ride's batch booked of it, fen by account, credits positive."""
    batch = await batch_by_seq(case.connection, case.tap.batch_seq)
    assert batch is not None
    [tap] = await read_taps(case.connection, batch, case.tap.row_no, 1, own=False)
    plan = await case.context.plans.plan(
        case.connection, batch.rules_version, batch.registry_version
    )
    card = tap.record[record.CARD]
    line = (await read_card_lines(case.connection, [card])).get(card)
    claimed = tap.record[record.OFFSET["card_kind"]]
    found = Counter[int]()
    for move in moved_by(
        batch, tap, plan, claimed if line is None else cards.unpack(line).card_kind
    ):
        found[move.debit] -= move.amount_fen
        found[move.credit] += move.amount_fen
    return found
