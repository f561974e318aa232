"""A day of taps that each leave something to decide, and items that other nights would have left."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from clearing import store as clearing_store
from clearing.plan import Purpose
from clearing.store import Connection, Entry, Posting
from schemas import record
from schemas.batch import Batch
from schemas.codes import CardFamily, CardKind, TapKind, TypeByte
from schemas.items import ItemKind, ItemOutcome, ItemState
from schemas.registry import Denied, Staff
from settlement import store
from settlement.context import Context
from settlement.store import items
from settlement.store.items import Adjustment, Change, Item
from settlement.store.waiting import read_moneys
from tests import world
from tests.settlement import night
from tests.world import AGENT, BUS, FOREIGN_ISSUER, OPEN, TAXI, Card

NEXT = OPEN + timedelta(days=1)
ANNA, BO, CHEN = "anna", "bo", "chen"
STRANGE = "710000110009"
"""A terminal that nobody registered: its taps are held."""
DENIED, GAP, LOGGED, STUDENT = 5, 13, 14, 18
"""Numbers of cards: on the denylist, with a lost debit, with a load that has no record, a student's."""


def card_bytes(number: int, issuer: str = world.OWN_ISSUER) -> bytes:
    """The 19 bytes of a card."""
    return bytes([CardFamily.MOHURD]) + bytes.fromhex(issuer + world.serial(number))


def torn(data: bytes) -> bytes:
    """The record of a tap whose card left before it gave its TAC."""
    tac = record.FIELD["tac"]
    return data[: tac.offset] + b"\xff" * 4 + data[tac.end :]


def at(minute: int, day: date = OPEN) -> str:
    """A time of the day."""
    return f"{day:%Y%m%d}09{minute:02}00"


def batches(deck: dict[int, Card]) -> list[Batch]:
    """Three batches: bus (1), taxi (2), agent (3)."""
    abroad = Card(99, issuer=FOREIGN_ISSUER)

    def held(card: Card, operator: int, fen: int, minute: int, **more: Any) -> bytes:
        return card.tap(operator, fen, at=at(minute), terminal_id=STRANGE, **more)

    bus = [
        held(deck[1], BUS, 50, 1, gross_fen=100),
        held(deck[2], BUS, 80, 2, gross_fen=100),
        torn(deck[3].tap(BUS, 50, at=at(3), gross_fen=100)),
        deck[4].tap(BUS, 80, at=at(4), gross_fen=100),
        deck[DENIED].tap(BUS, 50, at=at(5), gross_fen=100),
        held(abroad, BUS, 130, 6, gross_fen=100),
        deck[11].tap(BUS, 50, at=at(7), gross_fen=100),
        deck[11].tap(BUS, 50, at=at(8), gross_fen=100),
        held(deck[STUDENT], BUS, 50, 17, gross_fen=130),
    ]
    taxi = [held(deck[6], TAXI, 1_300, 9, kind=TapKind.TAXI_TRIP, distance_m=5_000)]
    reversal = {"kind": TapKind.TOP_UP_REVERSAL, "type_byte": TypeByte.LOAD, "gross_fen": 0}
    agent = [
        held(deck[7], AGENT, 2_000, 10, kind=TapKind.TOP_UP, gross_fen=0),
        deck[8].tap(AGENT, 500, at=at(11), **reversal),
        deck[9].tap(AGENT, 4_000, at=at(12), kind=TapKind.CARD_REFUND, gross_fen=0),
        held(abroad, AGENT, 2_000, 13, kind=TapKind.TOP_UP, gross_fen=0),
        deck[10].tap(AGENT, 0, at=at(14), kind=TapKind.CARD_LOSS, gross_fen=0),
        deck[12].tap(AGENT, 1_000, at=at(15), kind=TapKind.TOP_UP, gross_fen=0),
        torn(deck[15].tap(AGENT, 700, at=at(16), kind=TapKind.TOP_UP, gross_fen=0)),
    ]
    return [
        world.batch(operator, number, b"".join(taps))
        for number, (operator, taps) in enumerate(((BUS, bus), (TAXI, taxi), (AGENT, agent)), 1)
    ]


async def found(dsn: str, home: Path) -> Context:
    """The city with its staff, a denied card, and the day's taps cleared."""
    deck = {number: Card(number) for number in range(1, 21)}
    deck[STUDENT] = Card(STUDENT, kind=CardKind.STUDENT)
    context = await night.city(dsn, home, list(deck.values()))
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            _, version = await clearing_store.read_versions(connection)
            rows = (await clearing_store.read_registry(connection, version))["operator"]
            known = {"denylist_acknowledged": ((1, "2026-01-01T00:00:00"),)}
            denied = Denied(
                family=1, issuer=world.OWN_ISSUER, serial=world.serial(DENIED),
                since="2026-01-01T00:00:00", version=1,
            )  # fmt: skip
            people = [
                Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in (ANNA, BO, CHEN)
            ]
            await clearing_store.change_registry(
                connection,
                [("operator", msgspec.structs.replace(row, **known)) for row in rows]
                + [("denied", denied)]
                + [("staff", person) for person in people],
            )
    finally:
        await connection.close()
    await night.clear(context, batches(deck))
    return context


# -- items that taps of one date do not open -------------------------------------------------------

DOUBLE = "double_deduction/1/7"
"""The night finds it in the day's own taps."""
CHAIN_GAP, CHAIN_RISE, CHAIN_BREAK = "chain_gap/13/4", "chain_rise/14/2", "chain_break/15/3"
NO_LOG, NO_LOAD = "load_without_log/3/5", "log_without_load/1/A7"
TERMINAL_GAP, TERMINAL_REPEAT = "terminal_gap/710000110001/5", "terminal_repeat/710000110001/9"
PENDING_GAP = "chain_gap/16/2"
TRANSFER = "transfer/1/7"
LOST_FEN = 120


async def add_other_items(connection: Connection) -> None:
    """Items of chains and load logs, as other nights would have left them on the open date."""

    def item(item_id: str, kind: ItemKind, fen: int, card: int = 0, **more: Any) -> Item:
        return Item(
            item_id=item_id,
            kind=kind,
            opened_on=NEXT,
            card=card_bytes(card) if card else None,
            amount_fen=fen,
            due_on=NEXT + timedelta(days=31),
            **more,
        )

    await items.add_items(
        connection,
        [
            item(CHAIN_GAP, ItemKind.CHAIN_GAP, LOST_FEN, GAP),
            item(PENDING_GAP, ItemKind.CHAIN_GAP, 70, 16),
            item(CHAIN_RISE, ItemKind.CHAIN_RISE, 900, 14),
            item(CHAIN_BREAK, ItemKind.CHAIN_BREAK, 0, 15),
            item(
                NO_LOG, ItemKind.LOAD_WITHOUT_LOG, 1_000, 12,
                batch_seq=3, row_no=5, operator_no=AGENT,
            ),
            item(NO_LOAD, ItemKind.LOG_WITHOUT_LOAD, 3_000, LOGGED, operator_no=AGENT),
            item(
                TRANSFER, ItemKind.TRANSFER, 20, 17, batch_seq=1, row_no=7, operator_no=BUS,
                body={"tapped_at": f"{OPEN}T08:00:00"},
            ),
            item(TERMINAL_GAP, ItemKind.TERMINAL_GAP, 0, operator_no=BUS),
            item(TERMINAL_REPEAT, ItemKind.TERMINAL_REPEAT, 0, operator_no=BUS),
        ],
    )  # fmt: skip
    await _lose(connection)


async def _lose(connection: Connection) -> None:
    """The gap's window closed: its debits stand in unclaimed."""
    accounts = await clearing_store.read_accounts(connection)
    liability = accounts["principal/card_liability/1"].number
    unclaimed = accounts["principal/unclaimed/chain_gap"].number
    entry = Entry(
        entry_id="test/lost",
        narrative="lost",
        postings=(
            Posting(liability, Purpose.CHAIN, LOST_FEN),
            Posting(unclaimed, Purpose.CHAIN, -LOST_FEN),
        ),
    )
    await clearing_store.add_entries(connection, NEXT, [entry])
    adjustment = Adjustment(entry.entry_id, card_bytes(GAP), CHAIN_GAP, NEXT, -LOST_FEN)
    await items.add_adjustments(connection, [adjustment])
    lost = Change(
        item_id=CHAIN_GAP,
        change_no=1,
        business_date=NEXT,
        state=ItemState.OPEN,
        outcome=ItemOutcome.LOST,
        amount_fen=LOST_FEN,
        account_no=unclaimed,
        entry_id=entry.entry_id,
    )
    await items.add_changes(connection, [lost])


# -- looking -------------------------------------------------------------------------------------


async def lines_of(connection: Connection, entry_id: str) -> dict[tuple[str, str], int]:
    """An entry's postings: fen by account (without its purse) and purpose."""
    rows = await connection.fetch(
        "SELECT a.code, p.purpose, p.amount_fen FROM clearing.posting p"
        " JOIN clearing.account a USING (account_no) WHERE p.entry_id = $1",
        entry_id,
    )
    return {
        (row[0].removeprefix("principal/"), Purpose(row[1]).name.lower()): row[2] for row in rows
    }


async def check_books(connection: Connection, day: date = NEXT) -> None:
    """Every fen of suspense and unclaimed belongs to an item; every entry balances."""
    accounts = {
        row.number: row for row in (await clearing_store.read_accounts(connection)).values()
    }
    balances = await store.read_balances(connection, day)
    waiting = {
        number: -fen
        for number, fen in balances.items()
        if fen and accounts[number].kind in ("suspense", "unclaimed")
    }
    moneys = {number: fen for number, fen in (await read_moneys(connection, day)).items() if fen}
    assert moneys == waiting
    assert sum(balances.values()) == 0


async def owed_to_cards(connection: Connection) -> tuple[int, int]:
    """(card liability, Σ adjustments), fen: what is owed to cards, and what was owed beside their lines."""
    liability = await connection.fetchval(
        "SELECT -sum(p.amount_fen)::bigint FROM clearing.posting p JOIN clearing.account a"
        " USING (account_no) WHERE a.kind = 'card_liability'"
    )
    adjusted = await connection.fetchval(
        "SELECT coalesce(sum(amount_fen), 0)::bigint FROM settlement.adjustment"
    )
    return liability, adjusted
