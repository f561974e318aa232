"""Entries and exits: where and when a journey began, and what is to be said of it."""

from clearing import cards
from clearing._reference.row import Row, seconds_of
from schemas.codes import TapKind
from schemas.reasons import Reason

TAPS_IN = frozenset({TapKind.BUS_TAP_IN, TapKind.METRO_TAP_IN})
TAPS_OUT = frozenset({TapKind.BUS_TAP_OUT, TapKind.METRO_TAP_OUT})


def check(row: Row, limit_s: int) -> None:
    """Entries without exit, exits without entry, and journeys that took longer than ``limit_s``."""
    tap, line = row.tap, row.line
    open_at_s = _open_entry(row, limit_s)
    if tap.kind in TAPS_IN:
        if open_at_s is not None and row.seconds >= open_at_s:
            row.say(Reason.ENTRY_WITHOUT_EXIT, open_at_s, row.seconds)
    elif tap.kind in TAPS_OUT:
        began_s = _stated_entry(row)
        if began_s is None and line is not None and line.flags & cards.JOURNEY_OPEN:
            began_s = line.entry_at_s
        if began_s is not None and row.seconds - began_s > limit_s:
            row.say(Reason.JOURNEY_TOO_LONG, began_s + limit_s, row.seconds)
        if not tap.entry_station and open_at_s is None:
            row.say(Reason.TAP_OUT_WITHOUT_TAP_IN, 0, tap.station)


def entry_station(row: Row, limit_s: int) -> int:
    """The station where the journey began; 0 where nobody knows."""
    tap, line = row.tap, row.line
    if tap.kind not in TAPS_OUT:
        return 0
    if tap.entry_station or line is None or _open_entry(row, limit_s) is None:
        return tap.entry_station
    return line.entry_station


def entry_at_s(row: Row, limit_s: int) -> int | None:
    """When the journey began, local seconds; None where nobody knows, or the tap ends none."""
    if row.tap.kind not in TAPS_OUT:
        return None
    stated_s = _stated_entry(row)
    return _open_entry(row, limit_s) if stated_s is None else stated_s


def _stated_entry(row: Row) -> int | None:
    """When the journey began by the record; None where it states nothing."""
    return seconds_of(row.tap.entry_at) if int(row.tap.entry_at, 16) else None


def _open_entry(row: Row, limit_s: int) -> int | None:
    """When the card entered, if its journey is open and not longer ago than a journey may take. An
    entry later than the tap is still the best that is known."""
    line = row.line
    if line is None or not line.flags & cards.JOURNEY_OPEN:
        return None
    return line.entry_at_s if row.seconds - line.entry_at_s <= limit_s else None
