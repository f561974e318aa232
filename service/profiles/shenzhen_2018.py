"""Shenzhen's anonymised taps of 2018 (open data set 29200_00403601), as its CSV publishes them.

It has no TAC, no counters, no balances and no card registry. Card numbers are letters A to J, which
stand for digits in an order that nobody knows; here they become 0 to 9.
"""

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from schemas.codes import Algorithm, CardFamily, Discount, Industry, TapKind, TypeByte
from schemas.record import Tap
from service.profiles.layout import Layout, Name, Reading, UnreadableRowError

_KINDS: Final = {
    "地铁入站": TapKind.METRO_TAP_IN,
    "地铁出站": TapKind.METRO_TAP_OUT,
    "巴士": TapKind.BUS_FLAT,
}
_UNKNOWN_KIND: Final = 0
_NOTHING: Final = frozenset({"", "-", "--", "null", "NULL", "None", "无"})
_FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M", "%Y%m%d%H%M%S",
)  # fmt: skip
_DIGITS_OF: Final = {"%Y%m%d%H%M%S": 14, "%Y%m%d": 8}
_DAY_FORMATS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
_NO_TIME: Final = "F" * 14
_NO_SERIAL: Final = "F" * 20
_DIGITS: Final = str.maketrans("ABCDEFGHIJ", "0123456789")
_LETTERS: Final = re.compile("[A-J]{1,18}")
_AMOUNT_MAX: Final = 2**31 - 1
_NO_AMOUNT: Final = -1
"""No record has a negative amount, so this one is judged malformed in that very field."""
_SHENZHEN: Final = "5840"
ISSUER: Final = _SHENZHEN.rjust(16, "0")


def read(values: dict[str, str]) -> Reading:
    """What a row says: see ``layout.Layout``."""
    company = _text(values["company_name"])
    if not company:
        raise UnreadableRowError("company_name is blank: nobody can be owed this tap")
    deal_type = values["deal_type"].strip()
    metro = deal_type.startswith("地铁")
    validator = _text(values["equ_no"])
    tapped_at = _moment(values["deal_date"])
    tap = Tap(
        family=CardFamily.ANONYMISED,
        issuer=ISSUER,
        serial=serial_of(values["card_no"].strip()),
        terminal_id=terminal_of(validator),
        tapped_at=tapped_at,
        type_byte=TypeByte.PURCHASE,
        operator=0,
        kind=_KINDS.get(deal_type, _UNKNOWN_KIND),
        amount_fen=_amount(values["deal_money"]),
        gross_fen=_amount(values["deal_value"]),
        city=_SHENZHEN,
        industry=Industry.METRO if metro else Industry.BUS,
        device=int(validator) if validator.isdecimal() and len(validator) <= 12 else 0,
        discount_claimed=Discount.TRANSFER if _is_one(values["conn_mark"]) else Discount.NONE,
        algorithm=Algorithm.NONE,
    )
    return Reading(
        company=company,
        mode="metro" if metro else "bus",
        declared_date=_day(values["close_date"]),
        tap=tap,
        names=_names(metro, _text(values["station"]), _text(values["car_no"])),
        validator=validator,
        validator_prefix=validator[:3],
    )


def known_prefix(terminal_id: str) -> str:
    """The first three digits of a validator, from its id as a terminal."""
    return terminal_id.lstrip("0")[:3]


def serial_of(card: str) -> str:
    """The serial of a card number: how many letters (2 digits), then each as a digit, right-aligned.

    The length keeps ``AAB`` and ``B`` apart. What is no such number gets a serial that is malformed.
    """
    if not _LETTERS.fullmatch(card):
        return _NO_SERIAL
    return f"{len(card):02}" + card.translate(_DIGITS).rjust(18, "0")


def terminal_of(validator: str) -> str:
    """The terminal id of a validator: its digits right-aligned; other texts by their digest."""
    if validator.isascii() and validator.isdecimal() and len(validator) <= 12:
        return validator.rjust(12, "0")
    if not validator:
        return "0" * 12
    return "EE" + hashlib.sha256(validator.encode()).hexdigest()[:10].upper()


def _names(metro: bool, station: str, car: str) -> tuple[Name, ...]:
    """A metro row names its station (and a gate, which the validator stands for already), a bus row
    its line and vehicle."""
    if metro:
        return (Name("station", "station", station),) if station else ()
    names = [("line", station), ("vehicle", car)]
    return tuple(Name(kind, kind, name) for kind, name in names if name)


def _text(value: str) -> str:
    stripped = value.strip()
    return "" if stripped in _NOTHING else stripped


def _is_one(value: str) -> bool:
    return value.strip() in {"1", "1.0"}


def _amount(value: str) -> int:
    """Fen; what is no whole number that a record holds becomes one that is judged malformed."""
    found = re.fullmatch(r"([+-]?\d{1,10})(?:\.0*)?", value.strip(), re.ASCII)
    fen = int(found[1]) if found else _NO_AMOUNT
    return fen if 0 <= fen <= _AMOUNT_MAX else _NO_AMOUNT


def _moment(value: str) -> str:
    """YYYYMMDDHHMMSS; what is no time becomes a text that is judged malformed."""
    return _time(re.sub(r"\.\d+$", "", value.strip()), _FORMATS) or _NO_TIME


@lru_cache(maxsize=1024)
def _day(value: str) -> str:
    """YYYYMMDD of a date, with or without a time; empty where there is none."""
    moment = _moment(value)
    return (_time(value.strip(), _DAY_FORMATS) if moment == _NO_TIME else moment)[:8]


def _time(text: str, patterns: tuple[str, ...]) -> str:
    """YYYYMMDDHHMMSS by the first pattern that fits; empty where none does."""
    for pattern in patterns:
        if text.isdecimal() and len(text) != _DIGITS_OF.get(pattern):
            continue  # strptime would guess which digit belongs where
        try:
            moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - local by design
        except ValueError:
            continue
        return f"{moment.year:04}{moment:%m%d%H%M%S}"
    return ""


LAYOUT: Final = Layout(
    name="shenzhen-2018",
    columns=(
        "deal_date", "close_date", "card_no", "deal_value", "deal_type", "company_name",
        "car_no", "station", "conn_mark", "deal_money", "equ_no",
    ),
    read=read,
    known_prefix=known_prefix,
    family=CardFamily.ANONYMISED,
    issuer=ISSUER,
    issuer_city=_SHENZHEN,
    issuer_name="Shenzhen Tong, anonymised",
    tariffs={"metro": "shenzhen-2018/metro", "bus": "shenzhen-2018/bus"},
    splits={"metro": "shenzhen-2018/metro", "bus": "shenzhen-2018/bus"},
    fee="shenzhen-2018/standard",
)  # fmt: skip
