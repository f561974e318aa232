"""Other rules than those in force: the shipped set of the city, with words of it replaced."""

from __future__ import annotations

from clearing import rules
from settlement.repricing import OtherRules

BUS_FARE = 'network = "bus"\nfare_fen = 100'
SECOND_BUS = """\
[[tariff.bus]]
since = 2026-01-06
type = "flat"
taps = ["bus_flat"]
network = "bus"
fare_fen = 200
discounts = "bus"
transfer = "city"

[[tariff.taxi]]"""


def other(*replaced: tuple[str, str]) -> OtherRules:
    """Xi'an's rules with each text, which must be there, replaced once by another."""
    files = rules.read(["xian"])
    for old, new in replaced:
        assert old in files["xian/rules.toml"], old
        files["xian/rules.toml"] = files["xian/rules.toml"].replace(old, new, 1)
    return OtherRules(files, frozenset({"xian"}))


def dearer_by_a_yuan() -> OtherRules:
    """Buses at 2 yuan instead of 1 at all times."""
    return other((BUS_FARE, BUS_FARE.replace("100", "200")))


def accumulating(tiers: str) -> OtherRules:
    """What a card paid on buses in a month lowers what it pays, at the budget's cost."""
    accumulation = (
        '[[accumulation.month]]\nsince = 2000-01-01\nperiod = "month"\nrounding = "half_up"\n'
        f'bearer = "budget"\ntiers = [{tiers}]\n\n[[split.metro]]'
    )
    return other(
        ("[[split.metro]]", accumulation),
        (BUS_FARE, f'accumulation = "month"\n{BUS_FARE}'),
    )
