"""What a stored record alone says of a ride: its stations and its times.

The kernels may know more, from the card's line, when they judge; whoever looks at a tap later has its record
and what was found. Shares depend on the record alone, so they are found again to the fen.
"""

import struct
from datetime import datetime
from typing import Final

from clearing.plan import Split, local_seconds
from clearing.pricing import Ride, split_at, split_fen
from schemas import record
from schemas.codes import Mode, TapKind

TAPS_OUT: Final = frozenset({TapKind.BUS_TAP_OUT, TapKind.METRO_TAP_OUT})
_STATIONS: Final = tuple(record.OFFSET[name] for name in ("kind", "entry_station", "station"))


def stations_of(data: bytes) -> tuple[int, int]:
    """(station of entry, station) of a record's first bytes; 0 where it is not stated, or the tap ends no
    journey."""
    kind_at, entry_at, station_at = _STATIONS
    (entry,) = struct.unpack_from(">I", data, entry_at)
    (station,) = struct.unpack_from(">I", data, station_at)
    return (entry if data[kind_at] in TAPS_OUT else 0), station


def ride_of(data: bytes) -> Ride:
    """The ride of a well-formed record."""
    tap = record.unpack(data.ljust(record.SIZE, b"\0"))
    ends = tap.kind in TAPS_OUT
    return Ride(
        kind=tap.kind,
        line=tap.line,
        entry_station=tap.entry_station if ends else 0,
        station=tap.station,
        gross_fen=tap.gross_fen,
        distance_m=tap.distance_m,
        duration_s=tap.duration_s,
        at_s=_seconds(tap.tapped_at),
        entry_at_s=_seconds(tap.entry_at) if ends and int(tap.entry_at, 16) else None,
        entry_line=tap.entry_line if ends else 0,
        degraded=tap.mode == Mode.DEGRADED,
    )


def _seconds(text: str) -> int:
    # Many rides are read at once, and strptime takes longer than all the rest.
    return local_seconds(datetime.fromisoformat(f"{text[:8]}T{text[8:]}"))


def shares_fen(
    splits: tuple[Split, ...], at_s: int, stations: tuple[int, int], fen: int
) -> list[tuple[int, int]]:
    """Over which accounts an amount goes: (account number, fen), which sum to it; none without a split."""
    shares = split_at(splits, at_s, *stations)
    if not shares:
        return []
    parts = split_fen(fen, tuple(weight for _, weight in shares))
    return [(account, part) for (account, _), part in zip(shares, parts, strict=True)]
