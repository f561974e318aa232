"""The batch envelope 交易包: who submits, under which number, what it holds, digest and signature.

The digest covers the header's core and every record; the signature covers the digest. So the same
batch has one digest in all four forms (``schemas.forms``), and a changed byte anywhere shows.
"""

import hashlib
import re
import struct
import sys
from array import array
from binascii import unhexlify
from datetime import date
from typing import Final

import msgspec

from schemas import record
from schemas.codes import DigestAlgorithm, SignatureAlgorithm

VERSION: Final = 1
MAGIC: Final = b"OCB1"
SIGNING_PREFIX: Final = b"onecard batch 1\n"


class KindSum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Count and sum of one kind of tap in a batch; ``amount_fen`` is the sum of signed amounts."""

    kind: int
    count: int
    amount_fen: int


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The header of a batch.

    ``operator`` is the number in the centre's registry, ``number`` the operator's own (unique, in
    any order), ``declared_date`` the operator's business date as YYYYMMDD, ``profile`` the name of
    the source profile (empty: full records), ``sums`` one row per kind present, by kind. Digest (32
    bytes) and signature (64) are hexadecimal.
    """

    version: int = VERSION
    record_version: int = record.VERSION
    operator: int
    number: int
    declared_date: str
    profile: str = ""
    count: int
    sums: tuple[KindSum, ...]
    digest_algorithm: int = DigestAlgorithm.SHA256
    digest: str
    signature_algorithm: int = SignatureAlgorithm.UNSIGNED
    signature: str = "00" * 64


class Batch(msgspec.Struct, frozen=True):
    """A batch as the engine takes it: the header and the records, 144 bytes each, in order."""

    header: Header
    records: bytes


class EnvelopeError(ValueError):
    """A body that is not a batch: ``where`` (byte or line), ``what`` is wrong with it.

    What is wrong may quote the body, so it is cut where it gets long and holds no line ends.
    """

    def __init__(self, where: str, what: str) -> None:
        self.where, self.what = where, " ".join(what[:240].split())
        super().__init__(f"{self.where}: {self.what}")


SUMS_MAX: Final = 255
_CORE: Final = struct.Struct(">4sBBBBIQ4s16sIB")
_SUM: Final = struct.Struct(">BIq")
_TAIL: Final = struct.Struct(">32s64s")
_PROFILE: Final = re.compile(r"[!-~]{0,16}")
_NUMBERS: Final[dict[str, tuple[int, int]]] = {
    "version": record.BOUNDS["u8"],
    "record_version": record.BOUNDS["u8"],
    "operator": record.BOUNDS["u32"],
    "number": record.BOUNDS["u64"],
    "count": record.BOUNDS["u32"],
    "digest_algorithm": record.BOUNDS["u8"],
    "signature_algorithm": record.BOUNDS["u8"],
}
_SUM_NUMBERS: Final[dict[str, tuple[int, int]]] = {
    "kind": record.BOUNDS["u8"],
    "count": record.BOUNDS["u32"],
    "amount_fen": record.BOUNDS["i64"],
}
_DIGITS: Final = {"declared_date": 8, "digest": 64, "signature": 128}


def digits_of(day: date) -> str:
    """A date as ``declared_date`` writes it: eight digits, whatever the year.

    ``strftime`` writes years before 1000 with fewer on some systems.
    """
    return day.isoformat().replace("-", "")


def tally(records: bytes) -> tuple[KindSum, ...]:
    """Counts and sums per kind, by kind. Raises ``EnvelopeError`` where a record is not whole."""
    _whole(records)
    kinds = records[record.OFFSET["kind"] :: record.SIZE]
    sums = [0] * 256
    for kind, amount in zip(kinds, _amounts(records), strict=True):
        sums[kind] += amount
    return tuple(KindSum(kind, kinds.count(kind), sums[kind]) for kind in sorted(set(kinds)))


def _amounts(records: bytes) -> "array[int]":
    """The amounts of whole records: their bytes side by side, then read as numbers all at once."""
    side_by_side = bytearray(len(records) // record.SIZE * 4)
    for byte in range(4):
        side_by_side[byte::4] = records[record.OFFSET["amount_fen"] + byte :: record.SIZE]
    amounts = array("i", bytes(side_by_side))
    if sys.byteorder == "little":
        amounts.byteswap()
    return amounts


def _whole(records: bytes) -> None:
    if len(records) % record.SIZE:
        raise EnvelopeError("records", f"not a multiple of {record.SIZE} bytes")


def _check_numbers(row: Header | KindSum, bounds: dict[str, tuple[int, int]]) -> None:
    for name, (low, high) in bounds.items():
        value = getattr(row, name)
        if not low <= value <= high:
            raise EnvelopeError(
                "header",
                f"{name} is {record.shown(value)}; it must be a whole number from {low} to {high}",
            )


def _check_digits(header: Header, name: str) -> None:
    value: str = getattr(header, name)
    try:
        good = 2 * len(unhexlify(value)) == _DIGITS[name]
    except ValueError:
        good = False
    if not good:
        raise EnvelopeError(
            "header",
            f"{name} is {record.shown(value)}; it must be {_DIGITS[name]} hexadecimal digits",
        )


def _core(header: Header) -> bytes:
    """The header without digest and signature, as the digest covers it."""
    _check_numbers(header, _NUMBERS)
    _check_digits(header, "declared_date")
    if not _PROFILE.fullmatch(header.profile):
        raise EnvelopeError(
            "header",
            f"profile is {record.shown(header.profile)}; it must be at most 16 ASCII characters without blanks",
        )
    if len(header.sums) > SUMS_MAX:
        raise EnvelopeError("header", f"{len(header.sums)} sums came; at most {SUMS_MAX} fit")
    for row in header.sums:
        _check_numbers(row, _SUM_NUMBERS)
    core = _CORE.pack(
        MAGIC,
        header.version,
        header.record_version,
        header.digest_algorithm,
        header.signature_algorithm,
        header.operator,
        header.number,
        unhexlify(header.declared_date),
        header.profile.encode("ascii"),
        header.count,
        len(header.sums),
    )
    return core + b"".join(_SUM.pack(s.kind, s.count, s.amount_fen) for s in header.sums)


def canonical(header: Header) -> Header:
    """The header in the one spelling that all forms give: hexadecimal in upper case.

    Raises ``EnvelopeError`` naming the first field that the binary envelope cannot hold, so that
    whatever a text form brings has a digest and can be stored.
    """
    _core(header)
    _check_digits(header, "digest")
    _check_digits(header, "signature")
    return msgspec.structs.replace(
        header,
        declared_date=header.declared_date.upper(),
        digest=header.digest.upper(),
        signature=header.signature.upper(),
    )


def digest_of(header: Header, records: bytes) -> str:
    """The digest of a batch, 64 upper-case hexadecimal digits, whatever form it came in."""
    hasher = hashlib.sha256(_core(header))
    hasher.update(records)
    return hasher.hexdigest().upper()


def signing_input(digest: str) -> bytes:
    """The bytes that an operator signs. ``digest`` is that of a header that was checked."""
    return SIGNING_PREFIX + unhexlify(digest)


def make(
    operator: int,
    number: int,
    declared_date: str,
    records: bytes,
    *,
    profile: str = "",
    signature_algorithm: SignatureAlgorithm = SignatureAlgorithm.UNSIGNED,
) -> Batch:
    """A batch with counts, sums and digest filled in; sign it with ``signed``."""
    _whole(records)
    header = Header(
        operator=operator,
        number=number,
        declared_date=declared_date,
        profile=profile,
        count=len(records) // record.SIZE,
        sums=tally(records),
        digest="",
        signature_algorithm=signature_algorithm,
    )
    return Batch(msgspec.structs.replace(header, digest=digest_of(header, records)), records)


def signed(batch: Batch, signature: bytes) -> Batch:
    """The batch with a signature (64 bytes over ``signing_input(header.digest)``)."""
    header = msgspec.structs.replace(batch.header, signature=signature.hex())
    return Batch(canonical(header), batch.records)


def to_binary(batch: Batch) -> bytes:
    """The binary envelope: core, sums, digest, signature, records."""
    header = canonical(batch.header)
    tail = _TAIL.pack(unhexlify(header.digest), unhexlify(header.signature))
    return _core(header) + tail + batch.records


def from_binary(body: bytes) -> Batch:
    """The batch of a binary envelope. Raises ``EnvelopeError`` where the bytes are none."""
    if len(body) < _CORE.size or body[:4] != MAGIC:
        raise EnvelopeError("byte 0", "not a binary batch envelope")
    (_, version, record_version, digest_algorithm, signature_algorithm, operator, number, date,
     profile, count, sum_count) = _CORE.unpack_from(body)  # fmt: skip
    start = _CORE.size + sum_count * _SUM.size
    if len(body) < start + _TAIL.size:
        raise EnvelopeError(f"byte {len(body)}", "the envelope ends inside its header")
    sums = tuple(
        KindSum(*_SUM.unpack_from(body, _CORE.size + i * _SUM.size)) for i in range(sum_count)
    )
    digest, signature = _TAIL.unpack_from(body, start)
    records = body[start + _TAIL.size :]
    if len(records) != count * record.SIZE:
        raise EnvelopeError(
            f"byte {len(body)}",
            f"{count} records of {record.SIZE} bytes were announced, {len(records)} bytes came",
        )
    header = Header(
        version=version,
        record_version=record_version,
        operator=operator,
        number=number,
        declared_date=date.hex().upper(),
        # Each byte a character, so that a wrong one is named by the check below.
        profile=profile.rstrip(b"\0").decode("latin-1"),
        count=count,
        sums=sums,
        digest_algorithm=digest_algorithm,
        digest=digest.hex().upper(),
        signature_algorithm=signature_algorithm,
        signature=signature.hex().upper(),
    )
    return Batch(canonical(header), records)
