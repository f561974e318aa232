"""The acquirer's night: every off-us tap accepted or released on a closed date is presented, once."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Final

import asyncpg
import msgspec

from clearing.node import Node
from clearing.plan import Purpose
from clearing.store import Connection, read_accounts, read_registry, read_versions
from schemas import exchange as words
from schemas import record
from schemas.accounts import AccountKind, code_of
from schemas.cities import PROVINCE
from schemas.codes import Purse, Verdict
from schemas.exchange import PART_TAPS_MAX, DayComplete, MessageKind, Presentment
from schemas.registry import Issuer
from settlement.exchange import post, store
from settlement.exchange.errors import ExchangeError
from settlement.exchange.released import read_released
from settlement.exchange.shares import TAP_COLUMNS, Credit, Shares, tap_of

_ROWS_AHEAD: Final = 5_000


class _Part(msgspec.Struct):
    """A presentment while it fills up."""

    presentment: Presentment
    credits: dict[int, int]


class _City:
    """The taps of one issuer's city, cut into parts."""

    def __init__(self, acquirer: str, city: str, business_date: date) -> None:
        self.names = (acquirer, city, business_date)
        self.parts: list[_Part] = []
        self._records: list[bytes] = []
        self._credits: dict[int, int] = {}

    def add(self, data: bytes, given: tuple[Credit, ...]) -> None:
        """One tap and what it credited."""
        self._records.append(data)
        for credit in given:
            if credit.purpose == Purpose.FARE_UNCONFIRMED:
                fen = self._credits.get(credit.account, 0) + credit.amount_fen
                self._credits[credit.account] = fen
        if len(self._records) == PART_TAPS_MAX:
            self.finish_part()

    def finish_part(self) -> None:
        """Make a presentment of what has come together."""
        if self._records:
            number, records = len(self.parts) + 1, b"".join(self._records)
            made = words.make_presentment(*self.names, number, records)
            self.parts.append(_Part(made, self._credits))
            self._records, self._credits = [], {}


async def present(connection: Connection, node: Node, business_date: date) -> int:
    """Present a date that was cut off; returns the number of presentments. Part of ``complete``.

    In the caller's transaction: one message and one row per presentment, then ``day_complete``. A
    second call finds that and changes nothing. Raises ``ExchangeError`` if the presentments do not
    sum to what the ledger holds.
    """
    told = await store.find_outgoing(
        connection, PROVINCE, MessageKind.DAY_COMPLETE, str(business_date)
    )
    if told is not None:
        body = words.decode(told, words.Envelope).body
        return words.decode(body, DayComplete).presentments
    cities = await _collect(connection, node, business_date)
    parts = [part for city in cities.values() for part in city.parts]
    await _check_ledger(connection, business_date, parts)
    for part in parts:
        await store.add_presentment(connection, _row(part))
    # The numbers are locked from the first message on, and the engine's answers wait for them: so
    # everything else is done by now.
    for part in parts:
        name, body = part.presentment.presentment_id, words.encode(part.presentment)
        await post.send(connection, node, PROVINCE, MessageKind.PRESENTMENT, name, body)
    complete = words.encode(DayComplete(business_date=business_date, presentments=len(parts)))
    await post.send(
        connection, node, PROVINCE, MessageKind.DAY_COMPLETE, str(business_date), complete
    )
    return len(parts)


async def _collect(connection: Connection, node: Node, business_date: date) -> dict[str, _City]:
    """The date's taps of foreign cards, by the issuer's city: accepted ones in the order they were taken,
    then those of earlier dates that two people released on this one."""
    city_of = await _foreign_issuers(connection)
    shares = Shares(node)
    await shares.know(connection, business_date)
    cities = {city: _City(node.city, city, business_date) for city in sorted(set(city_of.values()))}
    async for row in _taps(connection, business_date, list(city_of)):
        data = row["record"].ljust(record.SIZE, b"\0")
        cities[city_of[row["issuer_no"]]].add(data, shares.of(tap_of(row)))
    for each in await read_released(connection, business_date):
        if each.issuer_no in city_of:
            cities[city_of[each.issuer_no]].add(each.record, each.credits)
    for city in cities.values():
        city.finish_part()
    return cities


async def _foreign_issuers(connection: Connection) -> dict[int, str]:
    """City by number of the issuers that are not ours."""
    _, version = await read_versions(connection)
    rows = (await read_registry(connection, version))["issuer"]
    return {row.number: row.city for row in rows if isinstance(row, Issuer) and not row.own}


async def _taps(
    connection: Connection, business_date: date, issuers: list[int]
) -> AsyncIterator[asyncpg.Record]:
    cursor = connection.cursor(
        f"SELECT {TAP_COLUMNS}, t.issuer_no, clearing.canonical(t) AS record FROM clearing.tap t"
        " WHERE t.business_date = $1 AND t.verdict = $2 AND t.issuer_no = ANY($3::smallint[])"
        " ORDER BY t.batch_seq, t.row_no",
        business_date, int(Verdict.ACCEPTED), issuers, prefetch=_ROWS_AHEAD,
    )  # fmt: skip
    async for row in cursor:
        yield row


def _row(part: _Part) -> store.PresentmentRow:
    made = part.presentment
    return store.PresentmentRow(
        presentment_id=made.presentment_id,
        direction="out",
        acquirer=made.acquirer,
        issuer=made.issuer,
        business_date=made.business_date,
        tap_count=made.tap_count,
        debit_fen=made.debit_fen,
        load_fen=made.load_fen,
        credits=part.credits,
    )


async def _check_ledger(connection: Connection, business_date: date, parts: list[_Part]) -> None:
    """What is presented must be what taps of operators' batches booked on the date, account by account."""
    rows = await connection.fetch(
        "SELECT p.account_no, p.purpose, sum(p.amount_fen)::bigint AS fen FROM clearing.entry e"
        " JOIN clearing.batch b USING (batch_seq) JOIN clearing.posting p USING (entry_id)"
        " WHERE e.business_date = $1 AND b.source = 0 GROUP BY 1, 2",
        business_date,
    )
    accounts = await read_accounts(connection)
    pending = accounts[code_of(Purse.PRINCIPAL, AccountKind.PROVINCE_PENDING)].number
    unconfirmed = {
        row["account_no"]: -row["fen"]
        for row in rows
        if row["purpose"] == Purpose.FARE_UNCONFIRMED
        and row["account_no"] != pending
        and row["fen"]
    }
    owed = sum(row["fen"] for row in rows if row["account_no"] == pending)
    credited: dict[int, int] = {}
    for part in parts:
        for account, fen in part.credits.items():
            credited[account] = credited.get(account, 0) + fen
    presented = sum(p.presentment.debit_fen - p.presentment.load_fen for p in parts)
    if credited != unconfirmed or presented != owed:
        raise ExchangeError(
            f"The presentments of {business_date} hold {presented} fen and the ledger {owed}"
            f" (unconfirmed: {sum(credited.values())} and {sum(unconfirmed.values())}).",
            f"Run onecard verify --date {business_date} to see what differs.",
        )
