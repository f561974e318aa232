"""Evidence in words: which field, what was expected, what came, for a person in money and times."""

from collections.abc import Callable
from typing import Final

import msgspec

from clearing.inspection import Remark
from clearing.plan import FOREVER
from schemas import record
from schemas.codes import CardKind
from schemas.reasons import ROW, Reason
from service.text import moment, yuan


class Evidence(msgspec.Struct, frozen=True):
    """Why a reason applies: ``expected`` and ``actual`` as text, empty where there is nothing to say."""

    reason: str
    field: str
    expected: str
    actual: str


_Words = Callable[[int, int], tuple[str, str]]


def _money(expected: int, actual: int) -> tuple[str, str]:
    return f"{yuan(expected)} yuan", f"{yuan(actual)} yuan"


def _at_most_money(expected: int, actual: int) -> tuple[str, str]:
    return f"at most {yuan(expected)} yuan", f"{yuan(actual)} yuan"


def _at_most_time(expected: int, actual: int) -> tuple[str, str]:
    return f"at most {moment(expected)}", moment(actual)


def _from_time(expected: int, actual: int) -> tuple[str, str]:
    return f"from {moment(expected)}", moment(actual)


def _denied(expected: int, actual: int) -> tuple[str, str]:
    binding = "list not delivered" if expected == FOREVER else f"refused from {moment(expected)}"
    return binding, moment(actual)


def _day(number: int) -> str:
    return moment(86_400 * number)[:10]


def _from_day(expected: int, actual: int) -> tuple[str, str]:
    return f"from {_day(expected)}", _day(actual)


def _until_day(expected: int, actual: int) -> tuple[str, str]:
    return f"until {_day(expected)}", _day(actual)


def _place(packed: int) -> str:
    return f"tap {packed >> 32}:{packed & 0xFFFF_FFFF}"


def _places(expected: int, actual: int) -> tuple[str, str]:
    return f"first seen as {_place(expected)}", _place(actual)


def _operators(expected: int, actual: int) -> tuple[str, str]:
    return f"operator {expected}", f"operator {actual}"


def _kinds(expected: int, actual: int) -> tuple[str, str]:
    names = {kind.value: kind.name.lower() for kind in CardKind}
    return names.get(expected, str(expected)), names.get(actual, str(actual))


def _tac(_expected: int, actual: int) -> tuple[str, str]:
    return "the card's TAC", f"{actual:08X}"


def _key_set(_expected: int, actual: int) -> tuple[str, str]:
    words = f"version {actual >> 16}, index {actual >> 8 & 0xFF}, algorithm {actual & 0xFF}"
    return "a key set of the issuer", words


def _entry(_expected: int, station: int) -> tuple[str, str]:
    return "an entry", f"none that is known, and out at station {station}"


def _above(expected: int, actual: int) -> tuple[str, str]:
    return f"above {expected}", str(actual)


_WORDS: Final[dict[Reason, _Words]] = {
    Reason.AMOUNT_ABOVE_LIMIT: _at_most_money,
    Reason.BALANCE_ABOVE_LIMIT: _at_most_money,
    Reason.BALANCE_ARITHMETIC: _money,
    Reason.ABOVE_TARIFF: _money,
    Reason.BELOW_TARIFF: _money,
    Reason.TRANSFER_UNMARKED: _money,
    Reason.GROSS_DIFFERS: _money,
    Reason.CHAIN_GAP_PENDING: _money,
    Reason.BALANCE_RISE_PENDING: _money,
    Reason.ZERO_AMOUNT: lambda _expected, actual: ("above 0", f"{yuan(actual)} yuan"),
    Reason.FUTURE: _at_most_time,
    Reason.TRANSFER_UNQUALIFIED: _at_most_time,
    Reason.ISSUER_NOT_INTEROPERABLE: _from_time,
    Reason.DENYLISTED: _denied,
    Reason.DENYLIST_UNDELIVERED: _denied,
    Reason.PRESENTED_LATE: _from_day,
    Reason.CARD_EXPIRED: _until_day,
    Reason.DUPLICATE: _places,
    Reason.DUPLICATE_IN_BATCH: _places,
    Reason.DUPLICATE_ALTERED: _places,
    Reason.TERMINAL_OF_OTHER_OPERATOR: _operators,
    Reason.OPERATOR_OTHER: _operators,
    Reason.CARD_KIND_DIFFERS: _kinds,
    Reason.TAC_WRONG: _tac,
    Reason.TAC_TORN: _tac,
    Reason.KEY_SET_UNKNOWN: _key_set,
    Reason.TAP_OUT_WITHOUT_TAP_IN: _entry,
    Reason.TARIFF_MISSING: lambda _expected, line: ("a tariff", f"none for line {line}"),
    Reason.COUNTER_LATE: _above,
    Reason.COUNTER_REUSED: _above,
}
"""Reasons whose numbers mean something else than numbers."""


def in_words(remark: Remark) -> Evidence:
    """The evidence of a remark."""
    reason = Reason(remark.reason)
    name, field = reason.name.lower(), ROW[reason].field
    if reason is Reason.MALFORMED:
        # The kernel points at the first byte of the field that does not hold.
        field = _field_at(remark.expected)
        return Evidence(name, field, "a valid value", f"byte {remark.actual:02X}")
    if reason in _WORDS:
        return Evidence(name, field, *_WORDS[reason](remark.expected, remark.actual))
    if remark.expected == remark.actual == 0:
        return Evidence(name, field, "", "")
    return Evidence(name, field, str(remark.expected), str(remark.actual))


def _field_at(offset: int) -> str:
    return next((f.name for f in record.FIELDS if f.offset <= offset < f.end), "record")
