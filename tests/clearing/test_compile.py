"""What registries and rules come to in the plan: devices, fees and splits by time."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
import pytest

from clearing import rules
from clearing.compile import accounts_for, compile_plan
from clearing.errors import ClearingError
from clearing.plan import FOREVER, Plan, local_seconds
from schemas import registry
from schemas.accounts import Account, code_of
from tests import world
from tests.world import BUS, LIMITS, OWN_ISSUER, WorldKeys

RULES = """
[set]
chinese = "镇"
english = "Town"

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


def compiled(**operator: object) -> Plan:
    """The plan of the world's bus operator with these changes, and of one terminal in device 77."""
    bus = msgspec.structs.replace(world.operators()[0], tariff="", **operator)
    terminal = registry.Terminal(terminal_id=world.terminal(BUS), operator=BUS, device=77)
    rows = {"operator": [bus], "issuer": world.issuers(), "terminal": [terminal]}
    rule_set = rules.load({"town/rules.toml": RULES})
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
