"""One tap on its way to a verdict, and whether its bytes are a tap at all."""

import hashlib
from datetime import datetime

from clearing.cards import CardLine
from clearing.kernel import Evidence
from clearing.plan import Accumulation, Bearer, Issuer, local_seconds
from clearing.terminals import TerminalLine
from schemas import record
from schemas.codes import DEBIT_KINDS, CardFamily, Mode, TapKind, TypeByte
from schemas.reasons import Reason
from schemas.record import Tap

_LOAD_TYPED = frozenset({TapKind.TOP_UP, TapKind.TOP_UP_REVERSAL})
_DEBIT_TYPES = frozenset({TypeByte.SINGLE_JOURNEY, TypeByte.PURCHASE, TypeByte.COMPOUND})


def seconds_of(text: str) -> int | None:
    """Local seconds of YYYYMMDDHHMMSS; None where it is no time between 2000 and 2099."""
    if not text.isdecimal() or not 2000 <= int(text[:4]) <= 2099:
        return None
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    try:
        return local_seconds(datetime(int(text[:4]), month, day, hour, minute, second))  # noqa: DTZ001 - records carry local time
    except ValueError:
        return None


def malformed_field(tap: Tap) -> str | None:  # noqa: C901 - one line a field
    """The first field, in the record's order, that makes a tap malformed."""
    if tap.version != record.VERSION:
        return "version"
    if not CardFamily.MOHURD <= tap.family <= CardFamily.ANONYMISED:
        return "family"
    for name in ("issuer", "serial"):
        if not getattr(tap, name).isdecimal():
            return name
    if seconds_of(tap.tapped_at) is None:
        return "tapped_at"
    if tap.kind in _LOAD_TYPED and tap.type_byte != TypeByte.LOAD:
        return "type_byte"
    if tap.kind in DEBIT_KINDS and tap.type_byte not in _DEBIT_TYPES:
        return "type_byte"
    for name in ("amount_fen", "gross_fen"):
        if getattr(tap, name) < 0:
            return name
    if not tap.city.isdecimal():
        return "city"
    if tap.mode > Mode.DEGRADED:
        return "mode"
    for name in ("entry_at", "transfer_at"):
        if int(getattr(tap, name), 16) and seconds_of(getattr(tap, name)) is None:
            return name
    return "reserved" if tap.reserved != "000000" else None


class Row:
    """One tap on its way to a verdict."""

    def __init__(self, number: int, data: bytes) -> None:
        self.number, self.data = number, data
        self.tap = record.unpack(data)
        self.identity = data[record.IDENTITY]
        self.head = hashlib.sha256(data).digest()[:4]
        self.tapped_s = seconds_of(self.tap.tapped_at)
        self.flags = 0
        self.evidence: list[Evidence] = []
        self.issuer: Issuer | None = None
        self.line: CardLine | None = None
        self.terminal_line: TerminalLine | None = None
        self.tac_proven = False
        self.newer = False
        self.expected_fen = self.tap.amount_fen
        self.paid_fen = self.tap.amount_fen
        """The signed amount; where charges are supposed, the price of an accepted ride."""
        self.subsidies: dict[Bearer, int] = {}
        self.split: tuple[tuple[int, int], ...] = ()
        self.accumulation: Accumulation | None = None
        self.transfer_used = False
        self.stopped = False

    def say(self, reason: Reason, expected: int, actual: int) -> None:
        """A reason applies, with evidence."""
        self.flags |= 1 << reason
        self.evidence.append(Evidence(self.number, reason, expected, actual))

    def note(self, reason: Reason) -> None:
        """A reason applies that needs no evidence."""
        self.flags |= 1 << reason

    def has(self, reason: Reason) -> bool:
        """Whether a reason applies."""
        return bool(self.flags >> reason & 1)

    @property
    def seconds(self) -> int:
        assert self.tapped_s is not None
        return self.tapped_s

    @property
    def is_debit(self) -> bool:
        return self.tap.kind in DEBIT_KINDS

    @property
    def own(self) -> bool:
        return self.issuer is not None and self.issuer.own
