"""The engine: the one writer of a node. ``clear_batch`` is the table of contents of clearing.

bytes → ``intake`` (batch, file-level checks) → ``verdicts`` (the kernel) → ``ledger`` (entries) →
``proof`` (root, receipt) → ``store`` (one transaction), the last four inside ``pipeline``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from clearing import intake, store
from clearing.intake import Refusal
from clearing.node import Node
from clearing.pipeline import Judged, Pipeline, Submission
from clearing.store import BatchRow, Connection
from schemas.batch import Batch, Header
from schemas.codes import Check, Source
from schemas.forms import Form
from schemas.reasons import Reason
from schemas.registry import Operator

__all__ = ["Along", "Engine", "Judged"]

Along = Callable[[Connection, Judged], Awaitable[None]]
"""What is written in the same transaction as a batch, by whoever handed it in."""


class Engine:
    """The writer of one node. Make it with ``Engine.start``; close it when done."""

    def __init__(self, pipeline: Pipeline, node: Node) -> None:
        self._pipeline, self.node = pipeline, node
        self._operators: dict[int, Operator] = {}
        self._registry_version = -1
        self._clearing: set[asyncio.Task[bytes]] = set()
        self._numbers: WeakValueDictionary[tuple[int | str, int], asyncio.Lock] = (
            WeakValueDictionary()
        )

    @classmethod
    async def start(cls, dsn: str, node: Node, kernel: str | None = None) -> "Engine":
        """Become the node's writer and rebuild the state. ``kernel`` as in ``kernel.choose``.

        Raises ``NotTheWriter`` while another engine is at work, ``StoreUnavailable`` without database.
        """
        pipeline = Pipeline(dsn, node, kernel)
        await pipeline.start()
        return cls(pipeline, node)

    async def close(self) -> None:
        """Stop, and give the writer lock back."""
        await self._pipeline.close()
        await asyncio.gather(*self._clearing, return_exceptions=True)

    async def clear_batch(
        self,
        body: bytes,
        form: Form | None = None,
        *,
        only_operator: int | None = None,
        trusted: bool = False,
    ) -> bytes:
        """Clear one batch; returns its receipt. The same batch again returns the same bytes.

        ``only_operator``: the operator whose API key came with the body; ``trusted``: the centre's own
        staff hands it in. Raises ``Refusal`` (nothing was stored), ``StoreUnavailable``.
        """
        batch = intake.read(body, form)
        operator = await self._operator(batch, only_operator)
        checks = intake.check(batch, operator, await self._open_date(), trusted=trusted)
        # Whoever waits may go away; the batch keeps its turn until it is known what became of it.
        clearing = asyncio.create_task(self._in_turn(batch, checks))
        self._clearing.add(clearing)
        clearing.add_done_callback(self._cleared)
        return await asyncio.shield(clearing)

    async def _in_turn(self, batch: Batch, checks: Check) -> bytes:
        async with self._turn_of(batch.header.operator, batch.header.number):
            receipt = await self._earlier_receipt(batch)
            if receipt is None:
                submission = Submission(batch, Source.OPERATOR, checks)
                receipt = await self._pipeline.put(submission)
        return receipt

    def _cleared(self, clearing: "asyncio.Task[bytes]") -> None:
        self._clearing.discard(clearing)
        if not clearing.cancelled():
            clearing.exception()

    async def clear_presentment(
        self, batch: Batch, origin: str, checks: Check, along: Along
    ) -> bytes | None:
        """Clear taps that another city presents to us as their issuer.

        ``origin`` names the presentment; ``along`` writes the answer in the same transaction. Returns
        None when this presentment was cleared before.
        """
        async with self._turn_of(origin, batch.header.number):
            async with self._pipeline.reading.acquire() as connection:
                number = batch.header.number
                if await store.find_batch(connection, Source.PRESENTMENT, 0, number, origin):
                    return None
            return await self._pipeline.put(
                Submission(batch, Source.PRESENTMENT, checks, origin, along)
            )

    def _turn_of(self, submitter: int | str, number: int) -> asyncio.Lock:
        """One at a time per operator, or presentment, and number, so that the second sees what became of
        the first."""
        return self._numbers.setdefault((submitter, number), asyncio.Lock())

    async def _open_date(self) -> str:
        async with self._pipeline.reading.acquire() as connection:
            return f"{await store.read_open_date(connection):%Y%m%d}"

    async def _operator(self, batch: Batch, only: int | None) -> Operator | None:
        """The operator's row in the registry now in force."""
        number = batch.header.operator
        if only is not None and number != only:
            raise Refusal(Reason.KEY_WRONG, actual=f"a batch of operator {number}")
        async with self._pipeline.reading.acquire() as connection:
            _, version = await store.read_versions(connection)
            if version != self._registry_version:
                rows = (await store.read_registry(connection, version))["operator"]
                self._operators = {row.number: row for row in rows if isinstance(row, Operator)}
                self._registry_version = version
        return self._operators.get(number)

    async def _earlier_receipt(self, batch: Batch) -> bytes | None:
        """The receipt of the same batch, if there is one; its number with other content is refused."""
        header = batch.header
        async with self._pipeline.reading.acquire() as connection:
            row = await store.find_batch(
                connection, Source.OPERATOR, header.operator, header.number
            )
        if row is None:
            return None
        if row.digest.hex().upper() != header.digest.upper():
            await self._alarm_number_used(header, row)
            raise Refusal(Reason.NUMBER_USED, actual=str(header.number))
        return row.receipt

    async def _alarm_number_used(self, header: Header, first: BatchRow) -> None:
        """Another content under a number that was used leaves an event, once for each content."""
        reason = Reason.NUMBER_USED.name.lower()
        subject = f"{header.operator}/{header.number}/{header.digest.upper()}"
        body = {
            "operator": header.operator,
            "number": header.number,
            "digest": header.digest.upper(),
            "batch_seq": first.batch_seq,
            "batch_digest": first.digest.hex().upper(),
        }
        async with self._pipeline.reading.acquire() as connection, connection.transaction():
            open_date = await store.read_open_date(connection, lock="FOR SHARE")
            await store.add_event(connection, open_date, reason, subject, body)
