"""Every bound of the engine, in one file. Units are in the names."""

from typing import Final

BATCH_BYTES_MAX: Final = 64 * 1024 * 1024
"""Largest body of a batch that is read at all, in any form."""

BATCH_TAPS_MAX: Final = 200_000
"""Most taps in one batch."""

GROUP_TAPS_MAX: Final = 50_000
"""Taps after which a group commit takes no further batch."""

AMOUNT_MAX_FEN: Final = 50_000
"""Default limit of one amount (domain §5)."""

BALANCE_MAX_FEN: Final = 100_000
"""Default limit of a card's balance."""

CLOCK_TOLERANCE_S: Final = 600
"""How far a device's clock may run ahead of the node's."""

PRESENTMENT_WINDOW_DAYS: Final = 30
"""A tap older than this is held as a claim, never confiscated."""

JOURNEY_MAX_S: Final = 4 * 3600
"""An exit later than this after its entry took too long; an entry that old is no longer open."""

DATE_OPEN_DAYS_MAX: Final = 31
"""How long a business date may stay open past its own end and its late taps still be found."""

DENYLIST_GRACE_S: Final = 24 * 3600
"""Time an operator has to load a denylist version into its devices after acknowledging it."""

COUNTER_WINDOW: Final = 64
"""Debit counters below the highest that a card line remembers one by one."""

TERMINAL_WINDOW: Final = 256
"""Numbers up to the highest that a terminal line remembers one by one."""

SHARES_MAX: Final = 4
"""Most accounts that one tap's fare is split over."""
