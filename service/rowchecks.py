"""What must hold of a registry row beyond its types, told by field, before it is put in force."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from clearing.keys.errors import KeysError
from clearing.keys.signing import PublicKey
from clearing.rules import RuleSet
from schemas.codes import CardFamily, Check
from schemas.registry import City, Denied, Denylist, Issuer, Operator, Staff, Station, Terminal

INTEROPERABLE_WITHIN_DAYS: Final = 30
"""An issuer that was added is to be live within so many days (domain §8)."""
CEASES_WITHIN_DAYS: Final = 7
"""An issuer that was removed is to be off within so many days (domain §8)."""

MODES: Final = ("metro", "bus", "taxi", "agent")
_HEX: Final = re.compile(r"[0-9A-Fa-f]*")
_NUMBER_MAX: Final = 2**32 - 1

Wrong = tuple[str, str, str]
"""(field, what is wrong, what to do)."""


class Facts(msgspec.Struct, frozen=True):
    """What rows are held against: operators known with them, the rules in force."""

    operators: frozenset[int]
    rules: RuleSet


def check(row: msgspec.Struct, facts: Facts) -> Iterator[Wrong]:
    """Everything that is wrong with a row of any kind."""
    since, until = getattr(row, "since", None), getattr(row, "until", None)
    if isinstance(since, date) and until is not None and until < since:
        yield "until", f"{until} lies before since, {since}.", "Let it end when it began, or later."
    yield from _CHECKS.get(type(row), _nothing)(row, facts)


def warnings(old: msgspec.Struct | None, row: msgspec.Struct, open_date: date) -> Iterator[str]:
    """What holds and is against a rule all the same: terms of the interoperability list."""
    if not isinstance(row, Issuer) or row.own:
        return
    before = old if isinstance(old, Issuer) else None
    name = f"issuer {row.number} {row.name}"
    latest = open_date + timedelta(days=INTEROPERABLE_WITHIN_DAYS)
    if row.since > latest and (before is None or before.since != row.since):
        yield (
            f"{name}: added on {open_date} and live from {row.since} on; an issuer that is added is"
            f" to be live within {INTEROPERABLE_WITHIN_DAYS} days, by {latest}."
        )
    latest = open_date + timedelta(days=CEASES_WITHIN_DAYS)
    if row.until and row.until > latest and (before is None or before.until != row.until):
        yield (
            f"{name}: removed on {open_date} and off from {row.until} on; an issuer that is removed"
            f" is to be off within {CEASES_WITHIN_DAYS} days, by {latest}."
        )


# -- by kind -------------------------------------------------------------------------------------


def _nothing(_row: Any, _facts: Facts) -> Iterator[Wrong]:
    return iter(())


def _operator(row: Operator, facts: Facts) -> Iterator[Wrong]:
    if not 0 < row.number <= _NUMBER_MAX:
        yield "number", f"{row.number} is no operator number.", f"Use 1 to {_NUMBER_MAX}."
    if not row.code.strip():
        yield "code", "the code is empty.", "Give a short name, unique at this node."
    if row.mode not in MODES:
        yield "mode", f"there is no mode {row.mode!r}.", f"Modes are {', '.join(MODES)}."
    for field, known in (
        ("tariff", facts.rules.tariff_names()),
        ("split", facts.rules.split_names()),
        ("fee", facts.rules.fee_names()),
    ):
        name = getattr(row, field)
        if name and name not in known:
            yield field, f"there is no {field} named {name!r}.", f"Known are {', '.join(known)}."
    if row.checks & ~int(Check.ALL):
        yield "checks", f"{row.checks} has bits that no check has.", f"All are {int(Check.ALL)}."
    if row.public_key:
        yield from _public_key(row.public_key)
    if row.api_key_sha256:
        yield from _hex("api_key_sha256", row.api_key_sha256, 64)
    for version, moment in row.denylist_acknowledged:
        if version < 1:
            yield "denylist_acknowledged", f"{version} is no version.", "Versions count from 1."
        yield from _moment("denylist_acknowledged", moment)


def _terminal(row: Terminal, facts: Facts) -> Iterator[Wrong]:
    yield from _hex("terminal_id", row.terminal_id, 12)
    if row.operator not in facts.operators:
        yield "operator", f"there is no operator {row.operator}.", "Register the operator first."
    yield from _numbers(row, "line")
    if not 0 <= row.device < 2**63:
        yield "device", f"{row.device} is out of range.", f"Use 0 to {2**63 - 1}."


def _issuer(row: Issuer, _: Facts) -> Iterator[Wrong]:
    if not 0 < row.number < 2**15:
        yield "number", f"{row.number} is no issuer number.", f"Use 1 to {2**15 - 1}."
    yield from _card(row.family, row.issuer)
    if not row.city.strip():
        yield "city", "the city is empty.", "Give its UnionPay area code, for example 7910."


def check_denied(row: Denied) -> Iterator[Wrong]:
    """Everything that is wrong with a denied card."""
    yield from _card(row.family, row.issuer)
    yield from _hex("serial", row.serial, 20)
    yield from _moment("since", row.since)
    if row.version < 1:
        yield "version", f"{row.version} is no version.", "Versions count from 1."


def _denied(row: Denied, _: Facts) -> Iterator[Wrong]:
    return check_denied(row)


def _denylist(row: Denylist, _: Facts) -> Iterator[Wrong]:
    if row.version < 1:
        yield "version", f"{row.version} is no version.", "Versions count from 1."
    yield from _moment("published_at", row.published_at)


def _station(row: Station, facts: Facts) -> Iterator[Wrong]:
    yield from _numbers(row, "number", "line")
    if not row.name.strip():
        yield "name", "the name is empty.", "Give the name that people know it by."
    if row.operator and row.operator not in facts.operators:
        yield "operator", f"there is no operator {row.operator}.", "Register it first, or give 0."


def _city(row: City, _: Facts) -> Iterator[Wrong]:
    if not re.fullmatch(r"\d{4}", row.city):
        yield "city", f"{row.city!r} is no area code.", "Give four digits, for example 7910."
    yield from _public_key(row.public_key)


def _staff(row: Staff, _: Facts) -> Iterator[Wrong]:
    yield from _hex("key_sha256", row.key_sha256, 64)


# -- fields --------------------------------------------------------------------------------------


def _hex(field: str, text: str, digits: int) -> Iterator[Wrong]:
    if len(text) != digits or not _HEX.fullmatch(text):
        yield field, f"{text!r} is not {digits} hexadecimal digits.", "Give all of them."


def _card(family: int, issuer: str) -> Iterator[Wrong]:
    if family not in set(CardFamily):
        known = ", ".join(f"{int(kind)} {kind.name.lower()}" for kind in CardFamily)
        yield "family", f"there is no card family {family}.", f"Known are {known}."
    yield from _hex("issuer", issuer, 16)


def _moment(field: str, text: str) -> Iterator[Wrong]:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        yield field, f"{text!r} is no local time.", "Write it as 2026-01-05T08:30:00."


def _numbers(row: msgspec.Struct, *fields: str) -> Iterator[Wrong]:
    for field in fields:
        if not 0 <= getattr(row, field) <= _NUMBER_MAX:
            yield field, f"{getattr(row, field)} is out of range.", f"Use 0 to {_NUMBER_MAX}."


def _public_key(text: str) -> Iterator[Wrong]:
    try:
        PublicKey.decode(bytes.fromhex(text))
    except (ValueError, KeysError):
        yield "public_key", "it is no Ed25519 key.", "Give 01 and the key's 64 hexadecimal digits."


_CHECKS: Final[dict[type[msgspec.Struct], Callable[[Any, Facts], Iterator[Wrong]]]] = {
    Operator: _operator,
    Terminal: _terminal,
    Issuer: _issuer,
    Denied: _denied,
    Denylist: _denylist,
    Station: _station,
    City: _city,
    Staff: _staff,
}
