"""Codes → entries: what a judged batch books. Debits equal credits, asserted here and by the night."""

from clearing.kernel import Movement
from clearing.plan import Purpose
from clearing.store import Entry, Posting


def postings_of(movements: tuple[Movement, ...]) -> tuple[Posting, ...]:
    """One posting per (account, purpose), in that order; they sum to zero."""
    sums: dict[tuple[int, int], list[int]] = {}
    for movement in movements:
        for account, sign in ((movement.debit, 1), (movement.credit, -1)):
            total = sums.setdefault((account, movement.purpose), [0, 0])
            total[0] += sign * movement.amount_fen
            total[1] += movement.count
    postings = tuple(
        Posting(account, purpose, amount, count)
        for (account, purpose), (amount, count) in sorted(sums.items())
        if amount
    )
    assert sum(posting.amount_fen for posting in postings) == 0
    return postings


def entry_of_batch(batch_seq: int, movements: tuple[Movement, ...]) -> Entry:
    """The entry of a batch: every fen that its taps moved."""
    return Entry(
        entry_id=f"batch/{batch_seq}",
        narrative="taps",
        batch_seq=batch_seq,
        postings=postings_of(movements),
    )


def opening_entry(version: int, openings: list[tuple[int, int, int]]) -> Entry:
    """The entry for cards registered with money on them: Dr float bank / Cr card liability.

    ``openings`` holds (float bank account, card liability account, fen) per issuer.
    """
    postings: list[Posting] = []
    for bank, liability, fen in openings:
        if fen:
            postings.append(Posting(bank, Purpose.OPENING, fen))
            postings.append(Posting(liability, Purpose.OPENING, -fen))
    return Entry(
        entry_id=f"opening/{version}",
        narrative="opening balances of registered cards",
        postings=tuple(postings),
    )
