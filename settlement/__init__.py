"""POSTINGS → MONEY: what the night makes of a business date that clearing has booked.

In:  the database as clearing leaves it: batches, taps, entries, registries, rules, card pages.
Out: proof that the date replays, positions per participant and purse, papers, instructions, a seal.

``settle_day`` in ``day`` is the table of contents: cut_off → complete → audited → netted → stated →
instructed → sealed. A step knows no other step. Nothing here judges or prices a tap, and nothing
reads the wall clock.
"""
