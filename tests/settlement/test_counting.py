"""Each ride that fees count is counted once over its life, on the dates that change how it stands."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import rules
from clearing import store as clearing_store
from schemas.codes import CardKind
from schemas.items import Action, ItemKind, ItemOutcome
from schemas.registry import Staff
from settlement import fees, reclearing, store
from settlement.counting import DECIDING, RECLEARED, REFUSED, Fact, Ride
from settlement.decisions import Words, decide, propose
from settlement.reclearing.people import compute
from settlement.store.fees import read_fees
from settlement.verify import verify_day
from tests.settlement.chains.nights import City
from tests.settlement.decisions.town import ANNA, BO, STRANGE, torn
from tests.settlement.test_fees import EVE, FIRST, LAST, RULES, fees_of, town
from tests.world import AGENT, BUS, FOREIGN_ISSUER, Card

SECOND = FIRST + timedelta(days=1)
SENIOR = 61


class Nights(City):
    """The bus operator pays 3 fen a counted ride of own cards, 50 at least, by the month."""

    @classmethod
    async def begun(cls, dsn: str, home: Path, fees_named: tuple[str, ...]) -> Nights:
        deck = [Card(number) for number in range(1, 51)] + [Card(SENIOR, kind=CardKind.SENIOR)]
        found = cls(await town(dsn, home, deck, fees_named))
        found.today = EVE
        connection = await asyncpg.connect(dsn)
        try:
            people = [Staff(name=name, key_sha256="0" * 64, since=EVE) for name in (ANNA, BO)]
            async with connection.transaction():
                await clearing_store.change_registry(
                    connection, [("staff", person) for person in people]
                )
        finally:
            await connection.close()
        return found

    def ride(self, card: Card, time: str = "080000", fen: int = 50, **more: object) -> bytes:
        """A ride for what the tariff asks."""
        return card.tap(BUS, fen, at=self.at(time), gross_fen=100, **more)  # type: ignore[arg-type]

    async def decide(self, kind: ItemKind, action: Action) -> None:
        """Two people decide the one open item of a kind."""
        (item,) = await self.items(kind)
        connection = await asyncpg.connect(self.context.dsn)
        try:
            words = Words("seen", refund_agent=AGENT if action is Action.REVERSE else 0)
            made = await propose(connection, self.context, item.item.item_id, action, words, ANNA)
            await decide(connection, self.context, made.proposal_no, True, "", BO)
        finally:
            await connection.close()

    async def counted(self, *dates: date) -> list[tuple[int, int]]:
        """(fen, rides) of the operator that each date counts, own and other cities' cards together."""
        found = []
        async with store.reading(self.context.dsn) as connection:
            for on in dates:
                day = await store.read_day(connection, on)
                registry = await clearing_store.read_registry(connection, day.registry_version or 0)
                volumes = await fees.read_volumes(connection, on, registry)
                whole = volumes.get(BUS, fees.Volumes()).whole
                found.append((whole.fen, whole.taps))
        return found

    async def billed(self, on: date) -> int:
        """What the operator pays in fees on a date, fen."""
        async with store.reading(self.context.dsn) as connection:
            return -(await fees_of(connection, on)).get(f"operator/{BUS}", 0)

    async def verified(self) -> None:
        """Every settled date comes out again as it was stored."""
        on = EVE
        while on < self.today:
            assert await verify_day(self.context, on) == []
            on += timedelta(days=1)


@pytest.fixture
async def city(migrated: str, tmp_path: Path) -> Nights:
    return await Nights.begun(migrated, tmp_path, ("charges/monthly",))


async def test_held_and_released_in_the_same_month(city: Nights) -> None:
    rides = [city.ride(Card(number)) for number in range(1, 31)]
    await city.hand_in(*rides, city.ride(Card(40), terminal_id=STRANGE))
    await city.sleep()
    await city.decide(ItemKind.HELD, Action.RELEASE)
    await city.sleep()
    assert await city.counted(EVE, LAST) == [(1_500, 30), (50, 1)]
    assert await city.billed(LAST) == 31 * 3
    await city.verified()


async def test_released_in_the_month_after_and_the_bill_of_the_first_stays(city: Nights) -> None:
    rides = [city.ride(Card(number)) for number in range(1, 31)]
    await city.hand_in(*rides, city.ride(Card(40), terminal_id=STRANGE))
    await city.sleep(2)
    await city.decide(ItemKind.HELD, Action.RELEASE)
    await city.sleep()
    assert await city.counted(EVE, LAST, FIRST) == [(1_500, 30), (0, 0), (50, 1)]
    assert await city.billed(LAST) == 30 * 3
    await city.verified()


async def test_a_free_ride_that_is_released(city: Nights) -> None:
    senior = Card(SENIOR, kind=CardKind.SENIOR)
    await city.hand_in(city.ride(senior, fen=0, terminal_id=STRANGE))
    await city.sleep()
    await city.decide(ItemKind.HELD, Action.RELEASE)
    await city.sleep()
    assert await city.counted(EVE, LAST) == [(0, 0), (0, 1)]
    await city.verified()


async def test_a_held_ride_that_is_rejected_was_never_counted(city: Nights) -> None:
    await city.hand_in(city.ride(Card(40), terminal_id=STRANGE))
    await city.sleep()
    await city.decide(ItemKind.HELD, Action.REJECT)
    await city.sleep()
    await city.decide(ItemKind.UNCLAIMED, Action.RELEASE)
    await city.sleep()
    assert await city.counted(EVE, LAST, FIRST) == [(0, 0), (0, 0), (50, 1)]
    await city.verified()


async def test_a_torn_ride_that_is_taken_back(city: Nights) -> None:
    card = Card(1)
    first, flash = city.ride(card), torn(city.ride(card, "080100"))
    card.offline -= 1
    card.balance_fen += 50
    again = city.ride(card, "080110")
    await city.hand_in(first, flash, city.ride(card, "090000"))
    await city.sleep(2)
    # The torn one counts as the third ride of its own date, until the record that has its place comes.
    await city.hand_in(again)
    await city.sleep()
    assert await city.counted(EVE, LAST, FIRST) == [(150, 3), (0, 0), (0, 0)]
    assert await city.billed(LAST) == 50
    await city.verified()


async def test_a_double_deduction_that_is_reversed_in_the_month_after(city: Nights) -> None:
    card = Card(1)
    await city.hand_in(city.ride(card), city.ride(card, "080030"))
    await city.sleep(2)
    await city.decide(ItemKind.DOUBLE_DEDUCTION, Action.REVERSE)
    rides = [city.ride(Card(number)) for number in range(11, 31)]
    await city.hand_in(*rides)
    await city.sleep()
    assert await city.counted(EVE, LAST, FIRST) == [(100, 2), (0, 0), (950, 19)]
    assert await city.billed(LAST) == 50
    await city.verified()


async def test_what_is_released_of_other_cities_cards_is_theirs(
    migrated: str, tmp_path: Path
) -> None:
    city = await Nights.begun(migrated, tmp_path, ("charges/interchange", "charges/issuers"))
    abroad = Card(51, issuer=FOREIGN_ISSUER)
    await city.hand_in(city.ride(abroad, fen=130))
    await city.sleep()
    await city.decide(ItemKind.EXCESS, Action.RELEASE)
    await city.sleep()
    async with store.reading(city.context.dsn) as connection:
        rows = await read_fees(connection, EVE, LAST)
        # A tenth of 130 fen, which our issuer has nothing to do with.
        assert (await fees_of(connection, LAST)) == {"province": -13, "clearing_centre": 13}
    assert [(row.fee, row.own_fen, row.foreign_fen, row.foreign_taps) for row in rows] == [
        ("charges/interchange", 0, 100, 1),
        ("charges/interchange", 0, 30, 0),
        ("charges/issuers", 0, 100, 1),
        ("charges/issuers", 0, 30, 0),
    ]
    await city.verified()


async def test_released_after_a_re_clearing_held_it(city: Nights) -> None:
    await city.hand_in(city.ride(Card(1)))
    await city.sleep()
    files = {**rules.read(["xian"]), "charges/rules.toml": RULES}
    text = files["xian/rules.toml"]
    since = text.index("since = ", text.index("[[tariff.bus]]"))
    files["xian/rules.toml"] = text[:since] + "since = 2026-01-31" + text[text.index("\n", since) :]
    connection = await asyncpg.connect(city.context.dsn)
    try:
        async with connection.transaction():
            loaded = rules.load(files)
            version = await clearing_store.add_rules(connection, loaded.digest, files)
        day = await store.read_day(connection, EVE)
        listed = await compute(city.context, day, version)
        made = await reclearing.propose(connection, city.context, day, listed, "not yet", ANNA)
        await reclearing.decide(connection, city.context, made.proposal_no, True, "", BO)
    finally:
        await connection.close()
    await city.sleep()
    await city.decide(ItemKind.HELD, Action.RELEASE)
    await city.sleep()
    assert [rides for _, rides in await city.counted(EVE, LAST, FIRST)] == [1, -1, 1]
    await city.verified()


# -- whatever becomes of a ride ----------------------------------------------------------------------

OUTCOMES = (
    ItemOutcome.RELEASED, ItemOutcome.REJECTED, ItemOutcome.DEBITED, ItemOutcome.NOT_DEBITED,
    ItemOutcome.REVERSED, ItemOutcome.DISMISSED,
)  # fmt: skip
LATER = st.dates(EVE, SECOND)
FACTS = st.one_of(
    st.builds(Fact.of_change, LATER, st.sampled_from(DECIDING), st.sampled_from(OUTCOMES)),
    st.builds(Fact, LATER, st.just(RECLEARED), st.booleans()),
    st.builds(Fact, LATER, st.just(REFUSED), st.just(True)),
)


@given(st.booleans(), st.lists(FACTS, max_size=6))
def test_the_dates_of_a_ride_sum_up_to_how_it_stands(accepted: bool, facts: list[Fact]) -> None:
    ordered = tuple(sorted(facts, key=lambda fact: fact.on))
    ride = Ride(operator=BUS, issuer_no=1, business_date=EVE, accepted=accepted, facts=ordered)
    counted = int(accepted)
    for on in (EVE, LAST, FIRST, SECOND):
        counted += ride.change(on)
        assert counted == ride.counts(on)
    without = Ride(operator=BUS, issuer_no=1, business_date=EVE, accepted=accepted)
    assert without.counts(SECOND) is accepted
