"""The mail: what a receiver answers to every wrong message, and that nothing of it is stored."""

import asyncio
from datetime import date
from pathlib import Path

import msgspec
import pytest

from clearing.keys.signing import SigningKey
from schemas import exchange as words
from schemas.cities import PROVINCE
from schemas.exchange import (
    Acknowledgement,
    Code,
    DayComplete,
    Envelope,
    MessageError,
    MessageKind,
    PullRequest,
)
from service.database import Server
from settlement.exchange import codec, post, store
from tests.settlement.exchange.cities import BAOJI, XIAN, DirectLink, Place, exchange
from tests.world import OPEN


def message(place: Place, number: int, day: date = OPEN, receiver: str = PROVINCE) -> bytes:
    body = words.encode(DayComplete(business_date=day, presentments=0))
    return codec.seal(place.node, receiver, number, MessageKind.DAY_COMPLETE, str(day), body)


async def told(place: Place, data: bytes) -> Acknowledgement:
    """What a node answers to bytes that come in."""
    async with place.pool.acquire() as connection, connection.transaction():
        return await post.receive(connection, place.node, data)


async def stored(place: Place) -> list[int]:
    async with place.pool.acquire() as connection:
        rows = await connection.fetch("SELECT number FROM exchange.inbox ORDER BY 1")
        return [row["number"] for row in rows]


async def test_numbers_come_in_order_and_once(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian, province = cities.cities[XIAN], cities.province
        first, second, third = (message(xian, number) for number in (1, 2, 3))
        for data, code, want in (
            (third, Code.REFUSED, 1),
            (first, Code.ACCEPTED, 0),
            (first, Code.DUPLICATE, 0),
            (third, Code.REFUSED, 2),
            (second, Code.ACCEPTED, 0),
            (third, Code.ACCEPTED, 0),
            (message(xian, 2, date(2026, 1, 9)), Code.REFUSED, 0),
            (second, Code.DUPLICATE, 0),
        ):
            answer = await told(province, data)
            assert (answer.code, answer.want) == (code, want)
            assert answer.digest == words.digest_of(data)
        assert await stored(province) == [1, 2, 3]


async def test_what_nobody_sent_is_not_stored(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian, province = cities.cities[XIAN], cities.province
        good = message(xian, 1)
        opened = words.decode(good, Envelope)
        stranger = msgspec.structs.replace(opened, sender="8060")
        other_body = msgspec.structs.replace(opened, body=opened.body + b"\x00")
        as_baoji = msgspec.structs.replace(opened, sender=BAOJI)
        no_algorithm = msgspec.structs.replace(opened, signature_algorithm=0)
        sm3 = msgspec.structs.replace(opened, digest_algorithm=2)
        fields = msgspec.msgpack.decode(good)
        for data, code in (
            (b"", Code.BAD_HEADER),
            (b"garbage", Code.BAD_HEADER),
            (good[:-1], Code.BAD_HEADER),
            (message(xian, 1, receiver=BAOJI), Code.BAD_HEADER),
            (words.encode(stranger), Code.REFUSED),
            (words.encode(other_body), Code.BAD_HEADER),
            (words.encode(as_baoji), Code.BAD_HEADER),
            (words.encode(no_algorithm), Code.BAD_HEADER),
            (words.encode(sm3), Code.VERSION),
            (msgspec.msgpack.encode({**fields, "version": 2}), Code.VERSION),
        ):
            assert (await told(province, data)).code == code, data
        assert await stored(province) == []
        assert (await told(province, good)).code == Code.ACCEPTED
        # Cities do not speak with each other, nor anyone with itself.
        baoji = cities.cities[BAOJI]
        assert (await told(baoji, message(xian, 1, receiver=BAOJI))).code == Code.REFUSED
        assert (await told(province, message(province, 1))).code == Code.REFUSED


async def test_an_acknowledgement_is_the_receivers_and_of_this_message(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """A forged or misdirected acknowledgement leaves the message where it is: to be sent again."""
    async with exchange(postgres, template, tmp_path) as cities:
        xian, province = cities.cities[XIAN], cities.province
        first, second = message(xian, 1), message(xian, 2)
        answer = await told(province, first)
        forged = msgspec.structs.replace(answer, code=Code.ACCEPTED, detail="forged")
        async with xian.pool.acquire() as connection:
            good = await post.open_acknowledgement(
                connection, xian.node, first, words.encode(answer)
            )
            assert good.code == Code.ACCEPTED
            for sent, data in (
                (second, words.encode(answer)),
                (first, words.encode(forged)),
                (first, first),
                (first, b""),
            ):
                with pytest.raises(MessageError):
                    await post.open_acknowledgement(connection, xian.node, sent, data)


async def test_a_pull_is_signed_and_used_once(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian, baoji, province = cities.cities[XIAN], cities.cities[BAOJI], cities.province

        async def request(place: Place) -> bytes:
            async with place.pool.acquire() as connection:
                return await post.make_pull(connection, place.node, PROVINCE)

        async def ask(data: bytes) -> list[bytes]:
            async with province.pool.acquire() as connection, connection.transaction():
                return await post.answer_pull(connection, province.node, data)

        async with province.pool.acquire() as connection, connection.transaction():
            await post.send(
                connection, province.node, XIAN, MessageKind.OBJECTION, "1", b"for Xi'an only"
            )
        first = await request(xian)
        envelopes = await ask(first)
        assert words.decode(envelopes[0], Envelope).body == b"for Xi'an only"
        again = words.decode((await ask(first))[0], Acknowledgement)
        assert (again.code, again.want) == (Code.REFUSED, 2)
        assert await ask(await request(baoji)) == []
        opened = words.decode(await request(xian), PullRequest)
        too_far = msgspec.structs.replace(opened, after=9)
        signed = xian.node.signing.sign(words.signing_input(too_far))
        for data, code in (
            (words.encode(msgspec.structs.replace(opened, after=1)), Code.BAD_HEADER),
            (words.encode(msgspec.structs.replace(opened, sender=BAOJI)), Code.BAD_HEADER),
            (words.encode(msgspec.structs.replace(opened, sender="8060")), Code.REFUSED),
            (words.encode(msgspec.structs.replace(opened, receiver=BAOJI)), Code.BAD_HEADER),
            (words.encode(msgspec.structs.replace(too_far, signature=signed)), Code.REFUSED),
            (b"", Code.BAD_HEADER),
        ):
            with pytest.raises(MessageError) as refused:
                await ask(data)
            assert refused.value.code == code
        # A counter may be skipped: this one was refused for its number, in a transaction taken back.
        assert await ask(words.encode(opened)) == envelopes


async def test_a_city_from_a_backup_goes_on_from_the_provinces_counter(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian, province = cities.cities[XIAN], cities.province
        link = DirectLink(province)
        for _ in range(5):
            await xian.round(link)
        async with xian.pool.acquire() as connection:
            await connection.execute("UPDATE exchange.pull SET counter = 1")
        async with province.pool.acquire() as connection, connection.transaction():
            await post.send(connection, province.node, XIAN, MessageKind.OBJECTION, "1", b"news")
        assert (await xian.round(link)).fetched == 1


async def test_a_province_from_a_backup_gets_the_rest_again(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """It lost messages that it had acknowledged: the city sends from where the province is."""
    async with exchange(postgres, template, tmp_path) as cities:
        xian, province = cities.cities[XIAN], cities.province
        for day in (5, 6, 7):
            await xian.present(date(2026, 1, day))
        await xian.round(DirectLink(province))
        assert await stored(province) == [1, 2, 3]
        async with province.pool.acquire() as connection:
            await connection.execute("DELETE FROM exchange.inbox WHERE number > 1")
        await xian.present(date(2026, 1, 8))
        await xian.round(DirectLink(province))
        assert await stored(province) == [1, 2, 3, 4]


async def test_numbers_are_gapless_when_many_write_at_once_and_some_fail(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian = cities.cities[XIAN]

        async def write(subject: int) -> None:
            async with xian.pool.acquire() as connection, connection.transaction():
                await post.send(
                    connection, xian.node, PROVINCE, MessageKind.OBJECTION, str(subject), b""
                )
                if subject % 3 == 0:
                    raise ZeroDivisionError

        done = await asyncio.gather(*(write(n) for n in range(30)), return_exceptions=True)
        assert sum(isinstance(one, ZeroDivisionError) for one in done) == 10
        async with xian.pool.acquire() as connection:
            rows = await connection.fetch("SELECT number FROM exchange.outbox ORDER BY 1")
            assert [row["number"] for row in rows] == list(range(1, 21))
            envelope = await store.read_outgoing(connection, PROVINCE, 20)
        assert envelope is not None
        assert words.decode(envelope, Envelope).number == 20


async def test_another_key_for_a_city_is_not_the_city(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        xian = cities.cities[XIAN]
        thief = SigningKey.from_seed(b"t" * 32)
        opened = words.decode(message(xian, 1), Envelope)
        forged = msgspec.structs.replace(opened, signature=thief.sign(words.signing_input(opened)))
        assert (await told(cities.province, words.encode(forged))).code == Code.BAD_HEADER
