"""Corrections on papers: what the re-clearings that a date booked gave and took, by operator."""

from datetime import date
from typing import Any

from clearing.store import Connection
from settlement.reclearing.summary import by_operator
from settlement.store import reclears


async def corrections_of(connection: Connection, business_date: date) -> list[dict[str, Any]]:
    """One row per re-clearing that was approved on a date and operator, by proposal and operator; fen.

    ``corrects``: the sealed date that was priced wrongly; ``credited_fen``, ``subsidy_fen`` and
    ``waiting_fen``: how much more its taps bring, are subsidised with, have waiting.
    """
    found: list[dict[str, Any]] = []
    for each in await reclears.read_reclears(connection, decided_on=business_date):
        if each.approved:
            taps = await reclears.read_list(connection, each.proposal_no)
            head = {
                "corrects": each.corrects,
                "proposal": each.proposal_no,
                "rules_version": each.rules_version,
            }
            found += [head | row for row in by_operator(taps)]
    return found
