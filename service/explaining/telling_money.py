"""Who pays, and where the money stands: what this tap booked, what was booked later, its claim."""

from clearing.inspection import BookedLine
from schemas.codes import DEBIT_KINDS, LOAD_KINDS, Verdict
from schemas.reasons import ROW, Reason
from service import evidence
from service.explaining import vocabulary
from service.explaining.found import Claim, Explanation, Waiting
from service.text import Said, yuan
from settlement.store.traces import BookedEntry


def booked(line: BookedLine) -> Said:
    """One posting of a batch's entry."""
    purpose = _purpose(line.purpose)
    sign = "+" if line.amount_fen > 0 else ""
    tail = f"{sign}{yuan(line.amount_fen)}  {line.entry_id}"
    return Said(f"  {line.account}  {purpose.zh} {purpose.en}  {tail}  ({line.tap_count:,})", "")


def _purpose(number: int) -> Said:
    known = {purpose.value: words for purpose, words in vocabulary.PURPOSES.items()}
    return known.get(number, Said(str(number), str(number)))


# -- who pays ----------------------------------------------------------------------------------------


def who_pays(found: Explanation) -> list[Said]:
    """Bearer, what the record proves, this tap's own postings, what was booked later, the claim."""
    lines = [_bearer(found)]
    if found.tap.verdict == Verdict.ACCEPTED:
        lines += _borne(found)
    lines += [_proven(found), *_moved(found)]
    if found.claim is not None:
        lines += _claim(found.claim, found)
    for entry in found.later:
        lines += _later(entry)
    lines += [_stands(each) for each in found.waiting if each.of_tap and each.account]
    return lines


def _bearer(found: Explanation) -> Said:
    tap = found.tap
    if tap.verdict == Verdict.ACCEPTED:
        return _bearer_of_accepted(found)
    bearer = ROW[Reason(tap.reason)].bearer
    if bearer == "nobody":
        return Said(
            "无人承担损失：首笔已计，本笔不计。",
            "Nobody loses anything: the first one counts, this one does not.",
        )
    words = vocabulary.BEARERS[bearer]
    yet = tap.verdict == Verdict.HELD
    if yet and tap.kind not in DEBIT_KINDS:
        return Said(
            f"尚未入账；在此之前由{words.zh}承担。",
            f"Nothing is booked for it yet; until then it is for {words.en}.",
        )
    if bearer == "operator":
        return _operators_loss(yet, yet or (tap.debit_proven and tap.amount_fen > 0))
    paid = (
        Said("暂不付给运营商", "The operator is not paid for it yet")
        if yet
        else Said("不付给运营商", "The operator is not paid for it")
    )
    return Said(
        f"{paid.zh}；在两人另行决定之前，由{words.zh}承担。",
        f"{paid.en}; until two people decide otherwise it is borne by {words.en}.",
    )


def _operators_loss(yet: bool, may_change: bool) -> Said:
    if yet:
        return Said(
            "暂不付给运营商，由其承担，直至两人另行决定。",
            "The operator is not paid for it yet, and bears that until two people decide otherwise.",
        )
    if may_change:
        return Said(
            "不付给运营商，由其承担，除非两人另行决定。",
            "The operator is not paid for it and bears that, unless two people decide otherwise.",
        )
    return Said("不付给运营商，由其承担。", "The operator is not paid for it and bears that.")


def _borne(found: Explanation) -> list[Said]:
    """What the remarks of an accepted tap cost, and whom."""
    tap = found.tap
    bits = tap.flags | (1 << tap.reason if tap.reason else 0)
    lines = []
    if bits >> Reason.ABOVE_TARIFF & 1:
        money = evidence.fen(tap.amount_fen - tap.credited_fen)
        lines.append(
            Said(
                f"多收的 {money.zh} 不归运营商，挂账待退持卡人。",
                f"The {money.en} charged beyond the tariff are not the operator's: they wait in suspense for"
                " the cardholder.",
            )
        )
    if bits >> Reason.BELOW_TARIFF & 1:
        money = evidence.fen(tap.priced_fen - tap.amount_fen)
        lines.append(
            Said(
                f"少收的 {money.zh} 由运营商承担。",
                f"The {money.en} charged less than the tariff are the operator's loss.",
            )
        )
    if bits >> Reason.DENYLIST_UNDELIVERED & 1:
        lines.append(
            Said(
                "名单送达前的损失由发卡方承担，运营商照常收款。",
                "The issuer bears the loss of a list that was not delivered in time; the operator is paid.",
            )
        )
    return lines


def _bearer_of_accepted(found: Explanation) -> Said:
    tap = found.tap
    if tap.kind in LOAD_KINDS:
        return Said(
            f"充值网点收取现金 {yuan(tap.amount_fen)} 元，应缴发卡方；持卡人余额增加。",
            f"The load agent took {yuan(tap.amount_fen)} yuan in cash and owes it to the issuer; the"
            " cardholder's balance rose.",
        )
    subsidy = Said("", "")
    if tap.subsidy_fen:
        subsidy = Said(
            f"，优惠 {yuan(tap.subsidy_fen)} 元另行补贴",
            f"; {yuan(tap.subsidy_fen)} yuan of discount are paid by who bears it",
        )
    return Said(
        f"持卡人支付 {yuan(tap.amount_fen)} 元，其中 {yuan(tap.credited_fen)} 元归运营商一方{subsidy.zh}。",
        f"The cardholder paid {yuan(tap.amount_fen)} yuan, of which {yuan(tap.credited_fen)} yuan go to the"
        f" operator's side{subsidy.en}.",
    )


def _proven(found: Explanation) -> Said:
    tap = found.tap
    if tap.kind not in DEBIT_KINDS:
        return Said("该记录不是扣款。", "The record is no debit: it takes no money off the card.")
    if found.first is not None:
        return Said(
            "没有第二次扣款：离开卡片的钱已随首笔入账。",
            "It proves no second debit: whatever left the card is booked with the first one.",
        )
    if not tap.amount_fen:
        return Said("金额为零，没有钱要扣。", "Its amount is zero: no money was to leave the card.")
    if tap.debit_proven:
        return Said(
            f"扣款已证实：{yuan(tap.amount_fen)} 元已离开卡片，无论结论如何都不会没收。",
            f"The debit is proven: {yuan(tap.amount_fen)} yuan left the card, and are kept for whoever they"
            " belong to, whatever the verdict.",
        )
    if found.own_card:
        return Said(
            "扣款未证实：没有证据表明钱已离开卡片，因此未动用卡内余额。",
            "The debit is not proven: nothing shows that money left the card, so nothing of its balance moved.",
        )
    return Said(
        "他城卡（或未知卡）：扣款由其发卡方证实。",
        "Not a card of ours: whether money left it is for its issuer to say.",
    )


def _moved(found: Explanation) -> list[Said]:
    if not found.moved:
        return [Said("本笔没有分录：没有记账。", "This tap booked nothing.")]
    lines = [
        Said(
            f"本笔分录（属于 batch/{found.batch.batch_seq}，{found.batch.business_date}）：",
            f"What this tap booked, as part of batch/{found.batch.batch_seq} on"
            f" {found.batch.business_date}:",
        )
    ]
    for move in found.moved:
        debit = vocabulary.account(found.accounts.get(move.debit, str(move.debit)))
        credit = vocabulary.account(found.accounts.get(move.credit, str(move.credit)))
        purpose, money = vocabulary.PURPOSES[move.purpose], evidence.fen(move.amount_fen)
        lines.append(
            Said(
                f"  借 {debit.zh}，贷 {credit.zh}：{money.zh}（{purpose.zh}）",
                f"  Dr {debit.en} / Cr {credit.en}: {money.en} ({purpose.en})",
            )
        )
    return lines


def _later(entry: BookedEntry) -> list[Said]:
    lines = [
        Said(
            f"其后分录 {entry.entry_id}（{entry.business_date}，{entry.narrative}）：",
            f"Booked later: {entry.entry_id} on {entry.business_date}, {entry.narrative}:",
        )
    ]
    for code, purpose, amount_fen in entry.lines:
        account, words = vocabulary.account(code), _purpose(purpose)
        money = evidence.fen(abs(amount_fen))
        side = Said("借", "Dr") if amount_fen > 0 else Said("贷", "Cr")
        lines.append(
            Said(
                f"  {side.zh} {account.zh}：{money.zh}（{words.zh}）",
                f"  {side.en} {account.en}: {money.en} ({words.en})",
            )
        )
    return lines


def _stands(each: Waiting) -> Said:
    account, money = vocabulary.account(each.account), evidence.fen(each.standing.amount_fen)
    return Said(f"现在 {money.zh} 位于：{account.zh}。", f"Now {money.en} stand on: {account.en}.")


def _claim(claim: Claim, found: Explanation) -> list[Said]:
    city = claim.other_city
    if claim.state == "no_claim":
        return [
            Said(
                f"城市间债权：无（未接受的交易不向 {city} 提交）。",
                f"Claim between cities: none, only accepted taps are presented to {city}.",
            )
        ]
    if claim.state == "not_presented":
        return [
            Said(
                f"城市间债权：尚未向 {city} 提交，于 {found.batch.business_date} 日终提交；"
                "在此之前运营商的款项未确认。",
                f"Claim between cities: not presented to {city} yet, which the night of"
                f" {found.batch.business_date} does; until its clearing total the operator's credit is"
                " unconfirmed.",
            )
        ]
    lines = [
        Said(
            f"城市间债权：{claim.presented_on} 的提交文件 {claim.presentment_id} 第 {claim.position} 笔，"
            + (f"由 {city} 提交给我方发卡方。" if claim.incoming else f"提交给 {city}。"),
            f"Claim between cities: position {claim.position} of presentment {claim.presentment_id} of"
            f" {claim.presented_on}, "
            + (f"from {city} to us as issuer." if claim.incoming else f"to {city}."),
        )
    ]
    match claim.state:
        case "presented":
            said = Said(
                "状态：已提交，等待发卡方答复；款项未确认。",
                "State: presented, the issuer has not answered; the credit is unconfirmed.",
            )
        case "answered":
            said = Said(
                f"状态：发卡方于 {claim.answered_on} 答复接受，等待清算周期。",
                f"State: the issuer took it, as we knew on {claim.answered_on}; its cycle is to come.",
            )
        case "confirmed":
            said = Said(
                f"状态：已确认，清算周期 {claim.cycle}。",
                f"State: confirmed, in cycle {claim.cycle}.",
            )
        case _:
            row = ROW[Reason(claim.refused_for)]
            said = Said(
                f"状态：发卡方于 {claim.answered_on} 拒付：{row.chinese}。款项已从运营商冲回，由运营商承担。",
                f"State: refused by the issuer on {claim.answered_on}: {row.english}. The credit was"
                " taken back from the operator, who bears it.",
            )
    return [*lines, said]  # fmt: skip
