"""Open items 挂账项: what the night opens, settles by itself and checks against the books.

The night's parts (taps of the date, card chains, load logs) each give a ``Night``: rows to be written.
They read what is stored as of the date and write nothing, so that ``verify`` gets the same rows again.
"""

from settlement.items.night import Night

__all__ = ["Night"]
