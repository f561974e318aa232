"""What a tariff type must give, and the list of those there are."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Protocol, cast

import msgspec

from clearing.plan import Meter, TariffType
from clearing.rules.document import FEN_MAX, Table
from clearing.rules.networks import Network, ReadRows
from clearing.rules.words import Said, yuan_words


class Body(msgspec.Struct, frozen=True):
    """The part of ``plan.Tariff`` that a tariff type computes; fields mean the same there."""

    type: TariffType
    min_fen: int = 0
    max_fen: int = FEN_MAX
    step_fen: int = 1
    flat_fen: tuple[tuple[int, int], ...] = ()
    stations: tuple[int, ...] = ()
    od_fen: bytes = b""
    meter: Meter | None = None


class Context(msgspec.Struct, frozen=True):
    """What a version may refer to: its network, and the rows of data files that it names."""

    network: Network | None
    rows: ReadRows

    def needed(self, version: Table, what: str) -> Network:
        """The network, where the type cannot do without its stations or lines."""
        if self.network is None:
            raise version.error(
                None, f"The tariff needs the {what} of a network.", 'Add network = "…".'
            )
        if not (self.network.stations if what == "stations" else self.network.lines).places:
            raise version.error("network", f"The network has no {what}.", f"Add {what} to it.")
        return self.network


class TariffModule(Protocol):
    """A module of this package."""

    TYPE: str
    KEYS: Mapping[str, str]

    def build(self, version: Table, context: Context) -> Body:
        """Check one version and compile it. Raises ``RuleError``."""

    def tell(self, version: Table) -> list[Said]:
        """What a version says, for people; ``build`` has checked it."""


@cache
def modules() -> dict[str, TariffModule]:
    """The tariff types by the word for them in rule files."""
    package = __name__.rpartition(".")[0]
    found: dict[str, TariffModule] = {}
    for entry in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if entry.name != "registry":
            module = cast("TariffModule", importlib.import_module(f"{package}.{entry.name}"))
            found[module.TYPE] = module
    return found


def bounds(version: Table, low: int, high: int) -> tuple[int, int]:
    """``min_fen`` and ``max_fen`` of a version, or what its fares give."""
    least, most = version.integer_or("min_fen", low), version.integer_or("max_fen", high)
    if most < least:
        raise version.error(
            "max_fen" if version.has("max_fen") else "min_fen",
            f"The highest fare, {most} fen, is below the lowest, {least} fen.",
            "Exchange min_fen and max_fen, or correct them.",
        )
    return least, most


BOUND_KEYS = {
    "min_fen": "lowest gross fare; for supplements too",
    "max_fen": "highest gross fare; for supplements too",
}
"""The keys of ``bounds``."""


def same_station(version: Table) -> list[Said]:
    """What the way back to the station of entry costs, where the version says it."""
    if not version.has("same_station_fen"):
        return []
    english, chinese = yuan_words(version.data["same_station_fen"])
    return [(f"back to the station of entry: {english}", f"同站进出：{chinese}")]
