"""Another city's taps that were held and that two people released: presented once, paid or refused."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from clearing import store
from schemas import record
from schemas.codes import TapKind
from schemas.items import Action, ItemKind, item_id_of_tap
from schemas.registry import Staff
from service.database import Server
from settlement.context import Context
from settlement.decisions import Words, decide, propose
from settlement.exchange import summary
from settlement.store import items
from settlement.store.items import Item
from tests.settlement.exchange.cities import BAOJI, KERNEL, XIAN, Exchange, Place, card_of, exchange
from tests.settlement.exchange.test_exchange import balances
from tests.world import AGENT, BUS, OPEN, TAXI

STRANGE = "710000110009"
BUS_FEN, TAXI_FEN, LOAD_FEN = 100, 755, 2_000


async def _held_taps(place: Place, day: date) -> None:
    """Baoji's cards at a terminal that Xi'an does not know: a bus with 30 fen too much, a taxi, a
    top-up; and a bus whose TAC is wrong, as its issuer will see."""
    cards = [card_of(BAOJI, number) for number in range(1, 5)]

    def at(minute: int) -> str:
        return f"{day:%Y%m%d}10{minute:02}00"

    strange = {"terminal_id": STRANGE}
    bus = [
        cards[0].tap(BUS, BUS_FEN + 30, gross_fen=100, at=at(1), **strange),
        cards[1].tap(BUS, BUS_FEN + 20, gross_fen=100, at=at(2), good_tac=False, **strange),
    ]
    taxi = cards[2].tap(
        TAXI, TAXI_FEN, kind=TapKind.TAXI_TRIP, distance_m=1_500, at=at(3), **strange
    )
    load = cards[3].tap(AGENT, LOAD_FEN, kind=TapKind.TOP_UP, at=at(4), **strange)
    for operator, taps in ((BUS, bus), (TAXI, [taxi]), (AGENT, [load])):
        await place.submit(operator, taps)


TAPS = ((1, 0, 130), (1, 1, 120), (2, 0, TAXI_FEN), (3, 0, LOAD_FEN))
"""Batch, row and fen of the held taps."""


async def _open_items(place: Place, day: date) -> None:
    """What the night of the taps' date does in a whole node; here it is cut off only."""
    async with place.pool.acquire() as connection, connection.transaction():
        found = []
        for batch_seq, row, fen in TAPS:
            identity = await connection.fetchval(
                "SELECT identity FROM clearing.tap WHERE batch_seq = $1 AND row_no = $2",
                batch_seq, row,
            )  # fmt: skip
            found.append(
                Item(
                    item_id=item_id_of_tap(ItemKind.HELD_UNPROVEN, batch_seq, row),
                    kind=ItemKind.HELD_UNPROVEN,
                    opened_on=day,
                    batch_seq=batch_seq,
                    row_no=row,
                    card=identity[: record.CARD.stop - record.CARD.start],
                    operator_no=(BUS, TAXI, AGENT)[batch_seq - 1],
                    amount_fen=fen,
                    due_on=day + timedelta(days=31),
                )
            )
        await items.add_items(connection, found)
        await connection.execute(
            "UPDATE clearing.business_day SET state = 'audited' WHERE business_date = $1", day
        )
        people = [Staff(name=name, key_sha256="0" * 64) for name in ("anna", "bo")]
        await store.change_registry(connection, [("staff", person) for person in people])


async def _release(place: Place) -> None:
    context = Context(place.dsn, place.node, KERNEL)
    async with place.pool.acquire() as connection:
        for batch_seq, row, _ in TAPS:
            item_id = item_id_of_tap(ItemKind.HELD_UNPROVEN, batch_seq, row)
            proposal = await propose(
                connection, context, item_id, Action.RELEASE, Words("registered now"), "anna"
            )
            await decide(connection, context, proposal.proposal_no, True, "", "bo")


async def _agree(cities: Exchange) -> None:
    province, rest = await cities.summaries()
    assert summary.compare(province, rest) == []


async def test_released_taps_are_presented_with_the_date_of_their_release(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian = cities.cities[XIAN]
        await _held_taps(xian, OPEN)
        await cities.night()
        assert "principal/province_pending" not in await balances(xian)
        await _open_items(xian, OPEN)
        await _release(xian)
        await _agree(cities)
        before = await balances(xian)
        assert before["principal/province_pending"] == 130 + 120 + TAXI_FEN - LOAD_FEN
        await cities.night()
        await _agree(cities)
        await _check_xian(xian)
        # The tap with the wrong TAC was refused; the rest is owed by cycle.
        province, rest = await cities.summaries()
        assert all(one.at_rest for one in (province, *rest))
        assert province.refused == 1
        net = 130 + TAXI_FEN - LOAD_FEN
        assert province.cycles == {OPEN + timedelta(days=1): {XIAN: net, BAOJI: -net}}
        baoji = await balances(cities.cities[BAOJI])
        assert baoji["principal/card_liability/1"] == -(4 * 5_000 - 130 - TAXI_FEN + LOAD_FEN)
        # Nothing of it is presented again.
        await cities.night()
        assert (await cities.summaries())[0].cleared == 1
        await _check_xian(xian)


async def _check_xian(place: Place) -> None:
    books = await balances(place)
    assert "principal/province_pending" not in books
    assert books["principal/operator/11"] == -BUS_FEN
    assert books["principal/operator/12"] + books["principal/driver/12"] == -TAXI_FEN
    assert books["principal/load_agent/13"] == LOAD_FEN
    # The refused tap's excess went back with it; the other one waits for its cardholder.
    assert books["principal/suspense"] == -30
    assert sum(fen for name, fen in books.items() if " " not in name) == 0
    async with place.pool.acquire() as connection:
        refusal = await connection.fetchrow(
            "SELECT batch_seq, row_no, amount_fen FROM exchange.refusal"
        )
        corrects = await connection.fetchval(
            "SELECT corrects FROM clearing.entry WHERE starts_with(entry_id, 'exchange/79')"
        )
    assert tuple(refusal) == (1, 1, 120)
    assert corrects == "batch/1"
