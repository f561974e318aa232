"""One day's taps of cards abroad, with everything in them that the exchange must tell apart."""

from __future__ import annotations

from datetime import date

from schemas.codes import TapKind
from tests.settlement.exchange.cities import Exchange, card_of
from tests.world import AGENT, BUS, TAXI, Card

BUS_FEN, TAXI_FEN, LOAD_FEN = 100, 755, 2_000


class Travellers:
    """The cards of each city, which go on from day to day."""

    def __init__(self, names: tuple[str, ...], cards: int = 4) -> None:
        self.names = names
        self.cards = {
            name: [card_of(name, number) for number in range(1, cards + 1)] for name in names
        }

    async def travel(self, exchange: Exchange, day: date, hour: int = 8) -> None:
        """Each city's cards ride at home and in every other city.

        Of each pair of cities and day: all cards but the first pay a bus; the second is overcharged by
        50 fen and pays a taxi; the third tops up; the first's taps have a wrong TAC (bus, taxi and
        top-up), so that its issuer refuses them; the last taps in for nothing.
        """
        for acquirer in self.names:
            taps: dict[int, list[bytes]] = {BUS: [], TAXI: [], AGENT: []}
            for issuer in self.names:
                cards = self.cards[issuer]
                for at, card in enumerate(cards):
                    self._ride(taps, card, at, len(cards), acquirer == issuer, day, hour)
                hour += 1
            for operator, records in taps.items():
                if records:
                    await exchange.cities[acquirer].submit(operator, records)

    @staticmethod
    def _ride(
        taps: dict[int, list[bytes]],
        card: Card,
        at: int,
        count: int,
        home: bool,
        day: date,
        hour: int,
    ) -> None:
        def when(minute: int) -> str:
            return f"{day:%Y%m%d}{hour:02}{minute:02}{at:02}"

        if home:
            taps[BUS].append(card.tap(BUS, 80, gross_fen=100, at=when(1)))
            return
        good = at != 0
        extra = 50 if at == 1 else 0
        taps[BUS].append(card.tap(BUS, BUS_FEN + extra, gross_fen=100, at=when(2), good_tac=good))
        if at < 2:
            taps[TAXI].append(
                card.tap(
                    TAXI,
                    TAXI_FEN,
                    kind=TapKind.TAXI_TRIP,
                    distance_m=1_500,
                    at=when(3),
                    good_tac=good,
                )
            )
        if at in (0, 2):
            taps[AGENT].append(
                card.tap(AGENT, LOAD_FEN, kind=TapKind.TOP_UP, at=when(4), good_tac=good)
            )
        if at == count - 1:
            taps[BUS].append(
                card.tap(BUS, 0, kind=TapKind.METRO_TAP_IN, gross_fen=0, station=1, at=when(5))
            )
