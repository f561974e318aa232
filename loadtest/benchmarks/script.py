"""The plain script: the same job done the obvious way with asyncpg and ``cryptography``.

For each tap: check the TAC (card keys kept in a dictionary once derived), refuse duplicates by a set,
split the fare four ways (largest remainder), write the tap, eight ledger rows (debit and credit of
each share) and the card's balance. Everything goes in by COPY in one transaction per batch, fsync on.
It has none of the engine's other checks, no flags, no evidence, no leaves, no receipts. It is kept as
fast as such a script honestly is: struct-packed binary COPY, no object per row beyond need.
"""

import io
import struct
from typing import Final

import asyncpg
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from schemas import record

SCHEMA: Final = """
CREATE TABLE tap (card bytea, terminal bytea, number bigint, at bytea, amount integer, operator bigint);
CREATE TABLE ledger (tap bigint, account integer, amount integer);
CREATE TABLE balance (card bytea PRIMARY KEY, amount bigint NOT NULL);
CREATE UNLOGGED TABLE moved (card bytea, amount bigint);
"""
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_WEIGHTS: Final = (700, 200, 60, 40)
_TAP: Final = struct.Struct("!Hi19si6siqi7siiiq")
_LEDGER: Final = struct.Struct("!HiqiiiiHiqiiii")
_BALANCE: Final = struct.Struct("!Hi19siq")
_IV: Final = modes.CBC(bytes(8))


class Script:
    """State of the script: derived keys, identities seen, the next tap's number."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", level_key: bytes) -> None:
        self._connection = connection
        self._level = Cipher(TripleDES(level_key + level_key[:8]), modes.ECB())  # noqa: S305 - diversification is one block each
        self._keys: dict[bytes, Cipher[modes.CBC]] = {}
        self._seen: set[bytes] = set()
        self._number = 0

    def _key(self, serial: bytes) -> "Cipher[modes.CBC]":
        cipher = self._keys.get(serial)
        if cipher is None:
            factor = serial + bytes(byte ^ 0xFF for byte in serial)
            derived = self._level.encryptor().update(factor)
            single = bytes(a ^ b for a, b in zip(derived[:8], derived[8:], strict=True))
            cipher = self._keys[serial] = Cipher(TripleDES(single * 3), _IV)
        return cipher

    async def clear(self, records: bytes) -> int:
        """Clear one batch durably; returns the taps that were accepted."""
        taps, ledger = [_SIGNATURE], [_SIGNATURE]
        moved: dict[bytes, int] = {}
        accepted = 0
        for at in range(0, len(records), record.SIZE):
            data = records[at : at + record.SIZE]
            identity = data[1:38]
            if identity in self._seen:
                continue
            signed = data[43:47] + data[37:38] + data[20:37] + b"\x80\0"
            if self._key(data[12:20]).encryptor().update(signed)[-8:-4] != data[129:133]:
                continue
            self._seen.add(identity)
            accepted += 1
            self._number += 1
            card, amount = data[1:20], int.from_bytes(data[43:47], "big")
            operator = int.from_bytes(data[38:42], "big")
            number = int.from_bytes(data[26:30], "big")
            taps.append(
                _TAP.pack(
                    6, 19, card, 6, data[20:26], 8, number, 7, data[30:37], 4, amount, 8, operator
                )
            )
            for account, fen in enumerate(_split(amount)):
                ledger.append(_two_rows(self._number, operator, account, fen))
            moved[card] = moved.get(card, 0) + amount
        await self._write(taps, ledger, moved)
        return accepted

    async def _write(self, taps: list[bytes], ledger: list[bytes], moved: dict[bytes, int]) -> None:
        balances = [_SIGNATURE, *(_BALANCE.pack(2, 19, c, 8, a) for c, a in moved.items())]
        connection = self._connection
        async with connection.transaction():
            for table, rows in (("tap", taps), ("ledger", ledger), ("moved", balances)):
                rows.append(_TRAILER)
                await connection.copy_to_table(
                    table, source=io.BytesIO(b"".join(rows)), format="binary"
                )
            await connection.execute(
                "INSERT INTO balance SELECT card, amount FROM moved"
                " ON CONFLICT (card) DO UPDATE SET amount = balance.amount + excluded.amount"
            )
            await connection.execute("TRUNCATE moved")


def _split(amount: int) -> list[int]:
    parts = [amount * weight // 1000 for weight in _WEIGHTS]
    rest = amount - sum(parts)
    for index in sorted(range(4), key=lambda i: -(amount * _WEIGHTS[i] % 1000))[:rest]:
        parts[index] += 1
    return parts


def _two_rows(tap: int, operator: int, account: int, fen: int) -> bytes:
    """Debit the card side, credit the share."""
    return _LEDGER.pack(3, 8, tap, 4, 1, 4, fen, 3, 8, tap, 4, operator * 10 + account, 4, -fen)
