"""Two chains that the night walks: a card's own account 卡账户链, and a terminal's own numbers.

In:  the taps of a date and, for the few cards that need it, their history; opening positions, load logs,
     and the items that stand open.
Out: a ``Night``: items opened, closed, aged, with entries and adjustments. Nothing is written here.

- ``element``    one proven tap in its place
- ``walk``       gaps, rises, breaks, torn taps and double deductions of one card: pure
- ``following``  what the walk's findings make of the items that stand: pure
- ``torn``       torn taps: booked, taken back: pure
- ``terminals``  gaps and repeats of one terminal: pure
- ``audit``      which cards and terminals a date asks for, what is read for them

An honest card is never alarmed by data that is late, lost or doubled; who is denied is decided by people.
"""

from settlement.chains.audit import audit_chains

__all__ = ["audit_chains"]
