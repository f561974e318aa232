"""Who bears a discount is found again from the price and the class, though the card's history is gone."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing import pricing
from clearing.plan import (
    FOREVER,
    Accumulation,
    Bearer,
    FareClass,
    Period,
    Tariff,
    Transfer,
    TransferType,
)
from clearing.rules import untold
from tests.clearing.tariffs.rides import FULL, tariff
from tests.properties.random_rules import accumulations, tariffs, transfers

GROSS = st.integers(0, 5000)
SPENT = st.one_of(st.none(), st.integers(0, 6000))


@settings(max_examples=150, deadline=None)
@given(rules=tariffs(), scheme=transfers(), gross=GROSS, used=st.booleans(), pick=st.integers(0, 4))
def test_a_transfers_bearer_is_found_again(
    rules: Tariff, scheme: Transfer, gross: int, used: bool, pick: int
) -> None:
    rules = msgspec.structs.replace(rules, transfer=scheme, accumulation=None)
    fare_class = rules.classes[pick] if pick < len(rules.classes) else None
    made = pricing.net(rules, gross, fare_class, transfer=used)
    assert made in pricing.nets_of_price(rules, gross, fare_class, made.fare_fen)


@settings(max_examples=150, deadline=None)
@given(rules=tariffs(), scheme=accumulations(), gross=GROSS, spent=SPENT, pick=st.integers(0, 4))
def test_an_accumulations_bearer_is_found_again(
    rules: Tariff, scheme: Accumulation, gross: int, spent: int | None, pick: int
) -> None:
    rules = msgspec.structs.replace(rules, transfer=Transfer(), accumulation=scheme)
    fare_class = rules.classes[pick] if pick < len(rules.classes) else None
    made = pricing.net(rules, gross, fare_class, spent_fen=spent)
    assert made in pricing.nets_of_price(rules, gross, fare_class, made.fare_fen)


def test_where_both_took_something_off_the_transfer_goes_first() -> None:
    half = FareClass("half", 0, ((FOREVER, 500),), bearer=Bearer.ISSUER)
    scheme = Transfer(TransferType.AMOUNT_OFF, 50, 3600, 2, bearer=Bearer.ISSUER)
    month = Accumulation(Period.MONTH, ((0, 800),), bearer=Bearer.BUDGET)
    rules = tariff(classes=(half, FULL), transfer=scheme, accumulation=month)
    made = pricing.net(rules, 400, half, transfer=True, spent_fen=0)
    assert (made.class_fen, made.transfer_fen, made.fare_fen) == (200, 150, 120)
    assert made.subsidies == {Bearer.ISSUER: 250, Bearer.BUDGET: 30}
    assert pricing.nets_of_price(rules, 400, half, 120)[0] == made
    # The accumulation alone may have come to the same price; who bears it tells.
    assert pricing.nets_of_price(rules, 400, half, 120)[1].subsidies == {
        Bearer.ISSUER: 200,
        Bearer.BUDGET: 80,
    }
    # 160 is above what the transfer leaves: the accumulation alone made it.
    alone = pricing.net(rules, 400, half, spent_fen=0)
    assert pricing.nets_of_price(rules, 400, half, 160) == (alone,)


@settings(max_examples=300, deadline=None)
@given(
    rules=tariffs(), scheme=transfers(), month=accumulations(), gross=GROSS, used=st.booleans(), spent=SPENT,
    pick=st.integers(0, 4),
)  # fmt: skip
def test_the_sum_tells_who_bears_what(
    rules: Tariff,
    scheme: Transfer,
    month: Accumulation,
    gross: int,
    used: bool,
    spent: int | None,
    pick: int,
) -> None:
    """Whatever the history took off: rules that are not refused lead back to it from price and sum."""
    rules = msgspec.structs.replace(rules, transfer=scheme, accumulation=month)
    fare_class = rules.classes[pick] if pick < len(rules.classes) else None
    made = pricing.net(rules, gross, fare_class, transfer=used, spent_fen=spent)
    same_sum = [
        found.subsidies
        for found in pricing.nets_of_price(rules, gross, fare_class, made.fare_fen)
        if sum(found.subsidies.values()) == sum(made.subsidies.values())
    ]
    assert made.subsidies in same_sum
    if untold.beside_accumulation(rules) is None:
        assert all(found == made.subsidies for found in same_sum)
