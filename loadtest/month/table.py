"""The faults of a month: those of the province's table that concern one city, and those that need days."""

from typing import Final

from loadtest.cards import Opening
from loadtest.faults.table import FAULTS, UNDELIVERED, Fault
from loadtest.month import cases, mixing
from loadtest.month.newcomer import newcomer_of
from loadtest.world import METRO, CityWorld
from schemas.codes import CardKind
from schemas.reasons import Reason

_REPLACED: Final = frozenset({"refund_held", "kind_not_supported"})
"""Faults of the province whose agents would have to write lines of a load log."""
_RICH: Final = Opening(card_kind=CardKind.ORDINARY, balance_fen=60_000)
SPLIT_MISSING, FEE_MISSING = "a split that is missing", "a fee that is missing"
_MISSING: Final = {SPLIT_MISSING: Reason.ACCOUNT_MISSING, FEE_MISSING: Reason.FEE_RULE_MISSING}
_PLAIN: Final = Opening(card_kind=CardKind.ORDINARY, balance_fen=10_000)

_OWN: Final = (
    Fault("mixed", 40, mixing.mixed, _RICH),
    Fault("late_lost_torn_doubled", 20, mixing.mixed_honest, _RICH),
    Fault("load_late", 4, cases.load_late, _PLAIN),
    Fault("load_lost", 2, cases.load_lost, _PLAIN),
    Fault("load_lost_unseen", 2, cases.load_lost_unseen, _PLAIN),
    Fault("load_beyond", 2, cases.load_beyond, _PLAIN),
    Fault("load_unlogged", 2, cases.load_unlogged, _PLAIN),
    Fault("load_repeated", 1, cases.load_repeated, _PLAIN),
    Fault("load_logged_late", 2, cases.load_logged_late, _PLAIN),
    Fault("load_otherwise_logged", 1, cases.load_otherwise_logged, _PLAIN),
    Fault("rise_forged", 2, cases.rise_forged, _PLAIN),
    Fault("rise_uncounted", 1, cases.rise_uncounted, _PLAIN),
    Fault("number_lost", 2, cases.number_lost, _PLAIN),
    Fault("number_repeated", 2, cases.number_repeated, _PLAIN),
    Fault("terminal_reset", 0, cases.terminal_reset, _PLAIN),
    Fault("journey_too_long_unnamed", 2, cases.journey_too_long_unnamed, _PLAIN, needs=METRO),
    Fault("exit_late", 2, cases.exit_late, _PLAIN, needs=METRO),
    Fault("leg_late", 3, cases.leg_late, _PLAIN, needs="transfer"),
    Fault("transfer_refuted", 3, cases.transfer_refuted, _PLAIN, needs="transfer"),
    Fault("account_missing", 3, cases.contract_incomplete, _PLAIN, needs=SPLIT_MISSING),
    Fault("fee_rule_missing", 3, cases.contract_incomplete, _PLAIN, needs=FEE_MISSING),
    Fault("double_deduction", 3, cases.double_deduction, _PLAIN),
    Fault("kind_not_supported", 1, cases.kind_not_supported, _PLAIN),
    Fault("refund", 3, cases.refund, _PLAIN),
    Fault("refund_ridden_after", 1, cases.refund_ridden_after, _PLAIN),
    Fault("denied_over_days", 2, cases.denied_over_days, _PLAIN, denied=UNDELIVERED),
)


def possible(fault: Fault, world: CityWorld, number: int) -> bool:
    """Whether a fault of a month can occur on a date, counted from the first one."""
    if fault.needs in _MISSING:
        return _MISSING[fault.needs] in newcomer_of(world).missing(number)
    return fault.possible(world, number)


MONTH: Final = tuple(fault for fault in FAULTS if fault.name not in _REPLACED) + _OWN
"""Every fault of a month."""

_HONEST: Final = frozenset(
    {
        "duplicate_in_batch", "duplicate", "duplicate_across_days", "counter_late", "chain_gap",
        "balance_rise", "presented_late", "presented_old", "declared_late", "degraded_mode",
        "terminal_line_differs", "entry_from_the_card", "metro_supplement", "visitor_top_up",
        "late_lost_torn_doubled", "load_late", "load_lost", "load_lost_unseen", "load_beyond",
        "load_logged_late", "number_lost", "exit_late", "leg_late", "double_deduction", "refund",
    }
)  # fmt: skip
HONEST: Final = tuple(fault for fault in MONTH if fault.name in _HONEST)
"""What happens in a month without fraud: late, lost and doubled data, torn taps, weak devices."""
