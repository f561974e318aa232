"""A bus operator whose contract has holes in time, and the rules that it brings along.

Its taps have a tariff on every date. Its split begins in the middle of the month, one of its two fees some
days before that, and the other one ends some days later. So there are dates on which split and fee are
missing, the split alone, nothing, and the fee alone.
"""

from datetime import date, timedelta
from typing import Final

from loadtest.world import NEWCOMER, CityWorld, Contract, OperatorFacts
from schemas.cities import CityFacts
from schemas.reasons import Reason

RULE_SET: Final = "newcomer"
FARE_FEN: Final = 300
_LINE: Final = 1
_VEHICLES: Final = 12

_RULES: Final = """\
# Made up for generated months.

[set]
chinese = "新进公交"
english = "A newcomer"
stand_in = "The whole set is made up."

[[tariff.bus]]
since = 2000-01-01
stand_in = "Made up."
type = "flat"
taps = ["bus_flat"]
fare_fen = {fare_fen}

[[split.bus]]
since = {split_since}
shares = [{{ role = "operator", per_mille = 1000 }}]

[[fee.contract]]
since = {fee_since}
stand_in = "Made up."
per_mille = 5
rounding = "half_up"
recipients = [{{ role = "clearing_centre", per_mille = 1000 }}]

[[fee.first_days]]
since = 2000-01-01
until = {fee_until}
stand_in = "Made up."
per_mille = 1
rounding = "half_up"
recipients = [{{ role = "clearing_centre", per_mille = 1000 }}]
"""


class Newcomer(OperatorFacts):
    """The operator. Dates are counted from the month's first one, ``days`` is how many have taps.

    ``split_since``, ``fee_since``: the first date with a split, with the one fee; ``fee_until``: the
    first one without the other.
    """

    def __init__(self, seed: int, city: CityFacts, first: date, days: int) -> None:
        bus = f"{RULE_SET}/bus"
        contract = Contract(bus, bus, f"{RULE_SET}/contract", (f"{RULE_SET}/first_days",))
        places = [(_LINE, 100 * _LINE + vehicle) for vehicle in range(1, _VEHICLES + 1)]
        super().__init__(seed, city, NEWCOMER, contract, places)
        self._first = first
        self.split_since = max(1, days // 2)
        self.fee_since, self.fee_until = days // 3, 2 * days // 3

    def missing(self, number: int) -> tuple[Reason, ...]:
        """What is to be said of a tap of a date."""
        found = []
        if number < self.split_since:
            found.append(Reason.ACCOUNT_MISSING)
        if not self.fee_since <= number < self.fee_until:
            found.append(Reason.FEE_RULE_MISSING)
        return tuple(found)

    def rules(self) -> str:
        """The rule set's file."""
        return _RULES.format(
            fare_fen=FARE_FEN,
            split_since=self._day(self.split_since),
            fee_since=self._day(self.fee_since),
            fee_until=self._day(self.fee_until),
        )

    def _day(self, number: int) -> date:
        return self._first + timedelta(days=number)


def newcomer_of(world: CityWorld) -> Newcomer:
    """The newcomer of a month's city."""
    found = world.operators[NEWCOMER]
    assert isinstance(found, Newcomer)
    return found
