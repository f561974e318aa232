"""Random and mangled bodies: a parser answers with a batch or with ``EnvelopeError``, nothing else."""

import random
from collections.abc import Callable

import msgspec
import pytest

from schemas import batch as envelope
from schemas import record
from schemas.batch import EnvelopeError
from schemas.forms import Form, decode, encode
from tests.schemas.taps import BATCH

BODIES = {form: encode(BATCH, form) for form in Form}
STARTS = (b"OCB1", b"{", b"#{", b"\x82", b"\x82\xa6header", b"\xef\xbb\xbf#", b"")
INTERESTING = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b"\n\n", b'"', b"'", b",", b";", b"-", b"+", b"_", b" ",
    b"{", b"}", b"[", b"]", b"[" * 400, b"\\u0000", b"\\ud800", b"NaN", b"1e9", b"1.0", b"null", b"true",
    b"9" * 25, b"9" * 5000, b"-1", b"2147483648", b"18446744073709551616", "１２".encode(), b"\xc3",
    b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc1", b"\xc0", b"\xcf", b"\xd3",
    b"\xd4\x01\x00", b"\xc9\xff\xff\xff\xff\x01", b"\x91" * 400, b"\x81" * 400, b"\xff\xff\xff\xff",
)  # fmt: skip


def _cut(source: random.Random, body: bytes) -> bytes:
    return body[: source.randrange(len(body) + 1)]


def _flip(source: random.Random, body: bytes) -> bytes:
    mangled = bytearray(body or b"x")
    for _ in range(source.choice((1, 1, 2, 8))):
        mangled[source.randrange(len(mangled))] ^= 1 << source.randrange(8)
    return bytes(mangled)


def _put_in(source: random.Random, body: bytes) -> bytes:
    at = source.randrange(len(body) + 1)
    piece = source.choice((*INTERESTING, source.randbytes(3)))
    return body[:at] + piece + body[at + source.choice((0, 0, len(piece))) :]


def _take_out(source: random.Random, body: bytes) -> bytes:
    at = source.randrange(len(body) + 1)
    return body[:at] + body[at + source.choice((1, 4, 13, 144)) :]


def _repeat(source: random.Random, body: bytes) -> bytes:
    at = source.randrange(len(body) + 1)
    end = at + source.choice((1, 13, 144, 700))
    return body[:end] + body[at:end] + body[end:]


def _splice(source: random.Random, body: bytes) -> bytes:
    other = BODIES[source.choice(list(Form))]
    at = source.randrange(len(other) + 1)
    return _cut(source, body) + other[at:]


def _noise(source: random.Random, body: bytes) -> bytes:
    return source.choice(STARTS) + source.randbytes(source.choice((0, 1, 40, 300, len(body))))


def _renumber(source: random.Random, body: bytes) -> bytes:
    """Another number for one that stands in the text: the likeliest way to a wrong meaning."""
    digits = [at for at, byte in enumerate(body) if 0x30 <= byte <= 0x39]
    if not digits:
        return body
    at = source.choice(digits)
    return body[:at] + source.choice(INTERESTING) + body[at + 1 :]


MANGLE: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _cut, _flip, _flip, _put_in, _put_in, _take_out, _repeat, _splice, _noise, _renumber,
)  # fmt: skip

COUNTS = [2_000, pytest.param(20_000, marks=pytest.mark.torture)]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("count", COUNTS)
def test_a_mangled_body_is_a_batch_or_an_error_of_ours(form: Form, count: int) -> None:
    source = random.Random(f"{form.name} {count}")
    read = 0
    for number in range(count):
        body = BODIES[form]
        for _ in range(source.choice((1, 1, 2, 4))):
            body = source.choice(MANGLE)(source, body)
        for asked in (None, form):
            read += _must_be_batch_or_error(body, asked, number)
    assert (
        read > count // 100
    )  # the mangling leaves enough to be read that this test means something


def _must_be_batch_or_error(body: bytes, form: Form | None, number: int) -> bool:
    """Whether it was read; then it has a digest and a tally, and every form carries it."""
    said = ""
    try:
        batch = decode(body, form)
    except EnvelopeError as error:
        said = str(error)
    if said:
        assert len(said) < 300, number
        return False
    assert batch.header.count * record.SIZE == len(batch.records), number
    envelope.digest_of(batch.header, batch.records)
    envelope.signing_input(batch.header.digest)
    envelope.tally(batch.records)
    for other in Form:
        assert decode(encode(batch, other)) == batch, number
    return True


VALUES = (
    None, True, -1, 0, 1, 2**31, 2**32, 2**63, 2**64 - 1, -(2**63), 1.5, float("nan"), float("inf"), "", "0",
    "00", "zz", "１", "0" * 7, "0" * 16, "\0", "a" * 70_000, b"", b"\0", [], [[]], [None], {}, {"kind": 1},
    {"": {}}, msgspec.msgpack.Ext(1, b"x"), msgspec.msgpack.Ext(-1, b"\0\0\0\0"),
)  # fmt: skip


@pytest.mark.parametrize("count", COUNTS)
def test_a_message_of_wrong_values_is_a_batch_or_an_error_of_ours(count: int) -> None:
    """Well-formed MessagePack and JSON with any value in any place, fields missing and fields more."""
    source = random.Random(count)
    good = msgspec.msgpack.decode(BODIES[Form.MESSAGE_PACK])
    for number in range(count):
        message = msgspec.msgpack.decode(msgspec.msgpack.encode(good))
        for _ in range(source.choice((1, 1, 3))):
            where = source.choice(
                (message, message["header"], *message["taps"], *message["header"]["sums"])
            )
            name = source.choice([*where, "more"])
            if name in ("header", "taps", "sums"):
                continue
            where[name] = source.choice(VALUES)
            if source.random() < 0.2:
                del where[name]
        body = msgspec.msgpack.encode(message)
        lines = [_as_json(message["header"]), *(_as_json(tap) for tap in message["taps"])]
        for wrong, form in ((body, Form.MESSAGE_PACK), (b"\n".join(lines), Form.JSON_LINES)):
            _must_be_batch_or_error(wrong, form, number)


def _as_json(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)


@pytest.mark.parametrize("count", COUNTS)
def test_any_cell_of_a_table_is_a_number_or_an_error_of_ours(count: int) -> None:
    source = random.Random(f"cells {count}")
    head, names, row, *_ = BODIES[Form.CSV].split(b"\n")
    for number in range(count):
        cells = row.split(b",")
        for _ in range(source.choice((1, 1, 3))):
            cells[source.randrange(len(cells))] = source.choice(INTERESTING)
        body = b"\n".join([head, names, row, b",".join(cells)])
        _must_be_batch_or_error(body, Form.CSV, number)
