"""Attacks between cities: by an acquirer, by an issuer, by the province, by whoever is on the line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from schemas import exchange as words
from schemas.cities import PROVINCE
from schemas.exchange import (
    Answer,
    ClearedPresentment,
    ClearingTotal,
    Code,
    Envelope,
    MessageKind,
    Presentment,
    Refused,
)
from schemas.reasons import Reason
from service.database import Server
from settlement.exchange import post, store
from tests.attacks.stage import clone
from tests.settlement.exchange.cities import (
    BAOJI,
    WEINAN,
    XIAN,
    DirectLink,
    Exchange,
    Place,
    card_of,
    exchange,
)
from tests.settlement.exchange.test_exchange import balances
from tests.settlement.exchange.test_objections import expect_objection, fetch, tell
from tests.world import BUS, OPEN

FARE_FEN, AT_HOME_FEN, RIDES = 100, 80, 3
LIABILITY, DUE = "principal/card_liability/1", f"principal/operator/{BUS}"
Books = dict[str, dict[str, int]]


_QUIET: dict[str, Books] = {}
"""The books of the same exchange without an attack: ``opening``, ``answered``, ``closed``. Made once."""


async def books_of(one: Exchange) -> Books:
    """What is owed to each account of each node, fen; what it owes is negative."""
    return {
        place.city: {code: -fen for code, fen in (await balances(place)).items() if " " not in code}
        for place in one.places
    }


async def quiet(postgres: Server, template: str, home: Path) -> dict[str, Books]:
    """Let three cities have the day in quiet, and read their books at each stage."""
    if not _QUIET:
        names = (XIAN, BAOJI, WEINAN)
        async with exchange(postgres, template, home, names=names) as one:
            _QUIET["opening"] = await books_of(one)
            await one.cities[XIAN].submit(BUS, rides())
            await present_and_answer(one)
            _QUIET["answered"] = await books_of(one)
            await close(one)
            _QUIET["closed"] = await books_of(one)
    return _QUIET


@dataclass
class Cities:
    """An exchange to attack, and the books of one that is left in peace."""

    attacked: Exchange
    quiet: dict[str, Books]

    async def difference(self, stage: str) -> Books:
        """What the attack changed by city and account, fen; positive: more is owed to the account."""
        found: Books = {}
        for city, ours in (await books_of(self.attacked)).items():
            theirs = self.quiet[stage][city]
            changed = {
                code: ours.get(code, 0) - theirs.get(code, 0)
                for code in sorted(ours.keys() | theirs.keys())
            }
            found[city] = {code: fen for code, fen in changed.items() if fen}
        return {city: changed for city, changed in found.items() if changed}


@pytest.fixture
async def cities(postgres: Server, template: str, tmp_path: Path) -> AsyncIterator[Cities]:
    """Xi'an and Baoji."""
    async with exchange(postgres, template, tmp_path, names=(XIAN, BAOJI)) as attacked:
        yield Cities(attacked, await quiet(postgres, template, tmp_path))


@pytest.fixture
async def three_cities(postgres: Server, template: str, tmp_path: Path) -> AsyncIterator[Cities]:
    """Weinan with them."""
    async with exchange(postgres, template, tmp_path, names=(XIAN, BAOJI, WEINAN)) as attacked:
        yield Cities(attacked, await quiet(postgres, template, tmp_path))


def rides() -> list[bytes]:
    """Three cards of Baoji ride in Xi'an."""
    return [
        card_of(BAOJI, number).tap(
            BUS, FARE_FEN, gross_fen=FARE_FEN, at=f"202601050800{number:02}", number=number
        )
        for number in range(1, RIDES + 1)
    ]


async def refusals(place: Place) -> list[tuple[str, int]]:
    rows = await fetch(
        place, "SELECT presentment_id, reason FROM exchange.refusal ORDER BY 1, position"
    )
    return [(row[0], row[1]) for row in rows]


async def present_and_answer(one: Exchange) -> None:
    for place in one.cities.values():
        await place.present(await place.cut_off())
    await one.quiesce()


async def close(one: Exchange) -> None:
    await one.province.close_cycle(await one.province.cut_off())
    await one.quiesce()


async def test_a_presentment_again(cities: Cities) -> None:
    """A hostile acquirer sends its presentment once more: under the next number, then with another name."""
    attacked = cities.attacked
    await attacked.cities[XIAN].submit(BUS, rides())
    await present_and_answer(attacked)
    xian, baoji = attacked.cities[XIAN], attacked.cities[BAOJI]
    same = words.make_presentment(XIAN, BAOJI, OPEN, 1, b"".join(rides()))
    number = await tell(xian, PROVINCE, MessageKind.PRESENTMENT, same)
    await attacked.quiesce()
    await expect_objection(xian, attacked.province, number, Code.DUPLICATE)
    renamed = words.make_presentment(XIAN, BAOJI, OPEN, 77, b"".join(rides()))
    async with xian.pool.acquire() as connection, connection.transaction():
        # A hostile city has it in its own books too.
        row = store.PresentmentRow(
            presentment_id=renamed.presentment_id, direction="out", acquirer=XIAN, issuer=BAOJI,
            business_date=OPEN, tap_count=RIDES, debit_fen=renamed.debit_fen, load_fen=0,
        )  # fmt: skip
        await store.add_presentment(connection, row)
        kind, body = MessageKind.PRESENTMENT, words.encode(renamed)
        await post.send(connection, xian.node, PROVINCE, kind, renamed.presentment_id, body)
    await attacked.quiesce()
    assert [reason for _, reason in await refusals(baoji)] == RIDES * [Reason.DUPLICATE]
    await close(attacked)
    # Neither issuer nor province moved a fen. The hostile city's own books took its operators' fares
    # back, since what it presented there was refused.
    assert (await cities.difference("closed")).keys() == {XIAN}


@pytest.mark.parametrize("thief_is_first", [False, True])
async def test_another_citys_taps(three_cities: Cities, thief_is_first: bool) -> None:
    """Weinan presents copies of what was tapped in Xi'an. Who is second is refused, and both hear why.
    A thief that is first is paid: 300 fen, which Xi'an's operators miss until the cities have spoken."""
    cities = three_cities
    attacked = cities.attacked
    await attacked.cities[XIAN].submit(BUS, rides())
    weinan, baoji = attacked.cities[WEINAN], attacked.cities[BAOJI]
    stolen = words.make_presentment(WEINAN, BAOJI, OPEN, 1, b"".join(rides()))
    if not thief_is_first:
        await present_and_answer(attacked)
    await tell(weinan, PROVINCE, MessageKind.PRESENTMENT, stolen)
    await attacked.quiesce()
    if thief_is_first:
        await present_and_answer(attacked)
    refused = await refusals(baoji)
    assert [reason for _, reason in refused] == RIDES * [Reason.DUPLICATE_OTHER_CITY]
    loser = XIAN if thief_is_first else WEINAN
    assert {name[:4] for name, _ in refused} == {loser}
    changed = await cities.difference("answered")
    stolen_fen = RIDES * FARE_FEN if thief_is_first else 0
    assert changed.get(XIAN, {}).get(DUE, 0) == -stolen_fen
    province = changed.get(PROVINCE, {})
    assert province.get(f"principal/city/{WEINAN}", 0) == stolen_fen
    assert province.get(f"principal/city/{BAOJI}", 0) == 0
    assert BAOJI not in changed


async def test_a_cloned_card_in_two_cities(cities: Cities) -> None:
    """The card rides at home, its clone in Xi'an with the same counter. The issuer sees it and pays the
    other city, which carried somebody on a rightly signed debit; it bears that one fare."""
    attacked = cities.attacked
    baoji, xian = attacked.cities[BAOJI], attacked.cities[XIAN]
    card = card_of(BAOJI, 1)
    cloned = clone(card)
    at_home = card.tap(BUS, AT_HOME_FEN, gross_fen=100, at="20260105080001", number=1)
    abroad = cloned.tap(BUS, FARE_FEN, gross_fen=FARE_FEN, at="20260105090001", number=2)
    await baoji.submit(BUS, [at_home])
    await xian.submit(BUS, [abroad])
    await present_and_answer(attacked)
    await close(attacked)
    rows = await fetch(baoji, "SELECT reason FROM clearing.tap WHERE verdict = 1")
    assert [row["reason"] for row in rows] == [Reason.COUNTER_REUSED]
    assert await cities.difference("opening") == {
        PROVINCE: {f"principal/city/{BAOJI}": -FARE_FEN, f"principal/city/{XIAN}": FARE_FEN},
        XIAN: {DUE: FARE_FEN, "principal/province": -FARE_FEN},
        BAOJI: {
            LIABILITY: -AT_HOME_FEN - FARE_FEN, DUE: AT_HOME_FEN, "principal/province": FARE_FEN
        },
    }  # fmt: skip


def refusing(presentment: Presentment, reason: Reason) -> Answer:
    """An answer that refuses every tap of a presentment for a reason."""
    fen = presentment.debit_fen
    return Answer(
        presentment_id=presentment.presentment_id,
        acquirer=presentment.acquirer,
        issuer=presentment.issuer,
        business_date=OPEN,
        tap_count=presentment.tap_count,
        confirmed_debit_fen=0,
        confirmed_load_fen=0,
        refused_debit_fen=fen,
        refused_load_fen=0,
        refused=tuple(
            Refused(position, reason, FARE_FEN) for position in range(presentment.tap_count)
        ),
    )


async def test_a_forged_answer(three_cities: Cities) -> None:
    """By the province in the issuer's name, by a third city, by somebody on the line, and by the issuer
    itself for a reason that refuses nothing."""
    cities = three_cities
    attacked = cities.attacked
    await attacked.cities[XIAN].submit(BUS, rides())
    province, xian = attacked.province, attacked.cities[XIAN]
    weinan, baoji = attacked.cities[WEINAN], attacked.cities[BAOJI]
    await xian.present(await xian.cut_off())
    presentment = words.make_presentment(XIAN, BAOJI, OPEN, 1, b"".join(rides()))
    await xian.round(DirectLink(province))
    answer = words.encode(refusing(presentment, Reason.TAC_WRONG))
    forged = Envelope(
        sender=BAOJI,
        receiver=PROVINCE,
        number=1,
        kind=MessageKind.ANSWER,
        subject=presentment.presentment_id,
        digest=words.digest_of(answer),
        body=answer,
    )
    by_province = province.node.signing.sign(words.signing_input(forged))
    forged = msgspec.structs.replace(forged, signature=by_province)
    number = await tell(province, XIAN, MessageKind.ANSWER_FORWARDED, forged)
    third = await tell(weinan, PROVINCE, MessageKind.ANSWER, answer)
    false = words.encode(refusing(presentment, Reason.BELOW_TARIFF))
    without_reason = await tell(baoji, PROVINCE, MessageKind.ANSWER, false)
    async with province.pool.acquire() as connection, connection.transaction():
        heard = await post.receive(connection, province.node, words.encode(forged))
    assert heard.code == Code.BAD_HEADER
    await attacked.quiesce()
    await expect_objection(province, xian, number, Code.BAD_HEADER)
    await expect_objection(weinan, province, third, Code.REFUSED)
    await expect_objection(baoji, province, without_reason, Code.MISMATCH)
    await close(attacked)
    assert await refusals(xian) == []
    assert await cities.difference("closed") == {}


async def test_an_issuer_that_refuses_what_is_right(cities: Cities) -> None:
    """It says that every TAC is wrong, and nobody else has the keys to know better. The acquirer's
    operators bear it, 300 fen and never more than was presented, until the cities have spoken."""
    attacked = cities.attacked
    await attacked.cities[XIAN].submit(BUS, rides())
    xian, baoji = attacked.cities[XIAN], attacked.cities[BAOJI]
    engine, baoji.engine = baoji.engine, None
    await xian.present(await xian.cut_off())
    await attacked.quiesce()
    presentment = words.make_presentment(XIAN, BAOJI, OPEN, 1, b"".join(rides()))
    await tell(baoji, PROVINCE, MessageKind.ANSWER, refusing(presentment, Reason.TAC_WRONG))
    await attacked.quiesce()
    baoji.engine = engine
    assert [reason for _, reason in await refusals(xian)] == RIDES * [Reason.TAC_WRONG]
    changed = await cities.difference("answered")
    assert changed[XIAN][DUE] == -RIDES * FARE_FEN
    assert changed[PROVINCE] == {
        f"principal/city/{BAOJI}": RIDES * FARE_FEN, f"principal/city/{XIAN}": -RIDES * FARE_FEN
    }  # fmt: skip


async def test_a_clearing_total_that_is_not_the_sum(cities: Cities) -> None:
    """The province lists what is right and keeps a fen: the city does not book it, and says so."""
    attacked = cities.attacked
    await attacked.cities[XIAN].submit(BUS, rides())
    xian, province = attacked.cities[XIAN], attacked.province
    await present_and_answer(attacked)
    rows = await fetch(
        xian, "SELECT presentment_id, debit_fen FROM exchange.presentment WHERE direction = 'out'"
    )
    total = ClearingTotal(
        cycle=OPEN,
        city=XIAN,
        amount_fen=RIDES * FARE_FEN - 1,
        presentments=tuple(
            ClearedPresentment(
                presentment_id=row[0], confirmed_debit_fen=row[1], confirmed_load_fen=0
            )
            for row in rows
        ),
    )
    number = await tell(province, XIAN, MessageKind.CLEARING_TOTAL, total)
    await attacked.quiesce()
    await expect_objection(province, xian, number, Code.TOTAL_DISAGREEMENT)
    assert await cities.difference("answered") == {}
