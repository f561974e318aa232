"""The engine's two loops: one judges in a thread, one writes; n + 1 is judged while n is written.

Several judged batches make one transaction; a batch is acknowledged after the commit, never before.
Where a commit fails, what was judged on top of it is undone with it. Where the connection was lost,
so that a commit may or may not have happened, the database is asked before anything else is judged.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final, TypeVar

import asyncpg
import structlog

from clearing import alarms, ledger, numbers, proof, store, verdicts
from clearing.errors import ClearingError, NotTheWriter, StoreUnavailable
from clearing.kernel import BatchContext, Judgement, choose
from clearing.limits import GROUP_TAPS_MAX
from clearing.node import Node
from clearing.plan import local_day
from clearing.state import Plans, State, held_identities, known_identities
from clearing.store import BatchRow, Connection
from schemas import proof as published
from schemas.batch import Batch
from schemas.codes import Check, Source

log = structlog.get_logger(__name__)

JUDGED_AHEAD_MAX: Final = 32
"""Batches that may be judged and not yet written."""

SINGLES_AFTER_FAILURE: Final = 64
"""After a group was refused by the database, so many batches go alone, to find the culprit."""

_T = TypeVar("_T")
_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
"""How a database that goes down, or comes up again, is seen from here."""


@dataclass(eq=False)
class Submission:
    """A batch on its way. ``along`` is what else its handing-in writes, in the same transaction."""

    batch: Batch = field(repr=False)
    source: Source
    checks: Check
    origin: str = ""
    along: "Callable[[Connection, Judged], Awaitable[None]] | None" = None
    done: "asyncio.Future[bytes]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def fail(self, error: ClearingError) -> None:
        """Tell whoever waits that the batch was not taken."""
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(eq=False)
class Judged:
    """A batch that was judged, and the row that will be, or was, written of it."""

    submission: Submission
    row: BatchRow = field(repr=False)
    judgement: Judgement = field(repr=False)


class _Overtaken(Exception):
    """The open date, or the registry, is another one than the group was judged by."""


class Pipeline:
    """Judges and writes submissions in the order they come. One per node, fenced by the lock."""

    def __init__(self, dsn: str, node: Node, kernel: str | None) -> None:
        self._dsn, self._node, self._kernel_name = dsn, node, kernel
        self._plans = Plans(node)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._incoming: asyncio.Queue[Submission] = asyncio.Queue(JUDGED_AHEAD_MAX)
        self._judged: deque[Judged] = deque()
        self._something_judged, self._room = asyncio.Event(), asyncio.Event()
        self._state_lock = asyncio.Lock()
        self._loops: list[asyncio.Task[None]] = []
        self._writer: asyncpg.Connection[asyncpg.Record] | None = None
        self._lost = False
        self._fenced: NotTheWriter | None = None
        self._singles = 0

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Become the writer, rebuild the state, start the loops."""
        try:
            self.reading = await asyncpg.create_pool(self._dsn, min_size=1, max_size=4)
        except _LOST as error:
            raise StoreUnavailable(
                f"The database does not answer: {error}.", "Start it, then try again."
            ) from error
        try:
            await self._take_over()
            await self._load()
        except BaseException:
            await self._leave()
            raise
        self._loops = [
            asyncio.create_task(self._judge_loop()),
            asyncio.create_task(self._write_loop()),
        ]

    async def close(self) -> None:
        """Stop the loops; whoever still waits is told. Gives the lock back."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._fail_all(StoreUnavailable("The engine was stopped.", "Submit the batch again."))
        await self._leave()

    async def _leave(self) -> None:
        """Close what is open; the writer lock goes with its connection."""
        self._thread.shutdown()
        if self._writer is not None:
            await self._writer.close()
        await self.reading.close()

    async def put(self, submission: Submission) -> bytes:
        """Hand in a submission; returns its receipt once it is durable."""
        if self._fenced is not None:
            raise self._fenced
        await self._incoming.put(submission)
        return await submission.done

    async def _take_over(self, patience_s: float = 5.0) -> None:
        """Connect and take the writer lock; a lost session of our own may hold it for a moment."""
        if self._writer is not None:
            # What is left of the last session would hold the lock against us.
            self._writer.terminate()
        self._writer = await asyncpg.connect(self._dsn)
        deadline = asyncio.get_running_loop().time() + (patience_s if self._lost else 0)
        while True:
            try:
                self._epoch = await store.become_writer(self._connection)
                return
            except NotTheWriter:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(0.1)

    @property
    def _connection(self) -> "asyncpg.Connection[asyncpg.Record]":
        """The writer's connection, which holds the lock."""
        assert self._writer is not None
        return self._writer

    async def _load(self) -> None:
        """State from the database: opening pages, then every batch of the dates not sealed."""
        kernel = choose(self._kernel_name)
        self.state, replayed = State(kernel, self._plans), 0
        connection = self._connection
        self._last_sealed = await store.read_last_sealed(connection)
        unsealed = await store.read_unsealed(connection)
        self.open_date = await store.read_open_date(connection)
        await self.state.open(connection, unsealed[0])
        for day in unsealed:
            for batch in await store.read_batches(connection, day):
                judgement, _ = await self.state.replay(connection, batch)
                kernel.keep(batch.batch_seq)
                replayed += judgement.count
                if judgement.root != batch.batch_root:
                    raise ClearingError(
                        f"Batch {batch.batch_seq} does not replay to the root in its receipt.",
                        f"Run onecard verify --date {day} to see what differs.",
                    )
        self._next_seq = await store.next_batch_seq(connection)
        self._spans = await store.read_number_spans(connection)
        await self.state.bring_to(connection, *await store.read_versions(connection))
        log.info("state loaded", kernel=kernel.name, epoch=self._epoch, replayed_taps=replayed)

    # -- judging ---------------------------------------------------------------------------------

    async def _judge_loop(self) -> None:
        while True:
            submission = await self._incoming.get()
            while len(self._judged) >= JUDGED_AHEAD_MAX:
                self._room.clear()
                await self._room.wait()
            async with self._state_lock:
                first = self._next_seq
                try:
                    if self._fenced is not None:
                        raise self._fenced
                    if self._lost:
                        await self._come_back()
                except (*_LOST, ClearingError) as error:
                    submission.fail(_told(error))
                except Exception as error:  # noqa: BLE001 - see _give_up
                    await self._give_up(submission, error, first)
                else:
                    await self._judge_or_fail(submission)
            self._something_judged.set()

    async def _judge_or_fail(self, submission: Submission) -> None:
        """Judge a submission, or tell whoever waits for it why not; the others go on."""
        first = self._next_seq
        try:
            self._judged.append(await self._judge(submission))
        except (*_LOST, ClearingError) as error:
            submission.fail(_told(error))
        except Exception as error:  # noqa: BLE001 - see _give_up
            await self._give_up(submission, error, first)

    async def _give_up(self, submission: Submission, error: Exception, first: int) -> None:
        """A batch that shows a defect of ours: it is taken back, and the others go on."""
        log.error("judging failed", error=repr(error), operator=submission.batch.header.operator)
        await self._in_thread(self.state.kernel.undo, first)
        self._next_seq = first
        submission.fail(
            ClearingError(
                f"The batch cannot be judged: a defect ({type(error).__name__}).",
                "Please report it; nothing of the batch was stored.",
            )
        )

    async def _judge(self, submission: Submission) -> Judged:
        """Judge one batch on top of everything judged before it."""
        header, records = submission.batch.header, submission.batch.records
        async with self.reading.acquire() as connection:
            # Read for each batch: what intake has let in must be known to the kernel too.
            plan = await self.state.bring_to(connection, *await store.read_versions(connection))
            known = await known_identities(
                connection, records, self._last_sealed, plan.limits.clock_tolerance_s
            )
        seq, day = self._next_seq, self.open_date
        context = BatchContext(
            batch_seq=seq,
            business_day=local_day(day),
            judged_at_s=self._node.clock_s(day),
            source=submission.source,
            operator=header.operator,
            checks=submission.checks,
            salt_key=published.salt_key(self._node.secret, seq),
            known=known,
            acquirer=store.acquirer_of(submission.origin),
        )
        judgement = await self._in_thread(verdicts.judge, self.state.kernel, records, context)
        self._next_seq = seq + 1
        versions = (plan.rules_version, plan.registry_version, plan.denylist_version)
        receipt = proof.receipt(
            self._node.city, f"{day}", seq, header, judgement, versions,
            self._node.signing.sign,
        )  # fmt: skip
        row = BatchRow(
            batch_seq=seq,
            business_date=day,
            source=submission.source,
            operator_no=header.operator,
            number=header.number,
            origin=submission.origin,
            declared_date=date.fromisoformat(header.declared_date),
            profile=header.profile,
            checks=submission.checks,
            digest=bytes.fromhex(header.digest),
            signature=bytes.fromhex(header.signature),
            tap_count=judgement.count,
            judged_at_s=context.judged_at_s,
            rules_version=versions[0],
            registry_version=versions[1],
            denylist_version=versions[2],
            batch_root=judgement.root,
            receipt=receipt,
        )
        return Judged(submission, row, judgement)

    async def _in_thread(self, call: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, partial(call, *arguments)
        )

    # -- writing ---------------------------------------------------------------------------------

    async def _write_loop(self) -> None:
        while True:
            await self._something_judged.wait()
            self._something_judged.clear()
            while self._judged:
                await self._write(self._next_group())
                self._room.set()

    def _next_group(self) -> list[Judged]:
        """The oldest judged batches of one date that make a transaction."""
        group, taps = [self._judged[0]], self._judged[0].row.tap_count
        if self._singles:
            self._singles -= 1
            return group
        for judged in list(self._judged)[1:]:
            taps += judged.row.tap_count
            if taps > GROUP_TAPS_MAX or judged.row.business_date != group[0].row.business_date:
                break
            group.append(judged)
        return group

    async def _write(self, group: Sequence[Judged]) -> None:
        try:
            await self._commit(group)
        except _Overtaken:
            await self._judge_again()
        except NotTheWriter as error:
            self._fenced = error
            self._fail_all(error)
        except Exception as error:  # noqa: BLE001 - a defect of ours must not end the loop either
            await self._undo(error, lost=isinstance(error, _LOST) or self._connection.is_closed())
        else:
            for judged in group:
                self._judged.popleft()
                if not judged.submission.done.done():
                    judged.submission.done.set_result(judged.row.receipt)
                _log(judged)
            await self._in_thread(self.state.kernel.keep, group[-1].row.batch_seq)

    async def _commit(self, group: Sequence[Judged]) -> None:
        """One transaction."""
        connection, day = self._connection, group[0].row.business_date
        async with connection.transaction():
            _, registered = await store.check_epoch(connection, self._epoch)
            if registered != group[0].row.registry_version:
                # A card may be registered by now of which these made a line of their own.
                raise _Overtaken
            if await store.read_open_date(connection, lock="FOR SHARE") != day:
                raise _Overtaken
            await store.write_batches(connection, [judged.row for judged in group])
            await store.write_taps(connection, day, [j.judgement.copy_rows for j in group])
            await store.write_evidence(
                connection, [(j.row.batch_seq, j.judgement.evidence) for j in group]
            )
            await store.add_entries(
                connection,
                day,
                [ledger.entry_of_batch(j.row.batch_seq, j.judgement.movements) for j in group],
            )
            gaps, spans = numbers.follow(self._spans, [judged.row for judged in group])
            await alarms.tell_gaps(connection, day, gaps)
            for judged in group:
                await alarms.tell_taps(connection, judged.row, judged.judgement)
                if judged.submission.along is not None:
                    await judged.submission.along(connection, judged)
        self._spans.update(spans)

    async def _judge_again(self) -> None:
        """The date was cut off, or the registry changed, while these were judged: they belong to what is
        open, and are judged by what is in force."""
        async with self._state_lock:
            again = [judged.submission for judged in self._judged]
            await self._take_back()
            self._judged.clear()
            try:
                await self.follow_days()
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
                log.error("open date not read", error=repr(error))
                for submission in again:
                    submission.fail(_told(error))
                return
            for submission in again:
                await self._judge_or_fail(submission)

    async def follow_days(self) -> None:
        """See which date is open and which are sealed; identities of sealed ones leave memory."""
        async with self.reading.acquire() as connection:
            self.open_date = await store.read_open_date(connection)
            last_sealed: date | None = await store.read_last_sealed(connection)
            if last_sealed is not None and last_sealed != self._last_sealed:
                self._last_sealed = last_sealed
                await self._in_thread(self.state.kernel.forget, local_day(last_sealed))
                held = await held_identities(connection, last_sealed)
                await self._in_thread(self.state.kernel.add_identities, held)

    async def _undo(self, error: Exception, *, lost: bool) -> None:
        """Take back everything judged and not written; whoever waits may submit again."""
        async with self._state_lock:
            first = await self._take_back()
            self._lost = lost
            self._singles = 0 if lost else SINGLES_AFTER_FAILURE
            log.error("commit failed", error=str(error), lost=lost, first_batch_seq=first)
            self._fail_all(_told(error))

    async def _take_back(self) -> int:
        """Undo everything judged and not written; returns the first number that is free again."""
        row = self._judged[0].row
        await self._in_thread(self.state.kernel.undo, row.batch_seq)
        self.state.cards_again(row.registry_version)
        self._next_seq = row.batch_seq
        return row.batch_seq

    def _fail_all(self, error: ClearingError) -> None:
        while self._judged:
            self._judged.popleft().submission.fail(error)
        while not self._incoming.empty():
            self._incoming.get_nowait().fail(error)

    async def _come_back(self) -> None:
        """Connect again after a loss; rebuild the state if a commit happened that we took back."""
        await self._take_over()
        if await store.next_batch_seq(self._connection) != self._next_seq:
            await self._load()
        self._lost = False
        log.info("database is back", epoch=self._epoch, next_batch_seq=self._next_seq)


def _told(error: Exception) -> ClearingError:
    """What whoever waits for a batch is told when it was not taken."""
    return error if isinstance(error, ClearingError) else _unavailable(error)


def _unavailable(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(
        f"The batch was not acknowledged: {str(error) or type(error).__name__}.",
        "Submit it again: if it was stored all the same, the same receipt comes back.",
    )


def _log(judged: Judged) -> None:
    accepted, held, rejected = judged.judgement.verdict_counts
    log.info(
        "batch cleared",
        batch_seq=judged.row.batch_seq,
        business_date=str(judged.row.business_date),
        operator=judged.row.operator_no,
        number=judged.row.number,
        taps=judged.row.tap_count,
        accepted=accepted,
        held=held,
        rejected=rejected,
    )
