"""Who bears a discount, found again from record, price and sum: what the kernels booked, to the fen."""

from __future__ import annotations

import msgspec
import pytest

from clearing import bearers, rules
from clearing.bearers import Price
from clearing.fares import (
    FOREVER,
    Basis,
    Bearer,
    FareClass,
    Hours,
    Rounding,
    Transfer,
    TransferType,
)
from clearing.pricing import Ride
from schemas.codes import CardKind, TapKind

EVERY_DAY = 0b111
NINE_S, DAY_S = 9 * 3600, 86_400
EARLY = (Hours(EVERY_DAY, 0, NINE_S, Basis.ENTRY),)
STUDENT, SENIOR = int(CardKind.STUDENT), int(CardKind.SENIOR)


def pays(
    name: str, kind: int, per_mille: int, bearer: Bearer, hours: tuple[Hours, ...] = (),
    stations: tuple[int, ...] = (),
) -> FareClass:  # fmt: skip
    return FareClass(name, kind, ((FOREVER, per_mille),), Rounding.HALF_UP, bearer, hours, stations)


TARIFF = msgspec.structs.replace(
    rules.load(rules.read(["xian"])).tariff("xian/metro")[0],
    classes=(
        pays("early", STUDENT, 500, Bearer.BUDGET, EARLY),
        pays("late", STUDENT, 800, Bearer.ISSUER),
        pays("from the hospital", SENIOR, 0, Bearer.BUDGET, stations=(103,)),
        pays("any", 0, 900, Bearer.ISSUER),
    ),
    accumulation=None,
    transfer=Transfer(TransferType.AMOUNT_OFF, 100, 3600, 1, bearer=Bearer.ISSUER),
)


def ride(entry_station: int = 0, entry_at_s: int | None = None) -> Ride:
    """An exit at ten o'clock; what of the entry is given the record states."""
    return Ride(
        TapKind.METRO_TAP_OUT,
        1,
        entry_station,
        105,
        400,
        0,
        0,
        at_s=10 * 3600,
        entry_at_s=entry_at_s,
    )


@pytest.mark.parametrize(
    ("tapped", "kind", "paid", "expected", "budget", "issuer"),
    [
        (ride(101, NINE_S - 1), STUDENT, 200, "early", 200, 0),
        (ride(101, NINE_S), STUDENT, 320, "late", 0, 80),
        # The card's line knew an entry that the record does not state.
        (ride(101), STUDENT, 200, "early", 200, 0),
        (ride(101), STUDENT, 320, "late", 0, 80),
        # With a transfer, whichever class it was.
        (ride(101), STUDENT, 100, "early", 200, 100),
        (ride(101), STUDENT, 220, "late", 0, 180),
        (ride(), SENIOR, 0, "from the hospital", 400, 0),
        (ride(), SENIOR, 360, "any", 0, 40),
    ],
)
def test_the_class_that_leads_to_the_sum_bears(
    tapped: Ride, kind: int, paid: int, expected: str, budget: int, issuer: int
) -> None:
    found = bearers.borne(TARIFF, kind, tapped, Price(400, paid), budget + issuer)
    assert found is not None
    assert found.fare_class is not None
    assert found.fare_class.name == expected
    assert found.subsidies == {Bearer.BUDGET: budget, Bearer.ISSUER: issuer}
    # A tap that was held has no sum; its price alone leads to the same.
    assert bearers.borne(TARIFF, kind, tapped, Price(400, paid)) == found


def test_a_class_that_the_stated_entry_excludes_is_none() -> None:
    late = bearers.borne(TARIFF, STUDENT, ride(101, NINE_S), Price(400, 200))
    assert late is not None
    assert late.fare_class == TARIFF.classes[1]
    elsewhere = bearers.borne(TARIFF, SENIOR, ride(101, NINE_S), Price(400, 0), 400)
    assert elsewhere is not None
    assert elsewhere.fare_class == TARIFF.classes[3]


def test_a_class_behind_one_that_always_applies_is_none() -> None:
    """A student whose entry nobody stated never pays as any other card does."""
    assert bearers.borne(TARIFF, STUDENT, ride(101), Price(400, 360), 40) is None
