"""A simulation written down: pages and pictures for people, CSV and JSON for their programs."""

from pathlib import Path

import msgspec

from clearing.comparison import FIGURES
from service.errors import ServiceError
from service.simulating.drawing import draw
from service.simulating.grouping import line_name
from service.simulating.page import page
from service.simulating.tables import shares
from service.simulating.words import LANGUAGES, card_words
from settlement.repricing.simulation import Simulation, View
from settlement.tables import Cell, csv_bytes, json_bytes

_KEYS = ("view", "operator", "name", "card_kind", "card", "line", "line_name", "rides", "changed")
_ACCOUNT_COLUMNS = (
    "account", "code", "forecast_before_fen", "forecast_after_fen", "reclear_before_fen",
    "reclear_after_fen",
)  # fmt: skip


def write_folder(found: Simulation, folder: Path) -> list[str]:
    """Write every file into a directory, which is made where it is missing; returns their names.

    Raises ``ServiceError`` where it cannot be written, or holds anything already.
    """
    files: dict[str, bytes | str] = {
        **{f"simulation.{language}.html": page(found, language) for language in LANGUAGES},
        **{f"picture.{language}.svg": draw(found, language) for language in LANGUAGES},
        "lines.csv": _lines_csv(found),
        "accounts.csv": _accounts_csv(found),
        "simulation.json": json_bytes(msgspec.to_builtins(found, str_keys=True)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ServiceError(
                f"The directory {folder} is not empty.", "Name one that is new or empty."
            )
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / name).write_bytes(data)
    except OSError as error:
        raise ServiceError(
            f"{folder} cannot be written: {error.strerror}.", "Name a place where you may write."
        ) from error
    return sorted(files)


def _lines_csv(found: Simulation) -> bytes:
    """Operator, card kind and line, in either view: the finest sums there are, fen."""
    columns = [f"{figure}_{side}" for figure in FIGURES for side in ("before", "after")]
    rows: list[list[Cell]] = []
    for name, view in (("reclear", found.kept), ("forecast", found.forecast)):
        rows += _view_rows(found, name, view)
    return csv_bytes(
        [*_KEYS, *columns],
        rows,
    )


def _view_rows(found: Simulation, name: str, view: View) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for row in view.lines:
        cards, line = card_words(row.card_kind), line_name(found, row.operator, row.line)
        figures = [getattr(side, figure) for figure in FIGURES for side in (row.before, row.after)]
        rows.append(
            [
                name,
                row.operator,
                found.operators.get(row.operator, ""),
                row.card_kind,
                f"{cards.en} {cards.zh}",
                row.line,
                line.zh,
                row.taps,
                row.changed,
                *figures,
            ]
        )
    return rows


def _accounts_csv(found: Simulation) -> bytes:
    """What falls to each account in either view, fen."""
    names = {row.account: row for row in found.account_names}
    return csv_bytes(
        _ACCOUNT_COLUMNS,
        [
            [account, names[account].code, *forecast, *kept]
            for account, forecast, kept in shares(found)
        ],
    )
