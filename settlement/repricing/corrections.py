"""What re-clearing a date would come to, so that a simulation says of it what ``onecard reclear`` would.

Nearly every tap is told by its columns: whether it is left out, and what it moves. The others go through the
list: those of earlier re-clearings, those that wait for a decision, and those of which columns do not tell
who bears the discount.
"""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from clearing.comparison import Comparison
from clearing.kernel import Judgement
from clearing.plan import Bearer, Plan, Purpose, Tariff
from clearing.store import BatchRow, Connection, read_open_date
from schemas import record
from schemas.codes import DEBIT_KINDS, Source, Verdict
from settlement import tap_index
from settlement.context import Context
from settlement.reclearing.listing import Listed, list_taps
from settlement.reclearing.replaying import Place, answer_of, elsewhere, judged_gross_fen
from settlement.reclearing.rides import Earlier, earlier_of
from settlement.reclearing.selecting import Why, is_decided, left_out, why_of
from settlement.reclearing.waiting import OF_TAPS
from settlement.repricing.other_rules import NOT_STORED
from settlement.repricing.repriced import (
    AccountTotals,
    Amounts,
    LeftOutTotals,
    LineTotals,
    Repriced,
    account_totals,
    line_totals,
)
from settlement.store import DayRow, items, reclears
from settlement.store.reclears import Answer

PlanOf: TypeAlias = Callable[[BatchRow], Awaitable[Plan]]
"""The other rules' plan for a batch."""
LineKey: TypeAlias = tuple[int, int, int]
"""Operator, card kind, line."""
LISTED: Final = 255
"""The mark of a tap that goes through the list."""


class _Ride(msgspec.Struct, frozen=True, kw_only=True):
    """A tap that goes through the list. ``was``: as it is stored; ``account``: its card's issuer's.

    ``is_ride``: it counts in the sums, as a debit that an operator handed in.
    """

    key: LineKey
    is_ride: bool
    gross_fen: int
    amount_fen: int
    account: int
    was: Answer
    becomes: Answer

    def amounts(self, answer: Answer) -> Amounts:
        """What it comes to under an answer: something only if it is accepted."""
        if answer.verdict != Verdict.ACCEPTED or not self.is_ride:
            return Amounts()
        return Amounts(
            1,
            self.gross_fen,
            self.amount_fen,
            answer.priced_fen,
            answer.credited_fen,
            answer.subsidy_fen,
        )


class Corrections:
    """Of one date: which taps its re-clearing leaves out, and what the others of the list come to."""

    def __init__(
        self, day: DayRow, earlier: dict[Place, Earlier], decided: dict[int, set[int]]
    ) -> None:
        self.day, self.earlier, self.decided = day, earlier, decided
        self._left_out: dict[tuple[Why, int], list[int]] = defaultdict(lambda: [0, 0])
        self._rides: dict[Place, _Ride] = {}
        self._earlier_rows: dict[int, list[int]] = defaultdict(list)
        for batch_seq, row in earlier:
            self._earlier_rows[batch_seq].append(row)

    @classmethod
    async def of(
        cls, connection: Connection, day: DayRow, batches: Sequence[BatchRow]
    ) -> "Corrections":
        """Read what was corrected and decided of a date."""
        decided: dict[int, set[int]] = defaultdict(set)
        for each in await items.read_standing(
            connection,
            await read_open_date(connection),
            open_only=False,
            kinds=OF_TAPS,
            batches=[batch.batch_seq for batch in batches],
        ):
            if is_decided(each):
                assert each.item.batch_seq is not None
                assert each.item.row_no is not None
                decided[each.item.batch_seq].add(each.item.row_no)
        return cls(
            day,
            earlier_of(await reclears.read_booked(connection, day.business_date)),
            dict(decided),
        )

    def marks(
        self, batch: BatchRow, before: Judgement, after: Judgement, plans: tuple[Plan, Plan]
    ) -> bytes:
        """A byte for each row: 0, why it is left out (``selecting.left_out``), or ``LISTED``."""
        own = frozenset(issuer.number for issuer in plans[0].issuers if issuer.own)
        shares, tariffs = elsewhere(batch, *plans)
        marks = left_out(batch, before, own, self.decided.get(batch.batch_seq, ()))
        for row in self._earlier_rows[batch.batch_seq]:
            marks[row] = LISTED
        if shares or tariffs or before.copy_rows != after.copy_rows:
            for row in _waiting(before):
                marks[row] = LISTED
        if tariffs and _bearers_matter(batch, *plans):
            for row in _subsidised(before, after):
                marks[row] = marks[row] or LISTED
        return bytes(marks)

    def add(
        self,
        batch: BatchRow,
        records: bytes,
        kinds: bytes,
        marks: bytes,
        moved: Sequence[int],
        judged: tuple[Judgement, Judgement],
        plan: Plan,
    ) -> None:
        """Take from a batch what its columns do not tell; ``moved``: rows that a re-clearing would move."""
        credited = [memoryview(each.credited_fen).cast("i") for each in judged]
        for row in moved:
            if 0 < marks[row] < LISTED:
                operator = tap_index.number(judged[0].copy_rows, row, "operator_no")
                sums = self._left_out[why_of(marks[row]), operator]
                sums[0] += 1
                sums[1] += credited[1][row] - credited[0][row]
        accounts = {issuer.number: issuer.account for issuer in plan.issuers}
        gross_fen = [judged_gross_fen(each) for each in judged]
        for row in tap_index.positions(marks, _IS_LISTED):
            tap = record.unpack(records[row * record.SIZE : (row + 1) * record.SIZE])
            was, becomes = (answer_of(judged[at], row, gross_fen[at]) for at in range(2))
            issuer = tap_index.number(judged[0].copy_rows, row, "issuer_no")
            self._rides[batch.batch_seq, row] = _Ride(
                key=(tap.operator, kinds[row], tap.line),
                is_ride=tap.kind in DEBIT_KINDS and batch.source == Source.OPERATOR,
                gross_fen=tap.gross_fen,
                amount_fen=tap.amount_fen,
                account=accounts.get(issuer, 0),
                was=was,
                becomes=becomes,
            )

    async def repriced(
        self, connection: Connection, context: Context, comparison: Comparison, plan_of: PlanOf
    ) -> Repriced:
        """The date's sums by columns, with those of the list put in."""
        lines = {row[0]: line_totals(row) for row in comparison.lines()}
        accounts = {row[0]: account_totals(row) for row in comparison.accounts()}
        if self._rides:
            answers = {place: ride.becomes for place, ride in self._rides.items()}
            listed = Listed(NOT_STORED)
            await list_taps(connection, context, self.day, listed, answers, self.earlier, plan_of)
            self._put_in(listed, lines, accounts)
        return Repriced(
            business_date=self.day.business_date,
            supposed=False,
            lines=[lines[key] for key in sorted(lines)],
            accounts=[accounts[place] for place in sorted(accounts)],
            left_out=[
                LeftOutTotals(str(why), operator, *sums)
                for (why, operator), sums in sorted(self._left_out.items())
            ],
        )

    def _put_in(
        self,
        listed: Listed,
        lines: dict[LineKey, LineTotals],
        accounts: dict[tuple[int, int], AccountTotals],
    ) -> None:
        taps = {tap.place: tap for tap in listed.taps}
        stays = {(tap.batch_seq, tap.row_no) for tap in listed.left_out}
        for out in listed.left_out:
            sums = self._left_out[out.why, out.operator_no]
            sums[0] += 1
            sums[1] += out.fen
        for place, ride in self._rides.items():
            earlier, tap = self.earlier.get(place), taps.get(place)
            was = earlier.answer if earlier is not None else ride.was
            becomes = was if place in stays else ride.becomes
            if ride.is_ride:
                row, stored = lines[ride.key], ride.amounts(ride.was)
                lines[ride.key] = msgspec.structs.replace(
                    row,
                    changed=row.changed + (tap is not None),
                    before=row.before + ride.amounts(was) - stored,
                    after=row.after + ride.amounts(becomes) - stored,
                )
            shares = _shares(earlier.moved if earlier is not None else {}, ride.account)
            now: Counter[int] = Counter()
            if tap is not None:
                deltas = {(delta.account, delta.purpose): delta.amount_fen for delta in tap.deltas}
                now = _shares(deltas, ride.account)
            for account in shares.keys() | now.keys():
                key = ride.key[0], account
                known = accounts.get(key, AccountTotals(*key, 0, 0))
                accounts[key] = AccountTotals(
                    *key,
                    known.before_fen + shares[account],
                    known.after_fen + shares[account] + now[account],
                )


def _shares(moved: Mapping[tuple[int, int], int], issuer_account: int) -> Counter[int]:
    """How much more of a fare falls to each account, of what a correction moved."""
    found: Counter[int] = Counter()
    for (account, purpose), fen in moved.items():
        if purpose == Purpose.RECLEAR and account != issuer_account:
            found[account] -= fen
    return found


_IS_LISTED: Final = bytes(byte == LISTED for byte in range(256))


def _waiting(judged: Judgement) -> list[int]:
    """Rows of debits that are held, or rejected though money left the card: a release may book otherwise."""
    planes = (
        tap_index.plane(judged.copy_rows, name) for name in ("verdict", "debit_proven", "kind")
    )
    return [
        row
        for row, (verdict, proven, kind) in enumerate(zip(*planes, strict=True))
        if verdict != Verdict.ACCEPTED
        and (verdict == Verdict.HELD or proven)
        and kind in DEBIT_KINDS
    ]


def _bearers_matter(batch: BatchRow, old: Plan, new: Plan) -> bool:
    """Whether another may bear a discount of the same amount: columns have the amount alone."""
    tariffs = [
        operator.tariffs
        for plan in (old, new)
        for operator in plan.operators
        if operator.number == batch.operator_no
    ]
    return len({bearer for some in tariffs for tariff in some for bearer in _bearers(tariff)}) > 1


def _bearers(tariff: Tariff) -> set[Bearer]:
    """Those who bear a discount instead of the operator."""
    found = {fare_class.bearer for fare_class in tariff.classes} | {tariff.transfer.bearer}
    if tariff.accumulation is not None:
        found.add(tariff.accumulation.bearer)
    return found - {Bearer.OPERATOR}


def _subsidised(before: Judgement, after: Judgement) -> list[int]:
    """Rows of which somebody bears a discount under either rules."""
    sides = (memoryview(each.subsidy_fen).cast("i") for each in (before, after))
    return [row for row, (one, other) in enumerate(zip(*sides, strict=True)) if one or other]
