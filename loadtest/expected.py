"""What the engine must answer, on paper before it starts: ``expected.jsonl`` and a summary.

One line per row of ``expected.jsonl``: city, operator, number, row, verdict, reason, flags, priced,
credited and subsidised fen, and the fault that was planted (empty: nothing is wrong).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from loadtest.desk import Delivery
from loadtest.item import Expected
from schemas import record
from schemas.codes import DEBIT_KINDS, TapKind
from schemas.reasons import Reason, names

EXPECTED_FILE: Final = "expected.jsonl"
SUMMARY_FILE: Final = "expected-summary.json"

_KIND, _AMOUNT = record.FIELD["kind"], record.FIELD["amount_fen"]
_GROSS, _ISSUER = record.FIELD["gross_fen"], record.FIELD["issuer"]
_BY_ISSUER: Final = 1 << Reason.TAC_BY_ISSUER
_DEBITS: Final = frozenset(int(kind) for kind in DEBIT_KINDS)
REFUSALS: Final = {"visitor_tac_wrong": "tac_wrong", "visitor_not_issued": "card_not_issued"}
"""Faults of other cities' cards that only their issuer can see, and its reason for it."""

encoder: Final = msgspec.json.Encoder()
decoder: Final = msgspec.json.Decoder(Expected)


class OperatorTotals(msgspec.Struct):
    """Totals of one operator, as the day's report must show them; fen."""

    city: str
    operator: int
    mode: str
    batches: int = 0
    taps: int = 0
    accepted: int = 0
    held: int = 0
    rejected: int = 0
    gross_fen: int = 0
    charged_fen: int = 0
    accepted_fen: int = 0
    credited_fen: int = 0
    loaded_fen: int = 0
    subsidy_fen: int = 0


class ClaimTotals(msgspec.Struct):
    """Accepted taps of another city's cards: presented to the issuer's city, and refused by it."""

    acquirer: str
    issuer: str
    debits: int = 0
    debit_fen: int = 0
    loads: int = 0
    load_fen: int = 0
    refused: int = 0
    refused_fen: int = 0


class Summary(msgspec.Struct):
    """Everything in ``expected-summary.json``.

    ``reasons`` counts reasons and flags by name, by city.
    """

    seed: int
    taps: int = 0
    batches: int = 0
    verdicts: dict[str, int] = msgspec.field(default_factory=dict)
    reasons: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    operators: list[OperatorTotals] = msgspec.field(default_factory=list)
    claims: list[ClaimTotals] = msgspec.field(default_factory=list)
    declared_late: list[tuple[str, int, int]] = msgspec.field(default_factory=list)


class Summing:
    """Adds up deliveries. ``issuers`` names the city of each issuer code (8 bytes)."""

    def __init__(
        self, seed: int, modes: dict[tuple[str, int], str], issuers: dict[bytes, str]
    ) -> None:
        self.summary = Summary(seed)
        self._modes, self._issuers = modes, issuers
        self._operators: dict[tuple[str, int], OperatorTotals] = {}
        self._claims: dict[tuple[str, str], ClaimTotals] = {}
        self._answers: dict[tuple[str, str, str, int], int] = {}

    def add(self, delivery: Delivery) -> None:
        """Count one batch."""
        city, operator = delivery.city, delivery.batch.header.operator
        totals = self._operators.get((city, operator))
        if totals is None:
            totals = OperatorTotals(city, operator, self._modes[city, operator])
            self._operators[city, operator] = totals
        totals.batches += 1
        records = delivery.batch.records
        malformed = Reason.MALFORMED.name.lower()
        answers, faults = self._answers, self.summary.faults
        for row, expected in enumerate(delivery.expected):
            at = row * record.SIZE
            key = (city, expected.verdict, expected.reason, expected.flags)
            answers[key] = answers.get(key, 0) + 1
            if expected.fault:
                faults[expected.fault] = faults.get(expected.fault, 0) + 1
            kind = records[at + _KIND.offset]
            accepted = expected.verdict == "accepted"
            if accepted:
                totals.accepted += 1
            elif expected.verdict == "held":
                totals.held += 1
            else:
                totals.rejected += 1
            totals.taps += 1
            if expected.reason != malformed and kind in _DEBITS:
                start = at + _AMOUNT.offset
                amount = int.from_bytes(records[start : start + 4], "big")
                start = at + _GROSS.offset
                totals.gross_fen += int.from_bytes(records[start : start + 4], "big")
                totals.charged_fen += amount
                if accepted:
                    totals.accepted_fen += amount
                    totals.credited_fen += expected.credited_fen
            elif accepted and kind == TapKind.TOP_UP:
                totals.loaded_fen += expected.credited_fen
            totals.subsidy_fen += expected.subsidy_fen
            if accepted and (expected.flags & _BY_ISSUER or expected.reason == "tac_by_issuer"):
                start = at + _ISSUER.offset
                self._claim(city, self._issuers[records[start : start + 8]], kind, expected)

    def _claim(self, acquirer: str, issuer: str, kind: int, expected: Expected) -> None:
        claim = self._claims.setdefault((acquirer, issuer), ClaimTotals(acquirer, issuer))
        if kind == TapKind.TOP_UP:
            claim.loads += 1
            claim.load_fen += expected.credited_fen
            return
        claim.debits += 1
        claim.debit_fen += expected.credited_fen
        if expected.fault in REFUSALS:
            claim.refused += 1
            claim.refused_fen += expected.credited_fen

    def result(self, declared_late: Iterable[tuple[str, int, int]]) -> Summary:
        """The summary of everything that was added."""
        summary = self.summary
        for (city, verdict, reason, flags), count in sorted(self._answers.items()):
            summary.taps += count
            summary.verdicts[verdict] = summary.verdicts.get(verdict, 0) + count
            counts = summary.reasons.setdefault(city, {})
            for name in (reason, *names(flags)):
                counts[name] = counts.get(name, 0) + count
        summary.operators = [self._operators[key] for key in sorted(self._operators)]
        summary.batches = sum(totals.batches for totals in summary.operators)
        summary.claims = [self._claims[key] for key in sorted(self._claims)]
        summary.faults = dict(sorted(summary.faults.items()))
        summary.declared_late = list(declared_late)
        return summary


def lines_of(expected: Iterable[Expected]) -> bytes:
    """Expectations as JSON lines."""
    return encoder.encode_lines(list(expected))


def read(path: Path) -> Iterator[Expected]:
    """The expectations of a file, line by line."""
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
