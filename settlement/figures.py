"""The figures of a date: everything that its report and its statements say, read once.

A date that is not cut off yet is read as it is at this moment, under the registry in force.
"""

from typing import Any

import msgspec

from clearing.plan import Purpose
from clearing.store import BatchRow, read_accounts, read_batches, read_registry, read_versions
from schemas import proof
from schemas.accounts import Account, AccountKind
from schemas.codes import Purse, Source
from schemas.reasons import RECORD_LEVEL
from schemas.registry import Operator
from settlement import parties, store
from settlement.books import numbered
from settlement.fees import Volumes, read_volumes
from settlement.positions import positions_of
from settlement.store import Connection, DayRow, Position, Sum, TapGroup


class Totals(msgspec.Struct, kw_only=True):
    """Counts of taps, and fen. ``gross_fen`` and ``charged_fen`` are of every debit handed in."""

    taps: int = 0
    accepted: int = 0
    held: int = 0
    rejected: int = 0
    gross_fen: int = 0
    charged_fen: int = 0
    accepted_fen: int = 0

    def add(self, receipt: proof.Receipt) -> None:
        """Add a batch's."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(receipt, name))


class Reasons(msgspec.Struct):
    """How often each reason applied, flags included."""

    counts: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, receipt: proof.Receipt) -> None:
        """Add a batch's."""
        for name, count in receipt.reasons.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def in_order(self) -> dict[str, int]:
        """Clean first, then in table order."""
        order = ["clean", *(row.name for row in RECORD_LEVEL)]
        return {name: self.counts[name] for name in order if name in self.counts}


class AccountLine(msgspec.Struct, frozen=True):
    """An account on a date, fen: opening + debits − credits = closing; debits positive."""

    account: str
    purse: str
    opening_fen: int
    debit_fen: int
    credit_fen: int
    closing_fen: int


class Figures(msgspec.Struct):
    """What a date came to."""

    day: DayRow
    registry: dict[str, list[msgspec.Struct]]
    accounts: dict[int, Account]
    batches: list[BatchRow]
    groups: list[TapGroup]
    sums: list[Sum]
    balances: dict[int, int]
    positions: list[Position]
    receipts: list[proof.Receipt]
    volumes: dict[int, Volumes]
    """What became accepted on the date, by operator."""

    @property
    def operators(self) -> list[Operator]:
        """The operators in the registry, by number."""
        return sorted(parties.rows(self.registry, "operator", Operator), key=lambda row: row.number)

    def totals(self, operator: int | None = None, source: Source = Source.OPERATOR) -> Totals:
        """Totals of what operators (or one of them, or other cities) handed in."""
        found = Totals()
        for receipt in self._of(operator, source):
            found.add(receipt)
        return found

    def reasons(
        self, operator: int | None = None, source: Source = Source.OPERATOR
    ) -> dict[str, int]:
        """Counts of reasons, flags included."""
        found = Reasons()
        for receipt in self._of(operator, source):
            found.add(receipt)
        return found.in_order()

    def _of(self, operator: int | None, source: Source) -> list[proof.Receipt]:
        return [
            receipt
            for batch, receipt in zip(self.batches, self.receipts, strict=True)
            if batch.source == source and operator in (None, batch.operator_no)
        ]

    def moved(
        self,
        kinds: tuple[AccountKind, ...],
        purposes: tuple[Purpose, ...] | None = None,
        participant: str | None = None,
    ) -> int:
        """What accounts of these kinds moved, debits less credits, fen; settlement left out."""
        return sum(
            row.amount_fen
            for row in self.sums
            if self.accounts[row.account].kind in kinds
            and row.purpose != Purpose.SETTLEMENT
            and (purposes is None or row.purpose in purposes)
            and participant in (None, self.accounts[row.account].participant)
        )

    def position(self, purse: Purse, participant: str) -> int:
        """A participant's position, fen; 0 without one."""
        return sum(
            row.amount_fen
            for row in self.positions
            if row.purse == purse and row.participant == participant
        )

    def lines(self) -> list[AccountLine]:
        """Every account that has moved up to the date, by code."""
        debits: dict[int, int] = {}
        credits_: dict[int, int] = {}
        for row in self.sums:
            debits[row.account] = debits.get(row.account, 0) + row.debit_fen
            credits_[row.account] = credits_.get(row.account, 0) + row.credit_fen
        found = [
            AccountLine(
                account=self.accounts[number].code,
                purse=self.accounts[number].purse.name.lower(),
                opening_fen=closing - debits.get(number, 0) + credits_.get(number, 0),
                debit_fen=debits.get(number, 0),
                credit_fen=credits_.get(number, 0),
                closing_fen=closing,
            )
            for number, closing in self.balances.items()
        ]
        return sorted(found, key=lambda line: line.account)

    def trial_balance(self) -> dict[str, int]:
        """The sum of all balances per purse, fen: each must be zero."""
        found = {purse.name.lower(): 0 for purse in Purse}
        for line in self.lines():
            found[line.purse] += line.closing_fen
        return found

    def balance(self, kind: AccountKind) -> dict[str, int]:
        """What accounts of a kind hold for others (credit balances), fen, by participant."""
        found = {
            self.accounts[number].participant: -fen
            for number, fen in self.balances.items()
            if self.accounts[number].kind == kind and fen
        }
        return dict(sorted(found.items()))


async def read_figures(connection: Connection, day: DayRow) -> Figures:
    """Read the figures of a date."""
    version = day.registry_version
    if version is None:
        _, version = await read_versions(connection)
    accounts = numbered(await read_accounts(connection))
    batches = await read_batches(connection, day.business_date)
    sums = await store.read_sums(connection, day.business_date)
    registry = await read_registry(connection, version)
    return Figures(
        day=day,
        registry=registry,
        accounts=accounts,
        batches=batches,
        groups=await store.read_tap_groups(connection, day.business_date),
        sums=sums,
        balances=await store.read_balances(connection, day.business_date),
        positions=positions_of(sums, accounts),
        receipts=[msgspec.json.decode(row.receipt, type=proof.Receipt) for row in batches],
        volumes=await read_volumes(connection, day.business_date, registry),
    )


def gaps_of(numbers: list[store.BatchNumber]) -> dict[int, dict[str, Any]]:
    """The completeness board by operator: last number, and the ranges that never came."""
    board: dict[int, dict[str, Any]] = {}
    for row in numbers:
        line = board.setdefault(row.operator, {"last_number": 0, "missing": []})
        if row.following is None:
            line["last_number"] = row.number
        else:
            line["missing"].append([row.number + 1, row.following - 1])
    return board
