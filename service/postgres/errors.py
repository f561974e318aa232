"""The one error of this package, made to be shown to a person."""

from __future__ import annotations


class DatabaseError(Exception):
    """The database cannot be had; ``sentence`` says why, ``remedy`` what to do about it."""

    def __init__(self, sentence: str, remedy: str) -> None:
        """Both are whole sentences with a full stop."""
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy
