"""What a foreign layout tells of one row, in words that the mapping to batches understands."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from schemas.record import Tap


class Name(msgspec.Struct, frozen=True):
    """A name in a row that a record carries as a number: ``kind`` as in ``registry.KINDS``."""

    kind: str
    field: str
    name: str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One row, understood as far as it goes.

    ``tap`` lacks what the registry knows: operator number and the numbers of ``names``. ``validator``
    is the device's id as the source writes it (empty: none), ``validator_prefix`` the part that
    stands for its owner.
    """

    company: str
    mode: str
    declared_date: str
    tap: Tap
    names: tuple[Name, ...]
    validator: str
    validator_prefix: str


class UnreadableRowError(Exception):
    """A row that no record can hold; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A foreign layout: its columns, how a row is read, and how what it shows is registered.

    ``read`` gives what a row says or raises ``UnreadableRowError``. ``known_prefix`` gives the
    ``validator_prefix`` of a registered terminal, as far as its id shows it. ``tariffs`` and
    ``splits`` name rules by mode.
    """

    name: str
    columns: tuple[str, ...]
    read: Callable[[dict[str, str]], Reading]
    known_prefix: Callable[[str], str]
    family: int
    issuer: str
    issuer_city: str
    issuer_name: str
    tariffs: dict[str, str]
    splits: dict[str, str]
    fee: str
