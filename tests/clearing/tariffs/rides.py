"""Rides of the kernels' test city under a tariff that a test makes up: what they cost, who pays, who gets it.

Unless told otherwise a ride is the ordinary card's, by metro from station 101 to 103 on line 17 for 4 yuan,
from 08:00:00 to 08:30:15 on Monday, 5 January 2026.
"""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any, Final

import msgspec

from clearing import cards
from clearing.kernel import Judgement, Kernel
from clearing.plan import FOREVER, FareClass, Split, Tariff, Transfer, local_day, local_seconds
from schemas.codes import Check, TapKind
from tests.clearing.kernel_cases import METRO, METRO_TARIFF, PLAN, context, ints, line_of, tap

CHECKS: Final = Check.TARIFF | Check.JOURNEYS
FULL: Final = FareClass("full", 0, ((FOREVER, 1000),))

_NUMBERS: Final = count(1000)

NEW_YEAR: Final = {
    # Thursday to Saturday are the New Year's holidays, Sunday the 4th is worked for one of them.
    "calendar": bytes((2, 2, 2, 0)),
    "calendar_from": local_day(date(2026, 1, 1)),
}


def tariff(**changes: Any) -> Tariff:
    """The metro's tariff at full fare, without discount and transfer, with these changes."""
    usual: dict[str, Any] = {"classes": (FULL,), "transfer": Transfer()}
    return msgspec.structs.replace(METRO_TARIFF, **usual | changes)


def under(kernel: Kernel, *tariffs: Tariff, splits: tuple[Split, ...] = ()) -> Kernel:
    """The kernel, under a plan in which the metro has these tariffs, and these splits if any."""
    operator = msgspec.structs.replace(PLAN.operators[1], tariffs=tariffs)
    if splits:
        operator = msgspec.structs.replace(operator, splits=splits)
    kernel.configure(msgspec.structs.replace(PLAN, operators=(operator,)))
    return kernel


def digits(moment: str) -> str:
    """A moment as records have it; a time alone is one of 5 January 2026."""
    if not moment:
        return "0" * 14
    text = moment if "-" in moment else f"2026-01-05T{moment}"
    return "".join(sign for sign in text if sign.isdecimal()).ljust(14, "0")


def seconds(moment: str) -> int:
    """Local seconds of such a moment."""
    return local_seconds(datetime.strptime(digits(moment), "%Y%m%d%H%M%S"))  # noqa: DTZ007 - local


def ride(
    card: str = "ordinary", at: str = "08:30:15", entry: str = "08:00:00", **changes: Any
) -> bytes:
    """A ride's record."""
    usual: dict[str, Any] = {
        "kind": TapKind.METRO_TAP_OUT, "operator": METRO, "entry_station": 101, "station": 103,
        "gross_fen": 400, "amount_fen": 0, "algorithm": 255, "tapped_at": digits(at),
        "entry_at": digits(entry), "offline_counter": 0, "balance_before_fen": 0, "balance_after_fen": 0,
    }  # fmt: skip
    return tap(card, **usual | changes)


def judge(kernel: Kernel, *records: bytes, batch_seq: int = 1) -> Judgement:
    """What comes of rides, held to nothing but tariff and journeys."""
    return kernel.judge(b"".join(records), context(METRO, checks=CHECKS, batch_seq=batch_seq))


def fare(kernel: Kernel, *args: Any, **changes: Any) -> int:
    """What a ride should have cost. It has a number of its own, so that none is the ride before again."""
    changes.setdefault("terminal_number", next(_NUMBERS))
    (found,) = ints(judge(kernel, ride(*args, **changes)).priced_fen, "i")
    return found


def card(kernel: Kernel, **changes: Any) -> None:
    """Let the ordinary card's line be different from how the tests find it."""
    kernel.add_cards(cards.pack(line_of("ordinary", **changes)))
