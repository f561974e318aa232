"""The published answers of ``tests/data/crypto/vectors.json``, and what is composed from their ciphers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1] / "data" / "crypto" / "vectors.json"
VECTORS: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))

MASTER_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
FACTORS = (bytes.fromhex("7100FF0000000000"), bytes.fromhex("7100000000000001"))
CARD_KEY = bytes.fromhex("3BB7F98E0560A6D3A18929ABE1B42B99")
PURCHASE = bytes.fromhex("000000C8067100030100010000002A20240115083015")
PURCHASE_BLOCK = bytes.fromhex("CC5832079205D933")
TAC = bytes.fromhex("CC583207")

Block = Callable[[bytes, bytes], bytes]


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def epurse_macs() -> list[tuple[str, bytes, bytes, bytes]]:
    """(name, session key, data, MAC): each MAC is under the session key listed before it."""
    session = b""
    macs = []
    for entry in VECTORS["pboc_epurse"]:
        if "key" in entry:
            session = bytes.fromhex(entry["expect"])
        else:
            data, mac = bytes.fromhex(entry["in"]), bytes.fromhex(entry["expect"])
            macs.append((entry["op"], session, data, mac))
    return macs


def x919_mac(encrypt: Block, decrypt: Block, key: bytes, message: bytes) -> bytes:
    """ISO 9797-1 algorithm 3: DES CBC-MAC with the left key, then decrypt right, encrypt left."""
    left, right = key[:8], key[8:] or key[:8]
    padded = message + bytes(-len(message) % 8)
    block = bytes(8)
    for start in range(0, len(padded), 8):
        block = encrypt(left, xor(block, padded[start : start + 8]))
    return encrypt(left, decrypt(right, block))


def pos_mac(encrypt: Block, key: bytes, message: bytes) -> bytes:
    """UnionPay POS, ECB algorithm: XOR of all blocks as 16 hex characters, two chained blocks.

    The MAC is the first eight hex characters, here as the four bytes that they stand for.
    """
    padded = message + bytes(-len(message) % 8)
    block = bytes(8)
    for start in range(0, len(padded), 8):
        block = xor(block, padded[start : start + 8])
    characters = block.hex().upper().encode("ascii")
    first = encrypt(key, characters[:8])
    return encrypt(key, xor(first, characters[8:]))[:4]
