"""Signatures and digests, each under an algorithm id, so that SM2 and SM3 fit without a new format.

Ids are those of ``schemas.codes``: digest 1 = SHA-256, 2 = SM3; signature 1 = Ed25519, 2 = SM2. Those
without code are refused by name.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from clearing.keys.errors import AlgorithmUnavailable, InputError, KeyFileDamaged
from clearing.keys.files import read_private, write_private
from schemas.codes import DigestAlgorithm, SignatureAlgorithm

SIGNATURE_BYTES: Final = 64
PUBLIC_KEY_BYTES: Final = 32


def digest(algorithm: int, data: bytes) -> bytes:
    """The digest of ``data`` (32 bytes). Raises ``AlgorithmUnavailable``."""
    if algorithm != DigestAlgorithm.SHA256:
        raise _unavailable("digest", algorithm, "1 (SHA-256)")
    return hashlib.sha256(data).digest()


class PublicKey:
    """A key that checks signatures. Its encoding is the algorithm id and 32 bytes."""

    __slots__ = ("_key", "algorithm", "raw")

    def __init__(self, algorithm: int, raw: bytes) -> None:
        """Raise ``AlgorithmUnavailable``, or ``InputError`` where ``raw`` has not 32 bytes."""
        if algorithm != SignatureAlgorithm.ED25519:
            raise _unavailable("signature", algorithm, "1 (Ed25519)")
        if len(raw) != PUBLIC_KEY_BYTES:
            raise InputError(
                f"The public key has {len(raw)} bytes.", f"Give {PUBLIC_KEY_BYTES} bytes."
            )
        self.algorithm, self.raw = SignatureAlgorithm.ED25519, bytes(raw)
        self._key = Ed25519PublicKey.from_public_bytes(self.raw)

    @classmethod
    def decode(cls, encoded: bytes) -> PublicKey:
        """From the algorithm id and the key's bytes, as ``encode`` gives them."""
        if not encoded:
            raise InputError("The public key is empty.", "Give its 33 bytes.")
        return cls(encoded[0], encoded[1:])

    def encode(self) -> bytes:
        """The algorithm id, 1 byte, and the key, 32 bytes."""
        return bytes([self.algorithm]) + self.raw

    def verify(self, algorithm: int, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (64 bytes) is this key's over ``message``, under that very algorithm.

        Never raises: what cannot be a signature is not one.
        """
        if algorithm != self.algorithm or len(signature) != SIGNATURE_BYTES:
            return False
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"PublicKey({self.algorithm.name}, {self.raw.hex().upper()})"


class SigningKey:
    """A key that signs. Its private bytes show nowhere but in the file that ``save`` writes."""

    __slots__ = ("_key", "algorithm", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.algorithm = SignatureAlgorithm.ED25519
        self.public = PublicKey(self.algorithm, key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random Ed25519 key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a 32-byte seed: for demonstrations and tests that must repeat."""
        if len(seed) != 32:
            raise InputError(f"The seed has {len(seed)} bytes.", "Give 32 bytes.")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """From a PEM file with mode 0600. Raises ``KeyFileError``."""
        text = read_private(path, "signing key")
        try:
            key = load_pem_private_key(text, password=None)
        except (ValueError, TypeError) as error:
            raise _not_a_key(path) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _not_a_key(path)
        return cls(key)

    def save(self, path: Path) -> None:
        """Into a new PEM file (PKCS #8) with mode 0600. Raises ``KeyFileError`` if there is one."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, pem, replace=False)

    def sign(self, message: bytes) -> bytes:
        """The signature of ``message``, 64 bytes, the same each time (RFC 8032)."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm.name}, public {self.public.raw.hex().upper()})"


def _not_a_key(path: Path) -> KeyFileDamaged:
    return KeyFileDamaged(
        path,
        f"The signing key {path} is not an Ed25519 key in PEM without a passphrase.",
        "Put the original file back.",
    )


def _unavailable(what: str, algorithm: int, known: str) -> AlgorithmUnavailable:
    names: dict[str, dict[int, str]] = {
        "digest": {DigestAlgorithm.SM3: "SM3"},
        "signature": {SignatureAlgorithm.SM2: "SM2"},
    }
    name = names[what].get(algorithm, "not known")
    return AlgorithmUnavailable(
        f"The {what} algorithm {algorithm} ({name}) is not available.", f"Use {known}."
    )
