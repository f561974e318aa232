"""The plan: everything that a kernel needs to judge a batch, as plain immutable data.

Registries and rules are compiled to a ``Plan``; both kernels read the same one. Times are *local
seconds*: seconds since 2000-01-01 00:00:00 Asia/Shanghai, which has no summer time. ``FOREVER``
ends an interval that has no end; intervals are [since, until).
"""

from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import Final

import msgspec

from clearing.limits import JOURNEY_MAX_S
from schemas.codes import Check

EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - Asia/Shanghai, as the records are
FOREVER: Final = 0xFFFF_FFFF
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


class TariffType(IntEnum):
    """How a gross fare is found. A distance tariff over a network compiles to ``OD``."""

    FLAT = 1
    OD = 2
    METERED = 3
    DECLARED = 4


class Rounding(IntEnum):
    """How a discounted fare is rounded to whole fen."""

    HALF_UP = 0
    DOWN = 1
    UP = 2


class Bearer(IntEnum):
    """Who bears a discount."""

    OPERATOR = 0
    ISSUER = 1
    BUDGET = 2


class TransferType(IntEnum):
    """What a transfer does to the fare of the next leg."""

    NONE = 0
    AMOUNT_OFF = 1
    FIXED_PRICE = 2


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


class FareClass(msgspec.Struct, frozen=True):
    """The discount of one card kind: marginal bands of (upper bound in fen, per mille to pay).

    The last band's bound is ``FOREVER``. Charged = Σ over bands of the part of the gross fare in
    the band × per mille / 1000, rounded once. ``card_kind`` 0 is the class of cards whose kind no
    other class names; foreign cards always pay the full gross fare.
    """

    name: str
    card_kind: int
    bands: tuple[tuple[int, int], ...]
    rounding: Rounding = Rounding.HALF_UP
    bearer: Bearer = Bearer.OPERATOR


class Transfer(msgspec.Struct, frozen=True):
    """The transfer discount of a tariff.

    ``by_mark``: the source has no card history, the device's mark alone is the claim (Shenzhen
    2018). Otherwise the card's own history must have a leg that began the window not more than
    ``window_s`` seconds ago (inclusive) with fewer than ``count_max`` transfers used since.
    """

    type: TransferType = TransferType.NONE
    value_fen: int = 0
    window_s: int = 0
    count_max: int = 0
    by_mark: bool = False


class Meter(msgspec.Struct, frozen=True):
    """A taxi meter with bounds.

    gross = ``start_fen`` up to ``start_m``, then ``step_fen`` for each begun ``step_m``, and
    ``wait_fen`` for each full ``wait_s``; the device's fare may differ by ``tolerance_fen``.
    """

    start_fen: int
    start_m: int
    step_fen: int
    step_m: int
    wait_fen: int
    wait_s: int
    tolerance_fen: int


class Tariff(msgspec.Struct, frozen=True):
    """One dated version of a tariff.

    ``kinds`` has bit *k* set for each tap kind it prices. FLAT: ``flat_fen`` by line, line 0 = any
    other line. OD: ``stations`` sorted, ``od_fen`` row-major little-endian int32, from × to, -1
    where no fare is defined. METERED: ``meter``. DECLARED: the device's gross fare, a multiple of
    ``step_fen`` in [``min_fen``, ``max_fen``]; the bounds also hold for supplements of any type.
    ``by_amount``: the kind of card shows only in the amount; the first class that explains the
    amount to the fen is taken.
    """

    name: str
    type: TariffType
    since_s: int
    until_s: int
    kinds: int
    min_fen: int = 0
    max_fen: int = FOREVER >> 1
    step_fen: int = 1
    flat_fen: tuple[tuple[int, int], ...] = ()
    stations: tuple[int, ...] = ()
    od_fen: bytes = b""
    meter: Meter | None = None
    classes: tuple[FareClass, ...] = ()
    by_amount: bool = False
    transfer: Transfer = Transfer()


class Split(msgspec.Struct, frozen=True):
    """Over which accounts a fare is split: (account number, weight), at most ``SHARES_MAX``.

    Largest remainder, ties by position. ``since_s``/``until_s`` by transaction time.
    """

    since_s: int
    until_s: int
    shares: tuple[tuple[int, int], ...]


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
