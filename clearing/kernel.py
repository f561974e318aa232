"""The kernel's door: what ``_fastpath`` (Cython) and ``_reference`` (plain Python) both are.

A kernel holds card state and the identities of taps on business dates that are not sealed yet. It
judges whole batches, can undo what it judged, newest first, and depends on nothing but the plan,
the context and the batches given, in order.
"""

import os
from typing import Final, Protocol

import msgspec

from clearing.errors import ClearingError
from clearing.plan import Plan
from schemas.codes import Check, Source

FOREIGN_CARD: Final = 255
"""What ``Kernel.card_kinds`` says of a card of another city's issuer."""


class BatchContext(msgspec.Struct, frozen=True):
    """Under what a batch is judged.

    ``business_day`` counts days since 2000-01-01; ``judged_at_s`` is the node's clock in local
    seconds; ``operator`` is the batch's (0 for a presentment); ``checks`` are those that the source
    supports and the contract demands; ``salt_key`` (32 bytes) seeds the leaf salts;
    ``known`` maps identities (37 bytes) found in sealed partitions to (batch_seq, row, first four
    bytes of the SHA-256 of the record, business day, acquirer). ``acquirer`` says who took the taps:
    0 an operator of ours, else the area code of the city that presents them (7910). Days and
    acquirers are below 2^16. ``supposed``: devices are taken to have charged what the tariff asks for, so
    that an accepted ride pays its price instead of the signed amount; a forecast judges so, nothing else.
    """

    batch_seq: int
    business_day: int
    judged_at_s: int
    source: Source
    operator: int
    checks: Check
    salt_key: bytes
    known: dict[bytes, tuple[int, int, bytes, int, int]] = {}
    acquirer: int = 0
    supposed: bool = False


class Evidence(msgspec.Struct, frozen=True, order=True):
    """Why a reason applies to a row: the reason's field, expected against actual, as integers."""

    row: int
    reason: int
    expected: int
    actual: int


class Movement(msgspec.Struct, frozen=True, order=True):
    """Money that moved in a batch from one account to another for one purpose."""

    debit: int
    credit: int
    purpose: int
    count: int
    amount_fen: int


class Judgement(msgspec.Struct, frozen=True):
    """What became of a batch. Columns are packed little-endian, one value per row.

    ``reasons`` uint8, ``flags`` uint64, ``priced_fen`` / ``credited_fen`` / ``subsidy_fen`` int32,
    ``issuer_numbers`` uint16, ``shares`` SHARES_MAX × (uint32 account, int32 fen) per row.
    ``copy_rows`` are PostgreSQL binary COPY tuples for ``clearing.tap`` without header and trailer;
    ``leaves`` are 32 bytes per row, ``root`` the root over them (``schemas.proof``). ``movements`` and ``evidence`` are sorted.
    ``reason_counts`` counts reasons and flags by number; index 0 counts clean taps.
    """

    count: int
    verdict_counts: tuple[int, int, int]
    reason_counts: tuple[int, ...]
    gross_fen: int
    charged_fen: int
    accepted_fen: int
    reasons: bytes
    flags: bytes
    priced_fen: bytes
    credited_fen: bytes
    subsidy_fen: bytes
    issuer_numbers: bytes
    shares: bytes
    evidence: tuple[Evidence, ...]
    movements: tuple[Movement, ...]
    copy_rows: bytes
    leaves: bytes
    root: bytes


class Kernel(Protocol):
    """A kernel. Not thread-safe: one writer drives it."""

    name: str

    def configure(self, plan: Plan) -> None:
        """Take a plan; card state and identities stay as they are."""

    def add_cards(self, lines: bytes) -> None:
        """Put whole 64-byte lines of cards and terminals in, replacing those of the same one."""

    def judge(self, records: bytes, context: BatchContext) -> Judgement:
        """Judge whole records in order and move the state. Batches are journalled for ``undo``."""

    def undo(self, batch_seq: int) -> None:
        """Take back this batch and every one judged after it; state is as it was before it."""

    def keep(self, batch_seq: int) -> None:
        """Drop the journal up to and including this batch: it is committed."""

    def forget(self, business_day: int) -> None:
        """Drop the identities of taps booked on or before this day: they are sealed, indexed."""

    def add_identities(self, rows: list[tuple[bytes, int, int, bytes, int, int]]) -> None:
        """Put in (identity, batch_seq, row, record digest head, business_day, acquirer)."""

    def dump_state(self) -> bytes:
        """``card_lines``; then identities sorted, 40 bytes each: fingerprint 16, batch_seq 8, row 4,
        head 4, business day 4, acquirer 4, big-endian."""

    def card_lines(self) -> bytes:
        """All lines, 64 bytes each, sorted by ``cards.key_of``: those of cards (``clearing.cards``),
        then those of terminals (``clearing.terminals``), whose family is no card's. This is all that
        a later date needs to know of this one beside identities."""

    def card_line(self, card: bytes) -> bytes | None:
        """The line of a card (19 bytes: family, issuer, serial), if it is known here; of a terminal
        by its name as ``terminals.name_of`` gives it."""

    def card_kinds(self, records: bytes) -> bytes:
        """The kind of each record's card as its line says, a byte each: 0 for a card that has no line,
        ``FOREIGN_CARD`` for another city's."""


def choose(name: str | None = None) -> Kernel:
    """The kernel by name, or by ``CLEARING_KERNEL``; ``fastpath`` when neither says otherwise.

    There is no silent fallback: with money a missing fast path stops the service. ``CLEARING_TAC``
    names the way in which the fast path makes TACs, where it shall not be the processor's best.
    """
    chosen = name or os.environ.get("CLEARING_KERNEL", "fastpath")
    if chosen == "reference":
        from clearing._reference import ReferenceKernel

        return ReferenceKernel()
    if chosen == "fastpath":
        try:
            from clearing._fastpath import FastKernel
        except ImportError as error:
            raise ClearingError(
                "The compiled hot path clearing._fastpath is not there.",
                "Run `make setup`, or set CLEARING_KERNEL=reference to go on slowly.",
            ) from error
        try:
            return FastKernel(os.environ.get("CLEARING_TAC", ""))
        except ValueError as error:
            raise ClearingError(
                str(error), "Set CLEARING_TAC to one of these, or leave it unset for the quickest."
            ) from error
    raise ClearingError(
        f"There is no kernel named {chosen!r}.", "Set CLEARING_KERNEL to fastpath or reference."
    )


COPY_COLUMNS: Final = (
    "business_date",
    "batch_seq",
    "row_no",
    "verdict",
    "reason",
    "flags",
    "kind",
    "operator_no",
    "issuer_no",
    "tapped_at",
    "amount_fen",
    "gross_fen",
    "priced_fen",
    "credited_fen",
    "subsidy_fen",
    "debit_proven",
    "identity",
    "rest",
)
