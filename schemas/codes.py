"""Ordered codes. A number is never reused and never changes its meaning; new ones are appended.

Every code travels as one unsigned byte in the canonical record and as its number in the text
forms, so that all four forms mean the same.
"""

from enum import IntEnum, IntFlag


class TapKind(IntEnum):
    """What happened at the device (domain §3)."""

    BUS_FLAT = 1
    BUS_TAP_IN = 2
    BUS_TAP_OUT = 3
    METRO_TAP_IN = 4
    METRO_TAP_OUT = 5
    METRO_SUPPLEMENT = 6
    TAXI_TRIP = 7
    TOP_UP = 8
    TOP_UP_REVERSAL = 9
    CARD_REFUND = 10
    CARD_LOSS = 11


class Mode(IntEnum):
    """Whether the device worked normally or in a degraded mode (fares suspended)."""

    NORMAL = 0
    DEGRADED = 1


class Industry(IntEnum):
    """Industry codes of the transit trade, for the open list of operators."""

    METRO = 0x01
    BUS = 0x02
    WATER = 0x03
    TAXI = 0x04
    RENTAL = 0x05
    BIKE = 0x06
    PARKING = 0x07
    COACH = 0x08
    FERRY = 0x09
    INTERCITY_RAIL = 0x0A


class CardFamily(IntEnum):
    """A family fixes how a card is numbered, which counter advances, which chain makes its keys."""

    MOHURD = 1
    T_UNION = 2
    SOCIAL_SECURITY = 3
    ANONYMISED = 4


class CardKind(IntEnum):
    """The class of the holder. What the issuer issued counts, not what a record claims."""

    UNSTATED = 0
    ORDINARY = 1
    STUDENT = 2
    SENIOR = 3
    LOVE = 4
    MILITARY = 5
    STAFF = 6
    TEST = 7


class TypeByte(IntEnum):
    """The signed transaction type of the card's own log."""

    LOAD = 0x02
    SINGLE_JOURNEY = 0x05
    PURCHASE = 0x06
    COMPOUND = 0x09


class Algorithm(IntEnum):
    """The algorithm under which the TAC was made."""

    DES = 0
    SM4 = 1
    NONE = 255


class Discount(IntFlag):
    """Discounts that the device says it gave. Claims: they are checked, never believed."""

    NONE = 0
    TRANSFER = 1
    CONCESSION = 2


class Verdict(IntEnum):
    """The answer to one tap, in order of severity."""

    ACCEPTED = 0
    HELD = 1
    REJECTED = 2


class ClaimState(IntEnum):
    """Where the money of a tap stands between the cities (domain §8)."""

    NONE = 0
    OWN = 1
    PRESENTED = 2
    CONFIRMED = 3
    REFUSED = 4


class Source(IntEnum):
    """Who hands a batch in: an operator (we acquire) or another city (we issue)."""

    OPERATOR = 0
    PRESENTMENT = 1


class DigestAlgorithm(IntEnum):
    """Digest algorithms that an envelope can name. SM3 has its number and no code yet."""

    SHA256 = 1
    SM3 = 2


class SignatureAlgorithm(IntEnum):
    """Signature algorithms that an envelope can name. SM2 has its number and no code yet."""

    UNSIGNED = 0
    ED25519 = 1
    SM2 = 2


class Check(IntFlag):
    """Which checks a source supports. A profile or contract clears the bits of those it cannot."""

    TAC = 1
    COUNTERS = 2
    BALANCES = 4
    CARD_REGISTRY = 8
    TERMINAL_REGISTRY = 16
    JOURNEYS = 32
    TARIFF = 64
    ALL = 127


class Purse(IntEnum):
    """Three purses that never mix (domain §7)."""

    PRINCIPAL = 1
    FEES = 2
    SUBSIDIES = 3


DEBIT_KINDS = frozenset(
    {
        TapKind.BUS_FLAT,
        TapKind.BUS_TAP_IN,
        TapKind.BUS_TAP_OUT,
        TapKind.METRO_TAP_IN,
        TapKind.METRO_TAP_OUT,
        TapKind.METRO_SUPPLEMENT,
        TapKind.TAXI_TRIP,
    }
)
"""Kinds that take money off a card and owe it to an operator."""

LOAD_KINDS = frozenset({TapKind.TOP_UP})
"""Kinds that put money on a card. Their TAC has the form of a load."""

ZERO_ALLOWED = frozenset(
    {
        TapKind.BUS_FLAT,
        TapKind.BUS_TAP_IN,
        TapKind.BUS_TAP_OUT,
        TapKind.METRO_TAP_IN,
        TapKind.METRO_TAP_OUT,
        TapKind.CARD_LOSS,
    }
)
"""Kinds where an amount of zero is normal: entries, and rides that a concession makes free."""

SUPPORTED_KINDS = frozenset(TapKind) - {TapKind.TOP_UP_REVERSAL, TapKind.CARD_LOSS}
"""Kinds that move money in this version; the other known ones are held for the centre's staff."""
