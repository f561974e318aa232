"""What is received and wrong: it moves no money, its sender hears of it, and the mail goes on."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from schemas import exchange as words
from schemas.cities import PROVINCE
from schemas.exchange import Answer, Code, DayComplete, Envelope, MessageKind, Presentment
from service.database import Server
from settlement.exchange import post, summary
from settlement.exchange.errors import ExchangeError
from tests.settlement.exchange.cities import BAOJI, XIAN, Exchange, Place, card_of, exchange
from tests.settlement.exchange.traffic import Travellers
from tests.world import BUS, OPEN

TAP = card_of(BAOJI, 1).tap(BUS, 100)
PRESENTMENT = words.make_presentment(XIAN, BAOJI, OPEN, 9, TAP)


async def tell(place: Place, receiver: str, kind: MessageKind, message: Any) -> int:
    """Put a message into a node's outbox that the node itself would not write; its number."""
    body = message if isinstance(message, bytes) else words.encode(message)
    async with place.pool.acquire() as connection, connection.transaction():
        return await post.send(connection, place.node, receiver, kind, "made up", body)


async def fetch(place: Place, query: str, *arguments: object) -> list[asyncpg.Record]:
    async with place.pool.acquire() as connection:
        return await connection.fetch(query, *arguments)


async def expect_objection(sender: Place, receiver: Place, number: int, code: Code) -> None:
    """Both sides know of it; nothing waits."""
    sent = await fetch(
        sender,
        "SELECT code, acknowledged FROM exchange.outbox WHERE receiver = $1 AND number = $2",
        receiver.city,
        number,
    )
    assert [tuple(row) for row in sent] == [(code, True)]
    events = await fetch(sender, "SELECT subject FROM clearing.event WHERE kind LIKE '%objection'")
    assert f"{receiver.city}/{number}" in {row["subject"] for row in events}
    events = await fetch(receiver, "SELECT subject FROM clearing.event WHERE kind LIKE '%taken'")
    assert f"{sender.city}/{number}" in {row["subject"] for row in events}


def answered(**changes: Any) -> Answer:
    """An answer to the made-up presentment."""
    answer = Answer(
        presentment_id=PRESENTMENT.presentment_id,
        acquirer=XIAN,
        issuer=BAOJI,
        business_date=OPEN,
        tap_count=1,
        confirmed_debit_fen=100,
        confirmed_load_fen=0,
        refused_debit_fen=0,
        refused_load_fen=0,
        refused=(),
    )
    return msgspec.structs.replace(answer, **changes)


def presented(**changes: Any) -> Presentment:
    """The made-up presentment, wrong in something."""
    return msgspec.structs.replace(PRESENTMENT, **changes)


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        (MessageKind.PRESENTMENT, b"garbage", Code.BAD_SCHEMA),
        (MessageKind.PRESENTMENT, presented(debit_fen=99), Code.MISMATCH),
        (MessageKind.PRESENTMENT, presented(tap_count=2), Code.MISMATCH),
        (
            MessageKind.PRESENTMENT,
            words.make_presentment(BAOJI, XIAN, OPEN, 1, TAP),
            Code.REFUSED,
        ),
        (
            MessageKind.PRESENTMENT,
            words.make_presentment(XIAN, "8060", OPEN, 1, TAP),
            Code.REFUSED,
        ),
        (MessageKind.PRESENTMENT, words.make_presentment(XIAN, XIAN, OPEN, 1, TAP), Code.REFUSED),
        (MessageKind.ANSWER, answered(), Code.REFUSED),
        (MessageKind.DAY_COMPLETE, DayComplete(business_date=OPEN, presentments=3), Code.MISMATCH),
        (MessageKind.CLEARING_TOTAL, b"\x80", Code.BAD_SCHEMA),
        (MessageKind.PRESENTMENT_FORWARDED, b"\x80", Code.BAD_SCHEMA),
    ],
)
async def test_the_province_objects(
    postgres: Server, template: str, tmp_path: Path, kind: MessageKind, message: Any, code: Code
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian, province = cities.cities[XIAN], cities.province
        number = await tell(xian, PROVINCE, kind, message)
        await Travellers((XIAN, BAOJI)).travel(cities, OPEN)
        await cities.night()
        await expect_objection(xian, province, number, code)
        await expect_all_else_well(cities, presentments=2)


async def expect_all_else_well(cities: Exchange, presentments: int) -> None:
    """Whatever was wrong, the true presentments were cleared and the books agree."""
    province, rest = await cities.summaries()
    assert summary.compare(province, rest) == []
    assert province.cleared == presentments
    for one in (province, *rest):
        assert not one.unapplied
        assert not one.unacknowledged


async def test_a_presentment_again_under_another_number_is_a_duplicate(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian, baoji = cities.cities[XIAN], cities.cities[BAOJI]
        await Travellers((XIAN, BAOJI)).travel(cities, OPEN)
        await cities.night()
        outbox = "SELECT kind, body FROM exchange.outbox WHERE kind IN ('presentment', 'answer')"
        again = {
            row["kind"]: words.decode(row["body"], Envelope).body
            for row in await fetch(xian, outbox)
        }
        numbers = [
            await tell(xian, PROVINCE, MessageKind(kind), body) for kind, body in again.items()
        ]
        await cities.quiesce()
        for number in numbers:
            await expect_objection(xian, cities.province, number, Code.DUPLICATE)
        # The province's own word a second time is refused by the city as well.
        forwarded = await fetch(
            cities.province, "SELECT * FROM exchange.outbox WHERE receiver = $1", BAOJI
        )
        numbers = [
            await tell(
                cities.province,
                BAOJI,
                MessageKind(row["kind"]),
                words.decode(row["body"], Envelope).body,
            )
            for row in forwarded
            if row["kind"].endswith("forwarded")
        ]
        assert len(numbers) == 2
        await cities.quiesce()
        for number in numbers:
            await expect_objection(cities.province, baoji, number, Code.DUPLICATE)
        await expect_all_else_well(cities, presentments=2)


async def test_a_forwarded_message_must_be_the_citys_own(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """The province can neither make up a city's presentment nor change one on the way."""
    async with exchange(postgres, template, tmp_path) as cities:
        baoji, province = cities.cities[BAOJI], cities.province
        body = words.encode(PRESENTMENT)
        made_up = Envelope(
            sender=XIAN,
            receiver=PROVINCE,
            number=1,
            kind=MessageKind.PRESENTMENT,
            subject="x",
            digest=words.digest_of(body),
            body=body,
        )
        signature = province.node.signing.sign(words.signing_input(made_up))
        made_up = msgspec.structs.replace(made_up, signature=signature)
        number = await tell(province, BAOJI, MessageKind.PRESENTMENT_FORWARDED, made_up)
        await cities.quiesce()
        await expect_objection(province, baoji, number, Code.BAD_HEADER)
        assert await fetch(baoji, "SELECT * FROM clearing.batch") == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("refused_debit_fen = refused_debit_fen + 1", "refused_debit_fen = refused_debit_fen - 1"),
        ("state = 'presented'", "state = 'answered'"),
    ],
)
async def test_a_total_that_disagrees_waits_until_the_books_agree(
    postgres: Server, template: str, tmp_path: Path, wrong: str, right: str
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian, province = cities.cities[XIAN], cities.province
        await Travellers((XIAN, BAOJI)).travel(cities, OPEN)
        for place in cities.cities.values():
            await place.present(await place.cut_off())
        await cities.quiesce()
        change = "UPDATE exchange.presentment SET {} WHERE direction = 'in'"
        await fetch(xian, change.format(wrong))
        await province.close_cycle(await province.cut_off())
        await cities.quiesce()
        number = await province_total(province, XIAN)
        await expect_objection(province, xian, number, Code.TOTAL_DISAGREEMENT)
        assert not await fetch(xian, "SELECT FROM clearing.entry WHERE entry_id LIKE '%cycle%'")
        # The other city has booked its own, and a day later the mail still goes on.
        assert (await fetch(cities.cities[BAOJI], "SELECT * FROM exchange.clearing_total"))[0]
        await province.close_cycle(await province.cut_off())
        await cities.quiesce()
        assert len(await fetch(xian, "SELECT * FROM exchange.clearing_total")) == 1
        await fetch(xian, change.format(right))
        await cities.quiesce()
        assert len(await fetch(xian, "SELECT * FROM exchange.clearing_total")) == 2
        await expect_all_else_well(cities, presentments=2)
        objections = await fetch(xian, "SELECT * FROM exchange.outbox WHERE kind = 'objection'")
        assert len(objections) == 1


async def province_total(province: Place, city: str) -> int:
    rows = await fetch(
        province,
        "SELECT number FROM exchange.outbox WHERE receiver = $1 AND kind = 'clearing_total'",
        city,
    )
    return int(rows[0]["number"])


async def test_a_cycle_is_closed_after_cut_off_only(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        for day in (OPEN, OPEN + timedelta(days=1), date(2025, 1, 1)):
            with pytest.raises(ExchangeError):
                await cities.province.close_cycle(day)


async def test_what_is_presented_must_be_what_was_booked(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """A ledger that was tampered with stops the night before a claim leaves the city."""
    async with exchange(postgres, template, tmp_path) as cities:
        xian = cities.cities[XIAN]
        await Travellers((XIAN, BAOJI)).travel(cities, OPEN)
        await fetch(xian, "ALTER TABLE clearing.posting DISABLE TRIGGER append_only")
        await fetch(
            xian,
            "UPDATE clearing.posting SET amount_fen = amount_fen - 1 WHERE purpose = 14"
            " AND amount_fen < 0",
        )
        day = await xian.cut_off()
        with pytest.raises(ExchangeError):
            await xian.present(day)
        assert await fetch(xian, "SELECT * FROM exchange.outbox") == []
