"""Whose history a night asks for, read as far back as it says something of the transfers in question."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Final

import msgspec

from clearing import cards, pricing, rides
from clearing.cards import operator_in_line
from clearing.plan import Degraded, Operator, Plan, Tariff, Transfer
from clearing.transfers import Leg
from schemas import record
from schemas.codes import Check, Discount, Mode, Source, TapKind, Verdict
from schemas.families import COUNTERS
from schemas.reasons import Reason
from schemas.record import Tap
from settlement.context import Context
from settlement.store import Connection, DayRow, chains, transfers
from settlement.store.reclears import Corrected, read_corrected
from settlement.store.transfers import DebitBatch, DebitTap
from settlement.transfers.history import Debit, Judged, Opening, judge

_REACHES: Final = (timedelta(days=1), timedelta(days=8), None)
"""How far before a tap its card is read: most windows began on its own day. None: everything."""
_TAPS_IN: Final = frozenset({TapKind.BUS_TAP_IN, TapKind.METRO_TAP_IN})
_COUNTED: Final = {(int(family), int(kind)) for family, kinds in COUNTERS.items() for kind in kinds}
"""Which kinds of taps raise a counter of which family's cards."""
_REUSED: Final = 1 << Reason.COUNTER_REUSED
_NO_TARIFF: Final = 1 << Reason.TARIFF_MISSING

Place = tuple[int, int]
"""Batch and row of a tap."""


class Found(msgspec.Struct, frozen=True):
    """A tap in question: as it is stored, or was re-cleared, but for what was credited if people released it;
    whose batch it came in, under which plan it was judged, whether it takes the discount as far as is known now."""

    tap: DebitTap
    batch: DebitBatch
    plan: Plan
    operator: Operator
    tariff: Tariff
    gross_fen: int
    qualifies: bool | None


class Reader:
    """Reads cards' histories as of a date. ``taken``: taps that took their money though no TAC proves it,
    by place."""

    def __init__(
        self, connection: Connection, context: Context, day: DayRow, taken: Collection[Place]
    ) -> None:
        self._connection, self._context, self._day = connection, context, day
        self._taken = frozenset(taken)
        self._batches: dict[int, DebitBatch] = {}
        self._corrected: dict[Place, Corrected] = {}

    async def read(self, asked: Mapping[bytes, Mapping[Place, date]]) -> dict[Place, Found]:
        """What taps of these cards (19 bytes) are, by place. ``asked``: the taps of each card with the
        date on which each was tapped."""
        dates = await chains.read_dates(self._connection, self._day.business_date)
        found: dict[Place, Found] = {}
        left = dict(asked)
        for reach in _REACHES:
            since = {
                card: min(places.values()) - reach if reach is not None else date.min
                for card, places in left.items()
            }
            debits = await self._read_debits(since, [on for on, _ in dates], left)
            openings = await self._openings(since, dates)
            for card, taps in debits.items():
                judged = await self._judged(taps, openings.get(card), whole=reach is None)
                by_place = {(tap.batch_seq, tap.row_no): tap for tap in taps}
                first = reach == _REACHES[0]
                if reach is None or _is_told(left[card], by_place, judged, first=first):
                    for place in left.pop(card):
                        said = judged[place].qualifies if place in judged else None
                        found[place] = await self._found(by_place[place], said)
            if not left:
                break
        return found

    async def _read_debits(
        self,
        since: Mapping[bytes, date],
        dates: list[date],
        asked: Mapping[bytes, Collection[Place]],
    ) -> dict[bytes, list[DebitTap]]:
        """The debits of each card on business dates from its own one on, and those asked about."""
        found: dict[bytes, list[DebitTap]] = {card: [] for card in since}
        async with chains.by_index(self._connection):
            for on in dates:
                wanted = sorted(card for card, first in since.items() if first <= on)
                if wanted:
                    for tap in await transfers.read_debits(self._connection, on, wanted):
                        card = tap.record[record.CARD]
                        if self._is_leg(tap) or (tap.batch_seq, tap.row_no) in asked[card]:
                            found[card].append(tap)
        missing = {tap.batch_seq for taps in found.values() for tap in taps} - self._batches.keys()
        self._batches |= await transfers.read_batches(self._connection, missing)
        return await self._as_corrected(found)

    async def _as_corrected(self, read: dict[bytes, list[DebitTap]]) -> dict[bytes, list[DebitTap]]:
        """The same taps as re-clearings of their dates left them."""
        places = [(tap.batch_seq, tap.row_no) for taps in read.values() for tap in taps]
        on = self._day.business_date
        self._corrected |= await read_corrected(self._connection, places, as_of=on)
        return {card: [self._one_as_corrected(tap) for tap in taps] for card, taps in read.items()}

    def _one_as_corrected(self, tap: DebitTap) -> DebitTap:
        found = self._corrected.get((tap.batch_seq, tap.row_no))
        if found is None:
            return tap
        answer = found.answer
        return msgspec.structs.replace(
            tap,
            verdict=answer.verdict,
            flags=answer.flags | 1 << answer.reason,
            priced_fen=answer.priced_fen,
            credited_fen=answer.credited_fen,
        )

    async def _openings(
        self, since: Mapping[bytes, date], dates: list[tuple[date, int | None]]
    ) -> dict[bytes, Opening]:
        """Where cards stood when they were registered, of those whose whole time since then is read."""
        assert self._day.registry_version is not None
        known = await chains.read_openings(
            self._connection, sorted(since), self._day.registry_version
        )
        found = {}
        for card, (version, data) in known.items():
            registered = min(
                (on for on, stamped in dates if stamped is not None and stamped >= version),
                default=self._day.business_date,
            )
            if registered >= since[card]:
                line = cards.unpack(data)
                place = line.offline_highest + line.online_highest
                found[card] = Opening(line.offline_highest, place)
        return found

    async def _judged(
        self, taps: list[DebitTap], opening: Opening | None, *, whole: bool
    ) -> dict[Place, Judged]:
        legs = [await self._debit(tap) for tap in taps if self._is_leg(tap)]
        return judge(legs, opening, whole=whole)

    def _is_leg(self, tap: DebitTap) -> bool:
        """Whether a tap has a place in its card's history. One whose number another debit has does not:
        nobody knows where it belongs."""
        taken = (tap.batch_seq, tap.row_no) in self._taken
        return taken or (tap.debit_proven and not tap.flags & _REUSED)

    async def _debit(self, tap: DebitTap) -> Debit:
        fields = record.unpack(tap.record.ljust(record.SIZE, b"\0"))
        batch = self._batches[tap.batch_seq]
        counts = batch.checks & Check.COUNTERS and (fields.family, tap.kind) in _COUNTED
        _, tariff = await self._rules(tap)
        leg = Leg(
            at_s=tap.tapped_s,
            kind=tap.kind,
            operator=operator_in_line(fields.operator),
            marked=bool(fields.discount_claimed & Discount.TRANSFER),
            transfer=Transfer() if tariff is None else _transfer_of(tariff, tap, fields),
        )
        return Debit(
            offline=fields.offline_counter if counts else None,
            stated=fields.offline_counter + fields.online_counter,
            tap=(tap.batch_seq, tap.row_no),
            leg=leg,
        )

    async def _rules(self, tap: DebitTap) -> tuple[Operator | None, Tariff | None]:
        """Whose tariff priced a tap, and which; none of a tap that another city priced."""
        batch = self._batches[tap.batch_seq]
        if batch.source != Source.OPERATOR or not batch.checks & Check.TARIFF:
            return None, None
        plan = await self._plan(tap)
        operator = next((row for row in plan.operators if row.number == batch.operator_no), None)
        if operator is None:
            return None, None
        return operator, pricing.tariff_at(operator.tariffs, tap.kind, tap.tapped_s)

    async def _sharing(self, tap: DebitTap, operator: Operator) -> Operator | None:
        """Whose splits shared the fare of a released tap: those that it was judged under; where these have none
        (it was held for that), those of the date."""
        day = self._day
        assert day.rules_version is not None
        assert day.registry_version is not None
        plan = await self._context.plans.plan(
            self._connection, day.rules_version, day.registry_version
        )
        later = (row for row in plan.operators if row.number == operator.number)
        stations = rides.stations_of(tap.record)
        for each in (operator, *later):
            if rides.shares_fen(each.splits, tap.tapped_s, stations, tap.credited_fen):
                return each
        return None

    async def _plan(self, tap: DebitTap) -> Plan:
        """By what a tap was judged: the versions of its batch, or what corrected it since."""
        batch = self._batches[tap.batch_seq]
        corrected = self._corrected.get((tap.batch_seq, tap.row_no))
        version = batch.rules_version if corrected is None else corrected.rules_version
        return await self._context.plans.plan(self._connection, version, batch.registry_version)

    async def _gross_fen(self, tap: DebitTap) -> int:
        """The fare before discounts as our tariff has it."""
        place = tap.batch_seq, tap.row_no
        corrected = self._corrected.get(place)
        if corrected is not None:
            return corrected.answer.gross_fen
        return await transfers.read_gross_fen(self._connection, place, tap.gross_fen)

    async def _found(self, tap: DebitTap, said: bool | None) -> Found:
        operator, tariff = await self._rules(tap)
        assert operator is not None
        assert tariff is not None
        batch = self._batches[tap.batch_seq]
        if tap.verdict != Verdict.ACCEPTED:
            # Two people released it: its operator was credited what an accepted one would have been.
            credited_fen = min(tap.amount_fen, tap.priced_fen)
            tap = msgspec.structs.replace(tap, credited_fen=credited_fen)
            sharing = await self._sharing(tap, operator)
            # Where no split says any more from whom to take the discount, it waits.
            operator, said = sharing or operator, said if sharing is not None else None
        # What was taken off before matters only where the tariff accumulates.
        gross_fen = await self._gross_fen(tap) if tariff.accumulation is not None else tap.gross_fen
        return Found(tap, batch, await self._plan(tap), operator, tariff, gross_fen, said)


def _transfer_of(tariff: Tariff, tap: DebitTap, fields: Tap) -> Transfer:
    """The transfer discount that a tap could have; that of type NONE where its price had none."""
    as_charged = fields.mode == Mode.DEGRADED and tariff.degraded is Degraded.AS_CHARGED
    if as_charged or tap.kind in _TAPS_IN or tariff.by_amount or tap.flags & _NO_TARIFF:
        return Transfer()
    return tariff.transfer


def _is_told(
    asked: Collection[Place],
    read: Collection[Place],
    judged: Mapping[Place, Judged],
    *,
    first: bool,
) -> bool:
    """Whether reading further back would tell no more of the taps in question.

    A business date may have been kept open beyond midnight, so that a leg of a day came on an earlier date:
    what looks like a hole at ``first`` is looked at once more.
    """
    if not all(place in read for place in asked):
        return False
    unknown = [judged[place] for place in asked if place in judged]
    unknown = [each for each in unknown if each.qualifies is None]
    return not unknown or not (first or any(each.reached_back for each in unknown))
