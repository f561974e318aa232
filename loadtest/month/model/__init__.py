"""What a node must know and say of a month: the second opinion, slow and obvious.

``node.Model`` receives batches in the order of arrival and lives through the nights. It knows the
decisions and nothing of the engine. Parts:

- ``card``       one card: counters, balances, journey, and the elements of its chain
- ``checks``     what a tap that arrives now must get
- ``chain``      the walk along a card's chain: gaps, rises, breaks, torn taps, double deductions
- ``terminals``  the numbers of a terminal: gaps and repeats
- ``loads``      top-ups against the issuers' load logs
- ``items``      what is open, and what became of it each night
- ``money``      suspense, unclaimed, card liability, adjustments
- ``node``       all of them together

Where the specification leaves something open, this is what is taken for right here:

1. *Moments.* A log is complete past a tap if ``complete_until`` is later than the tap. An item ages on
   the night of its ``due_on``, after that date's own records have been looked at; a gap that those made
   smaller is said to be lost, and not to be restated before.
2. *The name of a gap.* It is its first missing place. If that record comes and others of the same run
   do not, the item has arrived and the rest is an item of its own; if another one comes, the item is
   restated, unless a record in between splits it: then the second part is an item of its own. What is
   left of a card's gap ages after the record that follows it; what is left of a terminal's too, if that
   record came on the date, and else with the whole gap.
3. *Equal places.* Two proven debits at one place of a chain cannot both be true: CHAIN_BREAK, and the
   walk goes on from the later one in time.
4. *A rise* whose loads the log explains afterwards is MATCHED; one whose record came has ARRIVED.
   Loads without a log line count as unexplained money only as far as the balance rose.
5. *A torn tap* needs an element on both sides; two torn taps side by side wait for people. One whose
   debit is proven is an element of the chain from that night on. One whose terminal, amount or fare is
   not right takes no part: it may be shown not to have debited, never to have; and of two that fit one
   place neither is proven.
6. *A journey* that was opened after a tap, by the card's time, is no open journey for that tap.
7. *A lost gap* of a card stays open, its money in unclaimed/chain_gap, until its record comes or people
   decide. A lost gap without money (a terminal's, or of rides for nothing) is closed; nothing becomes of
   it any more.
8. *A refund* is paid in full on the night of its due date or the first one after it on which what is
   owed to the card (book balance and adjustments) covers it; where it does not, it is restated once.
9. *Repeats*: a tap that holds its identity and whose operator's terminal gave its number before is a
   TERMINAL_REPEAT; the flag TERMINAL_NUMBER_REUSED looks back over 256 numbers only. Beyond them and the
   date, two kinds of numbers are never said to be repeated: those of a gap that was lost, and those below
   the first one that arrived, unless tapped after all that was known of the terminal.
10. *A terminal's lowest number* is that of the first date with a tap of it; what is smaller and comes
   later is from before, and nothing between is missed.
11. *An item without money* (a held tap of nothing) is an item; a rejected tap of nothing is not one.
12. *More than cards can do*: a gap whose balances lie beyond what a card holds, or that speaks of more
   than its missing debits can have taken, is a CHAIN_BREAK: no money moves for it.
13. *A break* whose neighbours are neighbours no more has ARRIVED; by another sum it is RESTATED.
"""
