"""The accounts of a node that its cards and its doubts move, in fen."""

from collections import defaultdict

from loadtest.month.model.card import Card

CHAIN_GAP = "chain_gap"
"""The unclaimed account of what lost records took."""


class Money:
    """Suspense, unclaimed by reason, card liability and adjustments by issuer. Credit is positive."""

    def __init__(self) -> None:
        self.suspense_fen = 0
        self.unclaimed_fen: dict[str, int] = defaultdict(int)
        self.liability_fen: dict[int, int] = defaultdict(int)
        self.adjustments_fen: dict[int, int] = defaultdict(int)

    def adjust(self, card: Card, amount_fen: int) -> None:
        """What is owed to a card changes beside its line."""
        card.adjusted_fen += amount_fen
        self.adjustments_fen[card.issuer] += amount_fen
        self.liability_fen[card.issuer] += amount_fen
