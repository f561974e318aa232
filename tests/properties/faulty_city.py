"""A city whose devices, cards and operators get everything wrong, now and then; seeded."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from clearing.limits import JOURNEY_MAX_S
from clearing.plan import moment_of
from schemas import record
from schemas.codes import Discount, TapKind
from tests.clearing.kernel_cases import (
    AMOUNTS,
    BUS,
    DEVICE,
    METRO,
    NO_FEE,
    NO_SPLIT,
    SERIALS,
    TAPPED_S,
    TAXI,
    signed,
    tap,
    terminal_of,
)  # fmt: skip

RIDES = (
    (BUS, TapKind.BUS_FLAT, 200, 100), (BUS, TapKind.BUS_FLAT, 200, 80), (BUS, TapKind.TOP_UP, 0, 900),
    (METRO, TapKind.METRO_TAP_IN, 0, 0), (METRO, TapKind.METRO_TAP_OUT, 300, 150),
    (METRO, TapKind.METRO_SUPPLEMENT, 200, 100), (TAXI, TapKind.TAXI_TRIP, 1230, 1230),
    (AMOUNTS, TapKind.BUS_FLAT, 200, 160), (AMOUNTS, TapKind.METRO_TAP_OUT, 500, 360),
    (BUS, TapKind.BUS_TAP_IN, 0, 0), (BUS, TapKind.BUS_TAP_OUT, 200, 100),
    (NO_SPLIT, TapKind.BUS_FLAT, 200, 100), (NO_FEE, TapKind.BUS_FLAT, 200, 100),
    (METRO, TapKind.CARD_REFUND, 0, 500), (BUS, TapKind.TOP_UP, 0, 0), (BUS, TapKind.CARD_LOSS, 0, 0),
)  # fmt: skip
"""Operator, kind, gross and net fare of what is usual."""
ODD_NUMBERS = (0, 1, 2, 5, 63, 64, 65, 255, 32767, 65535, 50_001, 100_001, 2**31 - 1, -1, -(2**31))


class City:
    """What the cards would say next, and the taps so far, to be replayed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cards = {name: [5, 2, 1000] for name in SERIALS}
        self.now_s = TAPPED_S
        self.number = 0
        self.operator = BUS
        self.taps: list[bytes] = []

    def ride(self, card: str) -> dict[str, Any]:
        """The fields of the card's next tap, if nothing goes wrong."""
        numbers, purse = self.random, self.cards[card]
        usual = [ride for ride in RIDES if ride[0] == self.operator and numbers.random() < 0.95]
        operator, kind, gross, amount = numbers.choice(usual or RIDES)
        load = kind == TapKind.TOP_UP
        steps = (0, 0, 1, 59, 420, 1800, 5399, 5400, 5401)
        if numbers.random() < 0.03:
            steps = (JOURNEY_MAX_S - 60, JOURNEY_MAX_S, JOURNEY_MAX_S + 1)
        self.now_s += numbers.choice(steps)
        self.number += numbers.choice((1, 1, 1, 2))
        purse[load] += 1
        before = purse[2]
        purse[2] += amount if load else -amount
        fields: dict[str, Any] = {
            "operator": operator,
            "kind": kind,
            "gross_fen": gross,
            "amount_fen": amount,
            "offline_counter": purse[0] & 0xFFFF,
            "online_counter": purse[1] & 0xFFFF,
            "balance_before_fen": before,
            "terminal_number": self.terminal_number(),
            "tapped_at": f"{moment_of(self.now_s):%Y%m%d%H%M%S}",
            "line": numbers.choice((0, 17, 18, 99)),
            "station": numbers.choice((0, 101, 102, 103, 104, 105)),
            "entry_station": numbers.choice((0, 0, 101, 103, 104)),
            "card_kind": numbers.choice((0, 0, 1, 2, 3, 7, 8, 255)),
            "discount_claimed": numbers.choice((0, 0, Discount.TRANSFER, Discount.CONCESSION, 3)),
            "device": numbers.choice((0, DEVICE, 2**63, 2**64 - 1)),
            "entry_at": self.entry_at(),
            "distance_m": numbers.choice((0, 3000, 3501, 2**32 - 1)),
            "duration_s": numbers.choice((0, 59, 61, 2**32 - 1)),
            "mode": int(numbers.random() < 0.05),
        }
        if operator == AMOUNTS or numbers.random() < 0.05:
            fields["algorithm"] = 255
        if card in ("ordinary", "student") and numbers.random() < 0.5:
            fields |= {"key_version": 2, "algorithm": fields.get("algorithm", 1)}
        if operator == BUS and numbers.random() < 0.1:
            fields["terminal_id"] = terminal_of(BUS, DEVICE)
        return fields

    def terminal_number(self) -> int:
        """Mostly the next one; else one from before, none, or as far as a window and a field go."""
        far = (0, 1, self.number - 1, self.number - 255, self.number - 256, self.number + 255,
               self.number + 256, self.number + 1000, 2**32 - 1)  # fmt: skip
        number = self.number
        if self.random.random() < 0.2:
            number = max(0, self.random.choice(far))
        return number

    def entry_at(self) -> str:
        """When the record says that the journey began: mostly it does not."""
        if self.random.random() < 0.8:
            return "0" * 14
        ago_s = self.random.choice((0, 60, JOURNEY_MAX_S, JOURNEY_MAX_S + 1, 86400, -60))
        return f"{moment_of(self.now_s - ago_s):%Y%m%d%H%M%S}"

    # Faults: each makes one record, given a card.

    def right(self, card: str) -> bytes:
        return tap(card, **self.ride(card))

    def wrong_tac(self, card: str) -> bytes:
        return tap(card, **self.ride(card), tac=self.random.randbytes(4).hex())

    def torn(self, card: str) -> bytes:
        return tap(card, **self.ride(card), tac="FFFFFFFF")

    def replayed(self, card: str) -> bytes:
        return self.random.choice(self.taps) if self.taps else self.right(card)

    def altered(self, card: str) -> bytes:
        """A replay in which fields that the TAC does not sign are others."""
        data = bytearray(self.replayed(card))
        at = self.random.choice((47, 51, 54, 58, 62, 70, 74, 82, 103, 133, 137))
        data[at] ^= 1 << self.random.randrange(7)
        return bytes(data)

    def gap(self, card: str) -> bytes:
        for _ in range(self.random.choice((1, 2, 64, 70))):
            self.ride(card)
        return self.right(card)

    def late(self, card: str) -> bytes:
        """A tap that stayed in its device while the card rode on."""
        fields = self.ride(card)
        fields["offline_counter"] = max(
            0, fields["offline_counter"] - self.random.choice((1, 3, 63, 64, 99))
        )
        fields["tapped_at"] = self.random.choice(
            ("20260104120000", "20251101083015", "20270101000000")
        )
        return tap(card, **fields)

    def noise(self, _: str) -> bytes:
        return self.random.randbytes(record.SIZE)

    def flipped(self, card: str) -> bytes:
        """A valid record with some bits turned; signed anew or not."""
        data = bytearray(self.right(card))
        for _ in range(self.random.choice((1, 1, 2, 5))):
            data[self.random.randrange(record.SIZE)] ^= 1 << self.random.randrange(8)
        return signed(bytes(data)) if self.random.random() < 0.7 else bytes(data)

    def odd(self, card: str) -> bytes:
        """One field at a bound; the card signs it all the same."""
        fields = self.ride(card)
        name = self.random.choice((
            "amount_fen", "gross_fen", "balance_before_fen", "balance_after_fen", "balance_after_fen",
            "offline_counter",
            "online_counter", "card_kind", "kind", "type_byte", "line", "station", "operator",
            "key_version", "key_index", "algorithm",
        ))  # fmt: skip
        field = record.FIELD[name]
        value = self.random.choice(ODD_NUMBERS)
        if field.type != "i32":
            value &= (1 << 8 * field.size) - 1
        if name == "operator":
            fields["terminal_id"] = terminal_of(BUS)
        before = fields["balance_before_fen"]
        return tap(card, **{"balance_after_fen": before, **fields, name: value})

    def refunded(self, card: str) -> bytes:
        """The card is given back: now, or some time ago as it turns out."""
        fields = self.ride(card) | {"kind": TapKind.CARD_REFUND, "amount_fen": 700}
        if self.random.random() < 0.5:
            before = moment_of(self.now_s - self.random.choice((1, 3600, 86400)))
            fields["tapped_at"] = f"{before:%Y%m%d%H%M%S}"
        return tap(card, **fields)

    def journey(self, card: str) -> bytes:
        """An entry or an exit, whether one is due or not."""
        enters = self.random.random() < 0.7
        kind = TapKind.METRO_TAP_IN if enters else TapKind.METRO_TAP_OUT
        card = self.random.choice((card, "ordinary", "student"))
        fields = self.ride(card) | {"operator": METRO, "kind": kind, "entry_station": 0}
        fields |= {"gross_fen": 300, "amount_fen": 0 if enters else 150}
        return tap(card, **fields | {"balance_after_fen": fields["balance_before_fen"]})

    def elsewhere(self, card: str) -> bytes:
        """At a terminal that is unknown, or another's."""
        ids = ("000000000000", "999999999999", terminal_of(TAXI), terminal_of(BUS, 17))
        return tap(card, **self.ride(card) | {"terminal_id": self.random.choice(ids)})


FAULTS: tuple[Callable[[City, str], bytes], ...] = (
    City.wrong_tac, City.torn, City.replayed, City.altered, City.gap, City.late, City.noise,
    City.flipped, City.odd, City.elsewhere, City.refunded, City.journey,
)  # fmt: skip
