"""What a node's books say of the others, and whether they all say the same."""

from datetime import date

import msgspec

from clearing.node import Node
from clearing.plan import Purpose
from clearing.store import Connection
from schemas.accounts import AccountKind
from schemas.cities import PROVINCE
from settlement.exchange import store
from settlement.exchange.cycle import net_fen


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange as one node sees it.

    ``cycles``: cycle → city → fen that the city is to be paid (negative: that it owes), payments
    aside; a city knows itself only. ``pending_fen``: its account of what is in no cycle yet, debit
    positive; ``in_flight_fen``: what its presentments that are not cleared and its dates that are not
    presented say it must be.
    """

    node: str
    cycles: dict[date, dict[str, int]]
    pending_fen: int
    in_flight_fen: int
    presented: int
    answered: int
    cleared: int
    refused: int
    unacknowledged: int
    unapplied: int

    @property
    def at_rest(self) -> bool:
        """Whether no message waits here and no presentment is open."""
        return not (self.presented or self.answered or self.unacknowledged or self.unapplied)


async def summarise(connection: Connection, node: Node) -> Summary:
    """Read what a node's books say."""
    rows = await store.read_presentments(connection)
    states = [row.state for row in rows]
    return Summary(
        node=node.city,
        cycles=await _cycles(connection, node),
        pending_fen=await _pending(connection),
        in_flight_fen=sum(_in_flight(row, node.city) for row in rows)
        + await _unpresented(connection),
        presented=states.count("presented"),
        answered=states.count("answered"),
        cleared=states.count("cleared"),
        refused=sum(row.refused_count for row in rows),
        unacknowledged=await connection.fetchval(
            "SELECT count(*) FROM exchange.outbox WHERE NOT acknowledged"
        ),
        unapplied=await connection.fetchval(
            "SELECT count(*) FROM exchange.inbox WHERE NOT applied"
        ),
    )


def _in_flight(row: store.PresentmentRow, city: str) -> int:
    """What a presentment that is in no cycle must have left on the pending account."""
    if row.state == "cleared" or city == PROVINCE:
        return 0
    return net_fen(row) if row.acquirer == city else -net_fen(row)


async def _cycles(connection: Connection, node: Node) -> dict[date, dict[str, int]]:
    """By cycle. At the province a city that is to be paid has a credit, at home a debit."""
    at_province = node.city == PROVINCE
    rows = await connection.fetch(
        "SELECT p.cycle, a.participant, sum(p.amount_fen)::bigint AS fen FROM clearing.posting p"
        " JOIN clearing.account a USING (account_no)"
        " WHERE a.kind = $1 AND p.cycle IS NOT NULL AND p.purpose <> $2 GROUP BY 1, 2 ORDER BY 1, 2",
        (AccountKind.CITY if at_province else AccountKind.PROVINCE).value, int(Purpose.SETTLEMENT),
    )  # fmt: skip
    cycles: dict[date, dict[str, int]] = {}
    for row in rows:
        if row["fen"]:
            city = row["participant"] if at_province else node.city
            cycles.setdefault(row["cycle"], {})[city] = -row["fen"] if at_province else row["fen"]
    return cycles


async def _pending(connection: Connection) -> int:
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(p.amount_fen), 0) FROM clearing.posting p"
            " JOIN clearing.account a USING (account_no) WHERE a.kind = $1",
            AccountKind.PROVINCE_PENDING.value,
        )
    )


async def _unpresented(connection: Connection) -> int:
    """What taps of operators' batches put on the pending account on dates that are not presented yet."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(p.amount_fen), 0) FROM clearing.posting p"
            " JOIN clearing.account a USING (account_no) JOIN clearing.entry e USING (entry_id)"
            " JOIN clearing.batch b USING (batch_seq)"
            " WHERE a.kind = $1 AND b.source = 0 AND NOT EXISTS (SELECT FROM exchange.outbox"
            " WHERE kind = 'day_complete' AND subject = e.business_date::text)",
            AccountKind.PROVINCE_PENDING.value,
        )
    )


def compare(province: Summary, cities: list[Summary]) -> list[str]:
    """Where the books of the province and of the cities disagree: one sentence each; none is well.

    Compare when every node is at rest: a cycle that a city has not taken yet is a difference.
    """
    found: list[str] = []
    by_city = {summary.node: summary for summary in cities}
    cycles = sorted({cycle for s in (province, *cities) for cycle in s.cycles})
    for cycle in cycles:
        there = province.cycles.get(cycle, {})
        if sum(there.values()):
            found.append(f"Cycle {cycle} sums to {sum(there.values())} fen at the province.")
        for city, summary in by_city.items():
            theirs, ours = there.get(city, 0), summary.cycles.get(cycle, {}).get(city, 0)
            if theirs != ours:
                found.append(
                    f"Cycle {cycle}: {city} is {ours} fen at home and {theirs} at the province."
                )
    found.extend(
        f"{summary.node} has {summary.pending_fen} fen pending,"
        f" and {summary.in_flight_fen} fen in flight."
        for summary in (province, *cities)
        if summary.pending_fen != summary.in_flight_fen
    )
    return found
