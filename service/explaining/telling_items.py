"""What comes next: the remedy, items with what people may do, their changes, proposals and decisions."""

from typing import Final

from schemas.codes import Source, Verdict
from schemas.items import ACTIONS, TEXTS, ItemKind, ItemState
from schemas.reasons import ROW, Reason
from service import evidence
from service.explaining import vocabulary
from service.explaining.found import Explanation, Waiting
from service.text import Said, moment, yuan
from settlement.store.decisions import Decided

BESIDE_MAX: Final = 5
"""Items of the card and the terminal that are shown beside those of the tap itself."""


def what_next(found: Explanation) -> list[Said]:
    """The remedy, the items with what people may do, proposals and decisions."""
    lines = [_remedy(found)]
    own = [each for each in found.waiting if each.of_tap]
    others = [each for each in found.waiting if not each.of_tap]
    beside = [each for each in others if _is_near(each, found)]
    for each in own:
        lines += _item(each)
    if not own:
        lines += _no_item(found)
    if beside:
        lines.append(
            Said(
                "紧邻本笔的缺失（同卡或同终端的挂账项）：",
                "What is missing next to it, by items of the card and the terminal:",
            )
        )
        for each in beside[:BESIDE_MAX]:
            lines += _item(each)
    more = len(others) - len(beside[:BESIDE_MAX])
    if more > 0:
        lines.append(
            Said(
                f"该卡和该终端在别处另有 {more} 个挂账项。",
                f"The card and the terminal have {more} more items, about other places than this.",
            )
        )
    return lines


def _remedy(found: Explanation) -> Said:
    """What to do about the reason; where the issuer has spoken, about what it said."""
    reason, claim = Reason(found.tap.reason), found.claim
    if claim is not None and claim.state == "refused" and not claim.incoming:
        issuers, ours = ROW[Reason(claim.refused_for)], ROW[Reason.REFUSED_BY_ISSUER]
        return Said(
            f"{ours.chinese}，{ours.remedy_chinese}（{issuers.chinese}）：{issuers.remedy_chinese}。",
            f"{ours.english[0].upper()}{ours.english[1:]}; {ours.remedy_english} ({issuers.english}):"
            f" {issuers.remedy_english}.",
        )
    waits = reason is not Reason.TAC_BY_ISSUER or claim is None or claim.state != "confirmed"
    if reason and waits:
        row = ROW[reason]
        return Said(f"处理办法：{row.remedy_chinese}。", f"What to do: {row.remedy_english}.")
    return Said("无需处理。", "Nothing to do.")


def _is_near(each: Waiting, found: Explanation) -> bool:
    """Whether what is missing lies next to the tap: numbers of the terminal, or places of the card shown."""
    body, item = each.standing.item.body, each.standing.item
    for change in each.history:
        body = body | change.body
    first, last = body.get("first"), body.get("last")
    if not (isinstance(first, int) and isinstance(last, int)):
        return item.kind not in (ItemKind.TERMINAL_GAP, ItemKind.TERMINAL_REPEAT)
    if item.kind == ItemKind.TERMINAL_GAP:
        return first - 1 <= found.fields.terminal_number <= last + 1
    places = [each.offline + each.online for each in found.chain.positions]
    return bool(places) and min(places) <= last and first <= max(places)


def _no_item(found: Explanation) -> list[Said]:
    """Why nothing waits: nothing was left to decide, or the night that opens items is still to come."""
    tap = found.tap
    waits = tap.verdict == Verdict.HELD or (
        tap.verdict == Verdict.REJECTED and tap.debit_proven and tap.amount_fen > 0
    )
    waits = waits or (tap.credited_fen < tap.amount_fen and tap.verdict == Verdict.ACCEPTED)
    if not waits or found.batch.source == Source.PRESENTMENT:
        return [Said("没有挂账项：没有等待决定的事项。", "No item waits for a decision.")]
    return [
        Said(
            f"挂账项由 {found.batch.business_date} 的日终审计建立。",
            f"The audit of {found.batch.business_date}, at night, opens its item.",
        )
    ]


def _item(each: Waiting) -> list[Said]:
    standing, item = each.standing, each.standing.item
    kind, state = vocabulary.kind_of_item(item.kind), vocabulary.outcome(standing.outcome)
    name = each.name
    about = _about(each)
    if each.history:
        state = Said(f"{state.zh}（{standing.changed_on}）", f"{state.en} ({standing.changed_on})")
    lines = [
        Said(
            f"挂账项 {name}（{kind.zh}）：{about.zh}，{item.opened_on} 建立，{state.zh}。",
            f"Item {name} ({kind.en}): {about.en}, opened on {item.opened_on}; {state.en}.",
        )
    ]
    if standing.state == ItemState.OPEN:
        text = TEXTS[item.kind]
        actions = [vocabulary.ACTIONS[action] for action in ACTIONS[item.kind]]
        lines.append(
            Said(
                f"  {text.next_chinese}；期满日 {item.due_on}。可由一人提议、另一人批准："
                + "、".join(words.zh for words in actions) + "。",
                f"  {text.next_english}; due on {item.due_on}. What one person may propose and another approve: " + "; ".join(words.en for words in actions) + ".",
            )
        )  # fmt: skip
    for change in each.history:
        words = vocabulary.outcome(change.outcome)
        entry = Said(f"，分录 {change.entry_id}", f", entry {change.entry_id}")
        entry = entry if change.entry_id else Said("", "")
        lines.append(
            Said(
                f"  {change.business_date}：{words.zh}，{yuan(change.amount_fen)} 元{entry.zh}",
                f"  {change.business_date}: {words.en}, {yuan(change.amount_fen)} yuan{entry.en}",
            )
        )
    for decided in each.proposals:
        lines += _decided(decided)
    return lines


def _about(each: Waiting) -> Said:
    """The money of an item; of a terminal, which moves none, its numbers."""
    item = each.standing.item
    if item.kind == ItemKind.TERMINAL_GAP:
        run = f"{item.body.get('first')}–{item.body.get('last')}"
        return Said(f"流水号 {run}", f"numbers {run}")
    if item.kind == ItemKind.TERMINAL_REPEAT:
        return Said(f"流水号 {item.body.get('number')}", f"number {item.body.get('number')}")
    return evidence.fen(each.standing.amount_fen)


def _decided(decided: Decided) -> list[Said]:
    proposal, decision = decided.proposal, decided.decision
    action = vocabulary.ACTIONS[proposal.action]
    lines = [
        Said(
            f"  提议 {proposal.proposal_no}（{moment(proposal.clock_s)}，{proposal.proposed_by}）：{action.zh}",
            f"  proposal {proposal.proposal_no} ({moment(proposal.clock_s)}, {proposal.proposed_by}):"
            f" {action.en}",
        )
    ]
    if decision is None:
        return [*lines, Said("    等待另一人决定", "    waits for another person")]
    word = Said("批准", "approved") if decision.approved else Said("否决", "turned down")
    return [
        *lines,
        Said(
            f"    {decision.decided_by} {word.zh}（{moment(decision.clock_s)}）：{decision.why}",
            f"    {word.en} by {decision.decided_by} ({moment(decision.clock_s)}): {decision.why}",
        ),
    ]
