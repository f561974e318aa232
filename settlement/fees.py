"""Fees 手续费: what each contract owes for a date, what of it is booked, and the same again for ``verify``.

A fee is on what became accepted on the date, whenever it was tapped: a tap that people release, or that a
card's chain proves, counts with its fare and as a ride on the date that books it; what is taken back lowers
principal and rides of the date that books that. So each ride is counted once over its life, and what a
month was billed stays as it is (``settlement.counting``).

``of_date`` computes and writes nothing. It reads the date's books and taps, and of the month's earlier
dates their rows in ``settlement.fee``, each of which its own date proves.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

import msgspec

from clearing.errors import ClearingError
from clearing.plan import Purpose
from clearing.pricing import split_fen
from clearing.rules import FeeRule, Volume
from clearing.rules.fees import Billing, Cards, FeeBearer, is_last_of_month
from clearing.store import (
    Connection,
    Entry,
    Posting,
    add_entries,
    ensure_accounts,
    read_accounts,
    read_registry,
)
from schemas.accounts import AccountKind, code_of
from schemas.codes import Purse
from schemas.registry import Issuer, Operator
from settlement import comparing, parties, replay
from settlement.context import Context
from settlement.findings import Finding
from settlement.store import BookedEntry, BookedPosting, DayRow
from settlement.store.fees import (
    FeeRow,
    add_fees,
    read_fares,
    read_fees,
    read_rides,
    read_touched,
)

PREFIX: Final = "night/{}/fee/"
"""How ids of fee entries begin; ``{}`` is the business date."""


class Volumes(msgspec.Struct, frozen=True):
    """What an operator's fees are on: rides of own cards, and of other cities'."""

    own: Volume = Volume()
    foreign: Volume = Volume()

    def __add__(self, other: "Volumes") -> "Volumes":
        return Volumes(self.own + other.own, self.foreign + other.foreign)

    def __bool__(self) -> bool:
        return bool(self.own or self.foreign)

    def of(self, cards: Cards) -> "Volumes":
        """The part of it that a fee is on."""
        return Volumes(
            Volume() if cards is Cards.FOREIGN else self.own,
            Volume() if cards is Cards.OWN else self.foreign,
        )

    @property
    def whole(self) -> Volume:
        """Both together."""
        return self.own + self.foreign


class Booking(msgspec.Struct, frozen=True):
    """An entry to be: account names of the fees purse, fen, debits positive."""

    entry_id: str
    narrative: str
    lines: tuple[tuple[str, int], ...]


class Fees(msgspec.Struct, frozen=True):
    """What a date comes to: fees with something to say, the row of each, and what is booked."""

    dues: list["Due"]
    rows: list[FeeRow]
    bookings: list[Booking]


class Due(msgspec.Struct, frozen=True):
    """A fee of a contract on a date: its rule, the month's earlier dates, the date's volumes."""

    operator: int
    rule: FeeRule
    earlier: list[FeeRow]
    today: Volumes

    @property
    def before(self) -> Volumes:
        """The volumes of the month's earlier dates."""
        return sum((volumes_of(row) for row in self.earlier), Volumes())

    @property
    def due_before_fen(self) -> int:
        """What the month's earlier dates came to."""
        return sum(row.due_fen for row in self.earlier)


def volumes_of(row: FeeRow) -> Volumes:
    """The volumes of a stored row."""
    return Volumes(Volume(row.own_fen, row.own_taps), Volume(row.foreign_fen, row.foreign_taps))


# -- the night -----------------------------------------------------------------------------------


async def book(connection: Connection, context: Context, day: DayRow) -> None:
    """Book the fees of a date, keep what it came to."""
    found = await of_date(connection, context, day)
    await add_fees(connection, found.rows)
    names = dict.fromkeys(name for booking in found.bookings for name, _ in booking.lines)
    wanted = [(Purse.FEES, AccountKind.FEE, name) for name in names]
    accounts = await ensure_accounts(connection, wanted)
    numbers = {name: accounts[code_of(Purse.FEES, AccountKind.FEE, name)].number for name in names}
    await add_entries(
        connection, day.business_date, [_entry(booking, numbers) for booking in found.bookings]
    )


def _entry(booking: Booking, numbers: dict[str, int]) -> Entry:
    return Entry(
        entry_id=booking.entry_id,
        narrative=booking.narrative,
        postings=tuple(
            Posting(numbers[name], Purpose.FEE, fen) for name, fen in booking.lines if fen
        ),
    )


async def of_date(connection: Connection, context: Context, day: DayRow) -> Fees:
    """What a date that is cut off comes to under every fee, by the rules of its cut-off."""
    on = day.business_date
    earlier = [
        row for row in await read_fees(connection, on.replace(day=1), on) if row.business_date < on
    ]
    dues = await _dues(connection, context, day, earlier)
    found = Fees([], [], [])
    for due in dues:
        row = _row(due, day)
        if not (due.today or row.due_fen or row.booked_fen):
            continue
        found.dues.append(due)
        found.rows.append(row)
        if row.booked_fen:
            found.bookings.append(_booking(due, row))
    return found


async def _dues(
    connection: Connection, context: Context, day: DayRow, earlier: list[FeeRow]
) -> list[Due]:
    """The fees of the contracts in force, then what ended contracts left to be billed."""
    on = day.business_date
    registry = await read_registry(connection, day.registry_version or 0)
    payers = [row for row in parties.rows(registry, "operator", Operator) if row.all_fees]
    if not payers and not earlier:
        return []
    rules = await context.plans.rules(connection, day.rules_version or 0)
    volumes = await read_volumes(connection, on, registry) if payers else {}
    by_fee: dict[tuple[int, str], list[FeeRow]] = {}
    for row in earlier:
        by_fee.setdefault((row.operator_no, row.fee), []).append(row)
    dues = []
    for operator in sorted(payers, key=lambda row: row.number):
        for name in operator.all_fees:
            rule = rules.fee_in_force(name, on)
            # Taps of a gap are held for it, and what cleared before it owes nothing on this date: a gap
            # must not stop the night.
            if rule is not None:
                before = by_fee.pop((operator.number, name), [])
                today = volumes.get(operator.number, Volumes()).of(rule.of)
                dues.append(Due(operator.number, rule, before, today))
    if is_last_of_month(on):
        for (number, name), before in by_fee.items():
            last = before[-1]
            then = await context.plans.rules(connection, last.rules_version)
            dues.append(Due(number, then.fee(name, last.business_date), before, Volumes()))
    return dues


def _row(due: Due, day: DayRow) -> FeeRow:
    rule, today = due.rule, due.today
    due_fen = rule.due_fen(due.before.whole, due.due_before_fen, today.whole)
    booked_fen = 0 if rule.billing is Billing.MONTHLY else due_fen
    if is_last_of_month(day.business_date):
        # Whatever is left, also of a contract or a way of billing that ended before the month did.
        booked_fen = due.due_before_fen + due_fen - sum(row.booked_fen for row in due.earlier)
    return FeeRow(
        business_date=day.business_date,
        operator_no=due.operator,
        fee=rule.name,
        rules_version=day.rules_version or 0,
        own_fen=today.own.fen,
        own_taps=today.own.taps,
        foreign_fen=today.foreign.fen,
        foreign_taps=today.foreign.taps,
        due_fen=due_fen,
        booked_fen=booked_fen,
    )


def _booking(due: Due, row: FeeRow) -> Booking:
    """Dr who bears the fee / Cr the recipients; the other way round where a month's fee fell."""
    rule, fen = due.rule, row.booked_fen
    takers = [
        f"operator-{due.operator}" if role == "operator" else role for role, _ in rule.recipients
    ]
    parts = _split(fen, [weight for _, weight in rule.recipients])
    lines = [*_payers(due, fen), *((name, -part) for name, part in zip(takers, parts, strict=True))]
    assert sum(part for _, part in lines) == 0
    billed = f" of {row.business_date:%Y-%m}" if rule.billing is Billing.MONTHLY else ""
    return Booking(
        entry_id=f"{PREFIX.format(row.business_date)}{due.operator}/{rule.name}",
        narrative=f"fee {rule.name}{billed}",
        lines=tuple(lines),
    )


def _payers(due: Due, fen: int) -> list[tuple[str, int]]:
    """Who bears how much: the operator; or our issuer and, for other cities' cards, the province, as
    their volumes are to each other in what is billed."""
    if due.rule.bearer is FeeBearer.OPERATOR:
        return [(f"operator-{due.operator}", fen)]
    volumes = due.today
    if due.rule.billing is Billing.MONTHLY:
        volumes = due.before + due.today
    counts = [
        volume.fen if due.rule.fen_tiers else volume.taps
        for volume in (volumes.own, volumes.foreign)
    ]
    # What is given back goes to those whose volumes fell.
    weights = [max(count if fen >= 0 else -count, 0) for count in counts]
    if not any(weights):
        weights = [0, 1] if due.rule.of is Cards.FOREIGN else [1, 0]
    return list(zip(("issuer", "province"), _split(fen, weights), strict=True))


def _split(fen: int, weights: list[int]) -> list[int]:
    """Largest remainder, of a credit as of a debit."""
    parts = split_fen(abs(fen), tuple(weights))
    return parts if fen >= 0 else [-part for part in parts]


# -- what fees are on ----------------------------------------------------------------------------


async def read_volumes(
    connection: Connection, on: date, registry: parties.Registry
) -> dict[int, Volumes]:
    """Accepted principal of a date and rides counted (``settlement.counting``) by operator, own cards' and
    other cities' apart; corrections that the date books are in them."""
    own = {row.number for row in parties.rows(registry, "issuer", Issuer) if row.own}
    found: dict[int, Volumes] = {}

    def add(operator: int, volume: Volume, *, foreign: bool) -> None:
        more = Volumes(foreign=volume) if foreign else Volumes(own=volume)
        found[operator] = found.get(operator, Volumes()) + more

    for row in await read_fares(connection, on, own):
        add(row.operator, Volume(row.fen), foreign=row.foreign)
    for operator, issuer, taps in await read_rides(connection, on):
        add(operator, Volume(0, taps), foreign=issuer not in own)
    for ride in await read_touched(connection, on):
        add(ride.operator, Volume(0, ride.change(on)), foreign=ride.issuer_no not in own)
    return found


# -- verify --------------------------------------------------------------------------------------


async def check(
    connection: Connection, context: Context, day: DayRow, entries: list[BookedEntry]
) -> list[Finding]:
    """Fees of a netted date that do not follow from its books. ``entries``: the date's, as stored."""
    try:
        expected = await of_date(connection, context, day)
        accounts = await read_accounts(connection)
        numbers = {
            account.participant: account.number
            for account in accounts.values()
            if account.kind == AccountKind.FEE
        }
        wanted = [_entry(booking, numbers) for booking in expected.bookings]
    except (ClearingError, ValueError, KeyError) as error:
        return [Finding("fees", f"cannot be made from what is stored: {error}")]
    stored = await read_fees(connection, day.business_date, day.business_date)
    return [
        *_compare_rows(expected.rows, stored),
        *_compare_entries(day.business_date, wanted, entries),
    ]


def _compare_rows(expected: Iterable[FeeRow], stored: Iterable[FeeRow]) -> Iterator[Finding]:
    old = {f"fee {row.fee} of operator {row.operator_no}": row for row in expected}
    new = {f"fee {row.fee} of operator {row.operator_no}": row for row in stored}
    for subject in sorted(old.keys() | new.keys()):
        yield from comparing.compare_rows(subject, old.get(subject), new.get(subject))


def _compare_entries(
    on: date, wanted: Iterable[Entry], entries: Iterable[BookedEntry]
) -> Iterator[Finding]:
    expected = {
        entry.entry_id: BookedEntry(
            entry.entry_id,
            on,
            None,
            entry.narrative,
            None,
            tuple(
                BookedPosting(
                    line, row.account, row.purpose, row.cycle, row.tap_count, row.amount_fen
                )
                for line, row in enumerate(entry.postings, 1)
            ),
        )
        for entry in wanted
    }
    prefix = PREFIX.format(on)
    booked = {entry.entry_id: entry for entry in entries if entry.entry_id.startswith(prefix)}
    for entry_id in sorted(expected.keys() | booked.keys()):
        if entry_id not in expected or entry_id not in booked:
            word = "is missing" if entry_id in expected else "does not follow from the fees"
            yield Finding(f"entry {entry_id}", word)
        else:
            yield from replay.compare_entries(expected[entry_id], booked[entry_id])
