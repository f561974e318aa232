"""Transfers 换乘 that could not be judged when their tap came, settled by the night.

- ``history``  one card's debits in the card's own order, and what the transfers in it are: pure
- ``reading``  whose history a night asks for, and as far back as it says something
- ``money``    what a transfer that is proven changes of what was booked: pure
- ``audit``    the night's rows: items opened, proven, refuted, given up when their window has closed
"""

from settlement.transfers.audit import audit_transfers

__all__ = ["audit_transfers"]
