"""Card keys and TACs, from the ciphers of ``cryptography`` (domain §4). Test keys only.

The engine has ciphers of its own; these are the second opinion.
"""

import hashlib
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from schemas.codes import Algorithm

TEST_MARK: Final = b"TEST"
"""Every master key made here starts with these bytes, so that nobody takes it for a real one."""

_ALL_ONES: Final = (1 << 64) - 1
_DES_START: Final = CBC(bytes(8))
_SM4_START: Final = CBC(bytes(16))


def test_master_key(*words: object) -> bytes:
    """A test master key (16 bytes) derived from words, visibly marked."""
    text = "onecard test key " + " ".join(str(word) for word in words)
    return TEST_MARK + hashlib.sha256(text.encode()).digest()[:12]


def padded(data: bytes, block: int) -> bytes:
    """Data with 80 00… up to a multiple of the block; a whole block more if it is one already."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def _des_ede2(key: bytes) -> CipherContext:
    # Diversification encrypts single blocks, which is what this mode is.
    return Cipher(TripleDES(key + key[:8]), ECB()).encryptor()  # noqa: S305


class Diversifier:
    """Makes the keys one level below a key; keeps the cipher of that level ready."""

    def __init__(self, algorithm: int, key: bytes) -> None:
        self.algorithm = algorithm
        if algorithm == Algorithm.DES:
            self._encryptor = _des_ede2(key)
        else:
            self._encryptor = Cipher(SM4(key), ECB()).encryptor()  # noqa: S305

    def key(self, factor: bytes) -> bytes:
        """The key of a factor of 8 bytes: E(key, factor | ~factor)."""
        inverse = (int.from_bytes(factor, "big") ^ _ALL_ONES).to_bytes(8, "big")
        return self._encryptor.update(factor + inverse)


def walk(algorithm: int, master_key: bytes, factors: tuple[bytes, ...]) -> bytes:
    """The key at the end of a chain of factors."""
    key = master_key
    for factor in factors:
        key = Diversifier(algorithm, key).key(factor)
    return key


def tac(algorithm: int, card_key: bytes, data: bytes) -> bytes:
    """The TAC (4 bytes) of data under a card's key of 16 bytes."""
    if algorithm == Algorithm.DES:
        left, right = card_key[:8], card_key[8:]
        short = (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(8, "big")
        encryptor = Cipher(TripleDES(short * 3), _DES_START).encryptor()
        return encryptor.update(padded(data, 8))[-8:-4]
    encryptor = Cipher(SM4(card_key), _SM4_START).encryptor()
    return encryptor.update(padded(data, 16))[-16:-12]
