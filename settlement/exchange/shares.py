"""Whose account a foreign card's tap was credited to: the split in force when it was tapped.

What the kernel booked for a whole batch is found again tap by tap, under the versions stamped on the
batch, so that a presentment knows its part and a refusal takes back exactly what was given.
"""

from datetime import date
from functools import lru_cache
from typing import Final

import asyncpg
import msgspec

from clearing.node import Node
from clearing.plan import EPOCH, Operator, Plan, Purpose
from clearing.pricing import split_at, split_fen
from clearing.rides import TAPS_OUT
from clearing.state import Plans
from clearing.store import Connection
from schemas import record
from schemas.codes import LOAD_KINDS


class Tap(msgspec.Struct, frozen=True):
    """What of a tap its credit depends on. ``tapped_s``: local seconds of the tap."""

    batch_seq: int
    row_no: int
    operator_no: int
    kind: int
    tapped_s: int
    amount_fen: int
    credited_fen: int
    identity: bytes
    stations: tuple[int, int]
    """Of entry and exit, as the record states them; see ``rides.stations_of``."""

    @property
    def is_load(self) -> bool:
        """Whether it put money on the card."""
        return self.kind in LOAD_KINDS


_ENTRY_AT, _STATION_AT = (
    record.OFFSET[name] - record.REST + 2 for name in ("entry_station", "station")
)
TAP_COLUMNS: Final = (
    "t.batch_seq, t.row_no, t.operator_no, t.kind,"
    f" (extract(epoch FROM t.tapped_at) - extract(epoch FROM timestamp '{EPOCH}'))::bigint"
    " AS tapped_s, t.amount_fen, t.credited_fen, t.identity,"
    f" substr(t.rest, {_ENTRY_AT}, 4), substr(t.rest, {_STATION_AT}, 4)"
)
"""The columns of ``tap_of``, of ``clearing.tap t``."""


def tap_of(row: asyncpg.Record) -> Tap:
    """The tap in the first columns of a row."""
    entry, station = (int.from_bytes(row[at], "big") for at in (8, 9))
    stations = (entry if row[3] in TAPS_OUT else 0, station)
    seq, number, operator, kind, tapped_s, amount, credited, identity = tuple(row)[:8]
    return Tap(seq, number, operator, kind, tapped_s, amount, credited, identity, stations)


class Credit(msgspec.Struct, frozen=True):
    """Money that a tap put on an account of the operator's side; negative: it owes it."""

    account: int
    purpose: Purpose
    amount_fen: int


class Shares:
    """Finds credits. ``know`` the batches first."""

    def __init__(self, node: Node) -> None:
        self._plans = Plans(node)
        self._batches: dict[int, dict[int, Operator]] = {}
        self._suspense: dict[int, int] = {}

    async def know(self, connection: Connection, business_date: date) -> None:
        """Read under which plans the operators' batches of a date were judged."""
        rows = await connection.fetch(
            "SELECT batch_seq, rules_version, registry_version FROM clearing.batch"
            " WHERE business_date = $1 AND source = 0",
            business_date,
        )
        operators: dict[tuple[int, int], tuple[Plan, dict[int, Operator]]] = {}
        for seq, *versions in rows:
            stamped = (versions[0], versions[1])
            if stamped not in operators:
                plan = await self._plans.plan(connection, *stamped)
                operators[stamped] = (plan, {row.number: row for row in plan.operators})
            plan, self._batches[seq] = operators[stamped]
            self._suspense[seq] = plan.suspense_account

    def of(self, tap: Tap) -> tuple[Credit, ...]:
        """The credits of an accepted tap of a foreign card; they sum to its amount, signed.

        A fare is unconfirmed on the accounts of its split, an excess waits in suspense, a top-up is
        owed by the load agent.
        """
        operator = self._batches[tap.batch_seq][tap.operator_no]
        if tap.is_load:
            return (Credit(operator.load_agent_account, Purpose.TOP_UP, -tap.amount_fen),)
        shares = split_at(operator.splits, tap.tapped_s, *tap.stations)
        excess_fen = tap.amount_fen - tap.credited_fen
        return _fare(shares, tap.credited_fen, self._suspense[tap.batch_seq], excess_fen)


@lru_cache(maxsize=65_536)
def _fare(
    shares: tuple[tuple[int, int], ...], credited_fen: int, suspense: int, excess_fen: int
) -> tuple[Credit, ...]:
    """The credits of a fare. There are few different fares and many taps, so they are kept."""
    parts = split_fen(credited_fen, tuple(weight for _, weight in shares))
    found = [
        Credit(account, Purpose.FARE_UNCONFIRMED, fen)
        for (account, _), fen in zip(shares, parts, strict=True)
        if fen
    ]
    if excess_fen:
        found.append(Credit(suspense, Purpose.EXCESS, excess_fen))
    return tuple(found)
