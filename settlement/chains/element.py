"""The elements of a card's chain: taps that moved its money, each in its place."""

from datetime import date, datetime
from typing import Final

import msgspec

from clearing.cards import BALANCE_KNOWN, CardLine
from clearing.plan import local_seconds
from schemas.codes import LOAD_KINDS
from schemas.reasons import Reason
from settlement.chains.turn import TURN, Seen

OPENING: Final = 0
"""In place of a tap's kind: the position with which a card was registered."""

UNSOUND: Final = sum(
    1 << reason
    for reason in (
        Reason.TERMINAL_UNKNOWN, Reason.TERMINAL_OF_OTHER_OPERATOR, Reason.ZERO_AMOUNT,
        Reason.AMOUNT_ABOVE_LIMIT, Reason.BALANCE_ABOVE_LIMIT, Reason.BALANCE_ARITHMETIC,
        Reason.TARIFF_MISSING, Reason.ACCOUNT_MISSING, Reason.ABOVE_TARIFF, Reason.BELOW_TARIFF,
        Reason.GROSS_DIFFERS,
    )
)  # fmt: skip
"""A torn tap with one of these may be no ride of who submits it, and nobody signed it: where it and the
chain agree, people decide."""


class Element(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One tap of a card as its chain sees it; money in fen, counters and balances as the record has them.

    ``mute``: its source states no counters or no balances, so it has no place and only its time.
    ``turns``: how often the debit counter had begun anew, as far as was read (see ``turn``).
    ``accepted``: its verdict; ``proven``: its debit, or its load, is proven; a torn tap is not.
    """

    offline: int
    online: int
    before_fen: int
    after_fen: int
    amount_fen: int = 0
    kind: int
    tapped_at: datetime
    terminal: bytes = b""
    batch_seq: int = 0
    row_no: int = 0
    business_date: date = date.min
    flags: int = 0
    accepted: bool = True
    proven: bool = True
    mute: bool = False
    turns: int = 0

    @property
    def debits(self) -> int:
        """The card's debits up to it: its counter, which goes on where that began anew."""
        return self.offline + self.turns * TURN

    @property
    def place(self) -> int:
        """Its place in the card's own order: each event raises the sum of both counters by one."""
        return self.debits + self.online

    @property
    def stated(self) -> int:
        """The sum of both counters as they are stated: what items are named by, whatever else is read."""
        return self.offline + self.online

    @property
    def is_counted(self) -> bool:
        """Whether it has a place: its source states counters, and the one that it raised is not zero."""
        return not self.mute and bool(self.online if self.is_load else self.debits)

    @property
    def seen(self) -> Seen:
        """What it says of its card's debit counter."""
        return Seen(self.offline, local_seconds(self.tapped_at), self.is_load)

    @property
    def is_load(self) -> bool:
        """Whether it put money on the card."""
        return self.kind in LOAD_KINDS

    @property
    def is_sound(self) -> bool:
        """Whether nothing but its missing TAC speaks against a torn tap."""
        return not self.flags & UNSOUND

    @property
    def tap(self) -> tuple[int, int]:
        """Batch and row."""
        return self.batch_seq, self.row_no

    @property
    def order(self) -> tuple[int, datetime, int, int]:
        """By place, then by time; never by arrival, unless all else is equal."""
        return self.place, self.tapped_at, self.batch_seq, self.row_no


def opening_of(line: CardLine) -> Element | None:
    """The position of a registered card before its first tap; None where its balance is not known."""
    if not line.flags & BALANCE_KNOWN:
        return None
    return Element(
        offline=line.offline_highest,
        online=line.online_highest,
        before_fen=line.stated_balance_fen,
        after_fen=line.stated_balance_fen,
        kind=OPENING,
        tapped_at=datetime.min,  # noqa: DTZ901 - local time, as the records are
    )
