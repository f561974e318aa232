"""The list of a re-clearing: tap by tap what was said, what is to be said, and what that moves."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from clearing import cards, inspection
from clearing.inspection import Moved, StoredTap
from clearing.plan import Plan, Purpose
from clearing.store import (
    BatchRow,
    Connection,
    read_batches,
    read_card_lines,
    read_open_date,
)
from schemas import record
from schemas.codes import DEBIT_KINDS, Source, Verdict
from schemas.items import ItemKind, ItemOutcome
from schemas.reasons import Reason
from settlement.context import Context
from settlement.reclearing.replaying import Place, differing
from settlement.reclearing.waiting import OF_TAPS
from settlement.store import DayRow, reclears
from settlement.store.items import Standing, read_standing
from settlement.store.reclears import Answer, Delta, ReclearedTap


class Why(StrEnum):
    """Why a tap that would be answered otherwise is left out."""

    OTHER_CITY = "other_city"
    """Another city's card, or another city's tap: their clearing totals were exchanged."""
    NO_FARE = "no_fare"
    """No ride: rules of fares say nothing of what it moves."""
    TORN = "torn"
    """A torn tap: its card's next record settles it."""
    DECIDED = "decided"
    """An item about the tap was decided or settled already."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A tap that is left out; ``fen``: by how much more it would be credited."""

    batch_seq: int
    row_no: int
    operator_no: int
    why: Why
    fen: int


class Listed(msgspec.Struct):
    """What a re-clearing would come to. ``silent``: taps whose answer differs without moving anything;
    ``on_top_of``: the approved re-clearings of the date that it goes on from, by number."""

    rules_version: int
    taps: list[ReclearedTap] = []
    left_out: list[LeftOut] = []
    silent: int = 0
    on_top_of: list[int] = []


class _Earlier(msgspec.Struct):
    """What approved re-clearings said of a tap last, by which rules, and moved in all."""

    rules_version: int
    answer: Answer
    moved: Counter[tuple[int, int]]


async def list_differences(
    connection: Connection, context: Context, day: DayRow, rules_version: int
) -> Listed:
    """The list for a sealed date under a version of the rules, on top of what was corrected before."""
    answers = await differing(connection, context, day, rules_version)
    earlier = _earlier(await reclears.read_booked(connection, day.business_date))
    rows: dict[int, list[int]] = {}
    for seq, row in sorted(answers.keys() | earlier.keys()):
        rows.setdefault(seq, []).append(row)
    items = await standing_of(connection, [(seq, row) for seq in rows for row in rows[seq]])
    approved = await reclears.read_approved(connection, day.business_date)
    found = Listed(rules_version, on_top_of=approved)
    for batch in await read_batches(connection, day.business_date):
        if batch.batch_seq in rows:
            before_by = {each.rules_version for each in earlier.values()}
            rides = await _Batch(connection, context, batch, rules_version).read(before_by)
            for row in rows[batch.batch_seq]:
                place = batch.batch_seq, row
                answer, before = answers.get(place), earlier.get(place)
                _add(found, rides, row, answer, before, items.get(place, []))
    return found


def _earlier(booked: Iterable[tuple[int, ReclearedTap]]) -> dict[Place, _Earlier]:
    """``booked``: taps with the version of the rules of their list, the earliest list first."""
    found: dict[Place, _Earlier] = {}
    for version, tap in booked:
        known = found.setdefault(tap.place, _Earlier(version, tap.becomes, Counter()))
        known.rules_version, known.answer = version, tap.becomes
        for delta in tap.deltas:
            known.moved[delta.account, delta.purpose] += delta.amount_fen
    return found


async def standing_of(
    connection: Connection, places: Sequence[Place]
) -> dict[Place, list[Standing]]:
    """Items about rides as they stand now, by the ride's place."""
    found: dict[Place, list[Standing]] = {}
    if places:
        on = await read_open_date(connection)
        for each in await read_standing(
            connection, on, open_only=False, kinds=OF_TAPS, taps=places
        ):
            item = each.item
            assert item.batch_seq is not None
            assert item.row_no is not None
            found.setdefault((item.batch_seq, item.row_no), []).append(each)
    return found


def changes_of(standing: Iterable[Standing]) -> dict[str, int]:
    """How often each of these items was changed."""
    return {each.item.item_id: each.changes for each in standing}


class _Batch:
    """A batch of the date: its taps, and what each books under either version of the rules."""

    def __init__(
        self, connection: Connection, context: Context, batch: BatchRow, rules_version: int
    ) -> None:
        self.connection, self.context, self.batch = connection, context, batch
        self.rules_version = rules_version
        self.taps: list[StoredTap] = []
        self._plans: dict[int, Plan] = {}
        self._own: frozenset[int] = frozenset()
        self._lines: dict[bytes, bytes] = {}

    async def read(self, before_by: Iterable[int]) -> "_Batch":
        """Read taps, plans, card kinds; returns itself. ``before_by``: versions of earlier corrections."""
        batch = self.batch
        self.taps = await inspection.read_taps(
            self.connection, batch, 0, batch.tap_count, own=False
        )
        for version in {batch.rules_version, self.rules_version, *before_by}:
            self._plans[version] = await self.context.plans.plan(
                self.connection, version, batch.registry_version
            )
        issuers = self._plans[batch.rules_version].issuers
        self._own = frozenset(issuer.number for issuer in issuers if issuer.own)
        known = {tap.record[record.CARD] for tap in self.taps}
        self._lines = await read_card_lines(self.connection, sorted(known))
        return self

    def is_own(self, tap: StoredTap) -> bool:
        """Whether card and operator are both ours."""
        return self.batch.source == Source.OPERATOR and tap.issuer_no in self._own

    def moves(self, tap: StoredTap, answer: Answer) -> Counter[tuple[int, int]]:
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


def _answered(tap: StoredTap, answer: Answer) -> StoredTap:
    return msgspec.structs.replace(tap, remarks=(), **msgspec.structs.asdict(answer))


def _stored(tap: StoredTap) -> Answer:
    values = {name: getattr(tap, name) for name in Answer.__struct_fields__}
    return Answer(**{**values, "gross_fen": tap.judged_gross_fen})


def _add(
    found: Listed,
    rides: _Batch,
    row: int,
    answer: Answer | None,
    before: _Earlier | None,
    standing: list[Standing],
) -> None:
    """Put a tap where it belongs. ``answer`` None: as stored; ``before``: earlier corrections."""
    tap = rides.taps[row]
    was = before.answer if before is not None else _stored(tap)
    becomes = answer or _stored(tap)
    moved = rides.moves(tap, becomes) if answer is not None else Counter[tuple[int, int]]()
    if before is not None:
        moved.subtract(before.moved)
    deltas = tuple(Delta(*key, fen) for key, fen in sorted(moved.items()) if fen)
    assert sum(delta.amount_fen for delta in deltas) == 0
    version = rides.batch.rules_version if before is None else before.rules_version
    if not deltas and not _waits_otherwise(rides, tap, (was, version), becomes):
        found.silent += was != becomes
        return
    why = _why_not(rides, tap, standing)
    if why is not None:
        fen = becomes.credited_fen - was.credited_fen
        found.left_out.append(
            LeftOut(
                batch_seq=rides.batch.batch_seq, row_no=row, operator_no=tap.operator_no, why=why,
                fen=fen,
            )
        )  # fmt: skip
        return
    found.taps.append(
        ReclearedTap(
            batch_seq=rides.batch.batch_seq, row_no=row, operator_no=tap.operator_no,
            amount_fen=tap.amount_fen, debit_proven=tap.debit_proven, was=was, becomes=becomes,
            deltas=deltas, items=changes_of(standing),
        )
    )  # fmt: skip


def _why_not(rides: _Batch, tap: StoredTap, standing: list[Standing]) -> Why | None:
    if not rides.is_own(tap):
        return Why.OTHER_CITY
    if tap.kind not in DEBIT_KINDS:
        return Why.NO_FARE
    if tap.reason == Reason.TAC_TORN or tap.flags >> Reason.TAC_TORN & 1:
        return Why.TORN
    return Why.DECIDED if any(map(_is_decided, standing)) else None


_NO_TRANSFER: Final = (ItemOutcome.REFUTED, ItemOutcome.NOT_PROVEN, ItemOutcome.DISMISSED)
"""A transfer item that ended so moved no money, and no night will book for it."""


def _is_decided(each: Standing) -> bool:
    """Whether somebody or something moved an item's money since the night opened it."""
    if each.item.kind == ItemKind.DOUBLE_DEDUCTION:
        return each.outcome == ItemOutcome.REVERSED
    if each.item.kind == ItemKind.TRANSFER:
        # While it waits, and once it is proven, a night books by the rules of the tap's batch.
        return each.outcome not in _NO_TRANSFER
    return each.outcome not in (ItemOutcome.OPENED, ItemOutcome.RECLEARED)


def _waits_otherwise(
    rides: _Batch, tap: StoredTap, before: tuple[Answer, int], becomes: Answer
) -> bool:
    """Whether something of a tap waits that two people will decide of another way.

    ``before``: what is said of it so far, and by which version of the rules.
    """
    was, version = before
    if was.verdict != becomes.verdict:
        return True
    waits = was.verdict == Verdict.HELD or (was.verdict == Verdict.REJECTED and tap.debit_proven)
    if not waits or tap.kind not in DEBIT_KINDS:
        return False
    now = rides.released(tap, becomes, rides.rules_version)
    return rides.released(tap, was, version) != now
