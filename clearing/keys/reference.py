"""Diversification, TAC and MAC in plain Python, slow and obvious (domain §4).

The block ciphers are those of ``cryptography``; nothing here is shared with the C of the hot path, so
the two check each other. Sources: JR/T 0025, CJ/T 166, JT/T 978 (DES); GB/T 32907 (SM4).
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

DES: Final = 0
SM4_ALGORITHM: Final = 1

FOLD_LEFT: Final = 0
FOLD_XOR: Final = 1

KEY_BYTES: Final = 16
FACTOR_BYTES: Final = 8


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def _padded(data: bytes, block_bytes: int) -> bytes:
    """80 00 … to a multiple of the block; a whole multiple gets one more block."""
    data += b"\x80"
    return data + bytes(-len(data) % block_bytes)


def des_encrypt(key: bytes, block: bytes) -> bytes:
    """Single DES of whole 8-byte blocks (ECB) under an 8-byte key; parity bits are ignored."""
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()  # noqa: S305 - the block cipher itself
    return encryptor.update(block) + encryptor.finalize()


def des_ede2_encrypt(key: bytes, block: bytes) -> bytes:
    """3DES-EDE2 of whole 8-byte blocks (ECB) under a 16-byte key."""
    encryptor = Cipher(TripleDES(key + key[:8]), modes.ECB()).encryptor()  # noqa: S305 - the block cipher itself
    return encryptor.update(block) + encryptor.finalize()


def sm4_encrypt(key: bytes, block: bytes) -> bytes:
    """SM4 of whole 16-byte blocks (ECB) under a 16-byte key."""
    encryptor = Cipher(SM4(key), modes.ECB()).encryptor()  # noqa: S305 - the block cipher itself
    return encryptor.update(block) + encryptor.finalize()


def _cbc_last_block(cipher: TripleDES | SM4, padded: bytes, block_bytes: int) -> bytes:
    encryptor = Cipher(cipher, modes.CBC(bytes(block_bytes))).encryptor()
    return (encryptor.update(padded) + encryptor.finalize())[-block_bytes:]


def diversify(algorithm: int, key: bytes, factor: bytes) -> bytes:
    """The 16-byte key one level below ``key`` (16 bytes) for ``factor`` (8 bytes).

    DES: E(key, factor) | E(key, ~factor), E being 3DES-EDE2. SM4: E(key, factor | ~factor).
    ValueError for another algorithm or length.
    """
    _check(algorithm, key)
    if len(factor) != FACTOR_BYTES:
        raise ValueError("a factor has 8 bytes")
    if algorithm == DES:
        return des_ede2_encrypt(key, factor) + des_ede2_encrypt(key, _inverted(factor))
    return sm4_encrypt(key, factor + _inverted(factor))


def tac(algorithm: int, key: bytes, data: bytes, fold: int = FOLD_LEFT) -> bytes:
    """The 4-byte TAC of ``data`` (any length) under a card's own key (16 bytes).

    ``fold``: the left four bytes of the last block, or (SM4 only) its four words XORed.
    ValueError for another algorithm, fold or length.
    """
    _check(algorithm, key)
    if fold not in (FOLD_LEFT, FOLD_XOR) or (fold == FOLD_XOR and algorithm == DES):
        raise ValueError("no such fold for this algorithm")
    if algorithm == DES:
        return mac_des(_xor(key[:8], key[8:]), data)[:4]
    block = _cbc_last_block(SM4(key), _padded(data, 16), 16)
    if fold == FOLD_LEFT:
        return block[:4]
    return _xor(_xor(block[0:4], block[4:8]), _xor(block[8:12], block[12:16]))


def mac_des(key: bytes, data: bytes) -> bytes:
    """The whole last block (8 bytes) of DES CBC under an 8-byte key, IV zero, padded 80 00 ….

    Its left four bytes are the TAC, and MAC1 and MAC2 of the e-purse under a session key.
    """
    if len(key) != 8:
        raise ValueError("a DES key has 8 bytes")
    return _cbc_last_block(TripleDES(key * 3), _padded(data, 8), 8)


def _check(algorithm: int, key: bytes) -> None:
    if algorithm not in (DES, SM4_ALGORITHM):
        raise ValueError("the algorithm is 0 (DES) or 1 (SM4)")
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 16 bytes")
