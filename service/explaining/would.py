"""What would have to be different for another verdict: derived from evidence, one condition a reason.

The consequence is the reason table's: the same tap without that reason has the verdict that the remaining
reasons give. A reason that stops all further checks (a malformed record, a duplicate) has no such sum;
then the tap would be judged like any other.
"""

from collections.abc import Callable
from typing import Final

from clearing.limits import DENYLIST_GRACE_S, PRESENTMENT_WINDOW_DAYS
from schemas.codes import Verdict
from schemas.reasons import ROW, Reason, decide
from service import evidence
from service.evidence import Told, card_kind
from service.explaining import vocabulary, would_chain
from service.explaining.found import Explanation
from service.text import Said, moment_of_record
from settlement.store.traces import number_of

Condition = Callable[[Explanation, Told], Said]

STOPPING: Final = frozenset(
    {
        Reason.MALFORMED, Reason.UNKNOWN_KIND, Reason.DUPLICATE, Reason.DUPLICATE_IN_BATCH,
        Reason.DUPLICATE_ALTERED, Reason.DUPLICATE_OTHER_DATE, Reason.DUPLICATE_OTHER_CITY,
    }
)  # fmt: skip
_GRACE_H: Final = DENYLIST_GRACE_S // 3600


def sentences(found: Explanation, told: dict[Reason, Told]) -> list[Said]:
    """One sentence for each reason of which something could be different; of a tap that was not accepted,
    for the reason that decides, because lesser ones change nothing."""
    tap = found.tap
    bits = tap.flags | (1 << tap.reason if tap.reason else 0)
    reasons = [Reason(tap.reason)] if tap.reason else []
    if tap.verdict == Verdict.ACCEPTED or not reasons:
        reasons += [Reason(n) for n in range(1, 64) if tap.flags >> n & 1]
    lines = []
    for reason in reasons:
        condition = CONDITIONS.get(reason)
        if condition is None:
            continue
        empty = Told(reason, ROW[reason].field, evidence.NOTHING, evidence.NOTHING)
        said = condition(found, told.get(reason, empty))
        # A whole sentence says by itself that nothing in the record would change anything.
        whole = said.en.endswith(".")
        then = evidence.NOTHING if whole else _consequence(reason, bits, tap.verdict)
        lines.append(Said(f"{said.zh}{then.zh}", f"{said.en}{then.en}"))
    return lines or [
        Said(
            "无：该交易正常。若再次提交同一交易，第二笔将按重复交易拒绝。",
            "Nothing: the tap is in order. The same tap submitted again would be rejected as a duplicate.",
        )
    ]


def _consequence(reason: Reason, bits: int, verdict: int) -> Said:
    if reason in STOPPING:
        return Said("，则按普通交易完整判定。", ", it would be judged in full, like any other tap.")
    without, because, _ = decide(bits & ~(1 << reason))
    words = vocabulary.VERDICTS[without]
    if without == verdict and without == Verdict.ACCEPTED:
        row = ROW[reason]
        return Said(
            f"，则无“{row.chinese}”的说明。", f", the remark {row.name} would not be there."
        )
    if because:
        row = ROW[because]
        if without == Verdict.ACCEPTED:
            return Said(
                f"，则为：{words.zh}，仅附说明“{row.chinese}”。",
                f", it would be {words.en}, with the remark {row.name}: {row.english}.",
            )
        return Said(
            f"，则为：{words.zh}（{row.chinese}）。", f", it would be {words.en}: {row.english}."
        )
    return Said(f"，则为：{words.zh}。", f", it would be {words.en}.")


def _plain(zh: str, en: str) -> Condition:
    return lambda _found, _told: Said(zh, en)


def _expected(zh: str, en: str) -> Condition:
    """A sentence with what was expected and what came."""

    def say(_found: Explanation, told: Told) -> Said:
        return Said(
            zh.format(expected=told.expected.zh, came=told.actual.zh),
            en.format(expected=told.expected.en, came=told.actual.en),
        )

    return say


def _malformed(found: Explanation, told: Told) -> Said:
    name, came = vocabulary.field(told.field), getattr(found.fields, told.field, told.actual.en)
    return Said(
        f"若字段“{name.zh}”（{told.field}）为有效值，而非 {came}",
        f"If the field {told.field} ({name.en}) held a valid value instead of {came}",
    )


def _duplicate(found: Explanation, _told: Told) -> Said:
    if found.first is None:
        return Said("若该交易此前没有提交过", "Had this tap not come before")
    first, words = found.first, vocabulary.VERDICTS[Verdict(found.first.verdict)]
    return Said(
        f"同一交易已作为 {first.place} 于 {first.arrived_on} 清分（{words.zh}），以那一笔为准。若那一笔不存在",
        f"The same tap counts already as {first.place}, cleared on {first.arrived_on} ({words.en}). Had"
        " that one not come",
    )


def _terminal_unknown(found: Explanation, _told: Told) -> Said:
    at = moment_of_record(found.fields.tapped_at)[:10]
    terminal, name = found.ground.terminal, found.fields.terminal_id
    if terminal is None:
        return Said(
            f"若终端 {name} 在 {at} 前已登记", f"If terminal {name} had been registered by {at}"
        )
    until = terminal.until or ""
    return Said(
        f"终端 {name} 登记有效期为 {terminal.since} 至 {until or '今'}。若包含 {at}",
        f"Terminal {name} is registered from {terminal.since} until {until or 'now'}. If that held {at}",
    )


def _terminal_of_other(found: Explanation, _told: Told) -> Said:
    name, owner = found.fields.terminal_id, found.ground.terminal_owner
    return Said(
        f"若终端 {name} 登记在运营商 {found.batch.operator_no} 名下，或由其登记的运营商 {owner} 提交",
        f"If terminal {name} were registered for operator {found.batch.operator_no}, or its operator"
        f" {owner} had submitted the tap",
    )


def _interoperable(found: Explanation, told: Told) -> Said:
    issuer = found.ground.issuer
    if issuer is None:
        return Said(f"若交易时间在{told.expected.zh}", f"If the tap had been {told.expected.en}")
    until = Said(f"{issuer.until}", f"{issuer.until}") if issuer.until else Said("今", "now")
    return Said(
        f"{issuer.name} 的卡自 {issuer.since} 至 {until.zh}（不含）在本城互通。若交易在此期间",
        f"Cards of {issuer.name} are accepted here from {issuer.since} until {until.en}, that day excluded."
        " If the tap had been in that time",
    )


def _denylisted(found: Explanation, _told: Told) -> Said:
    ground = found.ground
    version = ground.denied.version if ground.denied is not None else "?"
    return Said(
        f"名单版本 {version} 于 {ground.acknowledged} 确认收到，加 {_GRACE_H} 小时宽限后自"
        f" {ground.binding_from} 起生效。若交易早于此时",
        f"List version {version} was acknowledged at {ground.acknowledged} and binds the operator"
        f" {_GRACE_H} hours later, from {ground.binding_from}. If the tap had been before that",
    )


def _undelivered(found: Explanation, _told: Told) -> Said:
    ground = found.ground
    version = ground.denied.version if ground.denied is not None else "?"
    when = Said("尚未确认收到", "has not been acknowledged by the operator")
    if ground.acknowledged:
        when = Said(
            f"于 {ground.acknowledged} 才确认收到，自 {ground.binding_from} 起生效",
            f"was acknowledged at {ground.acknowledged} only, and binds from {ground.binding_from}",
        )
    return Said(
        f"名单版本 {version} {when.zh}。若此前 {_GRACE_H} 小时以上已确认，该交易将被拒绝；若卡不在名单上",
        f"List version {version} {when.en}. Had it been acknowledged more than {_GRACE_H} hours before the"
        " tap, the tap would be rejected; if the card were not on the list",
    )


def _late(_found: Explanation, told: Told) -> Said:
    return Said(
        f"若在交易后 {PRESENTMENT_WINDOW_DAYS} 天内提交（当日只收 {told.expected.zh}的交易）",
        f"If it had come within {PRESENTMENT_WINDOW_DAYS} days of the tap (that day took taps"
        f" {told.expected.en})",
    )


def _tariff_missing(found: Explanation, _told: Told) -> Said:
    tariff = found.ground.operator.tariff if found.ground.operator is not None else ""
    name, kind = Said(tariff or "（无）", tariff or "none"), vocabulary.kind_of_tap(found.tap.kind)
    fields = found.fields
    return Said(
        f"若运营商的票价规则（{name.zh}）在该时间对“{kind.zh}”、线路 {fields.line}、站点"
        f" {fields.entry_station}→{fields.station} 有票价",
        f"If the operator's tariff ({name.en}) priced this kind of tap ({kind.en}) on line {fields.line}, from"
        f" station {fields.entry_station} to {fields.station}, at that time",
    )


def _number_reused(found: Explanation, told: Told) -> Said:
    here = (found.batch.batch_seq, found.tap.row_no)
    number = found.fields.terminal_number
    twin = next(
        (
            tap for tap in found.terminal
            if number_of(tap) == number and (tap.batch_seq, tap.row_no) != here
        ),
        None,
    )  # fmt: skip
    by = Said("另一笔交易", "another tap")
    if twin is not None:
        place = f"{twin.batch_seq}:{twin.row_no}"
        at = vocabulary.when(twin.tapped_at)
        by = Said(f"交易 {place}（{at}）", f"tap {place} ({at})")
    return Said(
        f"终端流水号 {told.actual.zh} 已给过{by.zh}。若为终端未用过的号",
        f"The terminal gave number {told.actual.en} to {by.en}. If this one had a number that it had not given",
    )


def _by_issuer(found: Explanation, _told: Told) -> Said:
    """What another city's issuer may still say; nothing more once it has said it."""
    state = found.claim.state if found.claim is not None else ""
    if state in ("answered", "confirmed"):
        return Said(
            "他城卡：其发卡方已答复接受。",
            "Another city's card: its issuer has checked and taken it.",
        )
    if state == "refused":
        return Said(
            "他城卡：若其发卡方未拒付（理由见上），则运营商照常收款。",
            "Another city's card: had its issuer not refused it (for the reason above), the operator would be paid.",
        )
    return Said(
        "他城卡：其发卡方仍可因 TAC、卡状态或链路而拒付。",
        "Another city's card: its issuer may still refuse it for its TAC, the card or its chain.",
    )


def _amount(_found: Explanation, told: Told) -> Said:
    return Said(
        f"若扣款金额为 {told.expected.zh}（按票价规则），而非 {told.actual.zh}",
        f"If the amount were {told.expected.en}, which is the tariff's, instead of {told.actual.en}",
    )


def _kind_differs(found: Explanation, told: Told) -> Said:
    issued = card_kind(found.ground.card_kind)
    return Said(
        f"若记录的卡种为发行卡种（{issued.zh}），而非 {told.actual.zh}",
        f"If the record said the issued kind ({issued.en}) instead of {told.actual.en}",
    )


CONDITIONS: Final[dict[Reason, Condition]] = {
    Reason.MALFORMED: _malformed,
    Reason.UNKNOWN_KIND: _expected("若交易类型在公布的类型表中，而非 {came}",
                                   "If the kind were one of the published table instead of {came}"),
    Reason.OPERATOR_OTHER: _expected("若由记录所载的 {came} 提交（本包属于 {expected}）",
                                     "If {came}, whom the record names, had submitted it (this batch is of"
                                     " {expected})"),
    **dict.fromkeys(STOPPING - {Reason.MALFORMED, Reason.UNKNOWN_KIND}, _duplicate),
    Reason.TAC_WRONG: _plain("若 TAC 与卡对金额、终端、流水号、时间和类型的计算结果一致（其中任一字节被改，TAC 即不符）",
                             "If the TAC were the one that the card makes over amount, terminal, number, time"
                             " and type (a change of any of these makes another)"),
    Reason.TAC_NOT_ALLOWED_ABSENT: _plain("若记录带有 TAC，或运营商合同允许无 TAC",
                                          "If the record had a TAC, or the contract allowed taps without one"),
    Reason.KEY_SET_UNKNOWN: _expected("若本节点有该发卡方的密钥组（{came}）",
                                      "If the node had the issuer's key set ({came})"),
    Reason.ISSUER_UNKNOWN: _plain("若该发卡机构代码已登记", "If this issuer code were in the registry"),
    Reason.ISSUER_NOT_INTEROPERABLE: _interoperable,
    Reason.CARD_NOT_ISSUED: _plain("若发卡方已登记该卡", "If the issuer had registered this card"),
    Reason.TEST_CARD: _plain("若为正式卡，或在测试环境中", "If it were no test card, or this node one for tests"),
    Reason.CARD_CLOSED: _expected("若为{expected}（实际：{came}）", "If it had been {expected} (came: {came})"),
    Reason.DENYLISTED: _denylisted,
    Reason.DENYLIST_UNDELIVERED: _undelivered,
    Reason.ZERO_AMOUNT: _plain("若金额大于零", "If the amount were above zero"),
    Reason.TAC_TORN: would_chain.torn,
    Reason.TERMINAL_UNKNOWN: _terminal_unknown,
    Reason.TERMINAL_OF_OTHER_OPERATOR: _terminal_of_other,
    Reason.COUNTER_REUSED: would_chain.reused,
    Reason.AMOUNT_ABOVE_LIMIT: _expected("若金额{expected}，而非 {came}",
                                         "If the amount were {expected} instead of {came}"),
    Reason.BALANCE_ABOVE_LIMIT: _expected("若余额{expected}，而非 {came}",
                                          "If the balance were {expected} instead of {came}"),
    Reason.BALANCE_ARITHMETIC: _expected("若交易后余额为 {expected}，而非 {came}",
                                         "If the balance after were {expected} instead of {came}"),
    Reason.FUTURE: _expected("若交易时间{expected}，而非 {came}（检查终端时钟）",
                             "If the tap's time were {expected} instead of {came} (see the device's clock)"),
    Reason.PRESENTED_LATE: _late,
    Reason.CARD_EXPIRED: _expected("若交易在卡{expected}之内，而非 {came}",
                                   "If the tap had been while the card was valid, {expected}, instead of {came}"),
    Reason.TARIFF_MISSING: _tariff_missing,
    Reason.ACCOUNT_MISSING: _plain("若该时间有生效的分账规则", "If a split were in force at that time"),
    Reason.FEE_RULE_MISSING: _plain("若合同所指手续费在该时间有生效的规则",
                                    "If the contract's fee had a rule in force at that time"),
    Reason.REFUND_HELD: _plain(
        "无需改变：等待期满后自动入账。",
        "Nothing has to change: it is booked by itself when its waiting time is over.",
    ),
    Reason.KIND_NOT_SUPPORTED: _plain(
        "记录本身无法改变此结果：该类型一律由清分中心人工处理。",
        "Nothing in the record: the centre's staff handle every tap of this kind.",
    ),
    Reason.TAC_BY_ISSUER: _by_issuer,
    Reason.ABOVE_TARIFF: _amount,
    Reason.BELOW_TARIFF: _amount,
    Reason.TRANSFER_UNMARKED: _plain("若记录标明换乘优惠", "If the record marked the transfer discount"),
    Reason.TRANSFER_UNQUALIFIED: _expected(
        "若该卡在换乘时限内有合格的前程（本笔：{came}）",
        "If the card had an earlier leg that qualifies, within the transfer window (this was {came})",
    ),
    Reason.TRANSFER_UNPROVEN: _expected(
        "若缺失的前程记录先到达，且在换乘时限内（本笔：{came}）",
        "If the leg that has not come had been here, within the transfer window (this was {came})",
    ),
    Reason.CONCESSION_NOT_OF_CARD: _plain("若卡的发行卡种享受该优惠", "If the card were issued as a kind that has"
                                          " this concession"),
    Reason.JOURNEY_TOO_LONG: _expected("若{expected}，而非 {came}",
                                       "If there had been {expected} instead of {came}"),
    Reason.GROSS_DIFFERS: _expected("若优惠前票价为 {expected}，而非 {came}",
                                    "If the fare before discounts were {expected} instead of {came}"),
    Reason.CARD_KIND_DIFFERS: _kind_differs,
    Reason.CARD_KIND_UNKNOWN: _kind_differs,
    Reason.BALANCE_RISE_PENDING: would_chain.rise,
    Reason.CHAIN_GAP_PENDING: would_chain.gap,
    Reason.COUNTER_LATE: _expected("若先于该卡较新的记录到达（计数器应{expected}，本笔 {came}）",
                                   "If it had arrived before the card's newer taps (this one has counter {came};"
                                   " expected was one {expected})"),
    Reason.TAP_OUT_WITHOUT_TAP_IN: _plain("若进站记录先到达，或记录载明进站", "If the entry had arrived before,"
                                          " or the record named it"),
    Reason.ENTRY_WITHOUT_EXIT: _expected("若先有 {expected}记录", "If there had been {expected} first"),
    Reason.TERMINAL_NUMBER_REUSED: _number_reused,
    Reason.TERMINAL_DEVICE_DIFFERS: _expected("若设备号为登记的 {expected}，而非 {came}",
                                              "If the device were the registered {expected} instead of {came}"),
    Reason.TERMINAL_LINE_DIFFERS: _expected("若线路为登记的 {expected}，而非 {came}",
                                            "If the line were the registered {expected} instead of {came}"),
    Reason.DEGRADED_MODE: _plain("降级模式下不核票价。若设备正常工作", "Fares are not checked in a degraded mode."
                                 " If the device had worked normally"),
}  # fmt: skip
"""Reasons about which something could have been different; the others follow from who is who."""
