"""What comes next: the remedy, items with what people may do, their changes, proposals and decisions."""

from typing import Final

from schemas.codes import Source, Verdict
from schemas.items import TEXTS, Action, ItemKind, ItemOutcome, ItemState, actions_of
from schemas.reasons import ROW, Reason
from service import evidence
from service.explaining import vocabulary
from service.explaining.found import Explanation, Waiting
from service.text import Said, many, moment
from settlement.store.decisions import Decided

BESIDE_MAX: Final = 5
"""Items of the card and the terminal that are shown beside those of the tap itself."""


def what_next(found: Explanation) -> list[Said]:
    """The remedy, the items with what people may do, proposals and decisions."""
    lines = _remedies(found)
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
                "紧邻本笔，同卡或同终端的挂账项：",
                "Next to it, items about the same card or terminal:",
            )
        )
        for each in beside[:BESIDE_MAX]:
            lines += _item(each)
    more = len(others) - len(beside[:BESIDE_MAX])
    if more > 0:
        lines.append(
            Said(
                f"该卡和该终端在别处另有 {more} 个挂账项。",
                f"The card and the terminal have {many(more, 'more item')}, about other places than this.",
            )
        )
    return lines


def _remedies(found: Explanation) -> list[Said]:
    """What to do about the reason, and about each remark that asks for something else; where the issuer has
    spoken, about what it said."""
    tap, claim = found.tap, found.claim
    if claim is not None and claim.state == "refused" and not claim.incoming:
        issuers, ours = ROW[Reason(claim.refused_for)], ROW[Reason.REFUSED_BY_ISSUER]
        return [
            Said(
                f"{ours.chinese}，{ours.remedy_chinese}（{issuers.chinese}）：{issuers.remedy_chinese}。",
                f"{ours.english[0].upper()}{ours.english[1:]}; {ours.remedy_english} ({issuers.english}):"
                f" {issuers.remedy_english}.",
            )
        ]
    own = [each.standing.state for each in found.waiting if each.of_tap]
    if tap.verdict != Verdict.ACCEPTED and own and ItemState.OPEN not in own:
        return [Said("已了结，无需处理。", "It is dealt with: nothing is left to do.")]
    reasons = [Reason(tap.reason)] if tap.reason else []
    if tap.verdict == Verdict.ACCEPTED:
        # Of a tap that was not, its lesser remarks ask for nothing until that is mended.
        reasons += [Reason(n) for n in range(1, 64) if tap.flags >> n & 1]
    if claim is not None and claim.state in ("answered", "confirmed"):
        reasons = [reason for reason in reasons if reason is not Reason.TAC_BY_ISSUER]
    rows = [ROW[reason] for reason in reasons]
    asking = [row for row in rows if not row.remedy_english.startswith(_NOTHING)] or rows[:1]
    lines = []
    for row in asking:
        english = row.remedy_english
        if english.startswith(_NOTHING):
            said = Said(f"{row.remedy_chinese}。", f"{english[0].upper()}{english[1:]}.")
        else:
            said = Said(f"处理办法：{row.remedy_chinese}。", f"What to do: {english}.")
        if said not in lines:
            lines.append(said)
    if lines or ItemState.OPEN in own:
        return lines  # of an item that a later night or a correction opened, its own lines tell
    return [Said("无需处理。", "Nothing to do.")]


_NOTHING: Final = "nothing to do"


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
        return [
            Said(
                "本笔本身没有等待决定的事项。",
                "Nothing about this tap itself waits for a decision.",
            )
        ]
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
        actions = [
            _action(action, item.kind)
            for action in actions_of(item.kind, money_stands=standing.account_no is not None)
        ]
        due = _due(each)
        lines.append(
            Said(
                f"  {text.next_chinese}；{due.zh}。可由一人提议、另一人批准："
                + "；".join(words.zh for words in actions) + "。",
                f"  {text.next_english}; {due.en}. What one person may propose and another approve: "
                + "; ".join(words.en for words in actions) + ".",
            )
        )  # fmt: skip
    for change in each.history:
        words = vocabulary.outcome(change.outcome)
        entry = Said(f"，分录 {change.entry_id}", f", entry {change.entry_id}")
        entry = entry if change.entry_id else Said("", "")
        left = Said("", "")
        if standing.state == ItemState.OPEN and item.kind not in _WITHOUT_MONEY:
            money = evidence.fen(change.amount_fen)
            left = Said(f"，{money.zh}", f", {money.en}")
        lines.append(
            Said(
                f"  {change.business_date}：{words.zh}{left.zh}{entry.zh}",
                f"  {change.business_date}: {words.en}{left.en}{entry.en}",
            )
        )
    for decided in each.proposals:
        lines += _decided(decided)
    return lines


def _about(each: Waiting) -> Said:
    """The money of an item; of a terminal, which moves none, its numbers."""
    item = each.standing.item
    if item.kind == ItemKind.TERMINAL_GAP:
        first, last = item.body.get("first"), item.body.get("last")
        run = f"{first}" if first == last else f"{first}–{last}"
        return Said(f"流水号 {run}", f"number{'' if first == last else 's'} {run}")
    if item.kind == ItemKind.TERMINAL_REPEAT:
        return Said(f"流水号 {item.body.get('number')}", f"number {item.body.get('number')}")
    if each.standing.outcome in (ItemOutcome.ARRIVED, ItemOutcome.ARRIVED_LATE):
        return evidence.fen(item.amount_fen)
    return evidence.fen(each.standing.amount_fen)


_WITHOUT_MONEY: Final = frozenset({ItemKind.TERMINAL_GAP, ItemKind.TERMINAL_REPEAT})


def _due(each: Waiting) -> Said:
    """The day on which the presentment window closes: for late taps a day that has gone by."""
    item = each.standing.item
    if item.due_on <= item.opened_on:
        return Said(f"提交期限已于 {item.due_on} 届满", f"its window closed on {item.due_on}")
    return Said(f"期满日 {item.due_on}", f"its window closes on {item.due_on}")


def _action(action: Action, kind: ItemKind) -> Said:
    """What may be done, in the words of the item's kind."""
    if action == Action.RELEASE and kind in vocabulary.RELEASES:
        return vocabulary.RELEASES[kind]
    return vocabulary.ACTIONS[action]


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
