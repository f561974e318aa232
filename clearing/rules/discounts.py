"""Discounts: what each kind of card pays of a fare, and what a transfer takes off."""

from collections.abc import Sequence
from typing import Final

import msgspec

from clearing.plan import FOREVER, Bearer, FareClass, Rounding, Transfer, TransferType
from clearing.rules import versions
from clearing.rules.document import Table
from clearing.rules.versions import Span
from schemas.codes import CardKind

ROUNDINGS: Final = {rounding.name.lower(): rounding for rounding in Rounding}
BEARERS: Final = {bearer.name.lower(): bearer for bearer in Bearer}
CARD_KINDS: Final = {
    "any_other": 0,
    **{kind.name.lower(): int(kind) for kind in CardKind if kind is not CardKind.UNSTATED},
}
TRANSFER_TYPES: Final = {
    kind.name.lower(): kind for kind in TransferType if kind is not TransferType.NONE
}

KEYS: Final = versions.KEYS | {
    "by_amount": "true: cards show their kind in the amount only; the first class that gives it",
    "classes": "what each kind of card pays, in order",
}
"""The keys of a discount scheme."""

CLASS_KEYS: Final = {
    "name": "the name of the class, as quotes and explanations show it",
    "card_kind": "which cards: " + ", ".join(CARD_KINDS),
    "pay_per_mille": "what is paid of each 1000 fen of fare, 0 (free) to 1000 (full fare)",
    "bands": "banded: parts of the fare with a per mille each",
    "rounding": "to whole fen, once per fare: " + ", ".join(ROUNDINGS),
    "bearer": "who bears what was taken off: " + ", ".join(BEARERS),
}
"""The keys of a class."""

BAND_KEYS: Final = {
    "to_fen": "upper end of the part of the fare; absent in the last band",
    "pay_per_mille": "what is paid of each 1000 fen in this part",
}
"""The keys of a band of a class."""

TRANSFER_KEYS: Final = versions.KEYS | {
    "type": "what a transfer does: " + ", ".join(TRANSFER_TYPES),
    "value_fen": "the amount off, or the fixed price",
    "window_s": "seconds after the first leg in which a transfer counts, the last one included",
    "count_max": "transfers in one window",
    "by_mark": "true: the device's mark is the only evidence (no card history); no window, no count",
    "bearer": "who bears what was taken off",
}
"""The keys of a transfer scheme."""


class Scheme(msgspec.Struct, frozen=True):
    """One version of a discount scheme."""

    span: Span
    by_amount: bool
    classes: tuple[FareClass, ...]


class TransferScheme(msgspec.Struct, frozen=True):
    """One version of a transfer scheme."""

    span: Span
    transfer: Transfer


def _bands(table: Table) -> tuple[tuple[int, int], ...]:
    if table.has("bands") == table.has("pay_per_mille"):
        raise table.error(
            None,
            "A class needs either pay_per_mille or bands.",
            "Give one of the two, not both.",
        )
    if not table.has("bands"):
        return ((FOREVER, table.integer("pay_per_mille", 0, 1000)),)
    bands: list[tuple[int, int]] = []
    rows = table.tables("bands")
    for row in rows:
        row.only(BAND_KEYS)
        lower = bands[-1][0] if bands else 0
        if row is not rows[-1]:
            upper = row.integer("to_fen", 1)
        elif row.has("to_fen"):
            raise row.error(
                "to_fen", "The last band is not open.", "Leave to_fen out of the last band."
            )
        else:
            upper = FOREVER
        if upper <= lower:
            raise row.error(
                "to_fen",
                f"The band to {upper} fen is never reached: the one above it ends at {lower}.",
                "Write bands in rising order of to_fen.",
            )
        bands.append((upper, row.integer("pay_per_mille", 0, 1000)))
    return tuple(bands)


def _classes(version: Table, by_amount: bool) -> tuple[FareClass, ...]:
    classes: list[FareClass] = []
    for table in version.tables("classes"):
        table.only(CLASS_KEYS)
        name = table.text("name")
        kind = (
            0 if by_amount and not table.has("card_kind") else table.word("card_kind", CARD_KINDS)
        )
        for other in classes:
            if other.name == name or (other.card_kind == kind and not by_amount):
                raise table.error(
                    "name" if other.name == name else "card_kind",
                    f"The classes {other.name!r} and {name!r} are for the same cards.",
                    "Keep one of them.",
                )
        classes.append(
            FareClass(
                name,
                kind,
                _bands(table),
                table.word("rounding", ROUNDINGS),
                table.word("bearer", BEARERS),
            )
        )
    return tuple(classes)


def read_schemes(tables: Sequence[Table]) -> tuple[Scheme, ...]:
    """The versions of ``[[discount.NAME]]``."""
    for table in tables:
        table.only(KEYS)
    schemes: list[Scheme] = []
    for table, span in zip(tables, versions.spans(tables), strict=True):
        by_amount = table.flag("by_amount")
        schemes.append(Scheme(span, by_amount, _classes(table, by_amount)))
    return tuple(schemes)


def _transfer(table: Table) -> Transfer:
    kind = table.word("type", TRANSFER_TYPES)
    if table.word("bearer", BEARERS) is not Bearer.OPERATOR:
        raise table.error(
            "bearer",
            "A transfer discount can only be borne by the operator so far.",
            'Write bearer = "operator".',
        )
    if not table.flag("by_mark"):
        return Transfer(
            kind,
            table.integer("value_fen"),
            table.integer("window_s", 1, 86_400),
            table.integer("count_max", 1, 255),
        )
    for key in ("window_s", "count_max"):
        if table.has(key):
            raise table.error(
                key,
                f"{key} cannot be checked where by_mark = true.",
                f"Leave out {key}, or by_mark if the cards have a history.",
            )
    return Transfer(kind, table.integer("value_fen"), by_mark=True)


def read_transfers(tables: Sequence[Table]) -> tuple[TransferScheme, ...]:
    """The versions of ``[[transfer.NAME]]``."""
    for table in tables:
        table.only(TRANSFER_KEYS)
    return tuple(
        TransferScheme(span, _transfer(table))
        for table, span in zip(tables, versions.spans(tables), strict=True)
    )
