"""A terminal's numbers: whether one was given before, and how a tap that holds its identity moves them."""

from clearing._reference.row import Row
from clearing.limits import TERMINAL_WINDOW
from clearing.plan import Terminal
from clearing.terminals import TerminalLine
from schemas.reasons import Reason

_ALL = (1 << TERMINAL_WINDOW) - 1
_REPEATS_MAX = 0xFFFF_FFFF


def check_terminal(row: Row, terminal: Terminal | None, operator: int) -> bool:
    """What the registry says of the tap's terminal; whether it is the operator's, so that numbers count."""
    tap = row.tap
    if terminal is None or not terminal.since_s <= row.seconds < terminal.until_s:
        row.say(Reason.TERMINAL_UNKNOWN, 0, 0)
        return False
    if terminal.operator != operator:
        row.say(Reason.TERMINAL_OF_OTHER_OPERATOR, terminal.operator, operator)
    if terminal.line and terminal.line != tap.line:
        row.say(Reason.TERMINAL_LINE_DIFFERS, terminal.line, tap.line)
    if terminal.device and terminal.device != tap.device:
        # Evidence is signed, and the record's eight bytes are not.
        actual = tap.device if tap.device < 2**63 else tap.device - 2**64
        row.say(Reason.TERMINAL_DEVICE_DIFFERS, terminal.device, actual)
    return terminal.operator == operator


def check_number(row: Row, line: TerminalLine) -> None:
    """Whether another tap has this number; the same tap would not have come this far."""
    row.terminal_line = line
    if used(line, row.tap.terminal_number):
        row.say(Reason.TERMINAL_NUMBER_REUSED, line.number_highest, row.tap.terminal_number)


def used(line: TerminalLine, number: int) -> bool:
    """Whether a number was used, as far as the window goes."""
    behind = line.number_highest - number
    return 0 <= behind < TERMINAL_WINDOW and bool(line.window >> behind & 1)


def move(line: TerminalLine, number: int, seconds: int) -> None:
    """A tap of this terminal holds its identity."""
    line.number_first = line.number_first or number
    ahead = number - line.number_highest
    if used(line, number):
        line.repeats = min(line.repeats + 1, _REPEATS_MAX)
    elif ahead > 0:
        # Shifted by no more than the window has, or the number would have as many bits as it is large.
        line.window = (line.window << min(ahead, TERMINAL_WINDOW) | 1) & _ALL
        line.number_highest = number
    elif -ahead < TERMINAL_WINDOW:
        line.window |= 1 << -ahead
    line.last_tap_s = max(line.last_tap_s, seconds)
