"""One occurrence of a fault: its card, its moment, and how its taps are handed over."""

from loadtest.cards import Pool
from loadtest.item import Item, bit
from loadtest.making import DAY_S, Ride
from loadtest.traffic import CityDay
from schemas.reasons import Reason


class Case:
    """One occurrence. ``turn`` numbers the occurrences of a fault in a day, for its variants."""

    def __init__(
        self, day: CityDay, name: str, moment: int, pool: Pool, index: int, turn: int
    ) -> None:
        self.day, self.name, self.moment, self.turn = day, name, moment, turn
        self.pool, self.index = pool, index
        self.maker = day.maker

    def bus(self, seconds: int = 0, *, days: int = 0) -> Ride:
        """A bus ride of this card, right so far, some time after the fault's moment."""
        moment = self.moment + seconds + days * DAY_S
        return self.maker.bus(moment, self.pool, self.index)

    def taxi(self, distance_m: int = 0) -> Ride:
        """A taxi trip of this card, right so far."""
        return self.maker.taxi(self.moment, self.pool, self.index, distance_m)

    def top_up(self, amount_fen: int) -> Ride:
        """A top-up of this card, right so far."""
        return self.maker.top_up(self.moment, self.pool, self.index, amount_fen)

    def bus_beside(self, first: Ride, seconds: int, number: int) -> Ride:
        """A bus ride at the terminal of an earlier one, which gives it this number."""
        ride = self.bus(seconds)
        for name in ("terminal_id", "line", "vehicle", "device", "gross_fen"):
            setattr(ride.draft, name, getattr(first.draft, name))
        ride.draft.terminal_number, ride.priced_fen = number, first.priced_fen
        self.maker.repay(ride, ride.priced_fen)
        return ride

    def any_ride(self) -> Ride:
        """A bus ride or a taxi trip in turn."""
        return self.bus() if self.turn % 2 == 0 else self.taxi()

    def item(self, ride: Ride, *reasons: Reason, proven: bool = True) -> Item:
        """The tap as it stands: it is not signed again."""
        return self.maker.item(ride, bit(*reasons), self.name, proven=proven)

    def seal(self, ride: Ride) -> Ride:
        """The card signs the draft as it stands."""
        return self.maker.sealed(ride)

    def send(self, ride: Ride, *reasons: Reason, proven: bool = True) -> None:
        """Sign and deliver."""
        self.day.deliver(ride.operator, self.item(self.seal(ride), *reasons, proven=proven))

    def unknown_card(self, ride: Ride, *reasons: Reason) -> Item:
        """The tap of a card of which the node knows nothing, so that it has no chain."""
        item = self.item(ride, *reasons, proven=False)
        item.pool = None
        return item

    def stopped(self, ride: Ride, reason: Reason) -> Item:
        """A tap for which one reason ends every further check: nothing else is said of it."""
        item = self.item(ride, proven=False)
        item.flags, item.pool = bit(reason), None
        item.priced_fen, item.subsidy_fen = item.amount_fen, 0
        return item
