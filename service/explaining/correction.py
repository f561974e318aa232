"""Re-clearings that changed what was said of a tap: read, and told."""

from datetime import date

import msgspec

from clearing.plan import Purpose
from clearing.store import BatchRow, Connection
from schemas.codes import Verdict
from schemas.reasons import ROW, Reason
from service import evidence
from service.explaining import vocabulary
from service.text import Said, moment
from settlement.reclearing.booking import entry_id
from settlement.store import reclears
from settlement.store.reclears import Answer, Reclear, ReclearedTap


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """An approved re-clearing of a tap's date, and what it did to the tap.

    ``rules_before``: the version that what was said before goes by. ``deltas``: (account code, purpose,
    fen), debits positive.
    """

    reclear: Reclear
    tap: ReclearedTap
    rules_before: int
    deltas: list[tuple[str, int, int]]
    entry_id: str | None


async def corrections_of(
    connection: Connection, batch: BatchRow, row_no: int, accounts: dict[int, str], as_of: date
) -> list[Correction]:
    """The re-clearings of a tap that were approved up to a date, the earliest one first."""
    found: list[Correction] = []
    version = batch.rules_version
    for number, tap in await reclears.read_of_tap(connection, batch.batch_seq, row_no, as_of):
        [reclear] = await reclears.read_reclears(connection, proposal_no=number)
        found.append(
            Correction(
                reclear=reclear,
                tap=tap,
                rules_before=version,
                deltas=[
                    (accounts.get(delta.account, str(delta.account)), delta.purpose, delta.amount_fen)
                    for delta in tap.deltas
                ],
                entry_id=entry_id(number, batch.batch_seq) if tap.deltas else None,
            )
        )  # fmt: skip
        version = reclear.rules_version
    return found


def told(each: Correction) -> list[Said]:
    """Who corrected what, why, under which rules, and what that moved."""
    reclear, tap = each.reclear, each.tap
    decision = reclear.decision
    assert decision is not None
    was, becomes = _answer(tap.was), _answer(tap.becomes)
    lines = [
        Said(
            f"其后更正：{decision.business_date} 对 {reclear.corrects} 的更正（提议 {reclear.proposal_no}），"
            f"规则版本 {each.rules_before} → {reclear.rules_version}。",
            f"Corrected later: on {decision.business_date}, with the re-clearing of {reclear.corrects}"
            f" (proposal {reclear.proposal_no}), rules version {each.rules_before} ->"
            f" {reclear.rules_version}.",
        ),
        Said(
            f"  {reclear.proposed_by} 提议（{moment(reclear.clock_s)}）：{reclear.body['why']}",
            f"  proposed by {reclear.proposed_by} ({moment(reclear.clock_s)}): {reclear.body['why']}",
        ),
        Said(
            f"  {decision.decided_by} 批准（{moment(decision.clock_s)}）：{decision.why}",
            f"  approved by {decision.decided_by} ({moment(decision.clock_s)}): {decision.why}",
        ),
        Said(f"  更正前：{was.zh}", f"  it was: {was.en}"),
        Said(f"  更正后：{becomes.zh}", f"  it is: {becomes.en}"),
    ]
    if each.entry_id is not None:
        lines.append(
            Said(
                f"  分录 {each.entry_id} 中属于本笔的部分：",
                f"  of this tap in entry {each.entry_id}:",
            )
        )
    for code, purpose, fen in each.deltas:
        account, money = vocabulary.account(code), evidence.fen(abs(fen))
        words = vocabulary.PURPOSES[Purpose(purpose)]
        side = Said("借", "Dr") if fen > 0 else Said("贷", "Cr")
        lines.append(
            Said(
                f"    {side.zh} {account.zh}：{money.zh}（{words.zh}）",
                f"    {side.en} {account.en}: {money.en} ({words.en})",
            )
        )
    return lines


def _answer(answer: Answer) -> Said:
    verdict = vocabulary.VERDICTS[Verdict(answer.verdict)]
    reason = Said("无异常", "clean")
    if answer.reason:
        row = ROW[Reason(answer.reason)]
        reason = Said(f"{row.chinese}（{row.name}）", f"{row.english} ({row.name})")
    price, credited, subsidy = (
        evidence.fen(fen) for fen in (answer.priced_fen, answer.credited_fen, answer.subsidy_fen)
    )
    return Said(
        f"{verdict.zh}，{reason.zh}；票价 {price.zh}，计入运营商一方 {credited.zh}，补贴 {subsidy.zh}。",
        f"{verdict.en}, {reason.en}; the tariff's price {price.en}, to the operator's side {credited.en},"
        f" subsidy {subsidy.en}.",
    )
