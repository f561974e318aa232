"""What a foreign layout tells of one row, in words that the mapping to batches understands."""

from typing import Protocol

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


class UnreadableRow(Exception):
    """A row that no record can hold; the text says why."""


class Layout(Protocol):
    """A foreign layout."""

    name: str
    columns: tuple[str, ...]
    family: int
    issuer: str
    issuer_city: str
    issuer_name: str
    splits: dict[str, str]
    tariffs: dict[str, str]
    fee: str

    def read(self, values: dict[str, str]) -> Reading:
        """What a row says. Raises ``UnreadableRow`` where no record can hold it."""

    def known_prefix(self, terminal_id: str) -> str:
        """The ``validator_prefix`` of a registered terminal, as far as its id shows it."""
