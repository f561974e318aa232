"""What registries and rules come to in the plan: devices, fees and splits by time."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
import pytest

from clearing import rules
from clearing.compile import accounts_for, compile_plan
from clearing.errors import ClearingError
from clearing.plan import FOREVER, Plan, local_seconds
from clearing.rules import DatedSplit
from schemas import registry
from schemas.accounts import Account, code_of
from tests import world
from tests.world import BUS, LIMITS, OWN_ISSUER, WorldKeys

RULES = """
[set]
chinese = "镇"
english = "Town"

[[tariff.bus]]
since = 2020-01-01
type = "flat"
taps = ["bus_flat"]
fare_fen = 200
transfer = "change"

[[transfer.change]]
since = 2020-01-01
type = "free"
window_s = 3600
count_max = 1
pairs = [{ from = "metro", to = "bus" }, { from = 99, to = "bus" }]
bearer = "operator"

[[split.late]]
since = 2026-01-05T08:00:00
until = 2026-02-01
source = "a test"
shares = [{ role = "operator", per_mille = 1000 }]

[[fee.twice]]
since = 2026-01-05
source = "a test"
per_mille = 3
rounding = "half_up"
recipients = [{ role = "clearing_centre", per_mille = 1000 }]

[[fee.twice]]
since = 2026-02-01
until = 2026-03-01
source = "a test"
per_mille = 4
rounding = "half_up"
recipients = [{ role = "clearing_centre", per_mille = 1000 }]
"""


def compiled(*splits: DatedSplit, **operator: object) -> Plan:
    """The plan of the world's bus operator with these changes, and of one terminal in device 77.

    ``splits``: the versions of town/pairs.
    """
    bus = msgspec.structs.replace(world.operators()[0], **{"tariff": "", **operator})
    terminal = registry.Terminal(terminal_id=world.terminal(BUS), operator=BUS, device=77)
    metro = msgspec.structs.replace(bus, number=8, mode="metro", tariff="", split="", fee="")
    rows = {"operator": [bus, metro], "issuer": world.issuers(), "terminal": [terminal]}
    rule_set = rules.load({"town/rules.toml": RULES})
    rule_set.splits["town/pairs"] = splits
    accounts = {}
    for number, (purse, kind, participant) in enumerate(accounts_for(rows, rule_set), 1):
        code = code_of(purse, kind, participant)
        accounts[code] = Account(number, code, purse, kind, participant)
    keys = WorldKeys(OWN_ISSUER, "7100")
    return compile_plan(rows, rule_set, accounts, keys, LIMITS, (1, 1))


def at(day: date, hour: int = 0) -> int:
    return local_seconds(datetime(day.year, day.month, day.day, hour))  # noqa: DTZ001 - local


def test_a_terminal_keeps_its_device() -> None:
    assert [terminal.device for terminal in compiled().terminals] == [77]


def test_a_contract_without_fee_needs_no_rule_of_one() -> None:
    assert compiled().operators[0].fee_times == ((0, FOREVER),)


def test_a_fee_is_in_force_from_its_first_version_to_the_end_of_its_last() -> None:
    january, february, march = date(2026, 1, 5), date(2026, 2, 1), date(2026, 3, 1)
    times = compiled(fee="town/twice").operators[0].fee_times
    assert times == ((at(january), at(february)), (at(february), at(march)))


def test_a_split_may_leave_times_out() -> None:
    (split,) = compiled(split="town/late").operators[0].splits
    assert (split.since_s, split.until_s) == (at(date(2026, 1, 5), 8), at(date(2026, 2, 1)))


def test_a_fee_that_no_rule_set_has_is_refused() -> None:
    with pytest.raises(ClearingError, match="no fee named 'town/thrice'"):
        compiled(fee="town/thrice")


def test_the_weights_of_pairs_come_with_their_split() -> None:
    shares, weights = (("operator", 600), ("line_owner:8", 400)), bytes(range(32))
    pairs = DatedSplit(0, FOREVER, shares, (3, 5), weights)
    bus = compiled(pairs, split="town/pairs").operators[0]
    assert [(split.stations, split.weights) for split in bus.splits] == [((3, 5), weights)]
    assert [weight for _, weight in bus.splits[0].shares] == [600, 400]


def test_a_transfer_is_from_the_operators_of_its_modes() -> None:
    (bus,) = compiled(tariff="town/bus").operators[0].tariffs
    assert bus.transfer.from_operators == (8,)
