"""Splits of fares, and shares of fees: per mille by role; the engine knows whose account a role is."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec

from clearing.limits import SHARES_MAX
from clearing.rules import versions
from clearing.rules.apportioning import Apportionment, read_apportionment
from clearing.rules.collecting import Collected, Rule
from clearing.rules.document import Table
from clearing.rules.frozen import Frozen, read_frozen
from clearing.rules.networks import DatedNetwork

_OWNER: Final = "line_owner:"
_OWNERS: Final = f"{_OWNER}NUMBER"
SPLIT_ROLES: Final = ("operator", "driver", _OWNERS)
"""Who can share a fare; the operator of a taxi is its platform. NUMBER is an operator's."""

SPLIT_KEYS: Final = versions.KEYS | {
    "shares": "who gets how much of a fare, in order",
    "apportion": "rides with a known entry are shared by lines and their owners instead",
}
"""The keys of a split."""

SHARE_KEYS: Final = {
    "role": f"of a fare: {', '.join(SPLIT_ROLES)}; of a fee: clearing_centre, issuer, province, operator",
    "per_mille": "the share; all shares of a rule sum to 1000",
}
"""The keys of a share."""

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")


class DatedSplit(msgspec.Struct, frozen=True):
    """How fares of [since_s, until_s) are split: (role, weight per mille), in order.

    Largest remainder, ties by this order; so the shares of every fare sum to the fare. With ``stations``
    (sorted numbers) a ride between two of them is split by the weights of its pair: ``weights`` is
    row-major, entry × exit × share, little-endian uint32; a pair of zeros has none. ``frozen``: the table
    that they come from.
    """

    since_s: int
    until_s: int
    shares: tuple[tuple[str, int], ...]
    stations: tuple[int, ...] = ()
    weights: bytes = b""
    frozen: Frozen | None = None


def read_shares(version: Table, key: str, roles: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """The shares that a key lists, in order: (role, weight per mille), each role once, 1000 in all."""
    rows = version.tables(key)
    if len(rows) > SHARES_MAX:
        raise version.error(
            key,
            f"{key} has {len(rows)} shares; there can be {SHARES_MAX}.",
            "Join some of them; they can be divided again outside the engine.",
        )
    shares: list[tuple[str, int]] = []
    for row in rows:
        row.only(SHARE_KEYS)
        role = _role(row, roles)
        if any(role == other for other, _ in shares):
            raise row.error("role", f"{role} has two shares.", "Add them up in one entry.")
        shares.append((role, row.integer("per_mille", 0, 1000)))
    total = sum(weight for _, weight in shares)
    if total != 1000:
        raise version.error(
            key, f"The shares sum to {total} per mille.", "Let them sum to 1000 exactly."
        )
    return tuple(shares)


def _role(row: Table, roles: tuple[str, ...]) -> str:
    """The role of a share, with the number of a line's owner."""
    role = row.text("role")
    if _OWNERS in roles and role.startswith(_OWNER):
        number = role.removeprefix(_OWNER)
        if not _NUMBER.fullmatch(number):
            raise row.error(
                "role",
                f"{role} names {number!r}, which is no number of an operator.",
                f"Write the owner's number as onecard operator list tells it, such as {_OWNER}21.",
            )
        return role
    return row.choose("role", role, {known: known for known in roles if known != _OWNERS})


def check_owners(rule: Rule, operators: Collection[int]) -> None:
    """Refuse a share of an owner whom a node does not know. ``operators``: the numbers of those it knows.

    A share of nobody's would be money that nobody is ever paid. Raises ``RuleError``.
    """
    for version in rule.tables:
        for row in version.tables("shares"):
            role = row.text("role")
            if role.startswith(_OWNER) and int(role.removeprefix(_OWNER)) not in operators:
                known = ", ".join(map(str, sorted(operators))) or "none"
                raise row.error(
                    "role",
                    f"{role} is no operator of this node, and the share of nobody is never paid.",
                    f"Register the owner with that number first, or write one of {known}.",
                )


class SplitReader:
    """Reads splits and what they say of apportionment."""

    def __init__(self, collected: Collected, networks: Mapping[str, list[DatedNetwork]]) -> None:
        self._collected, self._networks = collected, networks

    def splits(self, rule: Rule) -> tuple[DatedSplit, ...]:
        """The versions of ``[[split.NAME]]``, with their frozen tables."""
        return tuple(self._split(*version) for version in self._versions(rule))

    def apportionments(self, rule: Rule) -> list[Apportionment]:
        """What versions say of apportionment, whether or not their tables hold."""
        return [declared for *_, declared in self._versions(rule) if declared is not None]

    def _versions(
        self, rule: Rule
    ) -> Iterator[tuple[versions.Span, tuple[tuple[str, int], ...], Apportionment | None]]:
        for table in rule.tables:
            table.only(SPLIT_KEYS)
        for table, span in zip(rule.tables, versions.spans(rule.tables), strict=True):
            shares = read_shares(table, "shares", SPLIT_ROLES)
            declared = None
            if table.has("apportion"):
                roles = tuple(role for role, _ in shares)
                declared = read_apportionment(table, span, roles, self._collected, self._networks)
            yield span, shares, declared

    def _split(
        self,
        span: versions.Span,
        shares: tuple[tuple[str, int], ...],
        declared: Apportionment | None,
    ) -> DatedSplit:
        if declared is None:
            return DatedSplit(span.since_s, span.until_s, shares)
        frozen = read_frozen(declared, self._collected.files)
        stations = tuple(place.number for place in declared.network.stations.places)
        return DatedSplit(span.since_s, span.until_s, shares, stations, frozen.weights, frozen)
