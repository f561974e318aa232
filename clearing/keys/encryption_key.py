"""The key that seals a key file: from a file of its own, or from a passphrase in the environment."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from clearing.keys.errors import InputError, KeyFileDamaged
from clearing.keys.files import read_private, write_private
from clearing.keys.port import Secret

PASSPHRASE_VARIABLE: Final = "ONECARD_KEY_PASSPHRASE"  # noqa: S105 - a name, not the passphrase
PASSPHRASE_CHARACTERS_MIN: Final = 12

_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 32
_CHECK_BYTES: Final = 8
_INFO: Final = b"onecard sealed key file 1"

# RFC 7914: 32 MiB and about 0.1 s for each guess. A file may ask for more, up to the bounds, which
# keep a forged file from asking for all the memory there is.
_SCRYPT_N: Final = 1 << 15
_SCRYPT_N_MAX: Final = 1 << 20
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 1
_SCRYPT_P_MAX: Final = 4


class Derivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a sealed file's own key follows from the key-encryption key; stands in the file.

    ``source`` is "key-file" or "scrypt"; ``n``, ``r``, ``p`` are scrypt's (RFC 7914), 0 for a key file.
    """

    source: str
    salt: str
    n: int = 0
    r: int = 0
    p: int = 0


class KeyEncryptionKey:
    """A key-encryption key. Its bytes show nowhere.

    Make one with ``from_file``, ``create_file`` or ``from_environment``.
    """

    __slots__ = ("_secret", "source")

    def __init__(self, source: str, secret: Secret) -> None:
        self.source = source
        self._secret = secret

    @classmethod
    def from_file(cls, path: Path) -> KeyEncryptionKey:
        """From a file of 64 hexadecimal digits with mode 0600. Raises ``KeyFileError``."""
        text = read_private(path, "key-encryption file")
        match = re.fullmatch(rb"([0-9A-Fa-f]{64})\n?", text)
        if match is None:
            raise KeyFileDamaged(
                path,
                f"The key-encryption file {path} does not hold 64 hexadecimal digits.",
                "Put the original file back.",
            )
        return cls("key-file", Secret(bytes.fromhex(match[1].decode("ascii"))))

    @classmethod
    def create_file(cls, path: Path) -> KeyEncryptionKey:
        """A new random key in a new file. Raises ``KeyFileError`` where there is a file already."""
        key = secrets.token_bytes(_KEY_BYTES)
        write_private(path, key.hex().upper().encode("ascii") + b"\n", replace=False)
        return cls("key-file", Secret(key))

    @classmethod
    def from_environment(cls, variable: str = PASSPHRASE_VARIABLE) -> KeyEncryptionKey:
        """From the passphrase in an environment variable. Raises ``InputError``."""
        passphrase = os.environ.get(variable, "")
        if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
            raise InputError(
                f"The environment variable {variable} holds no passphrase of at least "
                f"{PASSPHRASE_CHARACTERS_MIN} characters.",
                f"Set {variable}, or name a key-encryption file.",
            )
        return cls("scrypt", Secret(passphrase.encode()))

    def new_derivation(self) -> Derivation:
        """A fresh salt, with today's cost."""
        salt = secrets.token_hex(_SALT_BYTES)
        if self.source == "scrypt":
            return Derivation("scrypt", salt, _SCRYPT_N, _SCRYPT_R, _SCRYPT_P)
        return Derivation("key-file", salt)

    def derive(self, derivation: Derivation) -> tuple[Secret, str]:
        """A file's own 32-byte key, and the check value by which a wrong key is told from damage.

        ValueError where the derivation is for another source or out of bounds.
        """
        salt = bytes.fromhex(derivation.salt)
        if derivation.source != self.source or len(salt) != _SALT_BYTES:
            raise ValueError("a derivation for another source")
        material = self._secret.reveal()
        if derivation.source == "scrypt":
            material = _stretched(material, salt, derivation)
        both = HKDF(SHA256(), _KEY_BYTES + _CHECK_BYTES, salt, _INFO).derive(material)
        return Secret(both[:_KEY_BYTES]), both[_KEY_BYTES:].hex().upper()

    def __repr__(self) -> str:
        return f"KeyEncryptionKey({self.source}, …)"


def _stretched(passphrase: bytes, salt: bytes, derivation: Derivation) -> bytes:
    cost = derivation.n
    in_bounds = (
        _SCRYPT_N <= cost <= _SCRYPT_N_MAX
        and cost & (cost - 1) == 0
        and derivation.r == _SCRYPT_R
        and 1 <= derivation.p <= _SCRYPT_P_MAX
    )
    if not in_bounds:
        raise ValueError("the cost of scrypt is out of bounds")
    return Scrypt(salt, _KEY_BYTES, cost, derivation.r, derivation.p).derive(passphrase)
