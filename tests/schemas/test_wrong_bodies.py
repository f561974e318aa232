"""Bodies that are wrong, one by one: each is refused with its place, or read with the one right meaning."""

import struct
import time
import tracemalloc
from collections.abc import Iterator

import msgspec
import pytest

from schemas import batch as envelope
from schemas import record
from schemas.batch import EnvelopeError
from schemas.forms import LINE_BYTES_MAX, Form, decode, encode
from tests.schemas.taps import BATCH, TAP

BINARY, JSON, CSV, PACK = (
    encode(BATCH, form) for form in (Form.BINARY, Form.JSON_LINES, Form.CSV, Form.MESSAGE_PACK)
)
J_HEAD, J_TAP = JSON.split(b"\n")[:2]
C_HEAD, C_NAMES, C_ROW = CSV.split(b"\n")[:3]
P_HEAD = msgspec.msgpack.encode(BATCH.header)
P_TAP = msgspec.msgpack.encode(TAP)
EMPTY = envelope.make(12, 7, "20240115", b"")
MARK = b"\xef\xbb\xbf"


def but(body: bytes, old: bytes, new: bytes) -> bytes:
    """The body with the first ``old`` made ``new``."""
    assert old in body, old
    return body.replace(old, new, 1)


def cell(name: str, value: bytes) -> bytes:
    """The CSV body with another cell in its first row."""
    row = C_ROW.split(b",")
    row[record.NAMES.index(name)] = value
    return but(CSV, C_ROW, b",".join(row))


def field(name: str, value: bytes) -> bytes:
    """The JSON Lines body with another value in its first tap."""
    old = msgspec.json.encode(getattr(TAP, name))
    return but(JSON, b'"' + name.encode() + b'":' + old, b'"' + name.encode() + b'":' + value)


def head(name: str, value: bytes) -> bytes:
    """The JSON Lines body with another value in its header."""
    old = msgspec.json.encode(getattr(BATCH.header, name))
    key = b'"' + name.encode() + b'":'
    return but(JSON, key + old, key + value)


def packed(header: bytes = P_HEAD, taps: bytes = b"\x92" + P_TAP + P_TAP) -> bytes:
    return b"\x82\xa6header" + header + b"\xa4taps" + taps


REFUSED: dict[str, tuple[bytes, str]] = {
    # nothing, and nothing of ours
    "nothing": (b"", "byte 0"),
    "zeros": (bytes(100_000), "byte 0"),
    "a blank before JSON": (b" " + JSON, "byte 0"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "byte 0"),
    "gzip": (b"\x1f\x8b\x08\x00", "byte 0"),
    "UTF-16": (JSON.decode().encode("utf-16"), "byte 0"),
    "a mark and nothing": (MARK, "byte 0"),
    # binary
    "binary: wrong magic": (b"OCB2" + BINARY[4:], "byte 0"),
    "binary: the magic alone": (b"OCB1", "byte 0"),
    "binary: cut in the header": (BINARY[:44], "byte 0"),
    "binary: cut in the sums": (BINARY[:50], "byte 50"),
    "binary: cut in the tail": (BINARY[:120], "byte 120"),
    "binary: cut in a record": (BINARY[:-1], f"byte {len(BINARY) - 1}"),
    "binary: a record missing": (BINARY[:-144], f"byte {len(BINARY) - 144}"),
    "binary: a byte more": (BINARY + b"\0", f"byte {len(BINARY) + 1}"),
    "binary: a line end more": (BINARY + b"\n", f"byte {len(BINARY) + 1}"),
    "binary: more records announced": (
        BINARY[:40] + struct.pack(">I", 3) + BINARY[44:], f"byte {len(BINARY)}"),
    "binary: 4 milliard records announced": (
        BINARY[:40] + b"\xff\xff\xff\xff" + BINARY[44:], f"byte {len(BINARY)}"),
    "binary: 255 sums announced": (BINARY[:44] + b"\xff" + BINARY[45:], f"byte {len(BINARY)}"),
    "binary: a profile that is not ASCII": (BINARY[:24] + b"\xff" + BINARY[25:], "header"),
    "binary: a profile after a zero": (BINARY[:25] + b"a" + BINARY[26:], "header"),
    "binary: read as JSON": (but(BINARY, b"OCB1", b"{CB1"), "line 1"),
    # JSON Lines
    "json: a brace": (b"{", "line 1"),
    "json: the header alone": (J_HEAD, "header"),
    "json: cut in the header": (J_HEAD[:-20], "line 1"),
    "json: cut in a tap": (JSON[:-20], "line 3"),
    "json: a tap missing": (J_HEAD + b"\n" + J_TAP, "header"),
    "json: a tap more": (JSON + J_TAP, "header"),
    "json: an array of all": (b"[" + JSON + b"]", "byte 0"),
    "json: all on one line": (JSON.replace(b"\n", b""), "line 1"),
    "json: an empty line between": (but(JSON, b"\n", b"\n\n"), "line 2"),
    "json: an unknown field": (but(JSON, b'"family":', b'"famliy":'), "line 2"),
    "json: a field missing": (but(JSON, b'"family":1,', b""), "line 2"),
    "json: a float": (field("amount_fen", b"100.0"), "line 2"),
    "json: a float with an exponent": (field("amount_fen", b"1e2"), "line 2"),
    "json: NaN": (field("amount_fen", b"NaN"), "line 2"),
    "json: infinity": (field("amount_fen", b"-Infinity"), "line 2"),
    "json: true": (field("amount_fen", b"true"), "line 2"),
    "json: null": (field("amount_fen", b"null"), "line 2"),
    "json: a number in quotes": (field("amount_fen", b'"100"'), "line 2"),
    "json: a leading zero": (field("amount_fen", b"0100"), "line 2"),
    "json: a plus": (field("amount_fen", b"+100"), "line 2"),
    "json: above 32 bits": (field("amount_fen", b"2147483648"), "line 2"),
    "json: above 64 bits": (field("amount_fen", b"18446744073709551616"), "line 2"),
    "json: 400 digits": (field("amount_fen", b"9" * 400), "line 2"),
    "json: 60,000 digits": (field("amount_fen", b"9" * 60_000), "line 2"),
    "json: an endless exponent": (field("amount_fen", b"1E999999999"), "line 2"),
    "json: a negative counter": (field("offline_counter", b"-1"), "line 2"),
    "json: not hexadecimal": (field("tac", b'"GG583207"'), "line 2"),
    "json: hexadecimal too short": (field("tac", b'"CC5832"'), "line 2"),
    "json: hexadecimal with blanks": (field("tac", b'"CC 58 32"'), "line 2"),
    "json: full-width digits": (field("tac", '"１２３４５６７８"'.encode()), "line 2"),
    "json: half a surrogate": (field("tac", b'"\\ud800"'), "line 2"),
    "json: not UTF-8": (field("tac", b'"\xff\xfe\xfd"'), "line 2"),
    "json: not UTF-8 in the header": (head("profile", b'"\xff"'), "line 1"),
    "json: a name that is not UTF-8": (but(JSON, b'"family"', b'"\xc3"'), "line 2"),
    "json: deep": (field("amount_fen", b"[" * 10_000), "line 2"),
    "json: deep objects": (but(JSON, b'"family":', b'"a":' * 1 + b'{"a":' * 9_000), "line 2"),
    "json: a zero byte": (but(JSON, b"\n", b"\n\0"), "line 2"),
    "json: a remark": (but(JSON, b"\n", b"\n//\n"), "line 2"),
    "json: a long line": (field("tac", b'"' + b"A" * LINE_BYTES_MAX + b'"'), "line 2"),
    "json: a digest too short": (head("digest", b'"00"'), "header"),
    "json: a digest of blanks": (head("digest", b'"' + b" " * 64 + b'"'), "header"),
    "json: a signature that is none": (head("signature", b'"' + b"zz" * 64 + b'"'), "header"),
    "json: a negative count": (head("count", b"-2"), "header"),
    "json: a count above 32 bits": (head("count", b"4294967298"), "header"),
    "json: a number below zero": (head("number", b"-7"), "header"),
    "json: a date with hyphens": (head("declared_date", b'"2024-01-15"'), "header"),
    "json: a profile of 17 letters": (head("profile", b'"shenzhen-2018-old"'), "header"),
    "json: a profile in Chinese": (head("profile", '"深圳"'.encode()), "header"),
    "json: a negative count of a kind": (but(JSON, b'"count":2,"amount', b'"count":-2,"amount'), "header"),
    "json: a sum above 64 bits": (
        but(JSON, b'"amount_fen":200}', b'"amount_fen":' + b"9" * 30 + b"}"), "header"),
    "json: sums that are one": (head("sums", b"{}"), "line 1"),
    # CSV
    "csv: a hash": (b"#", "line 1"),
    "csv: no header": (C_NAMES + b"\n" + C_ROW, "byte 0"),
    "csv: no columns": (C_HEAD, "line 2"),
    "csv: the header twice": (C_HEAD + b"\n" + CSV, "line 2"),
    "csv: an unknown column": (but(CSV, b"family", b"famliy"), "line 2"),
    "csv: a column in capitals": (but(CSV, b"family", b"Family"), "line 2"),
    "csv: a column twice": (but(CSV, b"reserved", b"line"), "line 2"),
    "csv: a column without a default missing": (C_HEAD + b"\nline\n1\n1", "line 2"),
    "csv: semicolons": (but(CSV, C_NAMES, C_NAMES.replace(b",", b";")), "line 2"),
    "csv: a cell too many": (but(CSV, C_ROW, C_ROW + b",0"), "line 3"),
    "csv: a cell too few": (but(CSV, C_ROW, C_ROW[:-7]), "line 3"),
    "csv: a row missing": (CSV[: CSV.rindex(C_ROW)], "header"),
    "csv: a row more": (CSV + C_ROW, "header"),
    "csv: an empty row between": (but(CSV, C_ROW, b"\n" + C_ROW), "line 3"),
    "csv: an empty number": (cell("line", b""), "line 3"),
    "csv: an empty TAC": (cell("tac", b""), "line 3"),
    "csv: a blank": (cell("line", b" 600"), "line 3"),
    "csv: an underscore": (cell("line", b"6_00"), "line 3"),
    "csv: a plus": (cell("line", b"+600"), "line 3"),
    "csv: two signs": (cell("amount_fen", b"--1"), "line 3"),
    "csv: a sign and nothing": (cell("amount_fen", b"-"), "line 3"),
    "csv: hexadecimal in a number": (cell("line", b"2F"), "line 3"),
    "csv: a sign in hexadecimal": (cell("tac", b"-C583207"), "line 3"),
    "csv: full-width digits": (cell("line", "６００".encode()), "line 3"),
    "csv: Arabic digits": (cell("line", "٦٠٠".encode()), "line 3"),
    "csv: a thousands' separator": (cell("line", b'"6,000"'), "line 3"),
    "csv: a float": (cell("amount_fen", b"100.00"), "line 3"),
    "csv: what a spreadsheet makes of a serial": (cell("serial", b"7.1E+14"), "line 3"),
    "csv: a formula": (cell("line", b"=1+1"), "line 3"),
    "csv: NaN": (cell("amount_fen", b"nan"), "line 3"),
    "csv: 5,000 digits": (cell("line", b"9" * 5_000), "line 3"),
    "csv: a quote that never ends": (cell("line", b'"600'), "line 3"),
    "csv: a quoted line end": (cell("line", b'"600\n"'), "line 3"),
    "csv: a quote inside": (cell("line", b'6"00'), "line 3"),
    "csv: not UTF-8": (cell("line", b"\xff"), "line 3"),
    "csv: a header that is not UTF-8": (but(CSV, b'"profile":""', b'"profile":"\xff"'), "line 1"),
    "csv: line ends of long ago": (CSV.replace(b"\n", b"\r"), "line 1"),
    "csv: a zero byte": (cell("line", b"6\x0000"), "line 3"),
    # MessagePack
    "pack: a map and nothing": (b"\x82", "body"),
    "pack: cut": (PACK[:-1], "body"),
    "pack: a byte more": (PACK + b"\0", "body"),
    "pack: twice": (PACK + PACK, "body"),
    "pack: taps missing": (b"\x82\xa6header" + P_HEAD + b"\xa6header" + P_HEAD, "body"),
    "pack: an unknown part": (but(PACK, b"\xa4taps", b"\xa4tabs"), "body"),
    "pack: a tap missing": (packed(taps=b"\x91" + P_TAP), "header"),
    "pack: a tap more": (packed(taps=b"\x93" + P_TAP * 3), "header"),
    "pack: 4 milliard taps announced": (packed(taps=b"\xdd\xff\xff\xff\xff" + P_TAP), "body"),
    "pack: 4 milliard letters announced": (packed(taps=b"\xdb\xff\xff\xff\xff"), "body"),
    "pack: 4 milliard fields announced": (b"\x82\xa6header\xdf\xff\xff\xff\xff", "body"),
    "pack: an extension": (packed(taps=b"\x91\xd4\x01\x00"), "body"),
    "pack: a moment": (packed(taps=b"\x91\xd6\xff\0\0\0\0"), "body"),
    "pack: an extension without end": (packed(taps=b"\xc9\xff\xff\xff\xff\x01"), "body"),
    "pack: deep": (packed(taps=b"\x91" * 100_000), "body"),
    "pack: deep names": (b"\x82" + b"\x81" * 100_000, "body"),
    "pack: deep under an unknown name": (b"\x82\xa3abc" + b"\x91" * 100_000, "body"),
    "pack: bytes for text": (but(PACK, b"\xaddeclared_date", b"\xc4\x0ddeclared_date"), "body"),
    "pack: a float": (but(PACK, b"\xaaamount_fend", b"\xaaamount_fen\xca\x42\xc8\0\0"), "body"),
    "pack: nil": (but(PACK, b"\xaaamount_fend", b"\xaaamount_fen\xc0"), "body"),
    "pack: 64 bits": (but(PACK, b"\xa9gross_fen\xcc\xc8", b"\xa9gross_fen\xcf" + b"\xff" * 8), "tap 0"),
    "pack: not UTF-8": (but(PACK, b"\xa8CC583207", b"\xa8\xff\xff583207"), "body"),
    "pack: not hexadecimal": (but(PACK, b"\xa8CC583207", b"\xa8GG583207"), "tap 0"),
    "pack: a byte that means nothing": (packed(taps=b"\xc1"), "body"),
    "pack: 100,000 letters of a name": (b"\x82\xdb\0\x01\x86\xa0" + b"a" * 100_000, "body"),
}  # fmt: skip


def _large(form: str) -> bytes:
    """Twenty megabytes that ask for far more."""
    size = 20_000_000
    return {
        "json: line ends": J_HEAD + b"\n" * size + b"{}",
        "json: one line": J_HEAD + b"\n" + b" " * size + b"{}",
        "json: one string": field("tac", b'"' + b"A" * size + b'"'),
        "json: taps that were not announced": JSON + (J_TAP + b"\n") * (size // len(J_TAP)),
        "json: a header of brackets": b'{"sums":' + b"[" * size,
        "csv: line ends": C_HEAD + b"\n" + C_NAMES + b"\n" * size + b"1",
        "csv: commas": C_HEAD + b"\n" + C_NAMES + b"\n" + b"," * size,
        "csv: columns": C_HEAD + b"\n" + b"line," * (size // 5),
        "csv: quotes": C_HEAD + b"\n" + C_NAMES + b"\n" + b'"' * size,
        "csv: quoted line ends": C_HEAD + b"\n" + C_NAMES + b"\n" + b'"\n",' * (size // 4),
        "csv: rows that were not announced": CSV + (C_ROW + b"\n") * (size // len(C_ROW)),
        "pack: deep": packed(taps=b"\x91" * size),
        "pack: numbers for taps": packed(taps=b"\xdd" + struct.pack(">I", size) + bytes(size)),
        "pack: one string": packed(
            taps=b"\x91"
            + but(P_TAP, b"\xa8CC583207", b"\xdb" + struct.pack(">I", size) + b"A" * size)
        ),
        "pack: sums": packed(
            header=but(
                P_HEAD,
                b"\xa4sums\x91",
                b"\xa4sums\xdd"
                + struct.pack(">I", size // 25)
                + b"\x83\xa4kind\0\xa5count\0\xaaamount_fen\0" * (size // 25 - 1),
            )
        ),
        "binary: sums and no records": BINARY[:44] + b"\xff" + bytes(size),
        "zeros": bytes(size),
    }[form]


LARGE = [
    "json: line ends", "json: one line", "json: one string", "json: taps that were not announced",
    "json: a header of brackets", "csv: line ends", "csv: commas", "csv: columns", "csv: quotes",
    "csv: quoted line ends", "csv: rows that were not announced", "pack: deep",
    "pack: numbers for taps", "pack: one string", "pack: sums", "binary: sums and no records", "zeros",
]  # fmt: skip


@pytest.mark.parametrize(("body", "where"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_body_is_refused_where_it_is_wrong(body: bytes, where: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        decode(body)
    assert caught.value.where == where
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("body", [body for body, _ in REFUSED.values()], ids=REFUSED.keys())
def test_no_parser_makes_another_batch_of_a_wrong_body(form: Form, body: bytes) -> None:
    try:
        read = decode(body, form)
    except EnvelopeError:
        return
    assert read == BATCH  # a blank before JSON hides the form, and nothing more


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("name", LARGE)
def test_a_large_wrong_body_costs_no_more_than_in_proportion(traced: None, name: str) -> None:
    body = _large(name)
    tracemalloc.reset_peak()
    before, started = tracemalloc.get_traced_memory()[0], time.process_time()
    with pytest.raises(EnvelopeError) as caught:
        decode(body)
    used = tracemalloc.get_traced_memory()[1] - before
    assert len(str(caught.value)) < 300
    assert used < 6 * len(body)
    # The processor's own time, of which reading such a body takes hundredths of a second.
    assert time.process_time() - started < 20


def _same() -> dict[str, bytes]:
    sums = BATCH.header.sums[0]
    return {
        "json: a mark": MARK + JSON,
        "json: CRLF": JSON.replace(b"\n", b"\r\n"),
        "json: no line end at the end": JSON.rstrip(),
        "json: many at the end": JSON + b"\r\n\n \n",
        "json: blanks inside": JSON.replace(b",", b" ,\t ").replace(b":", b": "),
        "json: a name twice, the last counts": field("amount_fen", b'5,"amount_fen":100'),
        "json: letters as escapes": field("tac", b'"\\u0043C583207"'),
        "json: lower case": field("tac", b'"cc583207"'),
        "json: defaults spelled out": but(JSON, b'"family":', b'"version":1,"vehicle":0,"family":'),
        "json: a minus zero": but(JSON, b'"family":', b'"vehicle":-0,"family":'),
        "json: a digest in lower case": head("digest", b'"' + BATCH.header.digest.lower().encode() + b'"'),
        "json: fields in another order": msgspec.json.encode(BATCH.header, order="sorted")
        + b"\n" + (msgspec.json.encode(TAP, order="sorted") + b"\n") * 2,
        "csv: a mark": MARK + CSV,
        "csv: CRLF": CSV.replace(b"\n", b"\r\n"),
        "csv: a blank after the hash": but(CSV, b"#", b"# "),
        "csv: quotes": cell("line", b'"600"'),
        "csv: every cell in quotes": but(
            CSV, C_ROW, b",".join(b'"' + one + b'"' for one in C_ROW.split(b","))),
        "csv: columns in quotes": but(CSV, b"family", b'"family"'),
        "csv: zeros in front": cell("line", b"00600"),
        "csv: lower case": cell("tac", b"cc583207"),
        "pack: parts in the other order": b"\x82\xa4taps\x92" + P_TAP * 2 + b"\xa6header" + P_HEAD,
        "pack: wide lengths": packed(taps=b"\xdd\0\0\0\x02" + P_TAP * 2),
        "pack: wide numbers": but(PACK, b"\xaaamount_fend", b"\xaaamount_fen\xd3" + struct.pack(">q", 100)),
        f"pack: {sums.count} taps as everywhere": PACK,
    }  # fmt: skip


@pytest.mark.parametrize("body", _same().values(), ids=_same().keys())
def test_another_spelling_is_the_same_batch(body: bytes) -> None:
    assert decode(body) == BATCH


@pytest.mark.parametrize("form", Form)
def test_no_taps_are_a_batch_that_intake_refuses_as_empty(form: Form) -> None:
    assert decode(encode(EMPTY, form)) == EMPTY


@pytest.mark.parametrize("form", Form)
def test_wrong_sums_are_carried_so_that_intake_can_name_them(form: Form) -> None:
    header = msgspec.structs.replace(BATCH.header, sums=(envelope.KindSum(1, 9, -5),))
    read = decode(encode(envelope.Batch(header, BATCH.records), form))
    assert read.header.sums != envelope.tally(read.records)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        pytest.param("line,", "2 columns are named, and column 2 has no name", id="a comma more"),
        pytest.param(
            "line,lane", "2 columns are named, and 'lane' is none of a record", id="unknown"
        ),
        pytest.param("line,line", "2 columns are named, and 'line' twice", id="twice"),
        pytest.param("line", "1 columns are named, and '", id="too few"),
    ],
)
def test_what_is_wrong_with_column_names_is_said(columns: str, said: str) -> None:
    """Not only that they are wrong: how many came, and which of them it is."""
    with pytest.raises(EnvelopeError) as refused:
        decode(C_HEAD + b"\n" + columns.encode() + b"\n1\n", Form.CSV)
    assert f"line 2: {said}" in str(refused.value)
