"""Cards: who issued them, under which test keys, and where each one stands.

A pool holds the cards of one issuer in columns, so that ten million of them fit in memory. Each
card stands twice: as it truly is, and as the node must know it after the batches so far.
"""

import random
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import msgspec

from loadtest import crypto
from schemas import cities
from schemas.codes import Algorithm, CardFamily, CardKind
from schemas.registry import Issuer

KEY_VERSION: Final = 1
KEY_INDEX: Final = 1
NOT_ISSUED: Final = 90_000_000
"""Serial numbers from here on were never issued."""

_KINDS: Final = (
    [CardKind.ORDINARY] * 74
    + [CardKind.STUDENT] * 12
    + [CardKind.SENIOR] * 11
    + [CardKind.LOVE] * 3
)


class IssuedCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card as its issuer lists it, with its opening position (counters, balance in fen).

    ``issuer`` has 16 and ``serial`` 20 hexadecimal digits, as the record carries them.
    """

    family: int
    issuer: str
    serial: str
    card_kind: int
    expires: date
    offline_counter: int
    online_counter: int
    balance_fen: int
    closed: bool = False


class TestKeySet(msgspec.Struct, frozen=True, kw_only=True):
    """A key set and its test master key (16 bytes, marked as a test key).

    ``factors`` are templates of the chain, the issuer's level first: ``city_code`` and hexadecimal
    joined by ``|``, ``issuer``, and for the card's own level ``serial_8`` or ``serial_last8``.
    """

    __test__ = False

    issuer: str
    key_version: int
    key_index: int
    algorithm: str
    factors: tuple[str, ...]
    city_code: str = ""
    master_key: bytes

    def __repr__(self) -> str:
        return f"TestKeySet({self.issuer}, {self.key_version}, {self.key_index}, …)"


class IssuerFacts:
    """One issuer of the province: its registry row, its test key, the names of its cards."""

    def __init__(self, seed: int, city: cities.CityFacts, family: CardFamily) -> None:
        self.city, self.family = city, family
        position = cities.CITIES.index(city)
        self.number = 2 * position + (1 if family == CardFamily.MOHURD else 2)
        mohurd = family == CardFamily.MOHURD
        self.code = cities.issuer_bytes(city.mohurd_code if mohurd else city.t_union_issuer)
        self.code_bytes = bytes.fromhex(self.code)
        self.algorithm = Algorithm.DES if mohurd else Algorithm.SM4
        self.first_factor = (
            bytes.fromhex(city.mohurd_code + "FF0000000000") if mohurd else self.code_bytes
        )
        self.master_key = crypto.test_master_key(seed, self.code, KEY_VERSION, KEY_INDEX)
        level_key = crypto.walk(self.algorithm, self.master_key, (self.first_factor,))
        self._cards = crypto.Diversifier(self.algorithm, level_key)

    def row(self, *, own: bool, until: date | None = None) -> Issuer:
        """The registry row as a city sees it."""
        name = "MOHURD city card" if self.family == CardFamily.MOHURD else "T-Union card"
        return Issuer(
            number=self.number,
            family=self.family,
            issuer=self.code,
            city=self.city.area,
            name=f"{self.city.name} {name}",
            own=own,
            until=until,
        )

    def key_set(self) -> TestKeySet:
        """The key set with its test master key."""
        mohurd = self.family == CardFamily.MOHURD
        return TestKeySet(
            issuer=self.code,
            key_version=KEY_VERSION,
            key_index=KEY_INDEX,
            algorithm=self.algorithm.name.lower(),
            factors=("city_code|FF0000000000", "serial_8")
            if mohurd
            else ("issuer", "serial_last8"),
            city_code=self.city.mohurd_code if mohurd else "",
            master_key=self.master_key,
        )

    def serial(self, number: int) -> bytes:
        """The serial (10 bytes BCD) of a running number."""
        if self.family == CardFamily.MOHURD:
            return bytes.fromhex(f"0000{self.city.mohurd_code}{number:012d}")
        return bytes.fromhex(f"0310{self.city.t_union_issuer}{number:08d}")

    def card_key(self, serial: bytes) -> bytes:
        """The key of a card, fresh; no card key is stored."""
        return self._cards.key(serial[2:])


class Opening(msgspec.Struct, frozen=True):
    """How the cards of a range are issued where a fault needs it: None = as it comes.

    ``expires_days`` counts from the first business date.
    """

    card_kind: int | None = None
    balance_fen: int | None = None
    expires_days: int = 5 * 365
    closed: bool = False
    issued: bool = True


class Pool:
    """The cards of one issuer. ``offline``, ``online``, ``balance`` are the card's own truth;
    ``known_*`` is what the node must have concluded from the batches so far."""

    def __init__(self, issuer: IssuerFacts, day: date) -> None:
        self.issuer, self._day = issuer, day
        self.kind = bytearray()
        self.busy = bytearray()
        self.offline, self.online = array("H"), array("H")
        self.balance = array("i")
        self._ranges: list[tuple[int, int, Opening]] = []
        self._opening: tuple[array[int], array[int], array[int]] = (self.offline,) * 3
        self.known_offline, self.known_online = self.offline, self.online
        self.known_balance, self.known_book = self.balance, self.balance
        self.window, self.entry_s = array("Q"), array("I")
        self.last_tap_s, self.transfer_base_s = array("I"), array("I")
        self.transfers_used = bytearray()

    def __len__(self) -> int:
        return len(self.kind)

    def add(self, count: int, rng: random.Random, opening: Opening | None = None) -> range:
        """Issue cards; their numbers in the pool."""
        first = len(self.kind)
        given = opening or Opening()
        for _ in range(count):
            bits = rng.getrandbits(40)
            chosen = _KINDS[bits % 100] if given.card_kind is None else given.card_kind
            self.kind.append(chosen)
            self.offline.append(1 + (bits >> 8 & 0x7FF))
            self.online.append(1 + (bits >> 20 & 0x3F))
            balance = 10 * (200 + (bits >> 28) % 1800)
            self.balance.append(balance if given.balance_fen is None else given.balance_fen)
        self.busy.extend(bytes(count))
        if opening is not None:
            self._ranges.append((first, first + count, opening))
        return range(first, first + count)

    def open(self) -> None:
        """Freeze the opening position; the node knows it."""
        self._opening = (self.offline[:], self.online[:], self.balance[:])
        self.known_offline, self.known_online = self.offline[:], self.online[:]
        self.known_balance, self.known_book = self.balance[:], self.balance[:]
        # Every counter up to the opening one counts as used.
        self.window = array("Q", [0xFFFF_FFFF_FFFF_FFFF]) * len(self)
        self.last_tap_s = array("I", [0]) * len(self)
        self.entry_s = array("I", [0]) * len(self)
        self.transfer_base_s = array("I", [0]) * len(self)
        self.transfers_used = bytearray(len(self))

    def _given(self, index: int) -> Opening:
        # Ranges come after the ordinary cards, so the common case is one comparison.
        if self._ranges and index >= self._ranges[0][0]:
            first, end, opening = self._ranges[bisect_right(self._ranges, index, key=_first) - 1]
            if first <= index < end:
                return opening
        return _AS_IT_COMES

    def serial(self, index: int) -> bytes:
        """The serial (10 bytes) of a card."""
        return self.issuer.serial(index + 1 if self._given(index).issued else NOT_ISSUED + index)

    def issued(self) -> Iterator[IssuedCard]:
        """The issuer's list at the opening, card by card."""
        offline, online, balance = self._opening
        for index in range(len(self)):
            given = self._given(index)
            if given.issued:
                yield IssuedCard(
                    family=self.issuer.family,
                    issuer=self.issuer.code,
                    serial=self.serial(index).hex().upper(),
                    card_kind=self.kind[index],
                    expires=self._day + timedelta(days=given.expires_days),
                    offline_counter=offline[index],
                    online_counter=online[index],
                    balance_fen=balance[index],
                    closed=given.closed,
                )


_AS_IT_COMES: Final = Opening()


def _first(row: tuple[int, int, Opening]) -> int:
    return row[0]
