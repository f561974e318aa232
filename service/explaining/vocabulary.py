"""Accounts, purposes, kinds, fields and states in words, in both languages."""

from datetime import datetime
from typing import Final

from clearing.plan import Purpose
from schemas.codes import CardFamily, TapKind, Verdict
from schemas.items import Action, ItemKind, ItemOutcome
from schemas.reasons import ROW, Reason
from service.text import Said

KINDS: Final = {
    TapKind.BUS_FLAT: Said("公交刷卡（一票制）", "bus ride, flat fare"),
    TapKind.BUS_TAP_IN: Said("公交上车刷卡", "bus tap-on"),
    TapKind.BUS_TAP_OUT: Said("公交下车刷卡", "bus tap-off"),
    TapKind.METRO_TAP_IN: Said("地铁进站", "metro entry"),
    TapKind.METRO_TAP_OUT: Said("地铁出站", "metro exit"),
    TapKind.METRO_SUPPLEMENT: Said("地铁补票", "metro supplement"),
    TapKind.TAXI_TRIP: Said("出租车", "taxi trip"),
    TapKind.TOP_UP: Said("充值", "top-up"),
    TapKind.TOP_UP_REVERSAL: Said("充值撤销", "top-up reversal"),
    TapKind.CARD_REFUND: Said("退卡", "card refund"),
    TapKind.CARD_LOSS: Said("挂失", "card loss"),
}
FAMILIES: Final = {
    CardFamily.MOHURD: Said("住建部城市卡", "MOHURD city card"),
    CardFamily.T_UNION: Said("交通联合卡", "T-Union card"),
    CardFamily.SOCIAL_SECURITY: Said("社保卡", "social-security card"),
    CardFamily.ANONYMISED: Said("脱敏卡", "anonymised card"),
}
VERDICTS: Final = {
    Verdict.ACCEPTED: Said("正常，已接受", "accepted"),
    Verdict.HELD: Said("可疑，已挂账", "held"),
    Verdict.REJECTED: Said("拒绝", "rejected"),
}
PURPOSES: Final = {
    Purpose.FARE: Said("票款", "fare"),
    Purpose.EXCESS: Said("多收待退", "excess"),
    Purpose.HELD: Said("挂账", "held"),
    Purpose.REJECTED: Said("拒绝", "rejected"),
    Purpose.TOP_UP: Said("充值", "top-up"),
    Purpose.REFUND: Said("退卡", "refund"),
    Purpose.SUBSIDY: Said("补贴", "subsidy"),
    Purpose.FEE: Said("手续费", "fee"),
    Purpose.SETTLEMENT: Said("结算", "settlement"),
    Purpose.OPENING: Said("期初", "opening"),
    Purpose.CYCLE: Said("清算周期", "cycle"),
    Purpose.REFUSAL: Said("拒付", "refusal"),
    Purpose.RELEASE: Said("释放", "release"),
    Purpose.FARE_UNCONFIRMED: Said("未确认票款", "unconfirmed fare"),
    Purpose.CHAIN: Said("卡账户链", "card chain"),
    Purpose.RETURN: Said("退还", "return"),
    Purpose.WRITE_OFF: Said("核销", "write-off"),
    Purpose.RECLEAR: Said("更正票款", "re-cleared fare"),
}
BEARERS: Final = {
    "operator": Said("运营商", "the operator"),
    "issuer": Said("发卡方", "the issuer"),
    "cardholder": Said("持卡人", "the cardholder"),
    "budget": Said("财政", "the public budget"),
    "nobody": Said("无人", "nobody"),
}
ACTIONS: Final = {
    Action.RELEASE: Said("释放给运营商", "release it to the operator"),
    Action.REJECT: Said("拒绝，转无主款", "reject it: unclaimed"),
    Action.RETURN: Said("退还持卡人", "return it to the cardholder"),
    Action.WRITE_OFF: Said(
        "核销（仍欠原主，不再追查）", "write it off: still owed, no longer looked for"
    ),
    Action.REVERSE: Said("冲回重复扣款", "reverse the double deduction"),
    Action.BOOK_LOAD: Said("补记充值", "book the load"),
    Action.DENY: Said("列入黑名单", "put the card on the denylist"),
    Action.DISMISS: Said("无需处理，结案", "dismiss it"),
}
RELEASES: Final = {
    ItemKind.HELD_UNPROVEN: Said(
        "认可，予以入账", "release it: book it as if it had been accepted"
    ),
    ItemKind.REFUND: Said("不等期满，立即付出", "release it: pay it before the window has closed"),
    ItemKind.TORN: Said(
        "认定已扣款，付给运营商", "release it: take the money as taken, and pay the operator"
    ),
}
"""What a release is of an item that holds no money for an operator yet."""
NO_DEBITS: Final[dict[int, Said]] = {
    TapKind.TOP_UP: Said(
        "该记录是充值：给卡加钱。", "The record is a load: it puts money on the card."
    ),
    TapKind.TOP_UP_REVERSAL: Said(
        "该记录撤销一笔充值：从卡中扣回。", "The record takes a load back off the card."
    ),
    TapKind.CARD_REFUND: Said(
        "该记录退卡：卡停用，余额退给持卡人。",
        "The record closes the card: its balance is to be paid out to the cardholder.",
    ),
    TapKind.CARD_LOSS: Said(
        "该记录是挂失，不动用余额。", "The record reports a loss: it moves no money."
    ),
}
"""What a record of a kind that is no debit does to the card."""
OF_UNKNOWN_KIND: Final = Said(
    "交易类型未知，不知其对卡有何影响，因此未动用卡内余额。",
    "Its kind is not known, nor what it did to the card, so nothing of the card's balance moved.",
)
OUTCOMES: Final = {
    ItemOutcome.OPENED: Said("等待处理", "waiting"),
    ItemOutcome.RESTATED: Said("部分到达，金额更新", "restated: part of it came"),
    ItemOutcome.ARRIVED: Said("记录已到达", "the records arrived"),
    ItemOutcome.LOST: Said("期满未到，转无主款", "lost: the window closed, unclaimed from here on"),
    ItemOutcome.ARRIVED_LATE: Said(
        "迟到后到达，已冲回", "arrived late: taken out of unclaimed again"
    ),
    ItemOutcome.DEBITED: Said("判定已扣款，已入账", "settled: the money was taken, and is booked"),
    ItemOutcome.NOT_DEBITED: Said("判定未扣款", "settled: nothing was taken"),
    ItemOutcome.MATCHED: Said("与充值日志一致", "matches the load log"),
    ItemOutcome.ALARMED: Said("充值日志亦无，报警", "alarm: the load log does not explain it"),
    ItemOutcome.PAID: Said("等待期满，已入账", "its window closed: booked"),
    ItemOutcome.REFUSED: Said("发卡方拒付", "refused by the issuer"),
    ItemOutcome.RELEASED: Said("已释放", "released"),
    ItemOutcome.REJECTED: Said("已拒绝", "rejected"),
    ItemOutcome.RETURNED: Said("已退还持卡人", "returned to the cardholder"),
    ItemOutcome.WRITTEN_OFF: Said("已核销", "written off"),
    ItemOutcome.REVERSED: Said("已冲回", "reversed"),
    ItemOutcome.BOOKED: Said("已补记", "booked"),
    ItemOutcome.DENIED: Said("已列入黑名单", "put on the denylist"),
    ItemOutcome.PROVEN: Said(
        "换乘成立，优惠已入账", "proven: the transfer qualifies, its discount is booked"
    ),
    ItemOutcome.REFUTED: Said("换乘不成立", "refuted: the transfer does not qualify"),
    ItemOutcome.NOT_PROVEN: Said("期满未证实", "not proven: the window closed first"),
    ItemOutcome.DISMISSED: Said("已结案，无需处理", "dismissed"),
    ItemOutcome.RECLEARED: Said("随当日更正", "changed by a re-clearing of its date"),
}
FIELDS: Final = {
    "record": Said("记录", "record"), "kind": Said("交易类型", "kind of tap"),
    "operator": Said("运营商", "operator"), "identity": Said("交易标识", "identity of the tap"),
    "tac": Said("TAC", "TAC"), "algorithm": Said("算法", "algorithm"),
    "key_version": Said("密钥版本", "key version"), "issuer": Said("发卡机构代码", "issuer code"),
    "serial": Said("卡号", "card serial"), "card_kind": Said("卡种", "card kind"),
    "amount_fen": Said("扣款金额", "amount"), "gross_fen": Said("优惠前票价", "fare before discounts"),
    "terminal_id": Said("终端号", "terminal id"), "terminal_number": Said("终端流水号", "terminal's number"),
    "offline_counter": Said("脱机计数器", "debit counter"), "line": Said("线路", "line"),
    "balance_before_fen": Said("交易前余额", "balance before"),
    "balance_after_fen": Said("交易后余额", "balance after"), "tapped_at": Said("交易时间", "time of the tap"),
    "discount_claimed": Said("所用优惠", "discount given"), "transfer_at": Said("换乘时间", "time of transfer"),
    "entry_at": Said("进站时间", "time of entry"), "device": Said("设备号", "device"),
    "mode": Said("工作模式", "mode"), "declared_date": Said("申报日期", "declared date"),
    "version": Said("版本", "version"), "family": Said("卡族", "card family"),
    "type_byte": Said("交易类型字节", "type byte"), "city": Said("城市", "city"),
    "reserved": Said("保留字节", "reserved bytes"),
}  # fmt: skip

_ACCOUNTS: Final = {
    "card_liability": Said("卡内余额（发卡方 {} 欠持卡人）", "what issuer {} owes its cardholders"),
    "float_bank": Said("备付金存款（发卡方 {}）", "the reserve money of issuer {}"),
    "operator": Said("应付运营商 {}", "what is owed to operator {}"),
    "driver": Said("应付司机（运营商 {}）", "what is owed to the drivers of operator {}"),
    "load_agent": Said("充值网点 {} 应缴", "what load agent {} owes"),
    "refund_agent": Said("应付退卡网点 {}", "what is owed to refund agent {}"),
    "suspense": Said("挂账（等待判定）", "suspense, waiting for a decision"),
    "unclaimed": Said("无主款（{}）", "unclaimed money ({})"),
    "province_pending": Said("省级清分待清算", "between cities, not in a cycle yet"),
    "province": Said("省级清分应收应付", "between cities, by cycle"),
    "budget": Said("财政补贴应收", "what the public budget owes"),
    "issuer_discount": Said("发卡方承担的优惠", "discounts that the issuer bears"),
    "subsidy": Said("应付运营商 {} 的补贴", "subsidies owed to operator {}"),
    "fee": Said("手续费（{}）", "fees ({})"),
}


def account(code: str) -> Said:
    """An account by code, in words, with the code."""
    _, kind, participant = (*code.split("/", 2), "", "")[:3]
    words = _ACCOUNTS.get(kind)
    if words is None:
        return Said(code, code)
    name = Said(participant, participant)
    if kind == "unclaimed" and participant.upper() in Reason.__members__:
        row = ROW[Reason[participant.upper()]]
        name = Said(row.chinese, row.english)
    return Said(f"{words.zh.format(name.zh)} [{code}]", f"{words.en.format(name.en)} [{code}]")


def kind_of_tap(kind: int) -> Said:
    """A kind of tap; one that is unknown stays a number."""
    known = {each.value: words for each, words in KINDS.items()}
    return known.get(kind, Said(f"未知类型 {kind}", f"unknown kind {kind}"))


def family(number: int) -> Said:
    """A card family; one that is unknown stays a number."""
    known = {each.value: words for each, words in FAMILIES.items()}
    return known.get(number, Said(f"卡族 {number}", f"card of family {number}"))


def field(name: str) -> Said:
    """A field of the record by name."""
    return FIELDS.get(name, Said(name, name))


def outcome(of: ItemOutcome) -> Said:
    """What became of an item."""
    return OUTCOMES.get(of, Said(of.value, of.value.replace("_", " ")))


def when(moment: datetime) -> str:
    """A time; none where the record has no valid one."""
    return "-" if moment.year == 1 else f"{moment:%Y-%m-%d %H:%M:%S}"


def kind_of_item(kind: ItemKind) -> Said:
    """An item's kind in a word or two."""
    return _ITEMS[kind]


_ITEMS: Final = {
    ItemKind.HELD: Said("可疑交易", "held tap"),
    ItemKind.HELD_UNPROVEN: Said("未证实的可疑交易", "held tap without proof"),
    ItemKind.UNCLAIMED: Said("无主款", "unclaimed money"),
    ItemKind.EXCESS: Said("多收票款", "excess fare"),
    ItemKind.TORN: Said("闪卡", "torn tap"),
    ItemKind.REFUND: Said("退卡", "card refund"),
    ItemKind.CHAIN_GAP: Said("卡账户链断号", "gap in the card's chain"),
    ItemKind.CHAIN_RISE: Said("余额无据上升", "unexplained rise of the card's balance"),
    ItemKind.CHAIN_BREAK: Said("卡账户链矛盾", "contradiction in the card's chain"),
    ItemKind.DOUBLE_DEDUCTION: Said("疑似多刷", "double deduction"),
    ItemKind.TERMINAL_GAP: Said("终端流水断号", "gap in the terminal's numbers"),
    ItemKind.TERMINAL_REPEAT: Said("终端流水重号", "terminal number given twice"),
    ItemKind.LOAD_WITHOUT_LOG: Said("充值无授权日志", "top-up without log"),
    ItemKind.LOG_WITHOUT_LOAD: Said("授权日志无充值记录", "logged load without record"),
    ItemKind.TRANSFER: Said("换乘待证", "transfer not proven yet"),
}
