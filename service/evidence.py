"""Evidence in words: which field, what was expected, what came, for a person in money and times."""

from collections.abc import Callable
from typing import Final

import msgspec

from clearing.inspection import Remark
from clearing.plan import FOREVER
from schemas import record
from schemas.codes import CardKind, Discount
from schemas.reasons import ROW, Reason
from service.text import Said, moment, yuan


class Evidence(msgspec.Struct, frozen=True):
    """Why a reason applies: ``expected`` and ``actual`` as text, empty where there is nothing to say."""

    reason: str
    field: str
    expected: str
    actual: str


class Told(msgspec.Struct, frozen=True):
    """The same in both languages; ``field`` is the record's field by name."""

    reason: Reason
    field: str
    expected: Said
    actual: Said


_Words = Callable[[int, int], tuple[Said, Said]]
NOTHING: Final = Said("", "")
_FIRST_DAYS_S: Final = 30 * 86_400


def _same(text: str) -> Said:
    return Said(text, text)


def fen(amount_fen: int) -> Said:
    """An amount in yuan."""
    return Said(f"{yuan(amount_fen)} 元", f"{yuan(amount_fen)} yuan")


def _money(expected: int, actual: int) -> tuple[Said, Said]:
    return fen(expected), fen(actual)


def _at_most_money(expected: int, actual: int) -> tuple[Said, Said]:
    return Said(f"不超过 {yuan(expected)} 元", f"at most {yuan(expected)} yuan"), fen(actual)


def _at_most_time(expected: int, actual: int) -> tuple[Said, Said]:
    limit = moment(expected)
    return Said(f"不晚于 {limit}", f"no later than {limit}"), _same(moment(actual))


def _transfer(expected: int, actual: int) -> tuple[Said, Said]:
    # Without a first leg the latest time is the window's length after the first second of the calendar.
    if expected < _FIRST_DAYS_S:
        none = Said(
            "此前有合格的前程，而目前未知任何前程",
            "an earlier leg that qualifies, and none is known",
        )
    else:
        none = Said(f"乘车不晚于 {moment(expected)}", f"a ride no later than {moment(expected)}")
    return none, Said(f"{moment(actual)} 乘车", f"a ride at {moment(actual)}")


def _unmarked(expected: int, actual: int) -> tuple[Said, Said]:
    full, charged = fen(expected), fen(actual)
    return (
        Said(f"有换乘标记，或扣款 {full.zh}", f"the mark of a transfer, or {full.en}"),
        Said(f"无标记，扣款 {charged.zh}", f"no mark, and {charged.en}"),
    )


def _journey(expected: int, actual: int) -> tuple[Said, Said]:
    limit, out = moment(expected), moment(actual)
    return (
        Said(f"不晚于 {limit} 出站", f"an exit no later than {limit}"),
        Said(f"{out} 出站", f"an exit at {out}"),
    )


def _interoperable(expected: int, actual: int) -> tuple[Said, Said]:
    # The evidence has the first moment only: who taps after it came after the last one.
    since = moment(expected)
    when = Said(f"{since} 起，已终止", f"from {since}, and no more")
    if actual < expected:
        when = Said(f"{since} 起", f"from {since} only")
    return (
        Said(f"互通期内（{when.zh}）", f"a time when its cards are accepted ({when.en})"),
        Said(f"{moment(actual)} 的交易", f"a tap at {moment(actual)}"),
    )


def _denied(expected: int, actual: int) -> tuple[Said, Said]:
    binding = Said(
        "名单送达后不受理（尚未送达）", "no tap after the list's delivery, still to come"
    )
    if expected != FOREVER:
        since = moment(expected)
        binding = Said(f"自 {since} 起不受理", f"no tap from {since} on")
    return binding, Said(f"{moment(actual)} 的交易", f"a tap at {moment(actual)}")


def _day(number: int) -> str:
    return moment(86_400 * number)[:10]


def _from_day(expected: int, actual: int) -> tuple[Said, Said]:
    return Said(f"{_day(expected)} 起", f"from {_day(expected)}"), _same(_day(actual))


def _until_day(expected: int, actual: int) -> tuple[Said, Said]:
    return Said(f"有效期至 {_day(expected)}", f"until {_day(expected)}"), _same(_day(actual))


def _place(packed: int) -> str:
    return f"{packed >> 32}:{packed & 0xFFFF_FFFF}"


def _places(expected: int, actual: int) -> tuple[Said, Said]:
    first, second = _place(expected), _place(actual)
    return (
        Said(f"只有首笔 {first}", f"tap {first} alone"),
        Said(f"又有 {second}", f"tap {second} again"),
    )


def _operators(expected: int, actual: int) -> tuple[Said, Said]:
    return _operator(expected), _operator(actual)


def _operator(number: int) -> Said:
    return Said(f"运营商 {number}", f"operator {number}")


CARD_KINDS: Final = {
    CardKind.UNSTATED: Said("未注明", "unstated"),
    CardKind.ORDINARY: Said("普通卡", "ordinary"),
    CardKind.STUDENT: Said("学生卡", "student"),
    CardKind.SENIOR: Said("老年卡", "senior"),
    CardKind.LOVE: Said("爱心卡", "love"),
    CardKind.MILITARY: Said("军人卡", "military"),
    CardKind.STAFF: Said("员工卡", "staff"),
    CardKind.TEST: Said("测试卡", "test"),
}


def card_kind(number: int) -> Said:
    """A card kind by name; an unknown one stays a number."""
    known = {kind.value: text for kind, text in CARD_KINDS.items()}
    return known.get(number, Said(f"代码 {number}", f"code {number}"))


def _kinds(expected: int, actual: int) -> tuple[Said, Said]:
    return card_kind(expected), card_kind(actual)


def _test_card(_expected: int, actual: int) -> tuple[Said, Said]:
    return Said("非测试卡", "no test card"), card_kind(actual)


def _concession(expected: int, actual: int) -> tuple[Said, Said]:
    kind = card_kind(expected)
    given = [bit for bit in Discount if bit and actual & bit]
    names = {
        Discount.TRANSFER: Said("换乘", "transfer"),
        Discount.CONCESSION: Said("优惠", "concession"),
    }
    return (
        Said(f"无优惠（发行卡种：{kind.zh}）", f"no concession for the issued kind ({kind.en})"),
        Said(
            "、".join(names[bit].zh for bit in given), " and ".join(names[bit].en for bit in given)
        ),
    )


def _tac(_expected: int, actual: int) -> tuple[Said, Said]:
    return Said("该卡的 TAC", "the card's TAC"), _same(f"{actual & 0xFFFF_FFFF:08X}")


def _tac_absent(_expected: int, _actual: int) -> tuple[Said, Said]:
    return Said("记录带 TAC", "a TAC"), Said("无 TAC", "none")


def _key_set(_expected: int, actual: int) -> tuple[Said, Said]:
    version, index, algorithm = actual >> 16, actual >> 8 & 0xFF, actual & 0xFF
    return (
        Said("发卡方的密钥组", "a key set of the issuer"),
        Said(
            f"版本 {version}，索引 {index}，算法 {algorithm}",
            f"version {version}, index {index}, algorithm {algorithm}",
        ),
    )


def _entry(_expected: int, station: int) -> tuple[Said, Said]:
    out = Said(f"，出站站点 {station}", f", and out at station {station}")
    if not station:
        out = NOTHING
    return Said("有进站记录", "an entry"), Said(f"未知{out.zh}", f"none that is known{out.en}")


def _entry_open(expected: int, actual: int) -> tuple[Said, Said]:
    since = moment(expected)
    return (
        Said(f"{since} 进站后的出站", f"an exit after the entry at {since}"),
        Said(f"{moment(actual)} 再次进站", f"another entry at {moment(actual)}"),
    )


def _above(expected: int, actual: int) -> tuple[Said, Said]:
    return Said(f"大于 {expected}", f"above {expected}, the highest known"), _same(str(actual))


def _counter_reused(expected: int, actual: int) -> tuple[Said, Said]:
    return (
        Said(f"未用过的计数（最高 {expected}）", f"a counter not used before (highest {expected})"),
        _same(str(actual)),
    )


def _number_reused(expected: int, actual: int) -> tuple[Said, Said]:
    return (
        Said(
            f"未用过的流水号（最高 {expected}）", f"a number not given before (highest {expected})"
        ),
        _same(str(actual)),
    )


def _closed(expected: int, actual: int) -> tuple[Said, Said]:
    # A refunded card's evidence has two moments, a closed one's two states.
    if expected > 1:
        return Said(f"退卡（{moment(expected)}）之前", f"before its refund at {moment(expected)}"), _same(moment(actual))  # fmt: skip
    return Said("正常卡", "a card in use"), Said("已销户", "closed")


def _kind_code(zh: str, en: str) -> _Words:
    return lambda _expected, actual: (Said(zh, en), Said(f"代码 {actual}", f"kind {actual}"))


def _missing(zh: str, en: str, of_zh: str, of_en: str) -> _Words:
    return lambda _expected, number: (
        Said(zh, en),
        Said(f"{of_zh} {number} 无", f"none for {of_en} {number}"),
    )


def _registered(zh: str, en: str) -> _Words:
    return lambda _expected, _actual: (Said(zh, en), Said("未登记", "not registered"))


_WORDS: Final[dict[Reason, _Words]] = {
    Reason.UNKNOWN_KIND: _kind_code("公布的交易类型", "a kind of the published table"),
    Reason.AMOUNT_ABOVE_LIMIT: _at_most_money,
    Reason.BALANCE_ABOVE_LIMIT: _at_most_money,
    Reason.BALANCE_ARITHMETIC: _money,
    Reason.ABOVE_TARIFF: _money,
    Reason.BELOW_TARIFF: _money,
    Reason.TRANSFER_UNMARKED: _unmarked,
    Reason.GROSS_DIFFERS: _money,
    Reason.CHAIN_GAP_PENDING: _money,
    Reason.BALANCE_RISE_PENDING: _money,
    Reason.ZERO_AMOUNT: lambda _expected, actual: (Said("大于 0", "above 0"), fen(actual)),
    Reason.FUTURE: _at_most_time,
    Reason.TRANSFER_UNQUALIFIED: _transfer,
    Reason.TRANSFER_UNPROVEN: _transfer,
    Reason.JOURNEY_TOO_LONG: _journey,
    Reason.ENTRY_WITHOUT_EXIT: _entry_open,
    Reason.ISSUER_NOT_INTEROPERABLE: _interoperable,
    Reason.DENYLISTED: _denied,
    Reason.DENYLIST_UNDELIVERED: _denied,
    Reason.PRESENTED_LATE: _from_day,
    Reason.CARD_EXPIRED: _until_day,
    Reason.DUPLICATE: _places,
    Reason.DUPLICATE_IN_BATCH: _places,
    Reason.DUPLICATE_ALTERED: _places,
    Reason.DUPLICATE_OTHER_DATE: _places,
    Reason.DUPLICATE_OTHER_CITY: _places,
    Reason.TERMINAL_OF_OTHER_OPERATOR: _operators,
    Reason.OPERATOR_OTHER: _operators,
    Reason.CARD_KIND_DIFFERS: _kinds,
    Reason.CARD_KIND_UNKNOWN: _kinds,
    Reason.CONCESSION_NOT_OF_CARD: _concession,
    Reason.TEST_CARD: _test_card,
    Reason.CARD_CLOSED: _closed,
    Reason.TAC_WRONG: _tac,
    Reason.TAC_TORN: _tac,
    Reason.TAC_NOT_ALLOWED_ABSENT: _tac_absent,
    Reason.KEY_SET_UNKNOWN: _key_set,
    Reason.TAP_OUT_WITHOUT_TAP_IN: _entry,
    Reason.TARIFF_MISSING: lambda _expected, line: (
        Said("有票价规则", "a tariff"), Said(f"线路 {line} 无", f"none for line {line}"),
    ),
    Reason.ACCOUNT_MISSING: _missing("有分账规则", "a split", "运营商", "operator"),
    Reason.FEE_RULE_MISSING: _missing("有手续费规则", "a fee rule", "运营商", "operator"),
    Reason.COUNTER_LATE: _above,
    Reason.COUNTER_REUSED: _counter_reused,
    Reason.TERMINAL_NUMBER_REUSED: _number_reused,
    Reason.TERMINAL_UNKNOWN: _registered("登记的终端", "a registered terminal"),
    Reason.CARD_NOT_ISSUED: _registered("发行的卡", "an issued card"),
    Reason.ISSUER_UNKNOWN: _registered("登记的发卡机构", "a registered issuer"),
    Reason.KIND_NOT_SUPPORTED: _kind_code("自动处理的交易类型", "a kind that is settled without staff"),
    Reason.REFUND_HELD: lambda _expected, _actual: (
        Said("等待期已满", "a refund whose waiting time is over"), Said("仍在等待期内", "one that still waits"),
    ),
}  # fmt: skip
"""Reasons whose numbers mean something else than numbers."""


def told(remark: Remark) -> Told:
    """The evidence of a remark in both languages."""
    reason = Reason(remark.reason)
    field = ROW[reason].field
    if reason is Reason.MALFORMED:
        # The kernel points at the first byte of the field that does not hold.
        field = _field_at(remark.expected)
        came = Said(f"字节 {remark.actual:02X}", f"byte {remark.actual:02X}")
        return Told(reason, field, Said("有效值", "a valid value"), came)
    if reason in _WORDS:
        return Told(reason, field, *_WORDS[reason](remark.expected, remark.actual))
    if remark.expected == remark.actual == 0:
        return Told(reason, field, NOTHING, NOTHING)
    return Told(reason, field, _same(str(remark.expected)), _same(str(remark.actual)))


def in_words(remark: Remark) -> Evidence:
    """The evidence of a remark in English, as the HTTP door gives it."""
    found = told(remark)
    name = found.reason.name.lower()
    return Evidence(name, found.field, found.expected.en, found.actual.en)


def _field_at(offset: int) -> str:
    return next((f.name for f in record.FIELDS if f.offset <= offset < f.end), "record")
