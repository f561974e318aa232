"""A simulation as a picture: what changes by operator, card kind and line, as bars left and right of zero.

Plain SVG, written here: no library, no script, the same bytes each time.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from service.simulating.grouping import Group, groups, told
from service.simulating.tables import signed
from service.simulating.words import word
from settlement.repricing.simulation import Simulation

WIDTH: Final = 960
SHOWN_MAX: Final = 10
"""So many groups that change get bars of their own; those that change less share theirs."""

_MARGIN, _NAMES, _VALUES = 24, 230, 104
_BAR, _ROW, _HEAD = 10, 46, 40
_LEFT: Final = _MARGIN + _NAMES + _VALUES
_RIGHT: Final = WIDTH - _MARGIN - _VALUES
_COLOURS: Final = ("#1f6fb2", "#d9822b", "#6b7280")
_SERIES: Final = ("series_fare", "series_subsidy", "series_credited")
_FONT: Final = "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',sans-serif"


def draw(found: Simulation, language: str) -> str:
    """The picture in a language, ``zh`` or ``en``."""
    parts: list[str] = []
    y = _title(parts, found, language)
    for by in ("operator", "card_kind", "line"):
        y = _panel(parts, y, f"by_{by}", told(groups(found, by), SHOWN_MAX), language)
    height = y + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="{_FONT}" font-size="13" fill="#1f2933">'
    )
    paper = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, paper, *parts, "</svg>", ""])


def _title(parts: list[str], found: Simulation, language: str) -> int:
    """Title and legend; returns where the next thing goes."""
    title = f"{found.name} · {word('title', language)} · {found.first} – {found.last}"
    parts.append(_text(_MARGIN, 36, title, size=18, bold=True))
    x = _MARGIN
    for name, colour in zip(_SERIES, _COLOURS, strict=True):
        parts.append(f'<rect x="{x}" y="54" width="14" height="10" fill="{colour}"/>')
        parts.append(_text(x + 20, 64, word(name, language)))
        x += 190
    parts.append(_text(WIDTH - _MARGIN, 64, word("axis", language), anchor="end"))
    return 80


def _panel(
    parts: list[str],
    top: int,
    heading: str,
    rows: Sequence[Group],
    language: str,
) -> int:
    """A heading and a row of bars for each group; returns where the next panel goes."""
    parts.append(_text(_MARGIN, top + 26, word(heading, language), size=15, bold=True))
    fens = [fen for row in rows for fen in row.changes]
    lowest, highest = min([0, *fens]), max([0, *fens])
    if lowest == highest:
        parts.append(_text(_LEFT, top + 26, word("nothing", language)))
        return top + _HEAD
    # Whole pixels, so that no float's last digit shows.
    zero = _LEFT + (_RIGHT - _LEFT) * -lowest // (highest - lowest)
    y = top + _HEAD
    for row in rows:
        parts.append(_text(_MARGIN, y + 24, _cut(getattr(row.name, language))))
        for at, fen in enumerate(row.changes):
            length = (_RIGHT - _LEFT) * abs(fen) // (highest - lowest)
            parts += _bar(zero, length, y + 4 + at * (_BAR + 3), fen, _COLOURS[at])
        y += _ROW
    axis = f'<line x1="{zero}" y1="{top + _HEAD}" x2="{zero}" y2="{y}" stroke="#1f2933"/>'
    parts.append(axis)
    return y + 8


def _bar(zero: int, length: int, y: int, fen: int, colour: str) -> list[str]:
    start = zero - length if fen < 0 else zero
    end = start - 6 if fen < 0 else zero + length + 6
    anchor = "end" if fen < 0 else "start"
    return [
        f'<rect x="{start}" y="{y}" width="{length}" height="{_BAR}" fill="{colour}"/>',
        _text(end, y + _BAR - 1, signed(fen), size=11, anchor=anchor),
    ]


def _cut(name: str) -> str:
    """A name that fits before the bars; Chinese characters are twice as wide."""
    room, kept = 32, ""
    for letter in name:
        room -= 1 if letter.isascii() else 2
        if room < 0:
            return f"{kept}…"
        kept += letter
    return kept


def _text(
    x: int, y: int, text: str, *, size: int = 13, bold: bool = False, anchor: str = "start"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
