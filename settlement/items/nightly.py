"""The night's items, whole: every part in its turn, written once, checked against the books.

``compute`` writes nothing and reads only what was there before this night, so that ``verify`` gets the
same rows for a sealed date.
"""

import msgspec

from clearing.node import Node
from clearing.store import Connection, add_entries, read_accounts
from schemas.accounts import AccountKind
from settlement import store
from settlement.books import numbered
from settlement.chains import audit_chains
from settlement.context import Context
from settlement.findings import Finding
from settlement.items.ground import open_accounts, read_ground
from settlement.items.loads import load_items
from settlement.items.night import Night, merged
from settlement.items.paper import hidden
from settlement.items.refunds import refund_payments
from settlement.items.refusals import refused_items
from settlement.items.tapped import tapped_items
from settlement.store import DayRow
from settlement.store import items as stored
from settlement.store.waiting import read_moneys
from settlement.transfers import audit_transfers

HOLDING = (AccountKind.SUSPENSE, AccountKind.UNCLAIMED)
"""Kinds of accounts on which every fen belongs to an item."""


async def compute(connection: Connection, context: Context, day: DayRow, lines: bytes) -> Night:
    """What the night of a date that is cut off opens, changes and books, in order.

    ``lines``: the closing card lines of the date's replay.
    """
    ground = await read_ground(connection, context, day)
    night = merged(
        [
            await tapped_items(connection, ground),
            await refused_items(connection, ground),
            await audit_chains(connection, context, day, lines),
            await load_items(connection, ground),
        ]
    )
    settled = await audit_transfers(connection, context, ground, lines, night)
    paid = await refund_payments(connection, ground, lines, night.adjustments)
    return discreet(merged([night, settled, paid]), context.node)


def discreet(night: Night, node: Node) -> Night:
    """The same rows with the cards masked that entries name: entries are told in papers.

    Items keep the whole card, and changes and adjustments lead from an entry to its item.
    """
    ids = {entry.entry_id: hidden(node, entry.entry_id) for entry in night.entries}
    replace = msgspec.structs.replace
    return Night(
        night.items,
        [
            replace(row, entry_id=ids.get(row.entry_id, row.entry_id)) if row.entry_id else row
            for row in night.changes
        ],
        [replace(row, entry_id=ids.get(row.entry_id, row.entry_id)) for row in night.adjustments],
        [
            replace(row, entry_id=ids[row.entry_id], corrects=hidden(node, row.corrects or ""))
            for row in night.entries
        ],
    ).in_order()


async def write(connection: Connection, context: Context, day: DayRow, lines: bytes) -> Night:
    """Compute the night's rows and write them, entries first; returns them."""
    await open_accounts(connection, day)
    night = await compute(connection, context, day, lines)
    await add_entries(connection, day.business_date, night.entries)
    await stored.add_items(connection, night.items)
    await stored.add_changes(connection, night.changes)
    await stored.add_adjustments(connection, night.adjustments)
    return night


async def unreconciled(connection: Connection, day: DayRow) -> list[Finding]:
    """Accounts of suspense and unclaimed whose balance is not what the items there sum up to."""
    accounts = numbered(await read_accounts(connection))
    balances = await store.read_balances(connection, day.business_date)
    moneys = await read_moneys(connection, day.business_date)
    return [
        Finding(
            f"account {accounts[number].code}",
            "Σ items, fen,",
            str(-balances.get(number, 0)),
            str(moneys.get(number, 0)),
        )
        for number in sorted(balances.keys() | moneys.keys())
        if (accounts[number].kind in HOLDING or number in moneys)
        and -balances.get(number, 0) != moneys.get(number, 0)
    ]
