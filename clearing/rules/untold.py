"""Rules of one tariff that no stored sum tells apart afterwards.

Of a tap the sum of its subsidies is stored, not who bears which part (``clearing.bearers`` finds that again). An
accumulation takes off an amount that depends on the card's history alone, so it may come to any sum: whatever
else may or may not have applied to the same ride must then be borne by the same, or by the operator.
"""

from clearing.fares import Basis, Bearer, FareClass, Tariff, TransferType


def beside_accumulation(tariff: Tariff) -> str | None:
    """What another than the accumulation's bearer bears, and the card's history or the entry decides: the
    transfer, or a class by its name. None where every sum tells, or who bears what is the operator's."""
    if tariff.accumulation is None or tariff.accumulation.bearer is Bearer.OPERATOR:
        return None
    bearer = tariff.accumulation.bearer
    if tariff.transfer.type is not TransferType.NONE and _another(tariff.transfer.bearer, bearer):
        return "transfer"
    for row in tariff.classes:
        if _by_entry(row) and _another(row.bearer, bearer):
            return f"class {row.name!r}"
    return None


def _another(bearer: Bearer, than: Bearer) -> bool:
    return bearer is not Bearer.OPERATOR and bearer is not than


def _by_entry(row: FareClass) -> bool:
    return bool(row.stations) or any(part.basis is Basis.ENTRY for part in row.hours)
