"""What a card family fixes: which of the card's counters each kind of tap advances.

A card counts its debits in one counter and its loads in another, each by one. Their sum is a tap's
*place*: it orders the card's taps whatever device clocks say, and a place without a tap is a tap that has
not come. A family without counters has no places, so its chain claims no gaps.
"""

from enum import StrEnum
from typing import Final

from schemas.codes import DEBIT_KINDS, CardFamily, TapKind


class Counter(StrEnum):
    """A counter of the card, by the record's field."""

    OFFLINE = "offline_counter"
    ONLINE = "online_counter"


_PURSE: Final[dict[TapKind, Counter]] = {
    **dict.fromkeys(sorted(DEBIT_KINDS), Counter.OFFLINE),
    TapKind.TOP_UP: Counter.ONLINE,
    TapKind.TOP_UP_REVERSAL: Counter.ONLINE,
}
"""The electronic purse of JR/T 0025, which the families in use share: debits offline, loads online."""

COUNTERS: Final[dict[CardFamily, dict[TapKind, Counter]]] = {
    CardFamily.MOHURD: _PURSE,
    CardFamily.T_UNION: _PURSE,
    CardFamily.SOCIAL_SECURITY: _PURSE,
    CardFamily.ANONYMISED: {},
}
"""Which counter a kind of tap advances by one; a kind that is not here advances none."""
