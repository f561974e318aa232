"""A checked rule set: what the engine's compiler, settlement and quotes ask it."""

import difflib
import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import TypeVar

from clearing.errors import ClearingError
from clearing.plan import Tariff, local_day, local_seconds
from clearing.rules import quoting, sharing
from clearing.rules.collecting import Collected
from clearing.rules.dated import DatedTariff
from clearing.rules.fees import FeeRule
from clearing.rules.places import Place
from clearing.rules.quoting import NO_CLAIMS, Claims, PairFare, Quote
from clearing.rules.shares import DatedSplit, check_owners
from clearing.rules.sharing import Sharing
from clearing.rules.versions import Span
from schemas.codes import CardKind

_Rule = TypeVar("_Rule")


class RuleSet:
    """Rules by full name, ``SET/NAME``. Made by ``load``; nothing changes it afterwards."""

    def __init__(self, files: Mapping[str, str], written: Collected) -> None:
        self.digest = digest(files)
        self.files, self.written = files, written
        self.tariffs: dict[str, tuple[DatedTariff, ...]] = {}
        self.splits: dict[str, tuple[DatedSplit, ...]] = {}
        self.fees: dict[str, tuple[tuple[Span, FeeRule], ...]] = {}

    def tariff_names(self) -> tuple[str, ...]:
        """The full names of all tariffs, sorted."""
        return tuple(sorted(self.tariffs))

    def split_names(self) -> tuple[str, ...]:
        """The full names of all splits, sorted."""
        return tuple(sorted(self.splits))

    def fee_names(self) -> tuple[str, ...]:
        """The full names of all fees, sorted."""
        return tuple(sorted(self.fees))

    def tariff(self, name: str) -> tuple[Tariff, ...]:
        """The versions of a tariff in order of time, whoever has it."""
        return tuple(dated.tariff for dated in _known("tariff", self.tariffs, name))

    def tariff_for(self, name: str, operator: int, modes: Mapping[int, str]) -> tuple[Tariff, ...]:
        """The same, ready for a ``plan.Operator``; ``modes``: the mode of every operator, by number."""
        return tuple(
            dated.for_operator(operator, modes) for dated in _known("tariff", self.tariffs, name)
        )

    def split(self, name: str) -> tuple[DatedSplit, ...]:
        """The versions of a split in order of time."""
        return _known("split", self.splits, name)

    def check_owners(self, split: str, operators: Collection[int]) -> None:
        """Refuse a split whose owners of lines a node does not know: ``operators`` are the numbers of those
        it does. Raises ``RuleError``."""
        check_owners(_known("split", self.written.sections["split"], split), operators)

    def share(self, split: str, on: datetime, entry: int, station: int, fen: int) -> Sharing:
        """How a fare of ``fen`` is shared at a local time between stations of these numbers."""
        at_s = _second(on)
        version = sharing.version_at(split, self.split(split), at_s)
        return sharing.share(split, version, entry, station, fen)

    def fee(self, name: str, on: date) -> FeeRule:
        """The fee in force on a business date."""
        at_s = local_day(on) * 86_400
        for span, rule in _known("fee", self.fees, name):
            if span.holds(at_s):
                return rule
        raise ClearingError(
            f"The fee {name} does not hold on {on}.", "Add a version that begins earlier."
        )

    def fee_in_force(self, name: str, on: date) -> FeeRule | None:
        """The same; None in a gap, or where there is no such fee."""
        try:
            return self.fee(name, on)
        except ClearingError:
            return None

    def fee_times(self, name: str) -> tuple[tuple[int, int], ...]:
        """The intervals [since, until), local seconds, in which a version of a fee is in force."""
        return tuple((span.since_s, span.until_s) for span, _ in _known("fee", self.fees, name))

    def fee_recipients(self) -> tuple[str, ...]:
        """The roles that any version of any fee goes to, sorted; an operator has an account of its own."""
        return tuple(
            sorted(
                {
                    role
                    for versions in self.fees.values()
                    for _, rule in versions
                    for role, _ in rule.recipients
                    if role != "operator"
                }
            )
        )

    def quote(
        self,
        tariff: str,
        on: datetime,
        origin: int | str,
        destination: int | str = 0,
        card_kind: CardKind | str | None = None,
        claims: Claims = NO_CLAIMS,
    ) -> Quote:
        """What one ride costs at a local time: see ``quoting.quote``."""
        dated = self.version_at(tariff, on)
        return quoting.quote(dated, _second(on), origin, destination, card_kind, claims)

    def quote_pairs(
        self,
        tariff: str,
        on: datetime,
        pairs: Iterable[tuple[int | str, int | str]] | None = None,
        card_kind: CardKind | str | None = None,
    ) -> list[PairFare]:
        """What many rides cost, ``pairs`` None = all pairs of stations: ``quoting.quote_pairs``."""
        return quoting.quote_pairs(self.version_at(tariff, on), _second(on), pairs, card_kind)

    def stations(self, tariff: str) -> tuple[Place, ...]:
        """The stations that the latest version of a tariff knows, by number."""
        return _known("tariff", self.tariffs, tariff)[-1].stations.places

    def lines(self, tariff: str) -> tuple[Place, ...]:
        """The lines that the latest version of a tariff knows, by number."""
        return _known("tariff", self.tariffs, tariff)[-1].lines.places

    def version_at(self, tariff: str, on: datetime) -> DatedTariff:
        """The version of a tariff in force at a local time."""
        at_s = _second(on)
        for dated in _known("tariff", self.tariffs, tariff):
            if dated.tariff.since_s <= at_s < dated.tariff.until_s:
                return dated
        raise ClearingError(
            f"The tariff {tariff} does not hold at {on:%Y-%m-%d %H:%M:%S}.",
            "Ask for a time that one of its versions covers.",
        )


def _second(on: datetime) -> int:
    return local_seconds(on.replace(tzinfo=None))


def _known(what: str, rules: Mapping[str, _Rule], name: str) -> _Rule:
    if name not in rules:
        near = difflib.get_close_matches(name, rules, 1)
        known = ", ".join(sorted(rules)) or "none"
        raise ClearingError(
            f"There is no {what} named {name!r}.",
            f"Did you mean {near[0]}?" if near else f"Known are: {known}.",
        )
    return rules[name]


def digest(files: Mapping[str, str]) -> str:
    """SHA-256, in hexadecimal, over names and contents of files in order of name.

    Name and content are each preceded by their length in bytes (8, big-endian).
    """
    sha = hashlib.sha256()
    for name in sorted(files):
        for text in (name, files[name]):
            content = text.encode()
            sha.update(len(content).to_bytes(8, "big") + content)
    return sha.hexdigest()
