"""What an approved action does to the books, to its item, and to what is owed to the card.

``effect_of(case)`` computes and writes nothing but accounts that are missing. Every action of
``schemas.items.ACTIONS`` has one function; which kind of tap or item it meets is told inside. Those that only
move the item's amount are rows of ``moves``; what a release comes to stands in ``releases``.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from clearing.plan import Purpose
from clearing.store import Posting
from schemas.items import Action, ItemKind, ItemOutcome, ItemState
from settlement.decisions import moves
from settlement.decisions.booking import Effect, opened_after, postings_of, relabel, told
from settlement.decisions.brought import brought_by
from settlement.decisions.case import Case
from settlement.decisions.errors import DecisionRefused
from settlement.decisions.releases import release
from settlement.exchange.books import Lines

__all__ = ["Effect", "effect_of", "told"]


async def effect_of(case: Case) -> Effect:
    """What the case's action does. Raises ``DecisionRefused`` where it cannot be done."""
    return await _EFFECTS[case.action](case)


async def _reject(case: Case) -> Effect:
    """A load that the issuer did not authorise is taken back; a held tap's money becomes unclaimed."""
    if case.item.kind == ItemKind.LOAD_WITHOUT_LOG:
        case.must_be_ours()
        return await moves.moved(case, moves.REJECT_LOAD)
    effect = await moves.moved(case, moves.REJECT)
    unclaimed = opened_after(
        case, ItemKind.UNCLAIMED, await moves.unclaimed_account(case), case.amount_fen
    )
    return msgspec.structs.replace(effect, opened=[unclaimed])


async def _return(case: Case) -> Effect:
    """Suspense or unclaimed → the agent that hands the money to the cardholder."""
    lines = Lines()
    effect = await moves.moved(case, moves.RETURN, lines)
    if case.item.kind != ItemKind.CHAIN_GAP:
        await relabel(case, lines, Purpose.RETURN, case.amount_fen)
    return msgspec.structs.replace(effect, postings=postings_of(case, lines))


async def _write_off(case: Case) -> Effect:
    """Suspense or unclaimed → unclaimed/written_off. It stays owed: the item keeps the account."""
    written_off = await moves.written_off_account(case)
    if case.account == written_off:
        raise DecisionRefused(
            f"{case.item.item_id} is written off already.", "It can still be returned."
        )
    return msgspec.structs.replace(await moves.moved(case, moves.WRITE_OFF), account_no=written_off)


async def _book_load(case: Case) -> Effect:
    return await moves.moved(case, moves.BOOK_LOAD)


async def _reverse(case: Case) -> Effect:
    """The later of two debits is taken back: what it brought its operator now goes to whoever pays the
    cardholder, and subsidies of it to their bearers. An excess of it waits on, for its own decision."""
    case.must_be_ours()
    agent, brought = await case.refund_agent(), await brought_by(case)
    if not brought.fares and not brought.subsidies:
        raise DecisionRefused(
            f"The ride of {case.item.item_id} brought its operator nothing that is left.",
            "Return its excess where one waits, and dismiss this.",
        )
    lines = Lines()
    for account, fen in brought.fares.items():
        lines.move(account, agent, Purpose.RETURN, fen)
    subsidies = tuple(
        Posting(account, Purpose.SUBSIDY, fen, 1) for account, fen in brought.subsidies.items()
    )
    return Effect(
        outcome=ItemOutcome.REVERSED,
        narrative="double deduction returned to the cardholder",
        amount_fen=sum(brought.fares.values()),
        postings=postings_of(case, lines) + subsidies,
    )


async def _deny(case: Case) -> Effect:
    """The card is denied. Money that the item speaks of still waits for a decision of its own."""
    case.must_be_own()
    standing = case.standing
    waits = standing.account_no is not None or (
        case.item.kind == ItemKind.CHAIN_GAP and standing.amount_fen > 0
    )
    return Effect(
        outcome=ItemOutcome.DENIED,
        narrative="card denied",
        state=ItemState.OPEN if waits else ItemState.CLOSED,
        amount_fen=standing.amount_fen,
        account_no=standing.account_no,
        denies=True,
    )


async def _dismiss(case: Case) -> Effect:
    if case.standing.account_no is not None:
        raise DecisionRefused(
            f"Money of {case.item.item_id} waits; dismissed it would be nobody's.",
            "Return it or write it off.",
        )
    return Effect(
        outcome=ItemOutcome.DISMISSED, narrative="dismissed", amount_fen=case.standing.amount_fen
    )


_EFFECTS: Final[dict[Action, Callable[[Case], Awaitable[Effect]]]] = {
    Action.RELEASE: release,
    Action.REJECT: _reject,
    Action.RETURN: _return,
    Action.WRITE_OFF: _write_off,
    Action.REVERSE: _reverse,
    Action.BOOK_LOAD: _book_load,
    Action.DENY: _deny,
    Action.DISMISS: _dismiss,
}
