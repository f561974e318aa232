"""Transfers: what changing to another leg takes off it, from which modes and operators to which."""

from collections.abc import Sequence
from typing import Final

import msgspec

from clearing.plan import Rounding, Transfer, TransferType
from clearing.rules import versions
from clearing.rules.discounts import BEARERS, ROUNDINGS
from clearing.rules.document import NUMBER_MAX, Table
from clearing.rules.versions import Span
from schemas.codes import TapKind

TYPES: Final = {kind.name.lower(): kind for kind in TransferType if kind is not TransferType.NONE}
MODES: Final = {
    "bus": (TapKind.BUS_FLAT, TapKind.BUS_TAP_IN, TapKind.BUS_TAP_OUT),
    "metro": (TapKind.METRO_TAP_IN, TapKind.METRO_TAP_OUT, TapKind.METRO_SUPPLEMENT),
    "taxi": (TapKind.TAXI_TRIP,),
}
"""The modes, each with the kinds of taps that it has."""

KEYS: Final = versions.KEYS | {
    "type": "what a transfer does: " + ", ".join(TYPES),
    "value_fen": "the amount off, or the fixed price",
    "pay_per_mille": "with per_mille: what is paid of each 1000 fen of the leg",
    "window_s": "seconds after the first leg in which a transfer counts, the last one included",
    "count_max": "transfers in one window",
    "pairs": "from what to what is changed: a list of { from, to }; absent: from any to any",
    "by_mark": "true: the device's mark is the only evidence (no card history); no window, no count",
    "without_mark": "true: the card's history is enough, the device need not claim the transfer",
    "rounding": "with per_mille: to whole fen, once per leg",
    "bearer": "who bears what was taken off",
}
"""The keys of a transfer scheme."""

PAIR_KEYS: Final = {
    "from": "the leg before: a mode (" + ", ".join(MODES) + ") or an operator's number",
    "to": "the leg that costs less, likewise; absent: any",
}
"""The keys of a pair."""

Side = str | int
"""A mode, or an operator's number."""


class Pair(msgspec.Struct, frozen=True):
    """A change that counts; ``to`` "" = to anything."""

    origin: Side
    to: Side = ""


class TransferScheme(msgspec.Struct, frozen=True):
    """One version of a transfer scheme. ``pairs``: none = any."""

    span: Span
    transfer: Transfer
    pairs: tuple[Pair, ...]
    table: Table


def modes_of(kinds: int) -> frozenset[str]:
    """The modes that a tariff's kinds of taps belong to."""
    return frozenset(
        mode for mode, taps in MODES.items() if any(kinds >> int(tap) & 1 for tap in taps)
    )


def leads_to(pair: Pair, modes: frozenset[str]) -> bool:
    """Whether a pair can lead to a tariff of these modes; operators are not known yet."""
    return not pair.to or isinstance(pair.to, int) or pair.to in modes


def _side(row: Table, key: str) -> Side:
    if isinstance(row.value(key), str):
        row.word(key, MODES)
        return row.text(key)
    return row.integer(key, 1, NUMBER_MAX)


def _pairs(table: Table) -> tuple[Pair, ...]:
    pairs: list[Pair] = []
    for row in table.tables("pairs") if table.has("pairs") else []:
        row.only(PAIR_KEYS)
        pair = Pair(_side(row, "from"), _side(row, "to") if row.has("to") else "")
        if pair in pairs:
            raise row.error(
                "from", f"The pair from {pair.origin} is given twice.", "Keep one of the two."
            )
        pairs.append(pair)
    return tuple(pairs)


def _value(table: Table, kind: TransferType) -> int:
    """Fen, or per mille; what does not belong to the type is refused."""
    wanted = {
        TransferType.AMOUNT_OFF: "value_fen",
        TransferType.FIXED_PRICE: "value_fen",
        TransferType.PER_MILLE: "pay_per_mille",
    }.get(kind)
    for key in ("value_fen", "pay_per_mille"):
        if key != wanted and table.has(key):
            raise table.error(
                key,
                f"{key} means nothing where type is {kind.name.lower()}.",
                f"Write {wanted} instead." if wanted else f"Leave {key} out.",
            )
    if wanted is None:
        return 0
    return table.integer(wanted, 0, 1000) if wanted == "pay_per_mille" else table.integer(wanted)


def _transfer(table: Table) -> Transfer:
    kind = table.word("type", TYPES)
    value, bearer = _value(table, kind), table.word("bearer", BEARERS)
    rounding = Rounding.HALF_UP
    if kind is TransferType.PER_MILLE:
        rounding = table.word("rounding", ROUNDINGS)
    elif table.has("rounding"):
        raise table.error(
            "rounding", "There is nothing to round.", "Leave rounding out, or write type per_mille."
        )
    if not table.flag("by_mark"):
        return Transfer(
            kind,
            value,
            table.integer("window_s", 1, 86_400),
            table.integer("count_max", 1, 255),
            without_mark=table.flag("without_mark"),
            rounding=rounding,
            bearer=bearer,
        )
    for key in ("window_s", "count_max", "pairs", "without_mark"):
        if table.has(key):
            raise table.error(
                key,
                f"{key} cannot be checked where by_mark = true.",
                f"Leave out {key}, or by_mark if the cards have a history.",
            )
    return Transfer(kind, value, by_mark=True, rounding=rounding, bearer=bearer)


def read_transfers(tables: Sequence[Table]) -> tuple[TransferScheme, ...]:
    """The versions of ``[[transfer.NAME]]``."""
    for table in tables:
        table.only(KEYS)
    return tuple(
        TransferScheme(span, _transfer(table), _pairs(table), table)
        for table, span in zip(tables, versions.spans(tables), strict=True)
    )
