"""A city takes a clearing total: what was pending is owed by cycle now, and credits are confirmed."""

from datetime import date

import msgspec

from clearing.node import Node
from clearing.plan import Purpose
from clearing.store import Connection, Entry, add_entries
from schemas import exchange as words
from schemas.accounts import AccountKind
from schemas.exchange import ClearedPresentment, ClearingTotal, Code, Envelope, MessageError
from settlement.exchange import store
from settlement.exchange.books import Lines, account_no


async def apply_total(
    connection: Connection, node: Node, envelope: Envelope, open_date: date
) -> None:
    """Book a cycle if it is what our own books say.

    One entry: Dr or Cr province, by cycle, against what was pending; and the operators' credits of
    the presentments turn from unconfirmed to confirmed fares. Raises ``MessageError``: total
    disagreement.
    """
    total = words.decode(envelope.body, ClearingTotal)
    if total.city != node.city:
        raise MessageError(Code.REFUSED, f"it is the total of {total.city}")
    if await store.read_totals(connection, total.cycle):
        raise MessageError(Code.TOTAL_DISAGREEMENT, f"cycle {total.cycle} was booked before")
    rows = await _agreed(connection, node, total)
    province = await account_no(connection, AccountKind.PROVINCE)
    pending = await account_no(connection, AccountKind.PROVINCE_PENDING)
    lines = Lines(province, total.cycle)
    for row in rows:
        _move(lines, row, province, pending)
    for account, fen in sorted(_credits(rows).items()):
        lines.relabel(account, Purpose.FARE_UNCONFIRMED, Purpose.FARE, fen)
    entry = Entry(
        entry_id=f"exchange/cycle/{total.cycle}",
        narrative=f"clearing total of cycle {total.cycle}",
        postings=lines.postings(),
    )
    await add_entries(connection, open_date, [entry])
    await store.add_totals(connection, total.cycle, {node.city: total.amount_fen})
    for row in rows:
        cleared = msgspec.structs.replace(row, state="cleared", cycle=total.cycle)
        await store.change_presentment(connection, cleared)


async def _agreed(
    connection: Connection, node: Node, total: ClearingTotal
) -> list[store.PresentmentRow]:
    """The presentments of a total, each as it stands in our books. Raises ``MessageError``."""
    rows: list[store.PresentmentRow] = []
    sum_fen = 0
    for listed in total.presentments:
        row = await store.lock_presentment(connection, listed.presentment_id)
        _check(listed, row)
        assert row is not None
        rows.append(row)
        sum_fen += net_fen(row) if row.acquirer == node.city else -net_fen(row)
    if sum_fen != total.amount_fen:
        raise MessageError(
            Code.TOTAL_DISAGREEMENT,
            f"cycle {total.cycle} is {total.amount_fen} fen there and {sum_fen} fen here",
        )
    return rows


def _check(listed: ClearedPresentment, row: store.PresentmentRow | None) -> None:
    if row is None or row.state != "answered":
        state = "unknown" if row is None else row.state
        raise MessageError(
            Code.TOTAL_DISAGREEMENT, f"{listed.presentment_id} is {state} here, not answered"
        )
    ours = (row.confirmed_debit_fen, row.confirmed_load_fen)
    theirs = (listed.confirmed_debit_fen, listed.confirmed_load_fen)
    if ours != theirs:
        raise MessageError(
            Code.TOTAL_DISAGREEMENT, f"{listed.presentment_id} is {theirs} there and {ours} here"
        )


def net_fen(row: store.PresentmentRow) -> int:
    """What the issuer owes the acquirer for a presentment, top-ups taken off."""
    return row.confirmed_debit_fen - row.confirmed_load_fen


def _move(lines: Lines, row: store.PresentmentRow, province: int, pending: int) -> None:
    """As acquirer we claim from the province what is confirmed, as issuer we owe it."""
    fen = net_fen(row)
    lines.move(province, pending, Purpose.CYCLE, fen if row.direction == "out" else -fen)


def _credits(rows: list[store.PresentmentRow]) -> dict[int, int]:
    """What the presentments credited to our operators, refusals taken off, by account."""
    found: dict[int, int] = {}
    for row in rows:
        for account, fen in row.credits.items():
            found[account] = found.get(account, 0) + fen
    return found
