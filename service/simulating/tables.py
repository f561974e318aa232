"""A simulation as tables: rows of text that the terminal, the page and CSV share."""

from collections.abc import Sequence

from service.simulating.grouping import Group, dates, groups, operator_name, told, whole
from service.simulating.words import LANGUAGES, WORDS, both, word
from service.text import LEFT_OUT, Said, yuan
from settlement.repricing.simulation import Simulation
from settlement.tables import text_table

COLUMNS = (
    "rides", "changed", "charged", "fare_before", "fare_after", "fare_change", "subsidy_before",
    "subsidy_after", "subsidy_change", "credited_change", "reclear_subsidy_change",
)  # fmt: skip
SHOWN_MAX = 40
"""So many operators, card kinds or lines has a table at a terminal; the pages have all that change."""

ACCOUNT_COLUMNS = ("share_before", "share_after", "share_change", "reclear_share_change")

LEFT_OUT_COLUMNS = ("operator", "left_taps", "left_credited")

Table = tuple[str, str, Sequence[str], list[tuple[Said, Sequence[str]]]]
"""(heading, first column, other columns, rows): words by name, rows with their names said."""


def signed(fen: int) -> str:
    """A change in yuan with its sign; none is ``0``."""
    return "0" if fen == 0 else f"{'+' if fen > 0 else ''}{yuan(fen)}"


def tables(found: Simulation, *, shown_max: int | None = None) -> list[Table]:
    """Every table, in order; ``shown_max`` lets only so many lines stand for themselves."""
    every = [_row(whole(found))]
    made: list[Table] = [
        (f"by_{by}", by, COLUMNS, [*map(_row, told(groups(found, by), shown_max)), *every])
        for by in ("operator", "card_kind", "line")
    ]
    made.append(("by_account", "account", ACCOUNT_COLUMNS, _account_rows(found)))
    if found.kept.left_out:
        made.append(("left_out", "why", LEFT_OUT_COLUMNS, _left_out_rows(found)))
    made.append(("by_date", "date", COLUMNS, [*map(_row, dates(found)), *every]))
    return made


def _row(group: Group) -> tuple[Said, Sequence[str]]:
    before, after = group.forecast
    return group.name, (
        f"{group.rides:,}",
        f"{group.changed:,}",
        yuan(group.kept[0].charged_fen),
        yuan(before.expected_fen),
        yuan(after.expected_fen),
        signed(group.fare_change),
        yuan(before.subsidy_fen),
        yuan(after.subsidy_fen),
        signed(group.subsidy_change),
        signed(group.credited_change),
        signed(group.reclear_subsidy_change),
    )


def shares(found: Simulation) -> list[tuple[int, tuple[int, int], tuple[int, int]]]:
    """(account, forecast before and after, kept before and after), fen, by account."""
    sums: dict[int, list[int]] = {}
    for at, view in enumerate((found.forecast, found.kept)):
        for row in view.accounts:
            fens = sums.setdefault(row.account, [0, 0, 0, 0])
            fens[2 * at] += row.before_fen
            fens[2 * at + 1] += row.after_fen
    return [
        (account, (fens[0], fens[1]), (fens[2], fens[3])) for account, fens in sorted(sums.items())
    ]


def _account_rows(found: Simulation) -> list[tuple[Said, Sequence[str]]]:
    names = {row.account: row for row in found.account_names}
    rows: list[tuple[Said, Sequence[str]]] = []
    for account, (before, after), (kept_before, kept_after) in shares(found):
        name = names[account]
        to_open = WORDS["new_account"]
        said = Said(
            *(
                name.code if name.opened else f"{name.code} ({one})"
                for one in (to_open.zh, to_open.en)
            )
        )
        cells = (
            yuan(before),
            yuan(after),
            signed(after - before),
            signed(kept_after - kept_before),
        )
        rows.append((said, cells))
    return rows


def _left_out_rows(found: Simulation) -> list[tuple[Said, Sequence[str]]]:
    """What a re-clearing leaves as it is, though the rules would credit it otherwise."""
    return [
        (
            LEFT_OUT[row.why],
            (
                operator_name(found, row.operator).en,
                f"{row.taps:,}",
                signed(row.credited_fen),
            ),
        )
        for row in found.kept.left_out
    ]


def to_text(found: Simulation) -> str:
    """The simulation for a person at a terminal, in both languages."""
    title = WORDS["title"]
    parts = [f"{found.name} ({found.node})  {found.first} – {found.last}  {title.en} {title.zh}"]
    for name in ("forecast", "reclear", "untouched"):
        parts += [word(name, language) for language in reversed(LANGUAGES)]
    for heading, first, columns, rows in tables(found, shown_max=SHOWN_MAX):
        parts.append(f"\n{both(heading)}")
        names = [both(first), *(both(column) for column in columns)]
        parts.append(_aligned(names, rows))
    return "\n".join(parts)


def _aligned(names: list[str], rows: list[tuple[Said, Sequence[str]]]) -> str:
    cells = [[_said(name), *values] for name, values in rows]
    return text_table(names, cells, numbers=range(1, len(names)))


def _said(name: Said) -> str:
    """A name in both languages; a number that both begin with stands once."""
    first, _, chinese = name.zh.partition(" ")
    if name.en == name.zh:
        return name.en
    return f"{name.en} {chinese if name.en.startswith(f'{first} ') else name.zh}"
