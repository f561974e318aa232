"""Saying rules to people: a sentence is a pair, English and Chinese."""

from collections.abc import Mapping
from typing import Final

from clearing.plan import FOREVER, Bearer, Rounding, moment_of
from schemas.codes import CardKind

Said = tuple[str, str]
"""A sentence in English and in Chinese."""

CARDS: Final[Mapping[int, Said]] = {
    0: ("all other cards", "其他卡"),
    CardKind.ORDINARY: ("ordinary cards", "普通卡"),
    CardKind.STUDENT: ("student cards", "学生卡"),
    CardKind.SENIOR: ("senior cards", "老年卡"),
    CardKind.LOVE: ("love cards", "爱心卡"),
    CardKind.MILITARY: ("military cards", "军人卡"),
    CardKind.STAFF: ("staff cards", "员工卡"),
    CardKind.TEST: ("test cards", "测试卡"),
}
BEARERS: Final[Mapping[Bearer, Said]] = {
    Bearer.OPERATOR: ("borne by the operator", "运营商承担"),
    Bearer.ISSUER: ("borne by the issuer", "发卡机构承担"),
    Bearer.BUDGET: ("borne by the budget", "财政承担"),
}
ROUNDINGS: Final[Mapping[Rounding, Said]] = {
    Rounding.HALF_UP: ("rounded half up", "四舍五入"),
    Rounding.DOWN: ("rounded down", "舍去"),
    Rounding.UP: ("rounded up", "进一"),
}


def yuan(fen: int) -> str:
    """An amount in yuan, two digits after the point."""
    return f"{fen // 100}.{fen % 100:02}"


def yuan_words(fen: int) -> Said:
    """An amount in words."""
    return f"{yuan(fen)} yuan", f"{yuan(fen)}元"


def share_words(per_mille: int) -> Said:
    """A share that is paid: 900 per mille is 90 %, 九折."""
    if per_mille == 0:
        return "free", "免费"
    if per_mille == 1000:
        return "the full fare", "全价"
    percent = f"{per_mille / 10:g} %"
    return percent, percent.replace(" ", "")


def moment_words(at_s: int) -> str:
    """A moment of the calendar; a whole day without its time."""
    moment = moment_of(at_s)
    return f"{moment:%Y-%m-%d}" if at_s % 86_400 == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"


def span_words(since_s: int, until_s: int) -> Said:
    """An interval of the calendar."""
    since = moment_words(since_s)
    if until_s == FOREVER:
        return f"from {since} on", f"自{since}起"
    return f"from {since} until {moment_words(until_s)}", f"自{since}起至{moment_words(until_s)}止"
