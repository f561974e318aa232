"""What an ordinary ride of the kernels' test city books and leaves behind; contexts that are often needed."""

from __future__ import annotations

from typing import Any

from clearing.plan import Purpose
from schemas.codes import Check, Source
from tests.clearing.kernel_cases import BUS, BUS_ACCOUNT, BUS_OWNER, CITY, TAPPED_S, tap

WINDOW = 0b110111
"""The counter window after debit 6."""
ACQUIRER = 7930
PRESENTED = {"source": Source.PRESENTMENT, "operator": 0, "acquirer": ACQUIRER}


def moved(amount: int = 100, **others: int | None) -> dict[str, int]:
    """What an ordinary ride by debit counter 6 leaves in the card's line; None: as it was."""
    usual = {
        "offline_highest": 6,
        "counter_window": WINDOW,
        "stated_balance_fen": 1000 - amount,
        "book_balance_fen": 1000 - amount,
        "last_tap_s": TAPPED_S,
        "transfer_base_s": TAPPED_S,
        "transfer_operator": BUS,
    }
    return {name: value for name, value in (usual | others).items() if value is not None}


def fare(*parts: int, issuer: int = CITY) -> set[tuple[int, int, int, int]]:
    """The bus fare, split over its two accounts."""
    accounts = (BUS_ACCOUNT, BUS_OWNER)
    return {(issuer, a, Purpose.FARE, fen) for a, fen in zip(accounts, parts, strict=True)}


def all_but(checks: Check) -> Check:
    """Every check without these."""
    return Check.ALL & ~checks


PLAIN = all_but(Check.TAC | Check.COUNTERS | Check.BALANCES | Check.CARD_REGISTRY | Check.JOURNEYS)
"""What a source checks that gives amounts only."""


def rides(count: int, first: int = 0, **fixed: Any) -> list[bytes]:
    """Rides of the ordinary card in its own order."""
    return [
        tap(
            terminal_number=n + 1,
            offline_counter=6 + n,
            balance_before_fen=10_000 - 100 * n,
            **fixed,
        )
        for n in range(first, first + count)
    ]
