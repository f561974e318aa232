"""Proof: what a leaf holds, how leaves become roots, what a receipt says. Anyone can check offline.

A leaf is SHA-256 over ``LEAF``: prefix 00, salt, position, record, outcome, money, versions, shares.
An inner node is SHA-256 over 01 | left | right; an odd last node moves up unchanged. A batch's root
stands in its receipt; a day's ``taps_root`` is the root over one node 02 | batch_seq | batch root
for each batch in order.
"""

import hashlib
import struct
from typing import Final

import msgspec

from schemas.codes import Verdict

SALT_SIZE: Final = 16
SHARES_MAX: Final = 4
SHARES_SIZE: Final = 8 * SHARES_MAX

LEAF: Final = struct.Struct(f">B{SALT_SIZE}sQI144sBBQiiiHIII{SHARES_SIZE}s")
"""prefix 00, salt, batch_seq, row, record, verdict, reason, flags, priced, credited and subsidy fen,
issuer number, rules, registry and denylist version, shares (account u32, fen i32, four times)."""

RECEIPT_PREFIX: Final = b"onecard receipt 1\n"
"""What stands before a receipt in the bytes that are signed."""

EMPTY: Final = hashlib.sha256(b"").digest()
"""The root over nothing."""


def salts(salt_key: bytes, count: int) -> bytes:
    """The salts of a batch's leaves, 16 bytes each: SHAKE-256 of the batch's 32-byte salt key."""
    return hashlib.shake_256(salt_key).digest(SALT_SIZE * count)


def salt_key(node_secret: bytes, batch_seq: int) -> bytes:
    """The salt key of a batch: SHA-256 over the node's secret (32 bytes) and the batch_seq."""
    return hashlib.sha256(b"salt" + node_secret + batch_seq.to_bytes(8, "big")).digest()


def leaf(
    salt: bytes,
    batch_seq: int,
    row: int,
    record: bytes,
    outcome: tuple[Verdict, int, int],
    money: tuple[int, int, int],
    issuer_number: int,
    versions: tuple[int, int, int],
    shares: bytes,
) -> bytes:
    """The leaf of one tap.

    ``outcome`` is verdict, reason, flags; ``money`` is priced, credited, subsidy fen; ``versions``
    are rules, registry, denylist; ``shares`` are packed as in ``LEAF``.
    """
    return hashlib.sha256(
        LEAF.pack(
            0, salt, batch_seq, row, record, *outcome, *money, issuer_number, *versions, shares
        )
    ).digest()


def _inner(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: list[bytes]) -> bytes:
    """The Merkle root over leaves of 32 bytes, in order."""
    level = leaves or [EMPTY]
    while len(level) > 1:
        pairs = [_inner(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def path(leaves: list[bytes], index: int) -> list[tuple[bool, bytes]]:
    """The siblings from a leaf up to the root: (sibling stands left?, sibling).

    Raises ``IndexError`` where there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    steps: list[tuple[bool, bytes]] = []
    level, at = leaves, index
    while len(level) > 1:
        sibling = at ^ 1
        if sibling < len(level):
            steps.append((sibling < at, level[sibling]))
        pairs = [_inner(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
        at //= 2
    return steps


def climb(leaf_hash: bytes, steps: list[tuple[bool, bytes]]) -> bytes:
    """The root that a leaf and its path give."""
    for left, sibling in steps:
        leaf_hash = _inner(sibling, leaf_hash) if left else _inner(leaf_hash, sibling)
    return leaf_hash


def batch_node(batch_seq: int, batch_root: bytes) -> bytes:
    """A batch's node under the day's ``taps_root``."""
    return hashlib.sha256(b"\x02" + batch_seq.to_bytes(8, "big") + batch_root).digest()


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operator gets for a batch; the same batch again gets the same bytes.

    ``batch_root`` stands under the sealed day's ``taps_root``. ``signature`` is the node's Ed25519
    over ``receipt_input``. Nothing in it depends on the wall clock.
    """

    node: str
    business_date: str
    batch_seq: int
    operator: int
    number: int
    declared_date: str
    declared_late: bool
    digest: str
    taps: int
    accepted: int
    held: int
    rejected: int
    gross_fen: int
    charged_fen: int
    accepted_fen: int
    reasons: dict[str, int]
    rules_version: int
    registry_version: int
    denylist_version: int
    batch_root: str
    signature: str = ""


def receipt_input(receipt: Receipt) -> bytes:
    """The bytes that the node signs: a line that says what they are, and the receipt as JSON.

    The JSON has the fields in their order, the signature empty, the reasons by name, and no blanks:
    whoever parses a receipt gets these bytes again, in whatever order its reasons were kept.
    """
    unsigned = msgspec.structs.replace(receipt, signature="")
    return RECEIPT_PREFIX + msgspec.json.encode(unsigned, order="deterministic")
