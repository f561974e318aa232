"""Mutants of the chains of cards and the numbers of terminals. See ``mutant``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CHAINS = (
    Mutant(
        "chain: the order of arrival decides",
        "settlement/chains/walk.py",
        "        (each for each in known if each.tap not in mute), key=lambda element: element.order\n",
        "        (each for each in known if each.tap not in mute), key=lambda element: element.tap\n",
        ("tests/settlement/chains/test_arrival.py",),
        "a late record would look like a contradiction, and an honest card like a clone",
    ),
    Mutant(
        "chain: a torn tap needs no balances",
        "settlement/chains/walk.py",
        "(right.debits, right.online) == (debits, online) and (right.before_fen == left.after_fen)",
        "(right.debits, right.online) == (debits, online)",
        ("tests/settlement/chains/test_walk.py",),
        "a torn tap that took nothing would be paid by its card",
    ),
    Mutant(
        "chain: a torn tap of any terminal is believed",
        "settlement/chains/walk.py",
        "if torn.is_sound and _follows(at, torn)",
        "if _follows(at, torn)",
        ("tests/settlement/chains/test_walk.py",),
        "whoever knows of a missing ride could have its fare with a record that nobody signed",
    ),
    Mutant(
        "chain: a missing load is not looked for in the log",
        "settlement/chains/walk.py",
        "amounts = [self.logged(counter) for counter in counters]",
        "amounts = [None for counter in counters]",
        ("tests/settlement/chains/test_walk.py", "tests/settlement/chains/test_following.py"),
        "loaded cards would be proposed for the denylist",
    ),
    Mutant(
        "chain: a gap may be of any sum",
        "settlement/chains/walk.py",
        "        if debited_fen <= 0:\n            return False\n",
        "        if debited_fen <= 0 or debits:\n            return False\n",
        ("tests/settlement/chains/test_walk.py",),
        "balances that nobody signs would move any sum of card liability to unclaimed",
    ),
    Mutant(
        "chain: a gap is named by how much was read",
        "settlement/chains/walk.py",
        "            first=left.stated + 1,\n",
        "            first=left.place + 1,\n",
        ("tests/settlement/chains/test_turn.py",),
        "when a card's counter begins anew, its items would stand a second time, with their money",
    ),
    Mutant(
        "chain: a torn tap is taken back when its neighbours are not read",
        "settlement/chains/torn.py",
        "return placed is not None and found.reaches(placed.place)",
        "return placed is not None",
        ("tests/settlement/chains/test_turn.py",),
        "an operator would lose a ride that debited its card",
    ),
    Mutant(
        "chain: a gap ages a day late",
        "settlement/chains/following.py",
        "writer.books.business_date >= item.due_on",
        "writer.books.business_date > item.due_on",
        ("tests/settlement/chains/test_following.py", "tests/settlement/chains/test_nights.py"),
        "money of lost records would stand on the card's line a night longer than the rule says",
    ),
    Mutant(
        "chain: a terminal's gap of which a part came on its last night is looked for on",
        "settlement/chains/terminals.py",
        "        lost = writer.books.business_date >= item.due_on\n",
        "        lost = False\n",
        ("tests/settlement/chains/test_terminals.py",),
        "the gap would be lost a night later than the rule says",
    ),
    Mutant(
        "chain: a lost gap is booked again each night",
        "settlement/chains/following.py",
        "if was_lost and not _differs(item, finding) and item.booked_fen == finding.amount_fen:",
        "if False:",
        ("tests/settlement/chains/test_following.py", "tests/settlement/chains/test_nights.py"),
        "an item would change every night and never come to rest",
    ),
    Mutant(
        "chain: a torn tap that was paid stays paid when it took nothing",
        "settlement/chains/torn.py",
        "back = [(account, -fen) for account, fen in split]",
        "back = [(account, 0) for account, fen in split]",
        ("tests/settlement/chains/test_following.py", "tests/settlement/chains/test_nights.py"),
        "the cardholder would pay twice for one ride",
    ),
)
