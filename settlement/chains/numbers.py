"""The audit of terminals: one pass over the date's taps finds those whose numbers need a closer look."""

from collections.abc import Mapping, Sequence

from clearing import terminals
from clearing.terminals import TerminalLine
from schemas.items import ItemKind, ItemOutcome
from settlement.chains.standing import Books, Known, Writer, known_of
from settlement.chains.terminals import Numbered, follow, low_sum
from settlement.items import Night
from settlement.store import Connection, DayRow, chains

_TAIL_LINES = 64
"""Terminal lines that are looked for at the end of each page at first."""


async def audit_terminals(connection: Connection, day: DayRow, books: Books, lines: bytes) -> Night:
    """Gaps and repeats in terminals' numbers. ``lines``: the date's closing lines."""
    closing = {line.terminal_id: line for line in _terminal_lines(lines)}
    opening = {
        line.terminal_id: line for line in await _opening_lines(connection, day, len(closing))
    }
    gaps: dict[bytes, dict[str, Known]] = {}
    for told in await chains.read_told(
        connection, day.business_date, [ItemKind.TERMINAL_GAP], open_only=True
    ):
        terminal_id = told.standing.item.terminal_id
        assert terminal_id is not None
        gaps.setdefault(terminal_id, {})[told.standing.item.item_id] = known_of(told)
    looked_at = {
        each.terminal_id
        for each in await chains.read_terminal_days(connection, day.business_date)
        if each.terminal_id in gaps
        or not _is_plain(each, opening.get(each.terminal_id), closing.get(each.terminal_id))
    }
    numbers: dict[bytes, list[Numbered]] = {terminal_id: [] for terminal_id in gaps}
    for row in await chains.read_numbers(connection, day.business_date, sorted(looked_at)):
        numbers.setdefault(row[0], []).append(
            Numbered(
                number=int.from_bytes(row[1], "big"),
                tapped_at=row[2],
                batch_seq=row[3],
                row_no=row[4],
                operator_no=row[5],
                flags=row[6],
            )
        )
    lost = await _lost_gaps(connection, day, numbers, opening)
    writer = Writer(books)
    for terminal_id, taps in sorted(numbers.items()):
        follow(
            writer,
            terminal_id,
            opening.get(terminal_id),
            taps,
            gaps.get(terminal_id, {}),
            lost.get(terminal_id, []),
        )
    return writer.night


async def _lost_gaps(
    connection: Connection,
    day: DayRow,
    numbers: Mapping[bytes, Sequence[Numbered]],
    opening: Mapping[bytes, TerminalLine],
) -> dict[bytes, list[Known]]:
    """The gaps that are not looked for any more, lost or dismissed by people, of those terminals that gave numbers below their highest."""
    asked = [
        terminal_id
        for terminal_id, taps in numbers.items()
        if terminal_id in opening
        and any(tap.number <= opening[terminal_id].number_highest for tap in taps)
    ]
    lost: dict[bytes, list[Known]] = {}
    if asked:
        for told in await chains.read_told(
            connection, day.business_date, [ItemKind.TERMINAL_GAP], terminals=asked
        ):
            if told.standing.outcome in (ItemOutcome.LOST, ItemOutcome.DISMISSED):
                terminal_id = told.standing.item.terminal_id
                assert terminal_id is not None
                lost.setdefault(terminal_id, []).append(known_of(told))
    return lost


def _is_plain(
    seen: chains.TerminalDay, before: TerminalLine | None, after: TerminalLine | None
) -> bool:
    """Whether a terminal's taps of the date are the numbers that follow on those before, each once.

    As many as there are numbers, with their sum: a tap too many and one too few would have to agree in
    the low 16 bits.
    """
    if before is None or after is None or seen.reused:
        return False
    first, last = before.number_highest + 1, after.number_highest
    return seen.taps == last - first + 1 and seen.low_sum == low_sum(first, last)


async def _opening_lines(connection: Connection, day: DayRow, expected: int) -> list[TerminalLine]:
    """The lines of terminals as the date found them: they lie behind all cards' in each page."""
    count = max(_TAIL_LINES, expected // 64)
    while True:
        tails = await chains.read_page_tails(connection, day.business_date, count * terminals.SIZE)
        found = [list(_terminal_lines(tail)) for tail in tails]
        if all(len(each) < count for each in found):
            return [line for each in found for line in each]
        count *= 2


def _terminal_lines(lines: bytes) -> list[TerminalLine]:
    """The terminal lines at the end of lines."""
    at = len(lines)
    while at and terminals.is_terminal(lines[at - terminals.SIZE : at]):
        at -= terminals.SIZE
    return [
        terminals.unpack(lines[place : place + terminals.SIZE])
        for place in range(at, len(lines), terminals.SIZE)
    ]
