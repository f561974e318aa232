"""What the engine needs of a key store, wherever the keys are: a sealed file, or an HSM.

A store hands out *level keys*: the key above the card's own level, which serves all cards of a key set.
An HSM would diversify inside and unwrap that level alone, so the port asks for nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn, Protocol

import msgspec

from clearing.keys import reference
from clearing.keys.chains import Chain, KeySetId
from clearing.keys.errors import TestKeyRefused


class Secret:
    """Key bytes that show in no repr, str, format, log or pickle. ``reveal`` gives them."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The key itself."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class KeySet(msgspec.Struct, frozen=True):
    """A key set as everyone may know it.

    ``test``: a test key, refused in production. ``check_value``: six hexadecimal digits by which two
    people can tell that they hold the same master key (the cipher of a zero block, cut to three bytes).
    """

    chain: Chain
    test: bool
    check_value: str

    @property
    def id(self) -> KeySetId:
        """Issuer, key version, key index, algorithm."""
        return self.chain.key_set


class KeyStore(Protocol):
    """A source of level keys."""

    def key_sets(self) -> tuple[KeySet, ...]:
        """Every key set that the store has, by id."""

    def level_key(self, key_set_id: KeySetId) -> bytes:
        """The 16-byte key above the card's own level. Raises ``KeySetUnknown``.

        The result is a copy that cannot be wiped: hand it to the kernel and let it go.
        """

    def require_production(self) -> None:
        """Raise ``TestKeyRefused`` if any key set is for tests."""

    def close(self) -> None:
        """Wipe what the store holds in memory; it has no key after that."""


def check_value(algorithm: int, key: bytes) -> str:
    """The check value of a 16-byte key: six hexadecimal digits."""
    if algorithm == reference.DES:
        block = reference.des_ede2_encrypt(key, bytes(8))
    else:
        block = reference.sm4_encrypt(key, bytes(16))
    return block[:3].hex().upper()


def refuse_test_keys(key_sets: Iterable[KeySet]) -> None:
    """Raise ``TestKeyRefused`` that names every key set that is for tests."""
    names = [str(key_set.id) for key_set in key_sets if key_set.test]
    if names:
        raise TestKeyRefused(
            f"Production mode refuses test keys: {', '.join(names)}.",
            "Seal the issuer's own keys, or leave production mode.",
        )
