"""Open items 挂账项: what the night opens, settles by itself and checks against the books.

The night's parts (taps of the date, card chains, load logs) each give a ``Night``: rows to be written.
They read what is stored as of the date and write nothing, so that ``verify`` gets the same rows again.

- ``night``      the rows that every part gives
- ``ground``     accounts, own issuers, the presentment window
- ``tapped``     held, torn, refunds, unclaimed, excess, from the date's taps
- ``refusals``   excess of taps that another city refused
- ``loads``      top-ups against the load log
- ``refunds``    paid when their window has closed
- ``nightly``    all of them, the chains and the transfers, computed, written, held against the books
- ``checking``   a sealed date's rows against what its night must have said
- ``paper``      the proof, and how cards are masked
- ``listing``    what people read
"""

from settlement.items.night import Night

__all__ = ["Night"]
