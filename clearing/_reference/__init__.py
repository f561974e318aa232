"""The reference kernel: what a tap gets, in plain Python, slow and obvious.

It shares the plan and the published words with ``_fastpath`` and no code. One tap at a time goes
through: form → identity → batch and time → terminal → issuer and TAC → card → fare, then ``decide``;
then money and state move. ``clearing.pricing`` is its price list.

- ``row``     one tap, and whether its bytes are one
- ``kernel``  state, and the course of a batch through the checks
- ``card``    one card's own order: issue, counters, balances, journey, refund
- ``terminal``  one terminal's registry row and numbers
- ``journey``  entries and exits
- ``fare``    what the tap should have cost
- ``spending``  what a card spent in its day and month
- ``tally``   columns, money and counts of the batch
"""

from clearing._reference.kernel import ReferenceKernel

__all__ = ["ReferenceKernel"]
