"""One card as a node must know it: its line, and the elements of its chain."""

from typing import Final

import msgspec

from loadtest.facts import TransferFact

WINDOW: Final = 64
"""Debit counters below the highest that are remembered one by one."""
ALL: Final = (1 << WINDOW) - 1


class Element(msgspec.Struct, gc=False):
    """One place of a card's chain: a proven debit, or a top-up with a right TAC.

    ``place`` is the sum of the counters after it. The opening position is an element without a kind.
    ``sound``: of a torn tap, that nothing but its missing TAC speaks against it.
    ``transfer``: the discount that it claims; ``begins``: it begins a transfer window; ``reused``: another
    debit had its counter before.
    """

    place: int
    online: int
    before_fen: int
    after_fen: int
    amount_fen: int = 0
    load: bool = False
    tapped_s: int = 0
    terminal: bytes = b""
    kind: int = 0
    accepted: bool = False
    batch_seq: int = 0
    row: int = 0
    sound: bool = True
    transfer: TransferFact | None = None
    begins: bool = False
    reused: bool = False

    def order(self) -> tuple[int, int, int, int]:
        """The card's own order; arrival decides among what the card itself does not tell apart."""
        return self.place, self.tapped_s, self.batch_seq, self.row


class Card(msgspec.Struct, gc=False):
    """One card. ``name`` has the 19 bytes of family, issuer and serial; ``issuer`` is its number.

    ``begun_s`` and ``begun_used`` are base and count of the window when it became slow.
    ``entry_s`` is the moment of an open entry, ``base_s`` the beginning of the transfer window,
    ``refunded_s`` the moment of its refund; 0 = none. ``slow``: something happened to it that the
    short cut for cards with nothing unusual does not know; ``elements`` are kept from then on.
    """

    name: bytes
    issuer: int
    offline: int
    online: int
    stated_fen: int
    book_fen: int
    window: int = ALL
    adjusted_fen: int = 0
    last_tap_s: int = 0
    entry_s: int = 0
    base_s: int = 0
    used: int = 0
    refunded_s: int = 0
    slow: bool = False
    begun_s: int = 0
    begun_used: int = 0
    elements: list[Element] = []
    torn: list[Element] = []

    def become_slow(self) -> None:
        """Keep the chain from here on: everything so far is one contiguous stretch."""
        if not self.slow:
            self.slow = True
            place = self.offline + self.online
            self.elements = [Element(place, self.online, self.stated_fen, self.stated_fen)]
            self.torn = []
            self.begun_s, self.begun_used = self.base_s, self.used

    def learn_counter(self, offline: int) -> None:
        """A debit counter was used."""
        ahead = offline - self.offline
        if ahead > 0:
            self.window = (self.window << ahead | 1) & ALL if ahead < WINDOW else 1
            self.offline = offline
        elif -ahead < WINDOW:
            self.window |= 1 << -ahead

    def counter_used(self, offline: int) -> bool:
        """Whether a debit counter is remembered as used."""
        behind = self.offline - offline
        return 0 <= behind < WINDOW and bool(self.window >> behind & 1)
