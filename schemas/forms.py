"""Four forms of one batch: binary, JSON Lines, CSV, MessagePack. Lossless, one digest.

JSON Lines: the header on the first line, one tap on each further line.
CSV: ``#`` and the header as JSON on the first line, then column names, then one tap a row; a column
that is left out has its default.
MessagePack: a map with ``header`` and ``taps``.

Whatever the bytes, reading them ends in a batch or in ``EnvelopeError``, and takes time and memory in
proportion to their number: text is read line by line, a line has a limit, and nothing is set aside
because a count announced it.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final

import msgspec

from schemas import record
from schemas.batch import Batch, EnvelopeError, Header, canonical, from_binary, to_binary
from schemas.record import RecordError, Tap


class Form(Enum):
    """A form and its media type."""

    BINARY = "application/vnd.onecard.batch"
    JSON_LINES = "application/x-ndjson"
    CSV = "text/csv"
    MESSAGE_PACK = "application/msgpack"


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    header: Header
    taps: list[Tap]


_header_decoder: Final = msgspec.json.Decoder(Header)
_tap_decoder: Final = msgspec.json.Decoder(Tap)
_pack_decoder: Final = msgspec.msgpack.Decoder(_Envelope)
_json: Final = msgspec.json.Encoder()
_message_pack: Final = msgspec.msgpack.Encoder()

LINE_BYTES_MAX: Final = 64 * 1024
"""Longest line of the text forms: a header with every sum that fits needs a third of it."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_DIGITS: Final = re.compile(r"[0-9A-Fa-f-]*")
_PLACE: Final = {name: place for place, name in enumerate(record.NAMES)}
_WRONG: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises over bytes that are not what it expects."""


def detect(body: bytes) -> Form:
    """The form of a body, by its first byte. Raises ``EnvelopeError`` if it is none of the four."""
    match body[:1] if not body.startswith(_BYTE_ORDER_MARK) else body[3:4]:
        case b"O":
            return Form.BINARY
        case b"{":
            return Form.JSON_LINES
        case b"#":
            return Form.CSV
        case b"\x82":
            return Form.MESSAGE_PACK
    raise EnvelopeError("byte 0", "none of the four batch forms starts like this")


def decode(body: bytes, form: Form | None = None) -> Batch:
    """The batch in a body.

    ``form`` is detected when it is not given. Raises ``EnvelopeError`` naming line or byte.
    """
    return _DECODERS[form or detect(body)](body)


def encode(batch: Batch, form: Form) -> bytes:
    """The body of a batch in a form; ``decode`` gives the batch back, byte for byte."""
    return _ENCODERS[form](batch)


def taps_of(records: bytes) -> list[Tap]:
    """The taps of whole records."""
    size = record.SIZE
    return [record.unpack(records[at : at + size]) for at in range(0, len(records), size)]


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a text form with their numbers, without their ends and the blank ones at the end."""
    text = body.removeprefix(_BYTE_ORDER_MARK).rstrip()
    for number, line in enumerate(io.BytesIO(text), 1):
        if len(line) > LINE_BYTES_MAX:
            raise EnvelopeError(f"line {number}", f"longer than {LINE_BYTES_MAX} bytes")
        if line.isspace():
            raise EnvelopeError(f"line {number}", "empty, and others follow")
        yield number, line


def _header_of(text: bytes) -> Header:
    try:
        return canonical(_header_decoder.decode(text))
    except _WRONG as error:
        raise EnvelopeError("line 1", _said(error)) from error


def _said(error: Exception) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _from_json_lines(body: bytes) -> Batch:
    lines = _lines(body)
    number, first = next(lines, (1, b""))
    header = _header_of(first)
    records: list[bytes] = []
    try:
        for number, line in lines:  # noqa: B007 - the handler says at which it stopped
            records.append(record.pack(_tap_decoder.decode(line)))
            if len(records) > header.count:
                break
    except (*_WRONG, RecordError) as error:
        raise EnvelopeError(f"line {number}", _said(error)) from error
    return _counted(header, records)


def _counted(header: Header, records: list[bytes]) -> Batch:
    if header.count < len(records):
        raise EnvelopeError("header", f"{header.count} taps were announced, and more came")
    if header.count > len(records):
        raise EnvelopeError("header", f"{header.count} taps were announced, {len(records)} came")
    return Batch(header, b"".join(records))


def _to_json_lines(batch: Batch) -> bytes:
    header = canonical(batch.header)
    lines = [_json.encode(header), *(_json.encode(tap) for tap in taps_of(batch.records))]
    return b"\n".join(lines) + b"\n"


def _from_message_pack(body: bytes) -> Batch:
    try:
        envelope = _pack_decoder.decode(body)
    except _WRONG as error:
        raise EnvelopeError("body", _said(error)) from error
    records: list[bytes] = []
    try:
        for tap in envelope.taps:
            records.append(record.pack(tap))  # noqa: PERF401 - the handler counts them
    except RecordError as error:
        raise EnvelopeError(f"tap {len(records)}", str(error)) from error
    return _counted(canonical(envelope.header), records)


def _to_message_pack(batch: Batch) -> bytes:
    return _message_pack.encode(_Envelope(canonical(batch.header), taps_of(batch.records)))


def _from_csv(body: bytes) -> Batch:
    lines = _lines(body)
    _, first = next(lines, (1, b""))
    if not first.startswith(b"#"):
        raise EnvelopeError("line 1", "a CSV batch starts with # and its header as JSON")
    header = _header_of(first[1:])
    number, names = next(lines, (2, b""))
    fill = _filler(_cells(names, "line 2"))
    records: list[bytes] = []
    for number, line in lines:
        try:
            records.append(record.pack_values(fill(line, f"line {number}")))
        except RecordError as error:
            raise EnvelopeError(f"line {number}", str(error)) from error
        if len(records) > header.count:
            break
    return _counted(header, records)


def _cells(line: bytes, where: str) -> list[str]:
    """The cells of one row; a quoted cell may not run over the end of its line."""
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise EnvelopeError(where, str(error)) from error


def _filler(columns: list[str]) -> Callable[[bytes, str], list[Any]]:
    """What makes of a row with these columns one value for each field of the record, in order."""
    named = f"{len(columns)} columns are named"
    unknown = [name for name in columns if name not in record.FIELD]
    if unknown and not unknown[0]:
        place = columns.index("") + 1
        raise EnvelopeError("line 2", f"{named}, and column {place} has no name")
    if unknown:
        raise EnvelopeError(
            "line 2", f"{named}, and {record.shown(unknown[0])} is none of a record"
        )
    twice = next((name for at, name in enumerate(columns) if name in columns[:at]), None)
    if twice is not None:
        raise EnvelopeError("line 2", f"{named}, and {twice!r} twice")
    defaults = [record.default_of(name) for name in record.NAMES]
    missing = [
        name for name in record.NAMES if defaults[_PLACE[name]] is None and name not in columns
    ]
    if missing:
        also = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise EnvelopeError("line 2", f"{named}, and {missing[0]!r} is missing{also}")
    places = [_PLACE[name] for name in columns]
    readers = [str if record.FIELD[name].type == "hex" else int for name in columns]

    def fill(line: bytes, where: str) -> list[Any]:
        cells = _cells(line, where)
        if len(cells) != len(columns):
            raise EnvelopeError(where, f"{len(columns)} columns were announced, {len(cells)} came")
        # int() would take blanks, underscores, a plus and the digits of every script.
        if not _DIGITS.fullmatch("".join(cells)):
            raise _wrong_cell(columns, cells, where)
        values = defaults.copy()
        try:
            for place, read, cell in zip(places, readers, cells, strict=True):
                values[place] = read(cell)
        except ValueError:
            raise _wrong_cell(columns, cells, where) from None
        return values

    return fill


def _wrong_cell(columns: list[str], cells: list[str], where: str) -> EnvelopeError:
    """The first cell of a row that is not what its column holds."""
    for name, cell in zip(columns, cells, strict=True):
        is_hex = record.FIELD[name].type == "hex"
        if not re.fullmatch(r"[0-9A-Fa-f]+" if is_hex else r"-?[0-9]{1,20}", cell):
            what = "hexadecimal digits" if is_hex else "a whole number"
            return EnvelopeError(where, f"{name} is {record.shown(cell)}; it must be {what}")
    raise AssertionError("every cell of the row fits its column")


def _to_csv(batch: Batch) -> bytes:
    header = "#" + _json.encode(canonical(batch.header)).decode()
    rows = (",".join(map(str, msgspec.structs.astuple(tap))) for tap in taps_of(batch.records))
    return "\n".join([header, ",".join(record.NAMES), *rows, ""]).encode()


_DECODERS: Final[dict[Form, Callable[[bytes], Batch]]] = {
    Form.BINARY: from_binary,
    Form.JSON_LINES: _from_json_lines,
    Form.CSV: _from_csv,
    Form.MESSAGE_PACK: _from_message_pack,
}
_ENCODERS: Final[dict[Form, Callable[[Batch], bytes]]] = {
    Form.BINARY: to_binary,
    Form.JSON_LINES: _to_json_lines,
    Form.CSV: _to_csv,
    Form.MESSAGE_PACK: _to_message_pack,
}
