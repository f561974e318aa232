"""An operator's back office: collects taps, cuts batches, numbers and signs them."""

from datetime import date

import msgspec

from loadtest.item import Expected, Item, settle
from loadtest.world import OperatorFacts
from schemas import batch
from schemas.codes import SignatureAlgorithm


class Delivery(msgspec.Struct, frozen=True):
    """A batch on its way to a city's node, with what the node must say to each row.

    ``moment``: seconds since midnight of ``business_date`` when it is sent.
    """

    business_date: date
    moment: int
    city: str
    batch: batch.Batch
    expected: tuple[Expected, ...]


class Desk:
    """The back office of one operator. Taps of one ``put`` always stand in one batch."""

    def __init__(self, city: str, operator: OperatorFacts, batch_taps: int) -> None:
        self.city, self.operator, self.batch_taps = city, operator, batch_taps
        self.number = 0
        self._items: list[Item] = []
        self._next: list[Item] = []

    def put(self, items: list[Item]) -> bool:
        """Take taps into the batch that is being filled; whether it is full now."""
        self._items += items
        return len(self._items) >= self.batch_taps

    def put_into_next(self, items: list[Item]) -> None:
        """Take taps into the batch after the one that is being filled."""
        self._next += items

    def cut(self, day: date, moment: int) -> Delivery | None:
        """The batch that is being filled, if it holds anything; the next one is begun."""
        items, self._items, self._next = self._items, self._next, []
        return self.send(items, day, moment, day) if items else None

    def send(self, items: list[Item], day: date, moment: int, declared: date) -> Delivery:
        """A batch of its own of these taps, under the next number."""
        made = self.packed(items, declared)
        operator, number = self.operator.number, self.number
        expected = tuple(
            [
                Expected(self.city, operator, number, row, *settle(item), item.fault)
                for row, item in enumerate(items)
            ]
        )
        return Delivery(day, moment, self.city, made, expected)

    def packed(self, items: list[Item], declared: date) -> batch.Batch:
        """The signed batch of these taps, under the next number."""
        self.number += 1
        made = batch.make(
            self.operator.number,
            self.number,
            declared.strftime("%Y%m%d"),
            b"".join([item.record for item in items]),
            signature_algorithm=SignatureAlgorithm.ED25519,
        )
        signature = self.operator.signing_key.sign(batch.signing_input(made.header.digest))
        return batch.signed(made, signature)

    def waiting(self) -> bool:
        """Whether taps wait for a batch."""
        return bool(self._items or self._next)
