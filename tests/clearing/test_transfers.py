"""What a fare is with the transfer that it was priced without: held against pricing it at once."""

from __future__ import annotations

import pytest

from clearing import pricing
from clearing.plan import (
    Accumulation,
    Bearer,
    Period,
    Rounding,
    Tariff,
    TariffType,
    Transfer,
    TransferType,
)
from clearing.transfers import granted

TIERS = ((0, 1000), (10_000, 800), (15_000, 500))


def tariff(transfer: Transfer, accumulation: Accumulation | None) -> Tariff:
    return Tariff(
        name="t", type=TariffType.FLAT, since_s=0, until_s=1, kinds=2, transfer=transfer,
        accumulation=accumulation,
    )  # fmt: skip


@pytest.mark.parametrize("bearer", list(Bearer))
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TransferType.AMOUNT_OFF, 20), (TransferType.AMOUNT_OFF, 900), (TransferType.FIXED_PRICE, 30),
        (TransferType.FIXED_PRICE, 900), (TransferType.PER_MILLE, 333), (TransferType.FREE, 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "accumulation",
    [
        None,
        Accumulation(Period.DAY, TIERS, 0, Rounding.HALF_UP, Bearer.BUDGET),
        Accumulation(Period.DAY, TIERS, 20_000, Rounding.UP, Bearer.ISSUER),
        Accumulation(Period.MONTH, (), 500, Rounding.DOWN, Bearer.BUDGET),
    ],
)
def test_granting_it_later_comes_to_the_same(
    bearer: Bearer, kind: TransferType, value: int, accumulation: Accumulation | None
) -> None:
    """Whatever a card had spent: fare and subsidies are those of a tap that qualified at once."""
    scheme = tariff(Transfer(type=kind, value_fen=value, bearer=bearer), accumulation)
    for gross_fen in (50, 100, 487):
        for spent_fen in (0, 30, 9_999, 10_000, 15_000, 19_900, 19_980, 20_000, 30_000, 480, 500):
            without = pricing.net(scheme, gross_fen, None, spent_fen=spent_fen)
            at_once = pricing.net(scheme, gross_fen, None, transfer=True, spent_fen=spent_fen)
            later = granted(scheme, gross_fen, without.fare_fen)
            if without.fare_fen:
                assert later.fare_fen == at_once.fare_fen, (gross_fen, spent_fen)
                assert {
                    payer: without.subsidies[payer] + later.subsidies[payer]
                    for payer in without.subsidies
                } == at_once.subsidies
            else:
                assert later.fare_fen == 0
