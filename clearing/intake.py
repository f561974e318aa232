"""Bytes → a batch that may be judged, or a refusal with its reason. File-level checks (domain §5).

Nothing here reads the database: what is known of operators comes in as a registry.
"""

from datetime import date
from typing import Final

import msgspec

from clearing.errors import ClearingError
from clearing.keys.signing import PublicKey
from clearing.limits import BATCH_BYTES_MAX, BATCH_TAPS_MAX
from schemas import batch as envelope
from schemas import record
from schemas.batch import Batch, EnvelopeError
from schemas.codes import Check, DigestAlgorithm, SignatureAlgorithm
from schemas.forms import Form, decode
from schemas.reasons import ROW, Reason
from schemas.registry import Operator


class Refusal(ClearingError):
    """A batch that was not taken: nothing of it was stored.

    ``reason`` is a file-level reason; ``expected`` and ``actual`` say what was wrong where.
    """

    def __init__(self, reason: Reason, *, expected: str = "", actual: str = "") -> None:
        self.reason, self.expected, self.actual = reason, expected, actual
        row = ROW[reason]
        detail = f" ({row.field}: expected {expected}, came {actual})" if expected else ""
        detail = detail or (f" ({actual})" if actual else "")
        super().__init__(f"{row.english[0].upper()}{row.english[1:]}{detail}.", row.remedy_english)


class Profile(msgspec.Struct, frozen=True):
    """What a source can give: the checks that its data supports."""

    name: str
    checks: Check


PROFILES: dict[str, Profile] = {
    "": Profile("", Check.ALL),
    "shenzhen-2018": Profile(
        "shenzhen-2018", Check.TERMINAL_REGISTRY | Check.JOURNEYS | Check.TARIFF
    ),
}
"""Source profiles by name; the empty name is the full record."""


ALWAYS: Final = date(2000, 1, 1)
"""A registry row's ``since`` where nobody stated one: it says nothing about earlier dates."""


def read(body: bytes, form: Form | None = None) -> Batch:
    """The batch in a body of any form. Raises ``Refusal``: too large, unreadable, version, empty."""
    if len(body) > BATCH_BYTES_MAX:
        raise Refusal(
            Reason.TOO_LARGE, expected=f"at most {BATCH_BYTES_MAX} bytes", actual=str(len(body))
        )
    try:
        batch = decode(body, form)
    except EnvelopeError as error:
        raise Refusal(Reason.UNREADABLE, actual=str(error)) from error
    header = batch.header
    if header.version != envelope.VERSION or header.record_version != record.VERSION:
        raise Refusal(
            Reason.VERSION_UNKNOWN,
            expected=f"{envelope.VERSION} with records {record.VERSION}",
            actual=f"{header.version} with records {header.record_version}",
        )
    if header.count == 0:
        raise Refusal(Reason.EMPTY)
    if header.count > BATCH_TAPS_MAX:
        raise Refusal(
            Reason.TOO_LARGE, expected=f"at most {BATCH_TAPS_MAX} taps", actual=str(header.count)
        )
    return batch


def check(batch: Batch, operator: Operator | None, open_date: str, *, trusted: bool) -> Check:
    """Everything about a batch that can refuse it; returns the checks its taps get.

    ``operator`` is the registry's row, ``open_date`` YYYYMMDD; ``trusted``: handed in by the centre's
    own staff, so that an operator without a registered key may be unsigned. Raises ``Refusal``.
    """
    header = batch.header
    if operator is None:
        raise Refusal(Reason.OPERATOR_UNKNOWN, actual=f"operator {header.operator}")
    if operator.suspended:
        raise Refusal(Reason.OPERATOR_SUSPENDED, actual=operator.code)
    if header.digest_algorithm != DigestAlgorithm.SHA256:
        raise Refusal(
            Reason.DIGEST_WRONG, expected="algorithm 1", actual=str(header.digest_algorithm)
        )
    tally = envelope.tally(batch.records)
    if header.sums != tally:
        raise Refusal(Reason.HEADER_DIFFERS, expected=_sums(header.sums), actual=_sums(tally))
    digest = envelope.digest_of(header, batch.records)
    if digest != header.digest.upper():
        raise Refusal(Reason.DIGEST_WRONG, expected=header.digest, actual=digest)
    _check_signature(batch, operator, trusted)
    if not _is_date(header.declared_date):
        raise Refusal(Reason.UNREADABLE, actual=f"declared date {header.declared_date}")
    if header.declared_date > open_date:
        raise Refusal(
            Reason.DECLARED_FUTURE, expected=f"at most {open_date}", actual=header.declared_date
        )
    _check_contract(header.declared_date, operator)
    return _checks(header.profile, operator)


def _check_contract(declared: str, operator: Operator) -> None:
    """An operator is one for dates of its contract; what it declares for them later is late, not wrong."""
    day = date(int(declared[:4]), int(declared[4:6]), int(declared[6:]))
    early = day < operator.since and operator.since != ALWAYS
    if early or (operator.until is not None and day >= operator.until):
        until = f" to before {operator.until}" if operator.until is not None else ""
        raise Refusal(
            Reason.OPERATOR_UNKNOWN,
            expected=f"dates from {operator.since}{until}",
            actual=f"{operator.code} on {day}",
        )


def _checks(name: str, operator: Operator) -> Check:
    """The checks that the source supports; refused where the contract demands more."""
    profile, demanded = PROFILES.get(name), Check(operator.checks)
    if profile is None or demanded & ~profile.checks:
        raise Refusal(Reason.PROFILE_NOT_ALLOWED, actual=name or "full records")
    return profile.checks & (demanded if name else Check.ALL)


def _check_signature(batch: Batch, operator: Operator, trusted: bool) -> None:
    header = batch.header
    if not operator.public_key:
        if trusted and header.signature_algorithm == SignatureAlgorithm.UNSIGNED:
            return
        raise Refusal(Reason.SIGNATURE_WRONG, actual="the operator has no registered key")
    if header.signature_algorithm != SignatureAlgorithm.ED25519:
        raise Refusal(
            Reason.SIGNATURE_WRONG, expected="Ed25519", actual=str(header.signature_algorithm)
        )
    key = PublicKey.decode(bytes.fromhex(operator.public_key))
    message = envelope.signing_input(header.digest)
    if not key.verify(header.signature_algorithm, message, bytes.fromhex(header.signature)):
        raise Refusal(Reason.SIGNATURE_WRONG, expected="the registered key's", actual="another")


def _sums(sums: tuple[envelope.KindSum, ...]) -> str:
    return "; ".join(f"kind {s.kind}: {s.count} taps, {s.amount_fen} fen" for s in sums) or "none"


def _is_date(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return len(text) == 8 and text.isascii() and text.isdecimal()
