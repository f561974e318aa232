"""Card state: opened from the database, replayed, paged. The database is the truth; this rebuilds.

Opening state of a date = the latest archived pages before it. On top come the cards registered since
and the batches since, in order, each judged again under the versions stamped on it.
"""

import hashlib
from datetime import date
from typing import TypeAlias

from clearing import cards, store, verdicts
from clearing.compile import compile_plan
from clearing.errors import ClearingError
from clearing.kernel import BatchContext, Judgement, Kernel
from clearing.node import Node
from clearing.plan import NEVER_SEALED, Plan, local_day
from clearing.rules import RuleSet, load
from clearing.store import BatchRow, Connection, acquirer_of
from schemas import proof
from schemas.codes import Check, Source
from schemas.reasons import Reason

KnownTap: TypeAlias = tuple[int, int, bytes, int, int]
"""(batch_seq, row, head of the record's digest, business day, acquirer), as ``BatchContext.known`` has it."""

PAGES = 256
"""Lines of cards and terminals are archived in this many pages, by a sum over their serial."""


class Plans:
    """Plans by (rules version, registry version), compiled once each."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._plans: dict[tuple[int, int], Plan] = {}
        self._rules: dict[int, RuleSet] = {}

    async def rules(self, connection: Connection, version: int) -> RuleSet:
        """A rule set by version."""
        if version not in self._rules:
            files = await store.read_rules(connection, version)
            if not files:
                raise ClearingError(
                    f"Rule set {version} is not in the database.", "Run onecard init first."
                )
            self._rules[version] = load(files)
        return self._rules[version]

    async def plan(self, connection: Connection, rules_version: int, registry_version: int) -> Plan:
        """The plan of these versions."""
        versions = (rules_version, registry_version)
        if versions not in self._plans:
            self._plans[versions] = compile_plan(
                await store.read_registry(connection, registry_version),
                await self.rules(connection, rules_version),
                await store.read_accounts(connection),
                self.node.keys,
                self.node.limits,
                versions,
            )
        return self._plans[versions]


class State:
    """A kernel and the versions it was brought to."""

    def __init__(self, kernel: Kernel, plans: Plans) -> None:
        self.kernel, self.plans = kernel, plans
        self.plan: Plan | None = None
        self._cards_version = 0

    async def bring_to(
        self, connection: Connection, rules_version: int, registry_version: int
    ) -> Plan:
        """Configure the kernel for these versions and put in the cards registered since."""
        plan = await self.plans.plan(connection, rules_version, registry_version)
        if plan is not self.plan:
            self.kernel.configure(plan)
            self.plan = plan
            await self.add_cards(connection, registry_version)
        return plan

    async def add_cards(self, connection: Connection, up_to: int) -> None:
        """Put in the cards registered up to a registry version."""
        if up_to > self._cards_version:
            lines = await store.read_cards(connection, self._cards_version, up_to)
            self.kernel.add_cards(lines)
            self._cards_version = up_to

    def cards_again(self, since: int) -> None:
        """Batches judged from a registry version on were undone, and with them lines that they had made
        of cards registered afterwards: those cards are put in anew before anything is judged."""
        if since < self._cards_version:
            self._cards_version, self.plan = since, None

    async def open(self, connection: Connection, business_date: date) -> None:
        """Card state as it was when the date began, and held taps of its future."""
        for _, lines in await store.read_pages(connection, business_date):
            self.kernel.add_cards(lines)
        self._cards_version = await store.read_closing_version(connection, business_date)
        last_sealed = await store.read_last_sealed_before(connection, business_date)
        if last_sealed is not None:
            self.kernel.add_identities(await held_identities(connection, last_sealed))

    async def replay(
        self, connection: Connection, batch: BatchRow
    ) -> tuple[Judgement, store.StoredTaps]:
        """Judge a stored batch again, under its own stamps; state moves as it did then."""
        plan = await self.bring_to(connection, batch.rules_version, batch.registry_version)
        taps = await store.read_taps(connection, batch)
        last_sealed = await store.read_last_sealed_before(connection, batch.business_date)
        known = await known_identities(
            connection, taps.records, last_sealed, plan.limits.clock_tolerance_s
        )
        return verdicts.judge(self.kernel, taps.records, self.context_of(batch, known)), taps

    def context_of(
        self, batch: BatchRow, known: dict[bytes, KnownTap], *, supposed: bool = False
    ) -> BatchContext:
        """Under what a stored batch was judged; ``known`` and ``supposed`` as in ``BatchContext``."""
        return BatchContext(
            batch_seq=batch.batch_seq,
            business_day=local_day(batch.business_date),
            judged_at_s=batch.judged_at_s,
            source=Source(batch.source),
            operator=batch.operator_no,
            checks=Check(batch.checks),
            salt_key=proof.salt_key(self.plans.node.secret, batch.batch_seq),
            known=known,
            acquirer=acquirer_of(batch.origin),
            supposed=supposed,
        )


async def held_identities(
    connection: Connection, last_sealed: date
) -> list[tuple[bytes, int, int, bytes, int, int]]:
    """Taps of sealed dates that are held for a date of their own future, to be kept in memory."""
    held = await store.future_identities(connection, last_sealed, Reason.FUTURE)
    return [
        (identity, tap.batch_seq, tap.row, _head(tap.record), NEVER_SEALED, tap.acquirer)
        for identity, tap in held
    ]


async def known_identities(
    connection: Connection, records: bytes, last_sealed: date | None, clock_tolerance_s: int
) -> dict[bytes, KnownTap]:
    """Identities of old taps that sealed partitions hold: the slow path, through their indexes."""
    if last_sealed is None:
        return {}
    judged_s = await store.read_last_judged(connection, last_sealed)
    latest = verdicts.latest_possible(last_sealed, judged_s, clock_tolerance_s)
    identities = verdicts.old_identities(records, latest)
    return await sealed_identities(connection, identities, last_sealed)


async def sealed_identities(
    connection: Connection, identities: list[bytes], last_sealed: date
) -> dict[bytes, KnownTap]:
    """Those of these identities that sealed dates hold, up to ``last_sealed``."""
    if not identities:
        return {}
    first = verdicts.first_possible(identities)
    found = await store.find_identities(connection, identities, first, last_sealed)
    return {
        identity: (
            tap.batch_seq,
            tap.row,
            _head(tap.record),
            local_day(tap.business_date),
            tap.acquirer,
        )
        for identity, tap in found.items()
    }


def pages_of(lines: bytes) -> dict[int, bytes]:
    """Lines of cards and terminals by page number, in the order given."""
    pages: dict[int, list[bytes]] = {}
    for at in range(0, len(lines), cards.SIZE):
        line = lines[at : at + cards.SIZE]
        pages.setdefault(sum(line[4:14]) * 31 % PAGES, []).append(line)
    return {number: b"".join(parts) for number, parts in sorted(pages.items())}


def changed_pages(old: list[tuple[int, bytes]], new: dict[int, bytes]) -> dict[int, bytes]:
    """Pages that are new or differ from the archived ones."""
    before = dict(old)
    return {number: lines for number, lines in new.items() if before.get(number) != lines}


def _head(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:4]
