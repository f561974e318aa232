"""Who pays, and where the money stands: what this tap booked, what was booked later, its claim."""

from clearing.inspection import BookedLine
from schemas.codes import DEBIT_KINDS, LOAD_KINDS, Check, TapKind, Verdict
from schemas.items import ItemKind, ItemOutcome, ItemState
from schemas.reasons import ROW, Reason
from service import evidence
from service.explaining import correction, vocabulary
from service.explaining.found import Claim, Explanation, Waiting
from service.text import Said, many, yuan
from settlement.store.traces import BookedEntry


def booked(line: BookedLine) -> Said:
    """One posting of a batch's entry."""
    purpose = _purpose(line.purpose)
    sign = "+" if line.amount_fen > 0 else ""
    money = f"{sign}{yuan(line.amount_fen)}"
    return Said(
        f"  {line.account}  {purpose.zh}  {money}  {line.entry_id}（{line.tap_count:,} 笔）",
        f"  {line.account}  {purpose.en}  {money}  {line.entry_id}  ({many(line.tap_count, 'tap')})",
    )


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
    for each in found.corrections:
        lines += correction.told(each)
    lines += [_stands(each) for each in found.waiting if each.of_tap and each.account]
    return lines


def _bearer(found: Explanation) -> Said:
    tap = found.tap
    if tap.verdict == Verdict.ACCEPTED:
        return _bearer_of_accepted(found)
    if tap.reason == Reason.TAC_TORN and _decided(found) is None:
        return Said(
            "暂不付给运营商。钱是否已离开卡片，由该卡下一笔记录判定；在此之前，若已扣款，由持卡人承担。",
            "The operator is not paid for it yet. Whether money left the card, its next record tells; until"
            " then the cardholder is short of it, if it did.",
        )
    decided = _decided(found)
    if decided is not None:
        return decided
    bearer = ROW[Reason(tap.reason)].bearer
    if bearer == "nobody":
        return Said(
            "无人承担损失：首笔已计，本笔不计。",
            "Nobody loses anything: the first one counts, this one does not.",
        )
    if found.first is not None:
        return Said(
            "首笔已计，结论不变；本笔不付给运营商，由其承担。",
            "The first one counts and keeps what it got; the operator is not paid for this one and bears that.",
        )
    words = vocabulary.BEARERS[bearer]
    yet = tap.verdict == Verdict.HELD
    if yet and tap.kind == TapKind.CARD_REFUND:
        return Said(
            f"尚未入账：等待期内发卡方仍欠持卡人 {yuan(tap.amount_fen)} 元，期满后经退卡网点付出。",
            f"Nothing is booked for it yet: the issuer goes on owing the cardholder {yuan(tap.amount_fen)} yuan,"
            " and pays through the refund agent when the waiting time is over.",
        )
    if yet and tap.kind not in DEBIT_KINDS:
        return Said(
            f"尚未入账；决定之前由{words.zh}承担。",
            f"Nothing is booked for it yet; until it is decided, {words.en} bears it.",
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


def _decided(found: Explanation) -> Said | None:
    """What became of the money of a tap that was not accepted, once its last item is dealt with."""
    own = [each.standing for each in found.waiting if each.of_tap]
    own = [
        each for each in own if each.item.kind not in (ItemKind.EXCESS, ItemKind.TERMINAL_REPEAT)
    ]
    if not own or any(each.state == ItemState.OPEN for each in own):
        return None
    last = max(own, key=lambda each: each.changed_on)
    words = vocabulary.outcome(last.outcome)
    return Said(
        f"已于 {last.changed_on} 了结：{words.zh}，见其后分录。",
        f"Dealt with on {last.changed_on}: {words.en}; what it booked stands below.",
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
    lines = _missing(found)
    if bits >> Reason.ABOVE_TARIFF & 1:
        money = evidence.fen(tap.amount_fen - tap.credited_fen)
        lines.append(
            Said(
                f"多收的 {money.zh} 不归运营商，挂账待退持卡人。",
                f"The {money.en} charged beyond the tariff are not the operator's: they wait in suspense for"
                " the cardholder.",
            )
        )
    transfer = _proven_transfer(found)
    if transfer is not None:
        lines.append(transfer)
    elif bits >> Reason.BELOW_TARIFF & 1:
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
    if bits >> Reason.CARD_UNREGISTERED & 1:
        lines.append(
            Said(
                "卡未经登记核对；若不是该发卡方的卡，由发卡方承担。",
                "No registry vouches for the card; if it was none of the issuer's, the issuer bears that.",
            )
        )
    return lines


def _proven_transfer(found: Explanation) -> Said | None:
    """Who bears the discount of a transfer that a night proved after the tap was judged."""
    for each in found.waiting:
        item = each.standing.item
        proven = each.standing.outcome == ItemOutcome.PROVEN
        if each.of_tap and item.kind == ItemKind.TRANSFER and proven:
            money = evidence.fen(item.amount_fen)
            words = vocabulary.BEARERS[item.body["bearer"]]
            on = each.standing.changed_on
            return Said(
                f"换乘已于 {on} 证实，优惠的 {money.zh} 由{words.zh}承担。",
                f"Its transfer was proven on {on}: the {money.en} that it took off are borne by {words.en}.",
            )
    return None


def _missing(found: Explanation) -> list[Said]:
    """Who bears what is missing just before this tap in the card's chain, while it is missing."""
    here = (found.batch.batch_seq, found.tap.row_no)
    lines = []
    for finding in found.chain.between:
        if finding.right.tap != here:
            continue
        money = evidence.fen(finding.amount_fen)
        if finding.kind == ItemKind.CHAIN_GAP:
            lines.append(
                Said(
                    f"本笔照常付款；缺失扣款的 {money.zh}在记录到达或期满前不入账。",
                    f"This tap is paid whatever is missing; of the {money.en} of the missing debits nothing"
                    " is booked until they come or their window closes.",
                )
            )
        if finding.kind == ItemKind.CHAIN_RISE:
            lines.append(
                Said(
                    f"本笔照常付款；余额上升的 {money.zh}在找到充值之前由发卡方承担。",
                    f"This tap is paid; the {money.en} by which the balance rose are borne by the issuer until"
                    " the load is found.",
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
    if found.claim is not None and found.claim.state == "refused":
        return Said(
            "发卡方拒付：不付给运营商，由其承担；此前的未确认款项已冲回。",
            "The issuer refused it: the operator is not paid, and what it had been credited was taken back.",
        )
    if not tap.amount_fen and not tap.subsidy_fen:
        return Said("本笔不收费，无人付款。", "Nothing is charged for it, and nobody pays.")
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
        return vocabulary.NO_DEBITS.get(tap.kind, vocabulary.OF_UNKNOWN_KIND)
    if found.first is not None:
        return Said(
            "没有第二次扣款：离开卡片的钱已随首笔入账。",
            "It proves no second debit: whatever left the card is booked with the first one.",
        )
    if not tap.amount_fen:
        return Said("金额为零，没有钱要扣。", "Its amount is zero: no money was to leave the card.")
    if tap.debit_proven and not tac_was_checked(found):
        return Said(
            f"没有 TAC，按合同视为已扣款：{yuan(tap.amount_fen)} 元；若并未扣款，由运营商承担。",
            f"There is no TAC; by contract the debit of {yuan(tap.amount_fen)} yuan counts as made. If it was"
            " not, the operator bears that.",
        )
    if tap.debit_proven:
        return Said(
            f"扣款已证实：{yuan(tap.amount_fen)} 元已离开卡片，无论结论如何都不会没收。",
            f"The debit is proven: {yuan(tap.amount_fen)} yuan left the card, and are kept for whoever they"
            " belong to, whatever the verdict.",
        )
    if found.own_card:
        return Said(
            "扣款未证实：没有经校验正确的 TAC，因此未动用卡内余额。",
            "The debit is not proven: there is no TAC that was checked and found right, so nothing of the"
            " card's balance moved.",
        )
    if found.ground.issuer is None:
        return Said(
            "发卡机构未知，无从证实扣款。",
            "Its issuer is not known, so nobody can say whether money left the card.",
        )
    if found.claim is not None and found.claim.state in ("answered", "confirmed"):
        return Said(
            "他城卡：其发卡方已证实扣款。", "Not a card of ours: its issuer found the debit right."
        )
    if found.claim is not None and found.claim.state == "refused":
        return Said(
            "他城卡：其发卡方不认该笔扣款。", "Not a card of ours: its issuer does not owe for it."
        )
    return Said(
        "他城卡：扣款由其发卡方证实。",
        "Not a card of ours: whether money left it is for its issuer to say.",
    )


def tac_was_checked(found: Explanation) -> bool:
    """Whether the debit is proven by a TAC, or stands on the contract alone."""
    bits = found.tap.flags | (1 << found.tap.reason if found.tap.reason else 0)
    return bool(found.batch.checks & Check.TAC) and not bits >> Reason.TAC_UNAVAILABLE & 1


def _moved(found: Explanation) -> list[Said]:
    if not found.moved:
        return [Said("本笔没有分录。", "This tap booked nothing.")]
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
            f"其后分录 {entry.entry_id}（{entry.business_date}）：",
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
                f"状态：发卡方于 {claim.answered_on} 拒付：{row.chinese}。"
                + (
                    f"由 {city} 从其运营商冲回。"
                    if claim.incoming
                    else "款项已从运营商冲回，由运营商承担。"
                ),
                f"State: refused by the issuer on {claim.answered_on}: {row.english}. "
                + (
                    f"{city} takes the credit back from its operator."
                    if claim.incoming
                    else "The credit was taken back from the operator, who bears it."
                ),
            )
    return [*lines, said]  # fmt: skip
