"""How money, counts and times look to a person."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from clearing.plan import EPOCH


def yuan(fen: int) -> str:
    """Fen as yuan, for example ``1,234.50``; exact, without a float."""
    sign, whole = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{whole // 100:,}.{whole % 100:02}"


def moment(seconds: int) -> str:
    """Local seconds as a time; far-off ones stay numbers."""
    try:
        return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return str(seconds)


def moment_of_record(text: str) -> str:
    """YYYYMMDDHHMMSS of a record as a time; what is none stays as it is."""
    try:
        return f"{datetime.strptime(text, '%Y%m%d%H%M%S'):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ007 - local by design
    except ValueError:
        return text


def many(count: int, what: str) -> str:
    """A count with its noun, for example ``1 tap`` or ``1,200 taps``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


class Said(NamedTuple):
    """One thing said in both languages."""

    zh: str
    en: str


LEFT_OUT: Final[Mapping[str, Said]] = {
    "other_city": Said(
        "他城卡或他城提交，清算总额已交换，须与该城另行结算",
        "another city's: clearing totals were exchanged, settle it with that city",
    ),
    "no_fare": Said("不是乘车交易", "no ride"),
    "torn": Said("闪卡，由下一笔记录判定", "torn: the card's next record settles it"),
    "decided": Said("挂账项已有决定", "an item about it was decided already"),
}
"""Why a re-clearing leaves taps out, by ``settlement.reclearing.selecting.Why``."""
