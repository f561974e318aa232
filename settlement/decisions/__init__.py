"""DECISIONS: held queue and unclaimed money; one person proposes, another one decides, then it is booked.

In:  open items (``settlement.items``, ``settlement.store.items``), people's words.
Out: proposals and decisions; for an approved one its entry on the open date, the item's change, what is
     owed to the card more or less, items that follow from it, an event.

- ``law``       the law of two people, for every proposal, also those of ``settlement.reclearing``
- ``people``    propose and decide: who may, when, in which order
- ``case``      what a decision is about: item, tap, issuer, accounts, the operator's side
- ``effects``   what each action does to the books: ``moves`` those of one movement, ``releases`` the
                releases, ``booking`` what an effect is
- ``booked``    loads that were booked from the log, whose records must not be booked again
- ``brought``   what a ride brought its operator, which a reversal takes back
- ``covering``  card refunds that are paid early, loads taken back: proven ones, and what the card has
- ``subsidies`` what a concession took off a released fare
- ``denying``   a card put on the next denylist

The package must not know who asks (command line, console), nor how a person proves to be one.
"""

from settlement.decisions.case import Words
from settlement.decisions.errors import DecisionRefused
from settlement.decisions.people import decide, propose

__all__ = ["DecisionRefused", "Words", "decide", "propose"]
