"""How money, counts and times look to a person."""

from datetime import datetime, timedelta
from typing import NamedTuple

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
