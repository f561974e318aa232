"""RECLEARING 更正: a sealed date that was priced wrongly, put right on the open date by two people.

In:  a sealed date, a version of the rules whose content for that date is other than it was.
Out: a proposal with a list (each tap: was, becomes, deltas by account and purpose); approved, one balanced
     entry per batch on the open date, changes of items, an event. The sealed date stays as it is.

- ``contracts``  whether contracts of then hold under the other rules, and the accounts that they need
- ``replaying``  the date judged again under the other rules: which answers may book otherwise
- ``rides``      what an answer books under its rules, and what lies between two
- ``selecting``  what is left out and why, of one tap and of a batch in columns
- ``listing``    those as a list: what each moves, what is left out
- ``later``      which accumulations of later dates a correction does not carry into
- ``people``     propose and decide: who may, when, in which order
- ``booking``    what a list books: entries, items, what is owed to cards
- ``checking``   audit and ``verify``: entries follow from lists, lists from their digests and from each other
- ``summary``    a list in sums, for people

What the card signed is never changed: a correction moves between the operator's side, its accounts among
each other, the excess that waits for the cardholder, and who bears a discount.
"""

from settlement.reclearing.listing import Listed, list_differences
from settlement.reclearing.people import decide, propose

__all__ = ["Listed", "decide", "list_differences", "propose"]
