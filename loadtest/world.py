"""Who takes part in a city: operators with keys and contracts, terminals, pools of cards."""

import hashlib
import random
from array import array
from datetime import date
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loadtest.cards import IssuerFacts, Pool
from loadtest.facts import CityFares
from loadtest.item import Item
from schemas import cities
from schemas.codes import CardFamily, Industry
from schemas.registry import Operator

BUS, METRO, TAXI, AGENT = "bus", "metro", "taxi", "agent"
NEWCOMER: Final = "newcomer"
"""A second bus operator, of which not every city has one."""
_POSITIONS: Final = {METRO: 1, BUS: 2, TAXI: 3, NEWCOMER: 4, AGENT: 9}
_INDUSTRY: Final = {
    METRO: Industry.METRO,
    BUS: Industry.BUS,
    TAXI: Industry.TAXI,
    NEWCOMER: Industry.BUS,
    AGENT: Industry.BUS,
}
_VEHICLES_PER_LINE: Final = 6
_GATES_PER_STATION: Final = 3
_TAXIS: Final = 120
_SHOPS: Final = 25


class Terminals:
    """An operator's terminals, in columns: id, registered line, station or vehicle, last number."""

    def __init__(self, prefix: str, places: list[tuple[int, int]]) -> None:
        self.ids = [bytes.fromhex(f"{prefix}{n:06d}") for n in range(1, len(places) + 1)]
        self.lines = [line for line, _ in places]
        self.places = [place for _, place in places]
        self.numbers = array("I", bytes(4 * len(places)))

    def __len__(self) -> int:
        return len(self.ids)

    def next_number(self, terminal: int) -> int:
        """The terminal's own running number for its next transaction."""
        self.numbers[terminal] += 1
        return self.numbers[terminal]


class Contract(msgspec.Struct, frozen=True):
    """The full names of the rules that an operator's contract names; empty = none."""

    tariff: str = ""
    split: str = ""
    fee: str = ""
    fees: tuple[str, ...] = ()


class OperatorFacts:
    """An operator of a city, its signing key, its API key, its terminals.

    ``places``: (registered line, station or vehicle) of each terminal.
    """

    def __init__(
        self,
        seed: int,
        city: cities.CityFacts,
        mode: str,
        contract: Contract,
        places: list[tuple[int, int]],
    ) -> None:
        position = _POSITIONS[mode]
        self.mode, self.industry = mode, _INDUSTRY[mode]
        self.number = int(city.area) * 100 + position
        self.code = f"{city.area}-{mode}"
        self._name = f"{city.name} {mode if mode != AGENT else 'top-up agent'}"
        self._contract = contract
        secret = hashlib.sha256(f"onecard test operator key {seed} {self.code}".encode()).digest()
        self.signing_key = Ed25519PrivateKey.from_private_bytes(secret)
        digest = hashlib.sha256(f"onecard test api key {seed} {self.code}".encode()).hexdigest()
        self.api_key = f"test-{self.code}-{digest[:24]}"
        self.terminals = Terminals(f"{city.area}{position:02d}", places)

    def row(self, acknowledged: tuple[tuple[int, str], ...]) -> Operator:
        """The registry row."""
        return Operator(
            number=self.number,
            code=self.code,
            name=self._name,
            mode=BUS if self.mode == NEWCOMER else self.mode,
            tariff=self._contract.tariff,
            split=self._contract.split,
            fee=self._contract.fee,
            fees=self._contract.fees,
            load_agent=self.mode == AGENT,
            # The algorithm id, then the key.
            public_key=(b"\x01" + self.signing_key.public_key().public_bytes_raw()).hex().upper(),
            api_key_sha256=hashlib.sha256(self.api_key.encode()).hexdigest().upper(),
            payee_account=f"6200000000{self.number:06d}",
            payee_name=f"{self._name} (test)",
            denylist_acknowledged=acknowledged,
        )


def _contract(mode: str, fares: CityFares) -> Contract:
    if mode == AGENT:
        return Contract()
    tariff = {BUS: fares.bus.tariff, METRO: fares.metro.tariff if fares.metro else ""}
    return Contract(tariff.get(mode, fares.taxi.tariff), fares.splits.get(mode, ""), fares.fee)


def _places(mode: str, fares: CityFares) -> list[tuple[int, int]]:
    """(registered line, station or vehicle) of each terminal."""
    if mode == BUS:
        return [
            (line, 100 * line + vehicle)
            for line in sorted(fares.bus.lines)
            for vehicle in range(1, _VEHICLES_PER_LINE + 1)
        ]
    if mode == METRO and fares.metro is not None:
        return [
            (line, station)
            for station, line in sorted(fares.metro.line_of.items())
            for _ in range(_GATES_PER_STATION)
        ]
    return [(0, place) for place in range(1, (_TAXIS if mode == TAXI else _SHOPS) + 1)]


class CityWorld:
    """A city of the province: fares, operators, its issuers' pools."""

    def __init__(self, seed: int, area: str, fares: CityFares, day: date) -> None:
        facts = cities.find(area)
        if facts is None:
            raise ValueError(f"no city has the area code {area}")
        self.facts, self.area, self.fares, self.day = facts, facts.area, fares, day
        self.area_bytes = bytes.fromhex(facts.area)
        modes = [METRO, BUS, TAXI, AGENT] if fares.metro else [BUS, TAXI, AGENT]
        self.operators = {
            mode: OperatorFacts(seed, facts, mode, _contract(mode, fares), _places(mode, fares))
            for mode in modes
        }
        self.rng = random.Random(f"onecard cards {seed} {area}")
        self.pools = tuple(
            Pool(IssuerFacts(seed, facts, family), day)
            for family in (CardFamily.MOHURD, CardFamily.T_UNION)
        )
        self.residents: list[tuple[Pool, range]] = []
        """Cards that ride at home."""
        self.commuters: list[tuple[Pool, range]] = []
        """Cards that ride in several legs and take the transfer discount where there is one."""
        self.visitors: list[tuple[Pool, range]] = []
        """Cards of another city that ride here, and nowhere else."""
        self.neighbour: CityWorld | None = None
        """The city whose cards visit this one."""
        self.denied: list[tuple[Pool, int, int]] = []
        """(pool, card, denylist version) of denied cards."""
        self.replays: list[tuple[date, OperatorFacts, Item]] = []
        """Taps of a business date that will be submitted again on a later one."""
