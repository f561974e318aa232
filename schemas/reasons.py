"""The reason table: every answer the engine gives to a tap or a batch, in two languages.

A row has a number that is never reused. Record-level reasons use numbers 1 to 63, because the same
number is the reason's bit in a tap's ``flags``; file-level reasons start at 100.

**Verdict** of a tap = the most severe outcome of all reasons that apply; its **reason** = the first
of that severity in table order; every other one is kept as a flag (domain §5). The table order is
the order of the rows below, not of the numbers.
"""

from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from schemas.codes import Verdict


class Reason(IntEnum):
    """Numbers of the reasons. Record level 1–63, file level from 100; 0 = nothing to say."""

    CLEAN = 0
    MALFORMED = 1
    UNKNOWN_KIND = 2
    DUPLICATE_IN_BATCH = 3
    DUPLICATE = 4
    DUPLICATE_ALTERED = 5
    TAC_WRONG = 6
    TAC_TORN = 7
    KEY_SET_UNKNOWN = 8
    ISSUER_UNKNOWN = 9
    ISSUER_NOT_INTEROPERABLE = 10
    CARD_NOT_ISSUED = 11
    TEST_CARD = 12
    CARD_EXPIRED = 13
    CARD_CLOSED = 14
    DENYLISTED = 15
    TERMINAL_UNKNOWN = 16
    TERMINAL_OF_OTHER_OPERATOR = 17
    OPERATOR_OTHER = 18
    ZERO_AMOUNT = 19
    COUNTER_REUSED = 20
    AMOUNT_ABOVE_LIMIT = 21
    BALANCE_ABOVE_LIMIT = 22
    BALANCE_ARITHMETIC = 23
    FUTURE = 24
    PRESENTED_LATE = 25
    TARIFF_MISSING = 26
    KIND_NOT_SUPPORTED = 27
    REFUND_HELD = 28
    DENYLIST_UNDELIVERED = 29
    ABOVE_TARIFF = 30
    BELOW_TARIFF = 31
    TRANSFER_UNMARKED = 32
    TRANSFER_UNQUALIFIED = 33
    CARD_KIND_DIFFERS = 34
    BALANCE_RISE_PENDING = 35
    CHAIN_GAP_PENDING = 36
    COUNTER_LATE = 37
    TAP_OUT_WITHOUT_TAP_IN = 38
    TERMINAL_LINE_DIFFERS = 39
    TAC_BY_ISSUER = 40
    TAC_UNAVAILABLE = 41
    DEGRADED_MODE = 42
    DECLARED_LATE = 43
    CARD_UNREGISTERED = 44
    GROSS_DIFFERS = 45
    TAC_NOT_ALLOWED_ABSENT = 46
    REFUSED_BY_ISSUER = 47
    CARD_KIND_UNKNOWN = 48
    TERMINAL_DEVICE_DIFFERS = 49
    TERMINAL_NUMBER_REUSED = 50
    DUPLICATE_OTHER_DATE = 51
    DUPLICATE_OTHER_CITY = 52
    CONCESSION_NOT_OF_CARD = 53
    TRANSFER_UNPROVEN = 54
    JOURNEY_TOO_LONG = 55
    ACCOUNT_MISSING = 56
    FEE_RULE_MISSING = 57
    ENTRY_WITHOUT_EXIT = 58

    OPERATOR_UNKNOWN = 100
    OPERATOR_SUSPENDED = 101
    SIGNATURE_WRONG = 102
    DIGEST_WRONG = 103
    HEADER_DIFFERS = 104
    VERSION_UNKNOWN = 105
    NUMBER_USED = 106
    DECLARED_FUTURE = 107
    TOO_LARGE = 108
    UNREADABLE = 109
    EMPTY = 110
    KEY_WRONG = 111
    PROFILE_NOT_ALLOWED = 112
    NUMBER_GAP = 113


class PostingRule(StrEnum):
    """What the ledger does with a tap that has this reason alone (domain §7)."""

    NOTHING = "nothing"
    """Nothing: no debit is proven, or the tap was booked before."""
    UNCLAIMED = "unclaimed"
    """Dr card liability / Cr unclaimed under the reason's name, where the TAC proves the debit."""
    SUSPENSE = "suspense"
    """Dr card liability / Cr suspense, where the TAC proves the debit."""
    OPERATOR = "operator"
    """Dr card liability (another city's card: province pending) / Cr the operator's side."""
    EXCESS = "excess"
    """As operator up to the tariff; what is beyond it Cr suspense, for the cardholder."""
    REVERSAL = "reversal"
    """Dr the operator's side / Cr province pending: what was credited before is taken back."""


class Row(msgspec.Struct, frozen=True):
    """One row of the table.

    ``outcome`` is the verdict that the reason alone would give (for a batch: refused = rejected).
    ``bearer`` says who bears the money until somebody decides otherwise. ``field`` is the record
    field that the evidence speaks of.
    """

    reason: Reason
    outcome: Verdict
    field: str
    bearer: str
    chinese: str
    english: str
    remedy_chinese: str
    remedy_english: str

    @property
    def name(self) -> str:
        """Stable lower-case name, as reports and APIs print it."""
        return self.reason.name.lower()

    @property
    def posting(self) -> PostingRule:
        """The posting rule."""
        rule = _POSTED.get(self.reason)
        if rule is None:
            rule = _BY_OUTCOME[self.outcome]
        return rule


_BY_OUTCOME: Final = {
    Verdict.REJECTED: PostingRule.UNCLAIMED,
    Verdict.HELD: PostingRule.SUSPENSE,
    Verdict.ACCEPTED: PostingRule.OPERATOR,
}
_POSTED: Final = {
    Reason.ABOVE_TARIFF: PostingRule.EXCESS,
    Reason.REFUSED_BY_ISSUER: PostingRule.REVERSAL,
} | dict.fromkeys(
    (
        Reason.MALFORMED, Reason.UNKNOWN_KIND, Reason.OPERATOR_OTHER, Reason.DUPLICATE_IN_BATCH,
        Reason.DUPLICATE, Reason.DUPLICATE_OTHER_DATE, Reason.DUPLICATE_OTHER_CITY,
        Reason.DUPLICATE_ALTERED, Reason.TAC_WRONG, Reason.TAC_NOT_ALLOWED_ABSENT,
        Reason.KEY_SET_UNKNOWN, Reason.ISSUER_UNKNOWN, Reason.ISSUER_NOT_INTEROPERABLE,
        Reason.CARD_NOT_ISSUED, Reason.ZERO_AMOUNT, Reason.TAC_TORN, Reason.KIND_NOT_SUPPORTED,
        Reason.REFUND_HELD,
    ),
    PostingRule.NOTHING,
)  # fmt: skip

_R, _H, _A = Verdict.REJECTED, Verdict.HELD, Verdict.ACCEPTED


def _row(
    reason: Reason, outcome: Verdict, field: str, bearer: str, texts: tuple[str, str, str, str]
) -> Row:
    return Row(reason, outcome, field, bearer, *texts)


# fmt: off
TABLE: Final[tuple[Row, ...]] = (
    _row(Reason.MALFORMED, _R, "record", "operator",
         ("记录格式错误", "the record's bytes are not a valid tap",
          "检查终端软件的记录格式后重新提交", "check the device's record format and submit it again")),
    _row(Reason.UNKNOWN_KIND, _R, "kind", "operator",
         ("交易类型未知", "the kind of tap is not known",
          "按公布的交易类型表填写", "use a kind of the published table")),
    _row(Reason.OPERATOR_OTHER, _R, "operator", "operator",
         ("记录所属运营商与交易包不符", "the tap names another operator than its batch",
          "由记录所属运营商提交", "let the operator named in the tap submit it")),
    _row(Reason.DUPLICATE_IN_BATCH, _R, "identity", "nobody",
         ("同一交易包内重复", "the same tap stands earlier in this batch",
          "无需处理，首笔已计", "nothing to do: the first one counts")),
    _row(Reason.DUPLICATE, _R, "identity", "nobody",
         ("重复交易", "the same tap was cleared before",
          "无需处理，首笔已计", "nothing to do: the first one counts")),
    _row(Reason.DUPLICATE_OTHER_DATE, _R, "identity", "nobody",
         ("跨日重复交易", "the same tap was cleared on another business date",
          "无需处理，首笔已计", "nothing to do: the first one counts")),
    _row(Reason.DUPLICATE_OTHER_CITY, _R, "identity", "operator",
         ("跨城市重复交易", "another city presented the same tap before",
          "由两城市清分中心核查来源", "let both cities find out where the tap was taken")),
    _row(Reason.DUPLICATE_ALTERED, _R, "identity", "operator",
         ("同一交易但其他字段不同", "the same tap was cleared before with other unsigned fields",
          "查明终端或采集系统为何更改记录", "find out why device or back office changed the record")),
    _row(Reason.TAC_WRONG, _R, "tac", "operator",
         ("TAC 校验错误", "the TAC is not the card's",
          "核对密钥版本与终端软件；如属伪造请报案", "check key version and device; if forged, report it")),
    _row(Reason.TAC_NOT_ALLOWED_ABSENT, _R, "algorithm", "operator",
         ("缺少 TAC 且合同不允许", "the tap has no TAC and the contract does not allow that",
          "提交带 TAC 的记录或修改合同", "submit taps with a TAC, or have the contract changed")),
    _row(Reason.KEY_SET_UNKNOWN, _R, "key_version", "operator",
         ("密钥组未知", "no key set has this version, index and algorithm",
          "核对密钥版本、索引和算法", "check key version, index and algorithm")),
    _row(Reason.ISSUER_UNKNOWN, _R, "issuer", "operator",
         ("发卡机构未知", "the issuer is not in the registry",
          "核对发卡机构代码", "check the issuer code")),
    _row(Reason.ISSUER_NOT_INTEROPERABLE, _R, "issuer", "operator",
         ("发卡机构未互通", "the issuer's cards are not accepted here on that date",
          "更新终端互通名单", "update the device's interoperability list")),
    _row(Reason.CARD_NOT_ISSUED, _R, "serial", "operator",
         ("卡未发行", "the issuer never issued this card",
          "核对卡号；如属伪卡请报案", "check the card number; if forged, report it")),
    _row(Reason.TEST_CARD, _R, "card_kind", "operator",
         ("生产环境中的测试卡", "a test card in production",
          "收回测试卡", "collect the test card")),
    _row(Reason.CARD_CLOSED, _R, "serial", "operator",
         ("卡已退卡或销户", "the card was refunded or closed before the tap",
          "更新终端黑名单", "update the device's denylist")),
    _row(Reason.DENYLISTED, _R, "serial", "operator",
         ("黑名单卡（名单已送达）", "the card was on the delivered denylist",
          "更新终端黑名单；损失由运营商承担", "update the device's denylist; the operator bears the loss")),
    _row(Reason.ZERO_AMOUNT, _R, "amount_fen", "operator",
         ("该类型不允许零金额", "an amount of zero is not allowed for this kind",
          "检查终端软件", "check the device")),
    _row(Reason.REFUSED_BY_ISSUER, _R, "serial", "operator",
         ("发卡方拒绝", "the issuer refused the tap",
          "见发卡方理由", "see the issuer's reason")),
    _row(Reason.TAC_TORN, _H, "tac", "cardholder",
         ("闪卡（灰记录）", "the card left the field before it gave its TAC",
          "由该卡下一笔交易判定", "the card's next tap will settle it")),
    _row(Reason.TERMINAL_UNKNOWN, _H, "terminal_id", "operator",
         ("终端未登记", "the terminal is not in the registry",
          "登记终端后申请释放", "register the terminal, then ask for release")),
    _row(Reason.TERMINAL_OF_OTHER_OPERATOR, _H, "terminal_id", "operator",
         ("终端属于其他运营商", "the terminal belongs to another operator",
          "由两家运营商确认归属后释放", "let both operators settle whose tap it is, then release")),
    _row(Reason.COUNTER_REUSED, _H, "offline_counter", "cardholder",
         ("卡脱机计数器重复", "the card's debit counter was used by another accepted tap",
          "核查是否伪卡或双扣", "look for a cloned card or a double deduction")),
    _row(Reason.AMOUNT_ABOVE_LIMIT, _H, "amount_fen", "cardholder",
         ("金额超限", "the amount is above the limit",
          "人工核实行程与卡片，再由两人审批", "look at trip and card, then let two people decide")),
    _row(Reason.BALANCE_ABOVE_LIMIT, _H, "balance_after_fen", "cardholder",
         ("余额超限", "the balance is above the limit",
          "人工核实行程与卡片，再由两人审批", "look at trip and card, then let two people decide")),
    _row(Reason.BALANCE_ARITHMETIC, _H, "balance_after_fen", "cardholder",
         ("交易前后余额与金额不符", "balance before and amount do not give balance after",
          "检查终端软件；人工核实后由两人审批", "check the device, then let two people decide")),
    _row(Reason.FUTURE, _H, "tapped_at", "operator",
         ("交易时间在未来", "the tap lies in the future beyond the clock tolerance",
          "校准终端时钟", "set the device's clock")),
    _row(Reason.PRESENTED_LATE, _H, "tapped_at", "operator",
         ("超过提交期限", "the tap is older than the presentment window",
          "作为债权挂账，由两人审批释放", "kept as a claim; two people may release it")),
    _row(Reason.CARD_EXPIRED, _H, "serial", "operator",
         ("卡已过期", "the card had expired at the time of the tap",
          "更新终端软件；由发卡方决定", "update the device; the issuer decides")),
    _row(Reason.TARIFF_MISSING, _H, "line", "operator",
         ("无适用票价规则", "no tariff applies to this operator, line and time",
          "补充票价规则后释放", "add the tariff, then release")),
    _row(Reason.ACCOUNT_MISSING, _H, "operator", "operator",
         ("无适用分账规则", "no split says to whom this operator's fares go at that time",
          "补充分账规则后释放", "add the split, then release")),
    _row(Reason.FEE_RULE_MISSING, _H, "operator", "operator",
         ("无适用手续费规则", "the operator's contract names a fee that has no rule at that time",
          "补充手续费规则后释放", "add the fee rule, then release")),
    _row(Reason.KIND_NOT_SUPPORTED, _H, "kind", "operator",
         ("该交易类型需人工处理", "taps of this kind are handled by the centre's staff",
          "与运营商核对后由两人审批", "compare with the operator, then let two people decide")),
    _row(Reason.REFUND_HELD, _H, "kind", "issuer",
         ("退卡等待期内", "a refund waits until the presentment window has closed",
          "期满后自动处理", "nothing to do: it is paid when the window closes")),
    _row(Reason.DENYLIST_UNDELIVERED, _A, "serial", "issuer",
         ("黑名单卡（名单未送达）", "the card was denied, but the operator could not know yet",
          "催运营商取回并确认名单；本笔由发卡方承担",
          "have the operator fetch and acknowledge the list; the issuer bears this tap")),
    _row(Reason.ABOVE_TARIFF, _A, "amount_fen", "operator",
         ("多收票款", "more was charged than the tariff allows; the excess is the cardholder's",
          "核对票价表；差额转挂账待退", "check the fare table; the excess waits for the cardholder")),
    _row(Reason.BELOW_TARIFF, _A, "amount_fen", "operator",
         ("少收票款", "less was charged than the tariff says; the operator bears the difference",
          "核对票价表", "check the fare table")),
    _row(Reason.TRANSFER_UNMARKED, _A, "discount_claimed", "operator",
         ("享受换乘优惠但无标记", "the transfer discount was taken and the record does not say so",
          "检查终端软件", "check the device")),
    _row(Reason.TRANSFER_UNQUALIFIED, _A, "transfer_at", "operator",
         ("换乘优惠无有效前程", "the transfer discount was taken, and the card's history has no leg that qualifies",
          "检查终端的换乘判定", "check how the device finds transfers")),
    _row(Reason.TRANSFER_UNPROVEN, _A, "transfer_at", "operator",
         ("换乘优惠待证", "the transfer discount was taken on a leg that may not have arrived yet",
          "催缺失的前程记录；在此之前少收部分由运营商承担",
          "ask for the missing leg; until it is here the operator bears what was charged too little")),
    _row(Reason.CONCESSION_NOT_OF_CARD, _A, "discount_claimed", "operator",
         ("卡种不享受所用优惠", "a concession was given that the issued card kind does not have",
          "检查终端读卡与优惠参数", "check how the device reads the card and its concession table")),
    _row(Reason.JOURNEY_TOO_LONG, _A, "entry_at", "operator",
         ("行程超时", "more time lies between entry and exit than a journey may take",
          "核查进站记录是否属于本次行程", "see whether the entry belongs to this journey")),
    _row(Reason.GROSS_DIFFERS, _A, "gross_fen", "operator",
         ("应收票价与票价表不符", "the fare before discounts is not the tariff's; ours is used",
          "核对票价表", "check the fare table")),
    _row(Reason.CARD_KIND_DIFFERS, _A, "card_kind", "operator",
         ("卡种与发行不符", "the card kind is not the one issued; the issuer's is used",
          "检查终端读卡", "check how the device reads the card")),
    _row(Reason.CARD_KIND_UNKNOWN, _A, "card_kind", "operator",
         ("卡种代码未知", "the card kind is not in the published table; the issuer's is used",
          "检查终端读卡", "check how the device reads the card")),
    _row(Reason.BALANCE_RISE_PENDING, _A, "balance_before_fen", "issuer",
         ("余额上升，待充值记录", "the balance rose without a load that we know yet",
          "待发卡方充值日志", "wait for the issuer's load log")),
    _row(Reason.CHAIN_GAP_PENDING, _A, "balance_before_fen", "nobody",
         ("卡账户链断号，待补", "taps of this card have not arrived yet",
          "待缺失记录到达", "wait for the missing taps")),
    _row(Reason.COUNTER_LATE, _A, "offline_counter", "nobody",
         ("迟到记录", "an older tap of the card, which arrived after newer ones",
          "无需处理", "nothing to do")),
    _row(Reason.TAP_OUT_WITHOUT_TAP_IN, _A, "entry_at", "nobody",
         ("有出站无进站", "an exit whose entry is not known",
          "待进站记录到达", "wait for the entry")),
    _row(Reason.ENTRY_WITHOUT_EXIT, _A, "entry_at", "nobody",
         ("有进站无出站", "an entry while an earlier one has no exit",
          "待出站记录到达", "wait for the exit")),
    _row(Reason.TERMINAL_NUMBER_REUSED, _A, "terminal_number", "operator",
         ("终端流水号重复", "the terminal gave this number to another tap before",
          "核查终端是否被重置或被仿冒", "find out whether the terminal was reset or imitated")),
    _row(Reason.TERMINAL_DEVICE_DIFFERS, _A, "device", "nobody",
         ("终端登记设备不符", "the terminal is registered in another device",
          "更新终端登记", "update the terminal's registration")),
    _row(Reason.TERMINAL_LINE_DIFFERS, _A, "line", "nobody",
         ("终端登记线路不符", "the terminal is registered on another line",
          "更新终端登记", "update the terminal's registration")),
    _row(Reason.DEGRADED_MODE, _A, "mode", "nobody",
         ("降级模式", "the device worked in a degraded mode",
          "无需处理", "nothing to do")),
    _row(Reason.DECLARED_LATE, _A, "declared_date", "nobody",
         ("申报日期早于清算日期", "the batch was declared for an earlier date",
          "无需处理", "nothing to do")),
    _row(Reason.CARD_UNREGISTERED, _A, "serial", "issuer",
         ("发卡方未登记该卡", "the issuer keeps no card registry; the card was taken as it came",
          "无需处理", "nothing to do")),
    _row(Reason.TAC_UNAVAILABLE, _A, "tac", "operator",
         ("无 TAC（合同允许）", "the source gives no TAC; the contract allows it",
          "无需处理", "nothing to do")),
    _row(Reason.TAC_BY_ISSUER, _A, "tac", "issuer",
         ("TAC 由发卡方校验", "another city's card: its issuer checks the TAC",
          "待发卡方答复", "wait for the issuer's answer")),
    # file level
    _row(Reason.UNREADABLE, _R, "body", "operator",
         ("无法解析", "the body cannot be read as one of the four batch forms",
          "按所示位置更正后重新提交", "mend it where the message says, and submit it again")),
    _row(Reason.TOO_LARGE, _R, "body", "operator",
         ("交易包过大", "the batch is larger than the limit",
          "拆分后提交", "split it")),
    _row(Reason.VERSION_UNKNOWN, _R, "version", "operator",
         ("版本未知", "the envelope's or the record's version is not known",
          "使用公布的版本", "use a published version")),
    _row(Reason.EMPTY, _R, "count", "operator",
         ("空交易包", "the batch has no taps",
          "无需提交空包", "do not submit empty batches")),
    _row(Reason.OPERATOR_UNKNOWN, _R, "operator", "operator",
         ("运营商未登记", "the operator is not in the registry",
          "先登记运营商", "register the operator first")),
    _row(Reason.OPERATOR_SUSPENDED, _R, "operator", "operator",
         ("运营商已暂停", "the operator is suspended",
          "联系清分中心", "ask the clearing centre")),
    _row(Reason.KEY_WRONG, _R, "api_key", "operator",
         ("接口密钥不属于该运营商", "the API key is not this operator's",
          "使用本运营商的接口密钥", "use the operator's own API key")),
    _row(Reason.SIGNATURE_WRONG, _R, "signature", "operator",
         ("签名错误", "the signature is not the operator's",
          "用登记的密钥签名后重新提交", "sign with the registered key and submit again")),
    _row(Reason.DIGEST_WRONG, _R, "digest", "operator",
         ("摘要错误", "the digest is not that of the content",
          "重新生成交易包", "make the batch again")),
    _row(Reason.HEADER_DIFFERS, _R, "header", "operator",
         ("包头与内容不符", "counts or sums of the header are not those of the content",
          "重新生成交易包", "make the batch again")),
    _row(Reason.NUMBER_USED, _R, "number", "operator",
         ("包号已用于其他内容", "the number was used for other content",
          "换用新的包号；查明原因", "use a new number; find out why")),
    _row(Reason.DECLARED_FUTURE, _R, "declared_date", "operator",
         ("申报日期在未来", "the declared date lies in the future",
          "更正申报日期", "correct the declared date")),
    _row(Reason.PROFILE_NOT_ALLOWED, _R, "profile", "operator",
         ("合同不允许该数据来源", "the operator's contract does not allow this profile",
          "修改合同或提交完整记录", "have the contract changed, or submit full records")),
    _row(Reason.NUMBER_GAP, _A, "number", "nobody",
         ("包号断号", "batch numbers before this one have not come",
          "补传缺失的交易包", "submit the batches that are missing")),
)
# fmt: on

ROW: Final[dict[Reason, Row]] = {row.reason: row for row in TABLE}
RANK: Final[dict[Reason, int]] = {row.reason: rank for rank, row in enumerate(TABLE)}
"""Position in table order; the smaller one names the verdict among equals."""

RECORD_LEVEL: Final = tuple(row for row in TABLE if row.reason < 64)
FILE_LEVEL: Final = tuple(row for row in TABLE if row.reason >= 100)


def decide(flags: int) -> tuple[Verdict, Reason, int]:
    """Verdict, reason and remaining flags of a tap to which the reasons in ``flags`` apply.

    ``flags`` has bit *n* set for reason number *n*. The reason is taken out of the flags returned.
    """
    best: Row | None = None
    for row in RECORD_LEVEL:
        if flags >> row.reason & 1 and (best is None or row.outcome > best.outcome):
            best = row
    if best is None:
        return Verdict.ACCEPTED, Reason.CLEAN, 0
    return best.outcome, best.reason, flags & ~(1 << best.reason)


def names(flags: int) -> list[str]:
    """Names of the reasons in ``flags``, in table order."""
    return [row.name for row in RECORD_LEVEL if flags >> row.reason & 1]


def verdict_of(reason: Reason) -> Verdict:
    """The verdict that belongs to a tap's reason."""
    return ROW[reason].outcome if reason else Verdict.ACCEPTED
