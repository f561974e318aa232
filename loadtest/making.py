"""Makes single taps: a card meets a terminal, pays the true fare, and signs.

Each function gives a ``Ride``: a draft whose every field is right. Faults spoil it before or after
``sealed``; clean traffic seals it as it is.
"""

import random
from datetime import date, timedelta
from typing import Final

import msgspec

from loadtest import crypto
from loadtest.cards import KEY_INDEX, KEY_VERSION, Pool
from loadtest.draft import Draft, packed, tac_input
from loadtest.facts import Discount, TransferFact, fare_of
from loadtest.item import Item, bit
from loadtest.world import AGENT, BUS, METRO, TAXI, CityWorld, OperatorFacts
from schemas import codes
from schemas.codes import DEBIT_KINDS, TapKind, TypeByte
from schemas.reasons import Reason

_BCD: Final = [bytes.fromhex(f"{n:02d}") for n in range(100)]
_DEBITS: Final = frozenset(int(kind) for kind in DEBIT_KINDS)
_BEGINS: Final = frozenset({TapKind.BUS_FLAT, TapKind.METRO_TAP_OUT})
"""Kinds that begin a transfer window."""
_EPOCH: Final = date(2000, 1, 1)
_BY_ISSUER: Final = bit(Reason.TAC_BY_ISSUER)
DAY_S: Final = 86_400


class Ride(msgspec.Struct, gc=False):
    """A draft and its circumstances. ``own``: the card is of this city. ``priced_fen`` and
    ``subsidy_fen`` are what the tariff says of it."""

    draft: Draft
    operator: OperatorFacts
    pool: Pool
    index: int
    own: bool
    moment: int
    priced_fen: int = 0
    subsidy_fen: int = 0
    transfer: TransferFact | None = None
    full_fen: int = 0


class Maker:
    """Makes the taps of one city on one business day. Moments are seconds since its midnight."""

    def __init__(self, world: CityWorld, day: date, rng: random.Random) -> None:
        self.world, self.day, self.rng = world, day, rng
        self._midnight_s = (day - _EPOCH).days * DAY_S
        self._dates: dict[int, bytes] = {}
        metro = world.fares.metro
        self._stations = sorted(metro.line_of) if metro else []

    def stamp(self, moment: int) -> bytes:
        """A moment as the record writes it, 7 bytes BCD."""
        days, seconds = divmod(moment, DAY_S)
        head = self._dates.get(days)
        if head is None:
            head = bytes.fromhex((self.day + timedelta(days=days)).strftime("%Y%m%d"))
            self._dates[days] = head
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return head + _BCD[hour] + _BCD[minute] + _BCD[second]

    def _moment_of(self, stamp: bytes) -> int:
        """The moment of 7 bytes BCD."""
        text = stamp.hex()
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        second = int(text[8:10]) * 3600 + int(text[10:12]) * 60 + int(text[12:14])
        return (day - self.day).days * DAY_S + second

    # -- the four places where a card is held to a reader -----------------------------------------

    def bus(self, moment: int, pool: Pool, index: int, *, leg: Ride | None = None) -> Ride:
        """A ride at a flat fare. ``leg``: the first leg, from which a transfer discount follows."""
        fares = self.world.fares.bus
        ride = self._board(moment, pool, index, self.world.operators[BUS])
        self._charge(ride, fares.lines[ride.draft.line], fares.discounts)
        self._transfer(ride, fares.transfer, leg)
        self.pay(ride, ride.priced_fen)
        return ride

    def metro_in(self, moment: int, pool: Pool, index: int) -> Ride:
        """An entry: nothing is charged, and the card's counter moves."""
        operator = self.world.operators[METRO]
        terminal = self.rng.randrange(len(operator.terminals))
        ride = self._meet(moment, pool, index, operator, terminal, TapKind.METRO_TAP_IN)
        ride.draft.type_byte = TypeByte.COMPOUND
        ride.draft.line = operator.terminals.lines[terminal]
        ride.draft.station = operator.terminals.places[terminal]
        self.pay(ride, 0)
        return ride

    def metro_out(
        self, moment: int, pool: Pool, index: int, entry: Draft, *, leg: Ride | None = None
    ) -> Ride:
        """The exit of an entry, at the fare from station to station. ``leg`` as for the bus."""
        operator, metro = self.world.operators[METRO], self.world.fares.metro
        assert metro is not None
        terminals = operator.terminals
        terminal = self.rng.randrange(len(terminals))
        while terminals.places[terminal] == entry.station:
            terminal = self.rng.randrange(len(terminals))
        ride = self._meet(moment, pool, index, operator, terminal, TapKind.METRO_TAP_OUT)
        draft = ride.draft
        draft.type_byte = TypeByte.COMPOUND
        draft.line, draft.station = terminals.lines[terminal], terminals.places[terminal]
        draft.entry_operator, draft.entry_line = operator.number, entry.line
        draft.entry_station, draft.entry_at = entry.station, entry.tapped_at
        stay_s = moment - self._moment_of(entry.tapped_at)
        self._charge(ride, metro.gross(entry.station, draft.station, stay_s), metro.discounts)
        self._transfer(ride, metro.transfer, leg)
        self.pay(ride, ride.priced_fen)
        return ride

    def supplement(self, moment: int, pool: Pool, index: int) -> Ride:
        """A supplement paid at a gate, for a ride that was longer than it was paid for."""
        operator, metro = self.world.operators[METRO], self.world.fares.metro
        assert metro is not None
        terminal = self.rng.randrange(len(operator.terminals))
        ride = self._meet(moment, pool, index, operator, terminal, TapKind.METRO_SUPPLEMENT)
        ride.draft.line = operator.terminals.lines[terminal]
        ride.draft.station = operator.terminals.places[terminal]
        self._charge(ride, metro.supplement_fen, metro.discounts)
        self.pay(ride, ride.priced_fen)
        return ride

    def taxi(self, moment: int, pool: Pool, index: int, distance_m: int = 0) -> Ride:
        """A metered trip."""
        operator, meter = self.world.operators[TAXI], self.world.fares.taxi
        terminal = self.rng.randrange(len(operator.terminals))
        ride = self._meet(moment, pool, index, operator, terminal, TapKind.TAXI_TRIP)
        draft = ride.draft
        draft.vehicle = operator.terminals.places[terminal]
        draft.driver = 100 + draft.vehicle
        draft.distance_m = distance_m or 1500 + self.rng.randrange(16_000)
        draft.duration_s = self.rng.randrange(600)
        gross = meter.gross(draft.distance_m, draft.duration_s, moment % DAY_S)
        self._charge(ride, gross, meter.discounts)
        self.pay(ride, ride.priced_fen)
        return ride

    def top_up(self, moment: int, pool: Pool, index: int, amount_fen: int) -> Ride:
        """Cash becomes value on the card."""
        operator = self.world.operators[AGENT]
        terminal = self.rng.randrange(len(operator.terminals))
        ride = self._meet(moment, pool, index, operator, terminal, TapKind.TOP_UP)
        draft = ride.draft
        draft.type_byte, draft.station = TypeByte.LOAD, operator.terminals.places[terminal]
        draft.amount_fen = ride.priced_fen = amount_fen
        draft.balance_before_fen = pool.balance[index]
        draft.balance_after_fen = draft.balance_before_fen + amount_fen
        pool.online[index] += 1
        pool.balance[index] = draft.balance_after_fen
        draft.offline_counter, draft.online_counter = pool.offline[index], pool.online[index]
        return ride

    # -- parts -------------------------------------------------------------------------------------

    def _board(self, moment: int, pool: Pool, index: int, operator: OperatorFacts) -> Ride:
        """A card is held to the reader of a bus that takes a flat fare."""
        terminals = operator.terminals
        terminal = self.rng.randrange(len(terminals))
        ride = self._meet(moment, pool, index, operator, terminal, TapKind.BUS_FLAT)
        draft = ride.draft
        draft.line, draft.vehicle = terminals.lines[terminal], terminals.places[terminal]
        draft.station, draft.direction = (
            1 + draft.terminal_number % 30,
            1 + draft.terminal_number % 2,
        )
        draft.driver = draft.vehicle * 10 + 1
        return ride

    def _meet(
        self,
        moment: int,
        pool: Pool,
        index: int,
        operator: OperatorFacts,
        terminal: int,
        kind: TapKind,
    ) -> Ride:
        issuer, terminals = pool.issuer, operator.terminals
        draft = Draft(
            family=issuer.family,
            issuer=issuer.code_bytes,
            serial=pool.serial(index),
            terminal_id=terminals.ids[terminal],
            terminal_number=terminals.next_number(terminal),
            tapped_at=self.stamp(moment),
            operator=operator.number,
            kind=kind,
            card_kind=pool.kind[index],
            city=self.world.area_bytes,
            industry=operator.industry,
            device=operator.number * 10_000 + terminal,
            key_version=KEY_VERSION,
            key_index=KEY_INDEX,
            algorithm=issuer.algorithm,
        )
        own = issuer.city is self.world.facts
        return Ride(draft, operator, pool, index, own, moment)

    def _charge(self, ride: Ride, gross_fen: int, discounts: dict[int, Discount]) -> None:
        ride.draft.gross_fen = ride.priced_fen = gross_fen
        if ride.own:
            days, second = divmod(ride.moment, DAY_S)
            ride.priced_fen, ride.subsidy_fen = fare_of(
                discounts,
                ride.pool.kind[ride.index],
                gross_fen,
                second,
                workday=self.world.fares.workday(self.day + timedelta(days=days)),
            )

    def _transfer(self, ride: Ride, transfer: TransferFact | None, leg: Ride | None) -> None:
        """The device takes the transfer discount, and says from which leg it follows."""
        if leg is None or transfer is None:
            return
        draft = ride.draft
        draft.discount_claimed = codes.Discount.TRANSFER
        draft.transfer_operator = leg.operator.number
        draft.transfer_at = leg.draft.tapped_at
        ride.transfer, ride.full_fen = transfer, ride.priced_fen
        ride.priced_fen = max(ride.priced_fen - transfer.off_fen, 0)

    def pay(self, ride: Ride, amount_fen: int) -> None:
        """The card is debited: its counter and balance move."""
        draft, pool, index = ride.draft, ride.pool, ride.index
        draft.amount_fen = amount_fen
        draft.balance_before_fen = pool.balance[index]
        draft.balance_after_fen = pool.balance[index] = draft.balance_before_fen - amount_fen
        pool.offline[index] += 1
        draft.offline_counter, draft.online_counter = pool.offline[index], pool.online[index]

    def repay(self, ride: Ride, amount_fen: int) -> None:
        """The card was debited another amount than it should have been."""
        draft, pool, index = ride.draft, ride.pool, ride.index
        draft.amount_fen = amount_fen
        draft.balance_after_fen = pool.balance[index] = draft.balance_before_fen - amount_fen

    @staticmethod
    def sealed(ride: Ride) -> Ride:
        """The card signs."""
        draft, issuer = ride.draft, ride.pool.issuer
        key = issuer.card_key(draft.serial)
        draft.tac = crypto.tac(issuer.algorithm, key, tac_input(draft))
        return ride

    def item(self, ride: Ride, flags: int = 0, fault: str = "", *, proven: bool = True) -> Item:
        """The record with what its maker knows. ``flags`` come on top of what all such taps get."""
        draft, kind = ride.draft, ride.draft.kind
        return Item(
            packed(draft),
            fault,
            flags if ride.own else flags | _BY_ISSUER,
            ride.pool if ride.own else None,
            ride.index,
            -1 if kind in _DEBITS else 1 if kind == TapKind.TOP_UP else 0,
            proven,
            draft.amount_fen,
            draft.balance_before_fen,
            draft.balance_after_fen,
            draft.offline_counter,
            draft.online_counter,
            ride.priced_fen if kind in _DEBITS else draft.amount_fen,
            ride.subsidy_fen,
            self._midnight_s + ride.moment,
            kind in _BEGINS,
            ride.transfer,
            ride.full_fen,
        )

    def clean(self, ride: Ride) -> Item:
        """A tap with nothing wrong."""
        return self.item(self.sealed(ride))
