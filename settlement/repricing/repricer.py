"""Dates judged twice, side by side: under the rules as they were, and under others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date

import msgspec

from clearing import verdicts
from clearing.comparison import Comparison, comparison_for
from clearing.kernel import BatchContext, Judgement, choose
from clearing.plan import Plan, local_day
from clearing.state import KnownTap, State, held_identities, sealed_identities
from clearing.store import (
    BatchRow,
    StoredTaps,
    read_batches,
    read_last_sealed_before,
    read_taps,
)
from schemas.codes import Source
from settlement.context import Context
from settlement.errors import DayNotReady, SettlementError
from settlement.repricing import repeats
from settlement.repricing.corrections import Corrections
from settlement.repricing.other_rules import OtherPlans, OtherRules
from settlement.repricing.repriced import Repriced, account_totals, line_totals
from settlement.store import Connection, DayRow


async def reprice(
    connection: Connection, context: Context, day: DayRow, other: OtherRules
) -> Repriced:
    """What re-clearing one date would come to, from its opening state. Reads only.

    Raises ``DayNotReady`` for a date that is not audited, ``RuleError`` and ``SettlementError`` for rules
    that do not hold or do not fit the contracts, ``SettlementError`` for a date that does not come out as
    it is stored.
    """
    return (await Repricer(context, other).compare(connection, day))[0]


class _Read(msgspec.Struct, frozen=True):
    """What is read of a batch: its taps, and the sealed ones that some of them repeat."""

    batch: BatchRow
    taps: StoredTaps
    known: dict[bytes, KnownTap]


class _View:
    """Two states that go through the same batches, and the comparison of what they say."""

    def __init__(self, context: Context, other: OtherPlans, *, supposed: bool) -> None:
        self.supposed = supposed
        self.before = State(choose(context.kernel), context.plans)
        self.after = State(choose(context.kernel), other)
        self.comparison: Comparison = comparison_for(self.before.kernel)

    @property
    def states(self) -> tuple[State, State]:
        return self.before, self.after


class Repricer:
    """Goes through dates in order, each in one or two views.

    One view is of a re-clearing: signed amounts stay, and each date begins as it began, since no correction
    carries into later dates. ``forecast`` adds the other one, in which what was charged is taken to be what
    the tariff asks for, on both sides; there, what a card did under either rules is its history on the next date.
    """

    def __init__(self, context: Context, other: OtherRules, *, forecast: bool = False) -> None:
        self.context = context
        self.plans = OtherPlans(context.node, other)
        self.views = [_View(context, self.plans, supposed=False)]
        if forecast:
            self.views.append(_View(context, self.plans, supposed=True))
        self._last: date | None = None

    @property
    def _states(self) -> list[State]:
        return [state for view in self.views for state in view.states]

    async def compare(self, connection: Connection, day: DayRow) -> list[Repriced]:
        """Compare the next date, in each view. Raises as ``reprice``."""
        if not day.reached("audited"):
            raise DayNotReady(
                f"{day.business_date} is {day.state}; only what was audited is judged again.",
                f"Settle it first: onecard settle --date {day.business_date}",
            )
        await self._open(connection, day.business_date)
        for view in self.views:
            view.comparison = comparison_for(view.before.kernel)
        batches = await read_batches(connection, day.business_date)
        corrections = await Corrections.of(connection, day, batches)
        async for read, contexts in self._batches(connection, batches):
            await self._judge(read, contexts, corrections)
        assert day.registry_version is not None
        for state in self._states:
            await state.add_cards(connection, day.registry_version)

        async def plan_of(batch: BatchRow) -> Plan:
            return await self.plans.plan(connection, batch.rules_version, batch.registry_version)

        return [
            _supposed(day, view)
            if view.supposed
            else await corrections.repriced(connection, self.context, view.comparison, plan_of)
            for view in self.views
        ]

    async def _open(self, connection: Connection, business_date: date) -> None:
        """The opening state of the first date; on a later one, what its own opening would have besides."""
        if self._last is None:
            for state in self._states:
                await state.open(connection, business_date)
        else:
            last_sealed = await read_last_sealed_before(connection, business_date)
            held = await held_identities(connection, last_sealed) if last_sealed else []
            for state in self._states:
                state.kernel.forget(local_day(self._last))
                state.kernel.add_identities(held)
            for view in self.views:
                if not view.supposed:
                    view.after.kernel.add_cards(view.before.kernel.card_lines())
        self._last = business_date

    async def _batches(
        self, connection: Connection, batches: Sequence[BatchRow]
    ) -> AsyncIterator[tuple[_Read, list[BatchContext]]]:
        """Each batch with what it is judged under; the next one is read while this one is judged."""
        if not batches:
            return
        last_sealed = await read_last_sealed_before(connection, batches[0].business_date)
        reading = asyncio.create_task(self._read(connection, batches[0], last_sealed))
        try:
            for following in [*batches[1:], None]:
                read = await reading
                contexts = await self._contexts(connection, read)
                if following is not None:
                    reading = asyncio.create_task(self._read(connection, following, last_sealed))
                yield read, contexts
        finally:
            reading.cancel()

    async def _read(
        self, connection: Connection, batch: BatchRow, last_sealed: date | None
    ) -> _Read:
        taps = await read_taps(connection, batch)
        known: dict[bytes, KnownTap] = {}
        if last_sealed is not None:
            repeated = repeats.identities(taps)
            known = await sealed_identities(connection, repeated, last_sealed)
        return _Read(batch, taps, known)

    async def _contexts(self, connection: Connection, read: _Read) -> list[BatchContext]:
        """Bring every state to the versions of a batch."""
        batch = read.batch
        for state in self._states:
            await state.bring_to(connection, batch.rules_version, batch.registry_version)
        return [
            state.context_of(batch, read.known, supposed=view.supposed)
            for view in self.views
            for state in view.states
        ]

    async def _judge(
        self, read: _Read, contexts: list[BatchContext], corrections: Corrections
    ) -> None:
        """Judge a batch in every state, and compare."""
        records = read.taps.records
        judgements = await asyncio.gather(
            *(
                asyncio.to_thread(_judged, state, records, context)
                for state, context in zip(self._states, contexts, strict=True)
            )
        )
        if judgements[0].copy_rows != read.taps.copy_rows:
            raise SettlementError(
                f"Batch {read.batch.batch_seq} of {read.batch.business_date} does not come out as it is"
                " stored.",
                f"Find out why first: onecard verify --date {read.batch.business_date}",
            )
        for at, view in enumerate(self.views):
            before, after = judgements[2 * at : 2 * at + 2]
            if not view.supposed:
                self._correct(read, view, before, after, corrections)
            elif read.batch.source == Source.OPERATOR:
                view.comparison.add(before, after, view.before.kernel.card_kinds(records))

    def _correct(
        self,
        read: _Read,
        view: _View,
        before: Judgement,
        after: Judgement,
        corrections: Corrections,
    ) -> None:
        """Compare what a re-clearing would move. Other cities' presentments are none of ours to correct."""
        plans = view.before.plan, view.after.plan
        assert plans[0] is not None
        assert plans[1] is not None
        records, batch = read.taps.records, read.batch
        kinds = view.before.kernel.card_kinds(records)
        marks = corrections.marks(batch, before, after, (plans[0], plans[1]))
        comparison = view.comparison
        if batch.source != Source.OPERATOR:
            comparison = comparison_for(view.before.kernel)
        moved = comparison.add(before, after, kinds, marks)
        corrections.add(batch, records, kinds, marks, moved, (before, after), plans[0])


def _supposed(day: DayRow, view: _View) -> Repriced:
    """The sums of a forecast."""
    return Repriced(
        business_date=day.business_date,
        supposed=True,
        lines=[line_totals(row) for row in view.comparison.lines()],
        accounts=[account_totals(row) for row in view.comparison.accounts()],
        left_out=[],
    )


def _judged(state: State, records: bytes, context: BatchContext) -> Judgement:
    judgement = verdicts.judge(state.kernel, records, context)
    state.kernel.keep(context.batch_seq)
    return judgement
