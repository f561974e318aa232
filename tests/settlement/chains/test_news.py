"""Asking only cards that have news, and reading no further than doubts reach, misses nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from schemas import record
from schemas.codes import TapKind
from schemas.items import ItemKind, ItemOutcome
from settlement.chains import audit, cards
from tests import world
from tests.settlement.chains.nights import AGENT, BUS, Card, City

NIGHTS = 9
CARDS = 10


class Traffic:
    """Rides, loads and torn taps of some cards, and the date on which each record comes, if ever."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.deck = [Card(n) for n in range(1, CARDS + 1)]
        self.numbers = dict.fromkeys((BUS, AGENT), 0)
        self.comes: dict[int, list[bytes]] = {}

    def live(self, night: int, city: City) -> None:
        """What the cards do on a date, in the order of time: so are the terminals' numbers."""
        acts = [
            (f"{hour:02}{card.number:02}00", card)
            for card in self.deck
            if self.random.random() < 0.65
            for hour in self.random.sample(range(6, 23), 2)
        ]
        for time, card in sorted(acts, key=lambda act: act[0]):
            self._act(card, night, city.at(time))

    def _act(self, card: Card, night: int, at: str) -> None:
        word = self.random.choice(["ride", "ride", "ride", "free", "load", "torn", "flash"])
        operator = AGENT if word == "load" else BUS
        self.numbers[operator] += 1
        kind = TapKind.TOP_UP if word == "load" else TapKind.BUS_FLAT
        fen = {"free": 0, "load": 2_000}.get(word, 50)
        gross = {"free": 0, "load": 0}.get(word, 100)
        data = card.tap(
            operator, fen, at=at, kind=kind, gross_fen=gross, number=self.numbers[operator]
        )
        if word in ("torn", "flash"):
            tac = record.FIELD["tac"]
            data = data[: tac.offset] + b"\xff" * 4 + data[tac.end :]
        if word == "flash":
            # It left before the money did.
            card.offline -= 1
            card.balance_fen += 50
        delay = self.random.choice([0, 0, 0, 0, 1, 2, 5, 7])
        if word == "ride" and self.random.random() < 0.1:
            return
        for later in {delay, self.random.choice([delay, delay + 1])}:
            self.comes.setdefault(night + later, []).append(data)

    def arriving(self, night: int) -> list[bytes]:
        found = self.comes.pop(night, [])
        self.random.shuffle(found)
        return found


def key_of(card: Card) -> bytes:
    return bytes([1]) + bytes.fromhex(card.issuer + world.serial(card.number))


async def all_of_them(*_: object) -> list[bytes]:
    """Every card as a candidate."""
    return [key_of(Card(n)) for n in range(1, CARDS + 1)]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_whole_life_of_every_card_says_the_same(
    migrated: str, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each date is audited as it is every night, and once more with all cards read from their first tap."""
    traffic = Traffic(seed)
    city = await City.founded(migrated, tmp_path, traffic.deck)
    for night in range(NIGHTS):
        if night < NIGHTS - 2:
            traffic.live(night, city)
        taps = traffic.arriving(night)
        if taps:
            await city.hand_in(*taps)
        today = city.today
        await city.sleep()
        said = await city.audited_again(today)
        with monkeypatch.context() as patched:
            patched.setattr(audit, "_candidates", all_of_them)
            patched.setattr(cards, "NEAR_DAYS", 10_000)
            whole = await city.audited_again(today)
        for name in ("items", "changes", "adjustments", "entries"):
            rows, others = getattr(said, name), getattr(whole, name)
            assert [row for row in rows + others if not (row in rows and row in others)] == []
    # The rest comes, and a last ride of each card tells what was before it.
    last = [
        card.tap(BUS, 50, at=city.at("235900"), gross_fen=100, number=number)
        for number, card in enumerate(traffic.deck, traffic.numbers[BUS] + 1)
    ]
    await city.hand_in(
        *[tap for night in sorted(traffic.comes) for tap in traffic.comes[night]], *last
    )
    await city.sleep(6)
    assert await city.items(ItemKind.CHAIN_BREAK, open_only=False) == []
    rises = await city.items(ItemKind.CHAIN_RISE, open_only=False)
    assert all(item.outcome != ItemOutcome.ALARMED for item in rises)
    assert await city.items(ItemKind.TERMINAL_REPEAT) == []
    # A load that came too late is booked when two people say so.
    late = {each.item.card for each in await city.items(ItemKind.HELD_UNPROVEN)}
    sound = [card for card in traffic.deck if key_of(card) not in late]
    assert len(sound) > CARDS // 2
    for card in sound:
        assert await city.owed(card) == card.balance_fen
    await city.verified()
