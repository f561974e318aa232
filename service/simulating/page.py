"""A simulation as a page that opens in any browser: one file a language, the picture inside."""

from collections.abc import Sequence
from html import escape
from typing import Final

from service.simulating.drawing import draw
from service.simulating.tables import tables
from service.simulating.words import word
from service.text import Said
from settlement.repricing.simulation import Simulation

_CODES: Final = {"zh": "zh-CN", "en": "en"}
_STYLE: Final = """\
body { font-family: 'Noto Sans CJK SC', 'Source Han Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif;
       color: #1f2933; margin: 2rem auto; max-width: 1240px; padding: 0 1rem; }
table { border-collapse: collapse; font-size: 0.85rem; margin-bottom: 1.5rem; }
th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid #d9dee3; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.all td { font-weight: bold; }
svg { max-width: 100%; height: auto; }"""


def page(found: Simulation, language: str) -> str:
    """The page in a language, ``zh`` or ``en``."""
    title = f"{found.name} · {word('title', language)} · {found.first} – {found.last}"
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="{_CODES[language]}">',
        f'<head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>\n{_STYLE}\n</style></head>",
        f"<body>\n<h1>{escape(title)}</h1>",
        *(
            f"<p>{escape(word(name, language))}</p>"
            for name in ("forecast", "reclear", "untouched")
        ),
        draw(found, language),
    ]
    for heading, first, columns, rows in tables(found):
        parts.append(f"<h2>{escape(word(heading, language))}</h2>")
        parts.append(_table([word(name, language) for name in (first, *columns)], rows, language))
    return "\n".join([*parts, "</body>\n</html>", ""])


def _table(names: Sequence[str], rows: Sequence[tuple[Said, Sequence[str]]], language: str) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    lines = [f"<table>\n<tr>{head}</tr>"]
    for name, cells in rows:
        said: str = getattr(name, language)
        row = "".join(f"<td>{escape(cell)}</td>" for cell in (said, *cells))
        mark = ' class="all"' if said == word("all", language) else ""
        lines.append(f"<tr{mark}>{row}</tr>")
    return "\n".join([*lines, "</table>"])
