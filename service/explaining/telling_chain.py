"""The neighbourhood in sentences: positions of the card's chain and what lies between them, the terminal's
numbers around the tap."""

from itertools import pairwise

from schemas.codes import Verdict
from schemas.items import ItemKind
from schemas.reasons import ROW, Reason
from service import evidence
from service.explaining import vocabulary
from service.explaining.found import Explanation, Position
from service.text import Said, many, yuan
from settlement.chains.walk import Finding
from settlement.store.traces import TracedTap, number_of


def card(found: Explanation) -> list[Said]:
    """The card's positions around the tap, what is missing between them, and where this one belongs."""
    chain = found.chain
    if not chain.counters:
        return [
            Said(
                f"该来源或类型没有可用的计数器，无法排出卡自身的顺序（已知该卡 {chain.taps_known} 笔）。",
                "The source or this kind of tap states no counters, so the card's own order cannot be told"
                f" (taps of this card that are known: {chain.taps_known}).",
            )
        ]
    lines: list[Said] = []
    if not chain.in_chain:
        lines.append(_outside(found))
    if found.ground.issuer is None:
        lines.append(
            Said(
                "发卡机构未知，对该卡一无所知。",
                "Its issuer is not known, so nothing is known of the card.",
            )
        )
    elif not found.own_card:
        lines.append(
            Said(
                "他城卡：此处只有在本城的交易；完整的链由其发卡方掌握。",
                "Another city's card: only its taps here are known; its issuer has the whole chain.",
            )
        )
    between = {each.right.tap: each for each in chain.between}
    for n, position in enumerate(chain.positions):
        before = chain.positions[n - 1] if n else None
        finding = between.get((position.batch_seq, position.row_no))
        if before is not None:
            lines += _between(before, position, finding, found)
        lines.append(_position(position))
    return lines


def _outside(found: Explanation) -> Said:
    if found.first is not None:
        return Said(
            f"它与 {found.first.place} 是同一笔交易，链中只计那一笔：",
            f"It is the same tap as {found.first.place}, and the card's chain has that one only:",
        )
    if not found.known:
        return Said(
            "当日该位置为空：",
            "Its place in the chain was empty then:",
        )
    return Said(
        "本笔未证实扣款，不属于卡的链；以下为按其计数器应在的位置：",
        "Its debit is not proven, so it is no part of the card's chain; by its counters it would stand here:",
    )


def _position(position: Position) -> Said:
    if position.opening:
        return Said(
            f"  期初（登记时）：计数器 {position.offline}+{position.online}，余额 {yuan(position.after_fen)} 元",
            f"  opening position at registration: counters {position.offline}+{position.online}, balance"
            f" {yuan(position.after_fen)} yuan",
        )
    kind = vocabulary.kind_of_tap(position.kind)
    mark = "▶" if position.own else " "
    place = f"{position.batch_seq}:{position.row_no}"
    counters = f"{position.offline}+{position.online}"
    balances = f"{yuan(position.before_fen)} → {yuan(position.after_fen)}"
    at = vocabulary.when(position.tapped_at)
    return Said(
        f"{mark} {place}  {at}  {kind.zh} {yuan(position.amount_fen)} 元  计数器 {counters}  余额"
        f" {balances} 元  到达 {position.arrived_on}",
        f"{mark} {place}  {at}  {kind.en} {yuan(position.amount_fen)} yuan  counters {counters}  balance"
        f" {balances} yuan  arrived {position.arrived_on}",
    )


def _between(
    before: Position, after: Position, finding: Finding | None, found: Explanation
) -> list[Said]:
    """What lies between two positions. Beside a tap that was not known, only what its neighbours lacked."""
    if found.known or not (before.own or after.own):
        return [_link(before, after, finding, found)]
    if finding is None:
        return []
    said = _link(before, after, finding, found)
    return [Said(f"{said.zh}（当日）", f"{said.en} (then)")]


def _link(before: Position, after: Position, finding: Finding | None, found: Explanation) -> Said:
    same = found.first.place if found.first is not None else ""
    if (
        same
        and same in (f"{p.batch_seq}:{p.row_no}" for p in (before, after))
        and (before.own or after.own)
    ):
        return Said("    ＝ 同一笔交易", "    = the same tap")
    missing = after.offline + after.online - before.offline - before.online - 1
    differs_fen = after.before_fen - before.after_fen
    if finding is not None and finding.kind == ItemKind.CHAIN_GAP:
        money = evidence.fen(finding.amount_fen)
        one = finding.first == finding.last
        places = f"{finding.first}" if one else f"{finding.first}–{finding.last}"
        return Said(
            f"    ↕ 缺 {finding.debits} 笔扣款（位置 {places}），共 {money.zh}",
            f"    ↕ missing: {many(finding.debits, 'debit')} (place{'' if one else 's'} {places}), {money.en}",
        )
    if finding is not None and finding.kind == ItemKind.CHAIN_RISE:
        money = evidence.fen(finding.amount_fen)
        return Said(
            f"    ↕ 缺 {finding.loads} 笔充值，余额无据上升 {money.zh}",
            f"    ↕ missing: {many(finding.loads, 'load')}; the balance rose by {money.en} that nothing explains yet",
        )
    if missing > 0:
        return Said(f"    ↕ 缺 {missing} 笔", f"    ↕ {missing} missing")
    if missing < 0:
        return Said(
            "    ↕ 同一计数器出现两次，不可能都属于该卡",
            "    ↕ the same counters twice: both cannot be this card's",
        )
    if differs_fen:
        return Said(
            f"    ↕ 连续，但余额相差 {yuan(differs_fen)} 元（矛盾）",
            f"    ↕ next to each other, and the balances differ by {yuan(differs_fen)} yuan: a contradiction",
        )
    return Said("    ↕ 连续，余额相符", "    ↕ next to each other, balances agree")


def terminal(found: Explanation) -> list[Said]:
    """The terminal's numbers around the tap's own."""
    number = found.fields.terminal_number
    if not number:
        return [Said("记录没有终端流水号。", "The record gives no terminal number.")]
    here = (found.batch.batch_seq, found.tap.row_no)
    lines = [_tap(tap, here) for tap in found.terminal]
    held = here in [(tap.batch_seq, tap.row_no) for tap in found.terminal]
    if found.first is not None:
        lines.append(
            Said(
                f"（本笔流水号 {number}，与首笔 {found.first.place} 相同，由首笔占用）",
                f"(this tap has number {number}, like {found.first.place}, the same tap, which holds it)",
            )
        )
    elif not held:
        lines.append(
            Said(
                f"（本笔流水号 {number}，被拒绝且未证实，该号仍算缺号）",
                f"(this tap has number {number}; rejected without proof, it does not count: the number is missing)",
            )
        )
    numbers = sorted({number_of(tap) for tap in found.terminal})
    for before, after in pairwise(numbers):
        if after - before > 1:
            which = f"{before + 1}" if after - before == 2 else f"{before + 1}–{after - 1}"
            plural = "" if after - before == 2 else "s"
            lines.append(Said(f"  缺号：{which}", f"  missing number{plural}: {which}"))
    twice = [
        tap
        for tap in found.terminal
        if number_of(tap) == number and (tap.batch_seq, tap.row_no) != here
    ]
    if twice and found.first is None:
        lines.append(
            Said(
                f"  重号：{number} 另有 {len(twice)} 笔",
                f"  number {number} was also given to {many(len(twice), 'other tap')}",
            )
        )
    return lines


def _tap(tap: TracedTap, here: tuple[int, int]) -> Said:
    mark = "▶" if (tap.batch_seq, tap.row_no) == here else " "
    verdict = vocabulary.VERDICTS[Verdict(tap.verdict)]
    because = ROW[Reason(tap.reason)] if tap.reason else None
    kind = vocabulary.kind_of_tap(tap.kind)
    at = vocabulary.when(tap.tapped_at)
    head = f"{mark} {number_of(tap)}  {tap.batch_seq}:{tap.row_no}  {at}"
    return Said(
        f"{head}  {kind.zh} {yuan(tap.amount_fen)} 元  {because.chinese if because else verdict.zh}",
        f"{head}  {kind.en} {yuan(tap.amount_fen)} yuan  {because.name.replace('_', ' ') if because else verdict.en}",
    )
