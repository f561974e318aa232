"""What would have to be different in the card's chain: the conditions of ``would`` that look at neighbours."""

from schemas.items import ItemKind
from service import evidence
from service.evidence import Told
from service.explaining.found import Explanation, Position
from service.text import Said


def torn(found: Explanation, _told: Told) -> Said:
    """How the card's next record settles a torn tap."""
    here = _here(found)
    if here is None or not found.chain.counters:
        return Said("若记录带有该卡的 TAC", "If the record had the card's TAC")
    spent, unspent = here.before_fen - here.amount_fen, here.before_fen
    return Said(
        f"由该卡下一笔记录判定：若其脱机计数器大于 {here.offline} 且交易前余额为 {evidence.fen(spent).zh}，"
        f"则已扣款并入账；若其计数器即为 {here.offline} 且交易前余额为 {evidence.fen(unspent).zh}，则未扣款。"
        "若本记录带有 TAC",
        f"The card's next record settles it: with a debit counter above {here.offline} and"
        f" {evidence.fen(spent).en} before it, the money was taken and will be booked; with the counter"
        f" {here.offline} itself and {evidence.fen(unspent).en} before it, nothing was taken. If this record"
        " had its TAC",
    )


def _here(found: Explanation) -> Position | None:
    return next((each for each in found.chain.positions if each.own), None)


def gap(found: Explanation, told: Told) -> Said:
    """Which debits are missing before the tap."""
    for finding in found.chain.between:
        here = found.batch.batch_seq, found.tap.row_no
        if finding.kind == ItemKind.CHAIN_GAP and finding.right.tap == here:
            first, last = finding.left.offline + 1, finding.left.offline + finding.debits
            which = f"{first}" if first == last else f"{first}–{last}"
            money = evidence.fen(finding.amount_fen)
            return Said(
                f"若脱机计数器为 {which} 的缺失记录（共 {finding.debits} 笔，{money.zh}）到达",
                f"If the missing debit{'s' if first != last else ''} with counter {which}"
                f" ({finding.debits} in all, {money.en}) had arrived before",
            )
    return Said(
        f"若此前余额 {told.expected.zh} 与本笔交易前余额 {told.actual.zh} 之间的缺失记录先到达",
        f"If the taps between the balance known before ({told.expected.en}) and this one's"
        f" ({told.actual.en}) had arrived first",
    )


def rise(found: Explanation, told: Told) -> Said:
    """Which load would explain the balance."""
    here = _here(found)
    counter = here.online if here is not None else 0
    return Said(
        f"若载明余额由 {told.expected.zh} 升至 {told.actual.zh} 的充值（联机计数器 {counter} 或之前）记录先到达",
        f"If the load that raised the balance from {told.expected.en} to {told.actual.en} (load counter"
        f" {counter} or before) had arrived first",
    )


def reused(found: Explanation, _told: Told) -> Said:
    """Which tap had the debit counter before."""
    here = _here(found)
    twin = next(
        (
            p
            for p in found.chain.positions
            if here is not None and not p.own and p.offline == here.offline
        ),
        None,
    )
    counter = found.fields.offline_counter
    by = Said("另一笔已接受的交易", "another accepted tap")
    if twin is not None and not twin.opening:
        by = Said(f"交易 {twin.batch_seq}:{twin.row_no}", f"tap {twin.batch_seq}:{twin.row_no}")
    return Said(
        f"脱机计数器 {counter} 已被{by.zh}使用。若本笔为该卡未用过的计数器",
        f"Debit counter {counter} was used by {by.en}. If this one had a counter that the card has not used",
    )
