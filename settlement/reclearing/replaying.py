"""A sealed date judged again under other rules: the answers that may book otherwise than what is stored.

``settlement.repricing`` compares what accepted rides bring. A correction asks for more: the price at which
a held tap would be released, the reason by which unclaimed money is kept, who bears a discount.
"""

from collections.abc import Mapping

import msgspec

from clearing.kernel import Judgement, choose
from clearing.plan import Plan
from clearing.state import State
from clearing.store import BatchRow, Connection, read_batches
from schemas.codes import Verdict
from schemas.reasons import Reason
from settlement import tap_index
from settlement.context import Context
from settlement.store import DayRow
from settlement.store.reclears import Answer

Place = tuple[int, int]
"""(batch_seq, row) of a tap."""


async def differing(
    connection: Connection, context: Context, day: DayRow, rules_version: int
) -> dict[Place, Answer]:
    """What taps of a date get under a version of the rules, by place: those whose answer is not the stored
    one, and those that go to other accounts for all that may be.

    Cards, terminals and registries are those of the date; the card state moves as these answers move it.
    """
    state = State(choose(context.kernel), context.plans)
    await state.open(connection, day.business_date)
    found: dict[Place, Answer] = {}
    for batch in await read_batches(connection, day.business_date):
        under = msgspec.structs.replace(batch, rules_version=rules_version)
        judgement, taps = await state.replay(connection, under)
        state.kernel.keep(batch.batch_seq)
        old = await context.plans.plan(connection, batch.rules_version, batch.registry_version)
        assert state.plan is not None
        shares, bearers = elsewhere(batch, old, state.plan)
        if judgement.copy_rows == taps.copy_rows and not shares and not bearers:
            continue
        pairs = zip(
            tap_index.split(judgement.copy_rows), tap_index.split(taps.copy_rows), strict=True
        )
        gross_fen = judged_gross_fen(judgement)
        for row, (now, stored) in enumerate(pairs):
            if now == stored and not shares and not bearers:
                continue
            answer = answer_of(judgement, row, gross_fen)
            # What is not accepted may be released later, by these rules.
            waits = answer.verdict != Verdict.ACCEPTED
            if now != stored or shares or waits or answer.subsidy_fen:
                found[batch.batch_seq, row] = answer
    return found


def elsewhere(batch: BatchRow, old: Plan, new: Plan) -> tuple[bool, bool]:
    """Whether the rules say otherwise who shares an operator's fares, and who bears its discounts.

    Taps are stored without either: it is found again from the rules.
    """
    before, after = (
        next((row for row in plan.operators if row.number == batch.operator_no), None)
        for plan in (old, new)
    )
    if before is None or after is None:
        return False, False
    return before.splits != after.splits, before.tariffs != after.tariffs


def answer_of(judgement: Judgement, row: int, gross_fen: Mapping[int, int]) -> Answer:
    """What is said of a row; ``gross_fen`` as from ``judged_gross_fen``."""
    found = {
        name: tap_index.number(judgement.copy_rows, row, name) for name in Answer.__struct_fields__
    }
    return Answer(**{**found, "gross_fen": gross_fen.get(row, found["gross_fen"])})


def judged_gross_fen(judgement: Judgement) -> dict[int, int]:
    """The gross fare as the tariff has it, of the rows of which it is said that the claimed one differs."""
    return {
        each.row: each.expected
        for each in judgement.evidence
        if each.reason == Reason.GROSS_DIFFERS
    }
