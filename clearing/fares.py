"""What a tap costs and who gets it, as plain immutable data: the tariffs and splits of a plan.

``clearing.plan`` has all of it under its own name. What it means is told in ``clearing.pricing``; both
kernels read the same. Times are *local seconds*, see there.
"""

from enum import IntEnum
from typing import Final

import msgspec

FOREVER: Final = 0xFFFF_FFFF


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
    PER_MILLE = 3
    """The leg pays ``value_fen`` per mille of its fare."""
    FREE = 4


class DayKind(IntEnum):
    """What a calendar says of a day."""

    WORKDAY = 0
    REST_DAY = 1
    HOLIDAY = 2


class Basis(IntEnum):
    """Whose time counts: that of the tap, or that of the entry of its journey."""

    EXIT = 0
    ENTRY = 1


class Degraded(IntEnum):
    """What a ride in degraded mode costs."""

    AS_CHARGED = 0
    FREE = 1
    FLAT = 2


class MissingEntry(IntEnum):
    """What an exit costs whose entry is not known."""

    COLUMN = 0
    """Any fare to the station of exit is right."""
    TOP = 1
    """``max_fen`` of the tariff."""
    MINIMUM = 2
    """``min_fen`` of the tariff."""


class Period(IntEnum):
    """Over which time a card's fares are accumulated."""

    DAY = 0
    MONTH = 1


class Hours(msgspec.Struct, frozen=True):
    """A part of some days: [``from_s``, ``to_s``) since midnight, ``to_s`` at most 86,400.

    ``days`` has bit *k* set for each ``DayKind`` *k*. With ``Basis.ENTRY`` and an entry that is not
    known it never holds.
    """

    days: int
    from_s: int
    to_s: int
    basis: Basis = Basis.EXIT


class Surcharge(msgspec.Struct, frozen=True):
    """What some lines or hours add to the base fare: ``add_fen``, then ``per_mille`` of the base.

    It applies where the tap's line or its entry line is among ``lines`` (empty: any) and one of ``hours``
    holds (empty: always). The per mille is rounded half up.
    """

    lines: tuple[int, ...] = ()
    hours: tuple[Hours, ...] = ()
    add_fen: int = 0
    per_mille: int = 0


class FareClass(msgspec.Struct, frozen=True):
    """The discount of one card kind: marginal bands of (upper bound in fen, per mille to pay).

    It applies where one of ``hours`` holds (empty: always) and the station of entry is among
    ``stations`` (empty: any). The first class of the card's kind that applies is taken, else the first
    of kind 0 that applies, else the full fare.

    The last band's bound is ``FOREVER``. Charged = Σ over bands of the part of the gross fare in
    the band × per mille / 1000, rounded once. ``card_kind`` 0 is the class of cards of any other kind;
    which class foreign cards have, the tariff says.
    """

    name: str
    card_kind: int
    bands: tuple[tuple[int, int], ...]
    rounding: Rounding = Rounding.HALF_UP
    bearer: Bearer = Bearer.OPERATOR
    hours: tuple[Hours, ...] = ()
    stations: tuple[int, ...] = ()


class Transfer(msgspec.Struct, frozen=True):
    """The transfer discount of a tariff.

    ``by_mark``: the source has no card history, the device's mark alone is the claim (Shenzhen
    2018). Otherwise the card's own history must have a leg that began the window not more than
    ``window_s`` seconds ago (inclusive) with fewer than ``count_max`` transfers used since, and that leg's
    operator must be among ``from_operators`` (empty: any). ``without_mark``: the history alone is enough,
    the device need not claim it. ``bearer`` bears what is taken off.
    """

    type: TransferType = TransferType.NONE
    value_fen: int = 0
    window_s: int = 0
    count_max: int = 0
    by_mark: bool = False
    without_mark: bool = False
    from_operators: tuple[int, ...] = ()
    rounding: Rounding = Rounding.HALF_UP
    bearer: Bearer = Bearer.OPERATOR


class Accumulation(msgspec.Struct, frozen=True):
    """What a card pays the less, the more it has paid in a period.

    ``tiers``: (spent so far from this many fen on, per mille to pay), rising, the first from 0; empty: all
    of it. Then never more than ``cap_fen`` in all (0: no cap). Spent is what the accepted debits of an own
    card in the day or month came to that had a tariff with an accumulation over that period, as far as
    they are known. ``by_amount`` tariffs have none.
    """

    period: Period
    tiers: tuple[tuple[int, int], ...] = ()
    cap_fen: int = 0
    rounding: Rounding = Rounding.HALF_UP
    bearer: Bearer = Bearer.OPERATOR


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

    Gross fare = base, then ``surcharges`` in order (a declared fare has them in it). A stay (exit − entry)
    of more than ``overstay_s`` (0: any) costs ``overstay_fen`` instead, one back to the same station of
    more than ``same_station_s`` (0: any) costs ``same_station_late_fen``. The fare = gross, then class,
    transfer, accumulation.
    ``calendar`` has one ``DayKind`` a byte from ``calendar_from`` (local days) on; outside of it Monday to
    Friday are workdays. Foreign cards pay by class number ``foreign_class`` (-1: the full fare).
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
    calendar: bytes = b""
    calendar_from: int = 0
    surcharges: tuple[Surcharge, ...] = ()
    overstay_s: int = 0
    overstay_fen: int = 0
    same_station_s: int = 0
    same_station_late_fen: int = 0
    degraded: Degraded = Degraded.AS_CHARGED
    degraded_fen: int = 0
    missing_entry: MissingEntry = MissingEntry.COLUMN
    foreign_class: int = -1
    accumulation: Accumulation | None = None


class Split(msgspec.Struct, frozen=True):
    """Over which accounts a fare is split: (account number, weight), at most ``SHARES_MAX``.

    Largest remainder, ties by position. ``since_s``/``until_s`` by transaction time. With ``stations``
    (sorted numbers) a ride is split by the weights of its pair: ``weights`` is row-major, entry × exit ×
    share, little-endian uint32. A pair whose weights are all 0, or whose entry the record does not state,
    takes the plain ones.
    """

    since_s: int
    until_s: int
    shares: tuple[tuple[int, int], ...]
    stations: tuple[int, ...] = ()
    weights: bytes = b""
