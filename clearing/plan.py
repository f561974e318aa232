"""The plan: everything that a kernel needs to judge a batch, as plain immutable data.

Registries and rules are compiled to a ``Plan``; both kernels read the same one. Times are *local
seconds*: seconds since 2000-01-01 00:00:00 Asia/Shanghai, which has no summer time. ``FOREVER``
ends an interval that has no end; intervals are [since, until).
"""

from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import Final

import msgspec

from clearing.fares import (
    FOREVER,
    Accumulation,
    Basis,
    Bearer,
    DayKind,
    Degraded,
    FareClass,
    Hours,
    Meter,
    MissingEntry,
    Period,
    Rounding,
    Split,
    Surcharge,
    Tariff,
    TariffType,
    Transfer,
    TransferType,
)
from clearing.limits import JOURNEY_MAX_S
from schemas.codes import Check

__all__ = [
    "EPOCH",
    "FOREVER",
    "NEVER_SEALED",
    "Accumulation",
    "Basis",
    "Bearer",
    "DayKind",
    "Degraded",
    "Denied",
    "FareClass",
    "Hours",
    "Issuer",
    "KeySet",
    "Limits",
    "Meter",
    "MissingEntry",
    "Operator",
    "Period",
    "Plan",
    "Purpose",
    "Rounding",
    "Split",
    "Surcharge",
    "Tariff",
    "TariffType",
    "Terminal",
    "Transfer",
    "TransferType",
    "local_day",
    "local_seconds",
    "moment_of",
]

EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - Asia/Shanghai, as the records are
NEVER_SEALED: Final = 0xFFFF
"""A business day that no date reaches: what is kept in memory under it is never forgotten."""


def local_seconds(moment: datetime) -> int:
    """Local seconds of a naive Asia/Shanghai time."""
    return int((moment - EPOCH).total_seconds())


def local_day(day: date) -> int:
    """Days since 2000-01-01."""
    return (day - EPOCH.date()).days


def moment_of(seconds: int) -> datetime:
    """The naive Asia/Shanghai time of local seconds."""
    return EPOCH + timedelta(seconds=seconds)


class Purpose(IntEnum):
    """What a posting is for; part of its key beside the account."""

    FARE = 1
    EXCESS = 2
    HELD = 3
    REJECTED = 4
    TOP_UP = 5
    REFUND = 6
    SUBSIDY = 7
    FEE = 8
    SETTLEMENT = 9
    OPENING = 10
    CYCLE = 11
    REFUSAL = 12
    RELEASE = 13
    FARE_UNCONFIRMED = 14
    """The fare of another city's card, until the clearing total confirms it."""
    CHAIN = 15
    """What the night found in card chains: torn taps settled, gaps lost, found again."""
    RETURN = 16
    """Given back to a cardholder through a refund agent."""
    WRITE_OFF = 17
    """No longer looked for; still owed."""
    RECLEAR = 18
    """A fare of a sealed date that was priced wrongly: what a re-clearing gives or takes of it."""


class Operator(msgspec.Struct, frozen=True):
    """An operator as the kernel sees it. Account numbers are of this node's ledger.

    ``denylist_effective_s[v]`` is the local second from which denylist version *v* binds this
    operator (acknowledged + grace; FOREVER while not acknowledged). ``splits`` may leave times out:
    a fare then has no account to go to. ``fee_times`` are the intervals in which a rule of the
    contract's fee is in force; a contract without a fee needs none, which is always.
    """

    number: int
    checks: Check
    tariffs: tuple[Tariff, ...]
    splits: tuple[Split, ...]
    load_agent_account: int
    subsidy_account: int
    denylist_effective_s: tuple[int, ...] = ()
    fee_times: tuple[tuple[int, int], ...] = ((0, FOREVER),)


class Terminal(msgspec.Struct, frozen=True):
    """A registered terminal; ``line`` 0 = any line, ``device`` 0 = any device."""

    terminal_id: bytes
    operator: int
    line: int
    since_s: int
    until_s: int
    device: int = 0


class Issuer(msgspec.Struct, frozen=True):
    """An issuer. ``number`` is the registry's; own cards debit ``account`` (card liability), other
    cities' cards debit it too (province, pending)."""

    number: int
    family: int
    issuer: bytes
    own: bool
    open_registry: bool
    account: int
    since_s: int
    until_s: int


class KeySet(msgspec.Struct, frozen=True):
    """A TAC key set of our own issuer, unwrapped to the level above the card's own factor.

    ``factor_offset`` is where the card's 8-byte factor starts in issuer | serial (18 bytes);
    ``fold`` 0 = left four bytes, 1 = four-way XOR fold. The key never shows in a repr.
    """

    issuer_number: int
    key_version: int
    key_index: int
    algorithm: int
    level_key: bytes
    factor_offset: int
    fold: int

    def __repr__(self) -> str:
        return f"KeySet({self.issuer_number}, {self.key_version}, {self.key_index}, …)"


class Denied(msgspec.Struct, frozen=True):
    """A denied card (19 bytes: family, issuer, serial), from ``since_s``, by denylist ``version``
    (an index into ``Operator.denylist_effective_s``)."""

    card: bytes
    since_s: int
    version: int


class Limits(msgspec.Struct, frozen=True):
    """Bounds that a kernel checks; defaults in ``clearing.limits``."""

    amount_max_fen: int
    balance_max_fen: int
    clock_tolerance_s: int
    presentment_window_days: int
    production: bool
    journey_max_s: int = JOURNEY_MAX_S


class Plan(msgspec.Struct, frozen=True):
    """Everything that a kernel needs, under the versions that it stamps on each batch."""

    rules_version: int
    registry_version: int
    denylist_version: int
    limits: Limits
    operators: tuple[Operator, ...]
    terminals: tuple[Terminal, ...]
    issuers: tuple[Issuer, ...]
    key_sets: tuple[KeySet, ...]
    denied: tuple[Denied, ...]
    province_account: int
    suspense_account: int
    unclaimed_accounts: tuple[int, ...]
    """Account by reason number (64 of them), for rejected taps whose debit is proven."""
    budget_account: int
    issuer_discount_account: int
