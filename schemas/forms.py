"""Four forms of one batch: binary, JSON Lines, CSV, MessagePack. Lossless, one digest.

JSON Lines: the header on the first line, one tap on each further line.
CSV: ``#`` and the header as JSON on the first line, then column names, then one tap a row; a column
that is left out has its default.
MessagePack: a map with ``header`` and ``taps``.
"""

import csv
import io
from collections.abc import Callable
from enum import Enum
from typing import Final

import msgspec

from schemas import record
from schemas.batch import Batch, EnvelopeError, Header, from_binary, to_binary
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
_HEX: Final = frozenset(field.name for field in record.FIELDS if field.type == "hex")


def detect(body: bytes) -> Form:
    """The form of a body, by its first byte. Raises ``EnvelopeError`` if it is none of the four."""
    match body[:1]:
        case b"O":
            return Form.BINARY
        case b"{":
            return Form.JSON_LINES
        case b"#" | b"\xef":
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


def _packed(tap: Tap, where: str) -> bytes:
    try:
        return record.pack(tap)
    except RecordError as error:
        raise EnvelopeError(where, str(error)) from error


def _counted(header: Header, records: list[bytes]) -> Batch:
    if header.count != len(records):
        raise EnvelopeError(
            "header", f"{header.count} taps were announced, {len(records)} came"
        )
    return Batch(header, b"".join(records))


def _from_json_lines(body: bytes) -> Batch:
    first, _, rest = body.partition(b"\n")
    line = 1
    try:
        header = _header_decoder.decode(first)
        records: list[bytes] = []
        for line, text in enumerate(rest.split(b"\n"), 2):
            if text.strip():
                records.append(_packed(_tap_decoder.decode(text), f"line {line}"))
    except msgspec.MsgspecError as error:
        raise EnvelopeError(f"line {line}", str(error)) from error
    return _counted(header, records)


def _to_json_lines(batch: Batch) -> bytes:
    lines = [_json.encode(batch.header), *(_json.encode(tap) for tap in taps_of(batch.records))]
    return b"\n".join(lines) + b"\n"


def _from_message_pack(body: bytes) -> Batch:
    try:
        envelope = _pack_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise EnvelopeError("body", str(error)) from error
    return _counted(
        envelope.header,
        [_packed(tap, f"tap {row}") for row, tap in enumerate(envelope.taps)],
    )


def _to_message_pack(batch: Batch) -> bytes:
    return _message_pack.encode(_Envelope(batch.header, taps_of(batch.records)))


def _from_csv(body: bytes) -> Batch:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EnvelopeError(f"byte {error.start}", "not UTF-8") from error
    first, _, rest = text.partition("\n")
    if not first.startswith("#"):
        raise EnvelopeError("line 1", "a CSV batch starts with # and its header as JSON")
    try:
        header = _header_decoder.decode(first[1:].strip())
    except msgspec.MsgspecError as error:
        raise EnvelopeError("line 1", str(error)) from error
    reader = csv.reader(io.StringIO(rest, newline=""), strict=True)
    try:
        columns = next(reader, [])
        unknown = [name for name in columns if name not in record.FIELD]
        if unknown or len(set(columns)) != len(columns):
            raise EnvelopeError("line 2", f"unknown or repeated column {(unknown or columns)[0]!r}")
        records = [
            _packed(_tap_of(columns, row, f"line {reader.line_num + 1}"), f"line {number}")
            for number, row in enumerate(reader, 3)
            if row
        ]
    except csv.Error as error:
        raise EnvelopeError(f"line {reader.line_num + 1}", str(error)) from error
    return _counted(header, records)


def _tap_of(columns: list[str], row: list[str], where: str) -> Tap:
    if len(row) != len(columns):
        raise EnvelopeError(where, f"{len(columns)} columns were announced, {len(row)} came")
    try:
        values = {
            name: value if name in _HEX else int(value)
            for name, value in zip(columns, row, strict=True)
        }
        return msgspec.convert(values, Tap)
    except (ValueError, msgspec.ValidationError) as error:
        raise EnvelopeError(where, str(error)) from error


def _to_csv(batch: Batch) -> bytes:
    out = io.StringIO(newline="")
    out.write("#" + _json.encode(batch.header).decode() + "\n")
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in record.FIELDS]
    writer.writerow(names)
    for tap in taps_of(batch.records):
        writer.writerow([getattr(tap, name) for name in names])
    return out.getvalue().encode()


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
