"""Re-clearing at a node's doors: what it would come to, proposing, deciding, looking, in a person's name."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from clearing.plan import Purpose
from clearing.store import Connection, read_accounts
from service.items import Signer, open_desk
from settlement import reclearing, store
from settlement.books import numbered
from settlement.decisions import law
from settlement.reclearing.booking import entry_id
from settlement.reclearing.people import compute
from settlement.reclearing.summary import said, summary_of
from settlement.store import reclears
from settlement.store.reclears import ReclearedTap


class TapLine(msgspec.Struct, frozen=True, kw_only=True):
    """A tap of a list; ``deltas`` are (account, purpose, fen). Money in fen."""

    tap: str
    operator: int
    amount_fen: int
    was: str
    becomes: str
    credited_was_fen: int
    credited_becomes_fen: int
    subsidy_was_fen: int
    subsidy_becomes_fen: int
    deltas: list[tuple[str, str, int]]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A re-clearing: what was proposed, in sums, and what was decided.

    ``proposal`` 0: nobody proposed it, this is what it would come to. ``entries``: what it booked.
    """

    proposal: int
    corrects: date
    rules_version: int
    why: str
    digest: str
    proposed_by: str
    proposed_on: date | None
    summary: dict[str, Any]
    decided: str | None = None
    decided_by: str | None = None
    decided_on: date | None = None
    decided_why: str | None = None
    entries: list[str] = []
    taps: list[TapLine] = []


async def preview(home: Path, on: date, rules_version: int | None) -> Shown:
    """What re-clearing a date would come to; writes nothing."""
    async with open_desk(home) as desk:
        day = await store.read_day(desk.connection, on)
        listed = await compute(desk.context, day, rules_version)
        codes = await _codes(desk.connection)
        return Shown(
            proposal=0,
            corrects=on,
            rules_version=listed.rules_version,
            why="",
            digest=reclears.digest_of(listed.taps).hex(),
            proposed_by="",
            proposed_on=None,
            summary=summary_of(listed, codes),
            taps=[_line(tap, codes) for tap in listed.taps],
        )


async def propose(
    home: Path, on: date, rules_version: int | None, why: str, signer: Signer
) -> Shown:
    """Propose to re-clear a date in a person's name."""
    async with open_desk(home, signer) as desk:
        day = await store.read_day(desk.connection, on)
        listed = await compute(desk.context, day, rules_version)
        made = await reclearing.propose(
            desk.connection, desk.context, day, listed, why, signer.name
        )
        return await _shown(desk.connection, made)


async def decide(home: Path, proposal_no: int, approved: bool, why: str, signer: Signer) -> Shown:
    """Approve or decline in a person's name."""
    async with open_desk(home, signer) as desk:
        await reclearing.decide(
            desk.connection, desk.context, proposal_no, approved, why, signer.name
        )
        return await _one(desk.connection, proposal_no, with_taps=False)


async def show(home: Path, proposal_no: int, *, with_taps: bool) -> Shown:
    """One re-clearing. Raises ``DecisionRefused`` where there is none of this number."""
    async with open_desk(home) as desk:
        return await _one(desk.connection, proposal_no, with_taps=with_taps)


async def every(home: Path) -> list[Shown]:
    """Every re-clearing by number."""
    async with open_desk(home) as desk:
        found = await reclears.read_reclears(desk.connection)
        return [await _shown(desk.connection, each) for each in found]


async def _one(connection: Connection, proposal_no: int, *, with_taps: bool) -> Shown:
    found = await reclears.read_reclears(connection, proposal_no=proposal_no)
    if not found:
        raise await law.unknown(connection, proposal_no, "re-clearing", "reclear list")
    shown = await _shown(connection, found[0])
    if not with_taps:
        return shown
    codes = await _codes(connection)
    taps = await reclears.read_list(connection, proposal_no)
    return msgspec.structs.replace(shown, taps=[_line(tap, codes) for tap in taps])


async def _shown(connection: Connection, made: reclears.Reclear) -> Shown:
    decision, decided = made.decision, None
    if decision is not None:
        decided = "approved" if decision.approved else "declined"
    batches = await reclears.read_batches_of(connection, made.proposal_no) if made.approved else []
    return Shown(
        proposal=made.proposal_no,
        corrects=made.corrects,
        rules_version=made.rules_version,
        why=made.body["why"],
        digest=made.digest.hex(),
        proposed_by=made.proposed_by,
        proposed_on=made.business_date,
        summary=made.body["summary"],
        decided=decided,
        decided_by=decision.decided_by if decision else None,
        decided_on=decision.business_date if decision else None,
        decided_why=decision.why if decision else None,
        entries=[entry_id(made.proposal_no, batch_seq) for batch_seq in batches],
    )


async def _codes(connection: Connection) -> dict[int, str]:
    return {number: row.code for number, row in numbered(await read_accounts(connection)).items()}


def _line(tap: ReclearedTap, codes: dict[int, str]) -> TapLine:
    return TapLine(
        tap=f"{tap.batch_seq}:{tap.row_no}",
        operator=tap.operator_no,
        amount_fen=tap.amount_fen,
        was=said(tap.was),
        becomes=said(tap.becomes),
        credited_was_fen=tap.was.credited_fen,
        credited_becomes_fen=tap.becomes.credited_fen,
        subsidy_was_fen=tap.was.subsidy_fen,
        subsidy_becomes_fen=tap.becomes.subsidy_fen,
        deltas=[
            (codes[delta.account], Purpose(delta.purpose).name.lower(), delta.amount_fen)
            for delta in tap.deltas
        ],
    )
