"""Dated versions: each begins at ``since`` and ends where the next begins, or at its ``until``."""

from collections.abc import Sequence
from typing import Final

import msgspec

from clearing.plan import FOREVER, moment_of
from clearing.rules.document import Table

KEYS: Final = {
    "since": "first moment at which the version holds (a date, or a date and time)",
    "until": "first moment at which it no longer holds; absent: until the next version, or for ever",
    "source": "where the facts come from, for whoever reads the rule",
    "stand_in": "why and how the facts are made up, where none are public",
}
"""The keys of every dated rule."""


class Span(msgspec.Struct, frozen=True):
    """The interval [since_s, until_s) in local seconds."""

    since_s: int
    until_s: int

    def holds(self, at_s: int) -> bool:
        """Whether the interval has this second in it."""
        return self.since_s <= at_s < self.until_s


def spans(versions: Sequence[Table]) -> list[Span]:
    """The intervals of a rule's versions, in order, without overlap and gap between them.

    Raises ``RuleError`` at the ``since`` of the version that does not follow the one above it.
    """
    found: list[Span] = []
    for index, version in enumerate(versions):
        notes(version)
        since = version.moment("since")
        if found:
            _follows(version, since, found[-1])
            if found[-1].until_s == FOREVER:
                found[-1] = Span(found[-1].since_s, since)
        until = version.moment("until") if version.has("until") else FOREVER
        if until <= since:
            raise version.error(
                "until",
                f"Version {index + 1} ends ({moment_of(until)}) before it begins.",
                "Let until be later than since; until itself is no longer part of the version.",
            )
        found.append(Span(since, until))
    return found


def notes(version: Table) -> None:
    """Refuse notes that are no texts."""
    for key in ("source", "stand_in"):
        if version.has(key):
            version.text(key)


def _follows(version: Table, since: int, before: Span) -> None:
    if since <= before.since_s or (before.until_s != FOREVER and since < before.until_s):
        raise version.error(
            "since",
            f"The version overlaps the one above it, which holds from {moment_of(before.since_s)}"
            + ("." if before.until_s == FOREVER else f" until {moment_of(before.until_s)}."),
            "Write versions in order of time; leave until out where the next version takes over.",
        )
    if before.until_s != FOREVER and since > before.until_s:
        raise version.error(
            "since",
            f"Nothing holds between {moment_of(before.until_s)} and {moment_of(since)}.",
            "Close the gap: leave until out of the version above.",
        )
