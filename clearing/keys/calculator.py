"""What ``onecard tac`` computes: the TAC or MAC of data, from hexadecimal that a person typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from clearing.keys import reference
from clearing.keys.errors import InputError

ALGORITHMS: Final = {"des": reference.DES, "sm4": reference.SM4_ALGORITHM}
FOLDS: Final = {"left": reference.FOLD_LEFT, "xor": reference.FOLD_XOR}
FACTORS_MAX: Final = 3

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]*")


def calculate_tac(
    algorithm: str, key: str, factors: Sequence[str], data: str, fold: str = "left"
) -> str:
    """The TAC of ``data`` as eight upper-case hexadecimal digits.

    ``key`` has 16 bytes and is diversified by each of ``factors`` (8 bytes each, at most three) in
    order; the result is the card's key. With "des", a key of 8 bytes and no factor is used as it
    is: the e-purse session key, whose MAC1 and MAC2 are made the same way. ``data`` has any length.
    ``fold`` is "left" or, with "sm4", "xor". Raises ``InputError``; its text never holds the key.
    """
    number = algorithm_number(algorithm)
    key_bytes = _bytes_of("key", key)
    data_bytes = _bytes_of("data", data)
    factor_list = [_factor(index, text) for index, text in enumerate(factors, start=1)]
    if len(factor_list) > FACTORS_MAX:
        raise InputError(
            f"There are {len(factor_list)} factors, and a chain has at most {FACTORS_MAX} levels.",
            "Give one factor per level, the issuer's first and the card's last.",
        )
    fold_number = _fold(number, fold)
    if len(key_bytes) == 8:
        return _single_des(number, key_bytes, factor_list, data_bytes)
    if len(key_bytes) != reference.KEY_BYTES:
        raise InputError(
            f"The key has {len(key_bytes)} bytes, and a key has 16.",
            "Give 32 hexadecimal digits (or, for an e-purse session key under DES, 16).",
        )
    for factor in factor_list:
        key_bytes = reference.diversify(number, key_bytes, factor)
    return reference.tac(number, key_bytes, data_bytes, fold_number).hex().upper()


def session_key(key: bytes, data: bytes) -> bytes:
    """The e-purse session key (8 bytes): 3DES-EDE2 of 8 bytes under a 16-byte card key (JR/T 0025).

    Purchase: card random 4 | offline counter 2 | low two bytes of the terminal's number. Load: card
    random 4 | online counter 2 | 80 00.
    """
    if len(key) != reference.KEY_BYTES or len(data) != reference.FACTOR_BYTES:
        raise InputError(
            f"A session key needs a key of 16 bytes and 8 bytes of data, not {len(key)} and {len(data)}.",
            "Give 32 and 16 hexadecimal digits.",
        )
    return reference.des_ede2_encrypt(key, data)


def algorithm_number(name: str) -> int:
    """0 for "des", 1 for "sm4", in either case of letters."""
    number = ALGORITHMS.get(name.strip().lower())
    if number is None:
        raise InputError("The algorithm is not known.", "Give des or sm4.")
    return number


def _single_des(algorithm: int, key: bytes, factors: list[bytes], data: bytes) -> str:
    if algorithm != reference.DES:
        raise InputError(
            "The key has 8 bytes, and an SM4 key has 16.", "Give 32 hexadecimal digits."
        )
    if factors:
        raise InputError(
            "A key of 8 bytes is a session key and cannot be diversified.",
            "Leave the factors out, or give a key of 16 bytes (32 hexadecimal digits).",
        )
    return reference.mac_des(key, data)[:4].hex().upper()


def _fold(algorithm: int, name: str) -> int:
    number = FOLDS.get(name.strip().lower())
    if number is None:
        raise InputError("The fold is not known.", "Give left or xor.")
    if number == reference.FOLD_XOR and algorithm == reference.DES:
        raise InputError("DES has no fold but left.", "Leave the fold out, or use sm4.")
    return number


def _factor(index: int, text: str) -> bytes:
    factor = _bytes_of(f"factor {index}", text)
    if len(factor) != reference.FACTOR_BYTES:
        raise InputError(
            f"The factor {index} has {len(factor)} bytes, and a factor has 8.",
            "Give 16 hexadecimal digits.",
        )
    return factor


def _bytes_of(what: str, text: str) -> bytes:
    """Bytes from hexadecimal digits; the error names the value's role, never the value."""
    if _HEXADECIMAL.fullmatch(text) is None:
        raise InputError(
            f"The {what} is not hexadecimal.", "Use the digits 0-9 and A-F only, without spaces."
        )
    if len(text) % 2:
        raise InputError(
            f"The {what} has an odd number of hexadecimal digits ({len(text)}).",
            "Give two digits for each byte.",
        )
    return bytes.fromhex(text)
