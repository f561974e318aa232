"""Rides of a sealed date under the rules of its batch and under others: what each answer books, and lies between.

Whoever lists a correction asks here, and whoever checks a list later.
"""

from collections import Counter
from collections.abc import Collection, Iterable

import msgspec

from clearing import cards, inspection
from clearing.inspection import Moved, StoredTap
from clearing.plan import Plan, Purpose
from clearing.store import BatchRow, Connection, read_card_lines
from schemas import record
from schemas.codes import Source
from settlement.context import Context
from settlement.reclearing.replaying import Place
from settlement.store.reclears import Answer, Delta, ReclearedTap


class Earlier(msgspec.Struct):
    """What approved re-clearings said of a tap last, by which rules, and moved in all."""

    rules_version: int
    answer: Answer
    moved: Counter[tuple[int, int]]


def earlier_of(booked: Iterable[tuple[int, ReclearedTap]]) -> dict[Place, Earlier]:
    """``booked``: taps with the version of the rules of their list, the earliest list first."""
    found: dict[Place, Earlier] = {}
    for version, tap in booked:
        known = found.setdefault(tap.place, Earlier(version, tap.becomes, Counter()))
        known.rules_version, known.answer = version, tap.becomes
        for delta in tap.deltas:
            known.moved[delta.account, delta.purpose] += delta.amount_fen
    return found


def stored_answer(tap: StoredTap) -> Answer:
    """What was said of a tap when its batch was judged."""
    values = {name: getattr(tap, name) for name in Answer.__struct_fields__}
    return Answer(**{**values, "gross_fen": tap.judged_gross_fen})


def _answered(tap: StoredTap, answer: Answer) -> StoredTap:
    return msgspec.structs.replace(tap, remarks=(), **msgspec.structs.asdict(answer))


class Rides:
    """A batch of the date: its taps, and what each books under either version of the rules."""

    def __init__(
        self, connection: Connection, context: Context, batch: BatchRow, rules_version: int
    ) -> None:
        self.connection, self.context, self.batch = connection, context, batch
        self.rules_version = rules_version
        self.taps: dict[int, StoredTap] = {}
        self._plans: dict[int, Plan] = {}
        self._own: frozenset[int] = frozenset()
        self._lines: dict[bytes, bytes] = {}

    async def read(
        self, rows: Collection[int], before_by: Iterable[int], other: Plan | None = None
    ) -> "Rides":
        """Read taps of these rows, plans, card kinds; returns itself.

        ``before_by``: versions of earlier corrections; ``other``: the plan of the other rules, where no
        version of them is stored.
        """
        batch = self.batch
        taps = await inspection.read_taps(
            self.connection, batch, 0, batch.tap_count, own=False, only=rows
        )
        self.taps = {tap.row_no: tap for tap in taps}
        if other is not None:
            self._plans[self.rules_version] = other
        for version in {batch.rules_version, self.rules_version, *before_by} - self._plans.keys():
            self._plans[version] = await self.context.plans.plan(
                self.connection, version, batch.registry_version
            )
        issuers = self._plans[batch.rules_version].issuers
        self._own = frozenset(issuer.number for issuer in issuers if issuer.own)
        known = {tap.record[record.CARD] for tap in taps}
        self._lines = await read_card_lines(self.connection, sorted(known))
        return self

    def is_own(self, tap: StoredTap) -> bool:
        """Whether card and operator are both ours."""
        return self.batch.source == Source.OPERATOR and tap.issuer_no in self._own

    def deltas(self, tap: StoredTap, becomes: Answer, before: Earlier | None) -> tuple[Delta, ...]:
        """What an answer of the other rules puts on accounts, on top of what was corrected before.

        They sum to zero.
        """
        moved = self._moves(tap, becomes)
        if before is not None:
            moved.subtract(before.moved)
        found = tuple(Delta(*key, fen) for key, fen in sorted(moved.items()) if fen)
        assert sum(delta.amount_fen for delta in found) == 0
        return found

    def _moves(self, tap: StoredTap, answer: Answer) -> Counter[tuple[int, int]]:
        """By how much more each (account, purpose) stands under an answer of the other rules, fen."""
        old, new = self._plans[self.batch.rules_version], self._plans[self.rules_version]
        kind = self._kind(tap)
        found: Counter[tuple[int, int]] = Counter()
        for each, plan, sign in ((tap, old, -1), (_answered(tap, answer), new, 1)):
            for move in inspection.moved_by(self.batch, each, plan, kind):
                purpose = Purpose.RECLEAR if move.purpose == Purpose.FARE else move.purpose
                found[move.debit, purpose] += sign * move.amount_fen
                found[move.credit, purpose] -= sign * move.amount_fen
        return found

    def released(self, tap: StoredTap, answer: Answer, rules_version: int) -> list[Moved]:
        """What a release of a tap would book that was answered so under a version of the rules."""
        plan = self._plans[rules_version]
        return inspection.moved_if_accepted(
            self.batch, _answered(tap, answer), plan, self._kind(tap)
        )

    def _kind(self, tap: StoredTap) -> int:
        """The card's kind as issued; the record's where the issuer keeps no list of cards."""
        line = self._lines.get(tap.record[record.CARD])
        claimed = tap.record[record.OFFSET["card_kind"]]
        return claimed if line is None else cards.unpack(line).card_kind
