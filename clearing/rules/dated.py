"""One version of a tariff as it was compiled, with what people need to see of it."""

from collections.abc import Mapping

import msgspec

from clearing.plan import Tariff, Transfer
from clearing.rules.accumulations import DatedAccumulation
from clearing.rules.calendars import Calendar
from clearing.rules.discounts import Scheme
from clearing.rules.document import Table
from clearing.rules.networks import Network
from clearing.rules.places import Directory
from clearing.rules.transfers import Pair, TransferScheme, modes_of


class Sources(msgspec.Struct, frozen=True):
    """Where a compiled tariff comes from: the versions of the rules that it names, as written."""

    version: Table
    network: Network | None
    calendar: Calendar | None
    scheme: Scheme | None
    transfer: TransferScheme | None
    accumulation: DatedAccumulation | None


class DatedTariff(msgspec.Struct, frozen=True):
    """One version of a tariff with the names of the stations and lines that it knows."""

    tariff: Tariff
    stations: Directory
    lines: Directory
    sources: Sources

    def for_operator(self, number: int, modes: Mapping[int, str]) -> Tariff:
        """The tariff as an operator has it: which operators it is changed from. ``modes``: the mode of
        every operator, by number."""
        scheme = self.sources.transfer
        if scheme is None or not scheme.pairs:
            return self.tariff
        found: set[int] = set()
        for pair in scheme.pairs:
            if _reaches(pair, number, modes_of(self.tariff.kinds)):
                found |= {
                    other for other, mode in modes.items() if pair.origin in (other, mode)
                }  # fmt: skip
        transfer = (
            msgspec.structs.replace(self.tariff.transfer, from_operators=tuple(sorted(found)))
            if found
            else Transfer()
        )
        return msgspec.structs.replace(self.tariff, transfer=transfer)


def _reaches(pair: Pair, number: int, modes: frozenset[str]) -> bool:
    return not pair.to or pair.to == number or pair.to in modes
