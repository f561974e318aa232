"""The terminal line: what the node knows of one terminal's numbers, in 64 bytes, little-endian.

Terminal lines lie among the card lines (``clearing.cards``): same table, same pages, same undo. Their
family is none of a card's, their issuer number is 0, their serial is the terminal id and four zeros.
Every tap that holds its identity moves the line of its terminal, if that is registered at the time of
the tap as its operator's and the record has a terminal number.
"""

import struct
from typing import Final

import msgspec

from clearing.limits import TERMINAL_WINDOW

SIZE: Final = 64
FAMILY: Final = 255
LAYOUT: Final = struct.Struct("<B3x6s6xII32sII")
assert LAYOUT.size == SIZE
assert TERMINAL_WINDOW == 8 * 32

_ID_SIZE: Final = 6


class TerminalLine(msgspec.Struct, kw_only=True):
    """One terminal line. ``window`` bit *i*: number ``number_highest`` − *i* was used.

    ``last_tap_s`` is the time of its latest tap, local seconds; ``repeats`` counts numbers that it
    gave again, to another tap, and stops at its 32 bits. A number further below the highest than the
    window reaches says nothing. ``number_first`` is the number of the first tap that
    arrived; 0 in a line from before there was this field.
    """

    terminal_id: bytes
    number_highest: int = 0
    last_tap_s: int = 0
    window: int = 0
    repeats: int = 0
    number_first: int = 0


def pack(line: TerminalLine) -> bytes:
    """The 64 bytes of a line."""
    window = line.window.to_bytes(TERMINAL_WINDOW // 8, "little")
    return LAYOUT.pack(
        FAMILY,
        line.terminal_id,
        line.number_highest,
        line.last_tap_s,
        window,
        line.repeats,
        line.number_first,
    )


def unpack(data: bytes) -> TerminalLine:
    """The line of 64 bytes."""
    _, terminal_id, highest, last_tap_s, window, repeats, first = LAYOUT.unpack(data)
    return TerminalLine(
        terminal_id=terminal_id,
        number_highest=highest,
        last_tap_s=last_tap_s,
        window=int.from_bytes(window, "little"),
        repeats=repeats,
        number_first=first,
    )


def is_terminal(line: bytes) -> bool:
    """Whether a packed line is a terminal's, and not a card's."""
    return line[0] == FAMILY


def name_of(terminal_id: bytes) -> bytes:
    """How ``Kernel.card_line`` calls the terminal of this id (6 bytes): 19 bytes, as a card's."""
    if len(terminal_id) != _ID_SIZE:
        raise ValueError(f"a terminal id has {_ID_SIZE} bytes")
    return bytes([FAMILY]) + bytes(8) + terminal_id + bytes(4)
