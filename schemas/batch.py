"""The batch envelope 交易包: who submits, under which number, what it holds, digest and signature.

The digest covers the header's core and every record; the signature covers the digest. So the same
batch has one digest in all four forms (``schemas.forms``), and a changed byte anywhere shows.
"""

import hashlib
import struct
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
    the source profile (empty: full records), ``sums`` one row per kind present, by kind.
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
    """A body that is not a batch: ``where`` (byte or line), ``what`` is wrong with it."""

    def __init__(self, where: str, what: str) -> None:
        self.where, self.what = where, what
        super().__init__(f"{where}: {what}")


_CORE: Final = struct.Struct(">4sBBBBIQ4s16sIB")
_SUM: Final = struct.Struct(">BIq")
_TAIL: Final = struct.Struct(">32s64s")
_KIND_AND_AMOUNT: Final = struct.Struct(
    f">{record.OFFSET['kind']}xBi{record.SIZE - record.OFFSET['amount_fen'] - 4}x"
)


def tally(records: bytes) -> tuple[KindSum, ...]:
    """Counts and sums per kind, by kind. ``records`` must be whole records."""
    counts: dict[int, int] = {}
    sums: dict[int, int] = {}
    for kind, amount in _KIND_AND_AMOUNT.iter_unpack(records):
        counts[kind] = counts.get(kind, 0) + 1
        sums[kind] = sums.get(kind, 0) + amount
    return tuple(KindSum(kind, counts[kind], sums[kind]) for kind in sorted(counts))


def _core(header: Header) -> bytes:
    """The header without digest and signature, as the digest covers it."""
    try:
        profile = header.profile.encode("ascii")
        date = bytes.fromhex(header.declared_date)
        if len(profile) > 16 or len(date) != 4 or len(header.declared_date) != 8:
            raise ValueError
        core = _CORE.pack(
            MAGIC,
            header.version,
            header.record_version,
            header.digest_algorithm,
            header.signature_algorithm,
            header.operator,
            header.number,
            date,
            profile,
            header.count,
            len(header.sums),
        )
        return core + b"".join(_SUM.pack(s.kind, s.count, s.amount_fen) for s in header.sums)
    except (struct.error, ValueError) as error:
        raise EnvelopeError("header", "a value does not fit its field") from error


def digest_of(header: Header, records: bytes) -> str:
    """The digest of a batch, 64 upper-case hexadecimal digits, whatever form it came in."""
    hasher = hashlib.sha256(_core(header))
    hasher.update(records)
    return hasher.hexdigest().upper()


def signing_input(digest: str) -> bytes:
    """The bytes that an operator signs."""
    return SIGNING_PREFIX + bytes.fromhex(digest)


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
    if len(records) % record.SIZE:
        raise EnvelopeError("records", f"not a multiple of {record.SIZE} bytes")
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
    header = msgspec.structs.replace(batch.header, signature=signature.hex().upper())
    return Batch(header, batch.records)


def to_binary(batch: Batch) -> bytes:
    """The binary envelope: core, sums, digest, signature, records."""
    header = batch.header
    try:
        tail = _TAIL.pack(bytes.fromhex(header.digest), bytes.fromhex(header.signature))
    except (struct.error, ValueError) as error:
        raise EnvelopeError("header", "digest or signature is not hexadecimal") from error
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
    try:
        name = profile.rstrip(b"\0").decode("ascii")
    except UnicodeDecodeError as error:
        raise EnvelopeError("profile", "not ASCII") from error
    header = Header(
        version=version,
        record_version=record_version,
        operator=operator,
        number=number,
        declared_date=date.hex().upper(),
        profile=name,
        count=count,
        sums=sums,
        digest_algorithm=digest_algorithm,
        digest=digest.hex().upper(),
        signature_algorithm=signature_algorithm,
        signature=signature.hex().upper(),
    )
    return Batch(header, records)
