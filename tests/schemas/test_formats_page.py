"""docs/formats.md: every example on it is run, and every figure on it is the code's."""

import re
import shlex
from pathlib import Path

import msgspec
import pytest

from clearing.keys.calculator import calculate_tac
from clearing.limits import BATCH_BYTES_MAX, BATCH_TAPS_MAX
from schemas import publish, reasons
from schemas.batch import SIGNING_PREFIX, digest_of, tally
from schemas.forms import LINE_BYTES_MAX, Form, decode, detect, encode
from schemas.proof import LEAF, RECEIPT_PREFIX, Receipt, receipt_input

PAGE = (publish.ROOT / "docs/formats.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: ([a-z-]+) -->\n```[a-z]*\n(.*?)\n```", PAGE, re.DOTALL))
BINARY = bytes.fromhex(EXAMPLES["binary"])


def test_the_four_bodies_are_one_batch() -> None:
    batch = decode(BINARY)
    assert detect(BINARY) is Form.BINARY
    assert decode(EXAMPLES["json-lines"].encode()) == batch
    assert decode(EXAMPLES["csv"].encode()) == batch
    packed = encode(batch, Form.MESSAGE_PACK)
    assert packed.startswith(bytes.fromhex(EXAMPLES["message-pack"]))
    assert f"{len(packed)} bytes,\nwhich begin with" in PAGE
    assert decode(packed) == batch
    assert batch.header.sums == tally(batch.records)
    assert batch.header.digest == digest_of(batch.header, batch.records)


def test_json_is_written_as_the_page_has_it() -> None:
    assert encode(decode(BINARY), Form.JSON_LINES).decode() == EXAMPLES["json-lines"] + "\n"


def test_the_commands_print_what_stands_below_them() -> None:
    lines = EXAMPLES["tac"].splitlines()
    assert len(lines) == 4
    for command, answer in zip(lines[::2], lines[1::2], strict=True):
        words = shlex.split(command.removeprefix("$ "))
        options = list(zip(words[2::2], words[3::2], strict=True))
        one = dict(options)
        factors = [value for name, value in options if name == "--factor"]
        assert words[:2] == ["onecard", "tac"]
        assert calculate_tac(one["--algorithm"], one["--key"], factors, one["--data"]) == answer
        assert answer in EXAMPLES["csv"]


def test_the_programs_on_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "schemas").symlink_to(publish.ROOT / "schemas")
    (tmp_path / "receipt.json").write_text(EXAMPLES["receipt"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)\n```", PAGE, re.DOTALL)
    assert len(programs) == 4
    room: dict[str, object] = {}
    for program in programs:
        exec(program, room)
    assert (tmp_path / "batch.bin").read_bytes() == BINARY


def test_the_receipt_is_one() -> None:
    receipt = msgspec.json.decode(EXAMPLES["receipt"], type=Receipt)
    assert msgspec.json.encode(receipt).decode() == EXAMPLES["receipt"]
    assert receipt.digest == decode(BINARY).header.digest
    assert receipt_input(receipt).startswith(RECEIPT_PREFIX)


def test_figures_and_names_on_the_page_are_the_code_s() -> None:
    for form in Form:
        assert f"`{form.value}`" in PAGE
    assert f"at most {LINE_BYTES_MAX:,} bytes" in PAGE
    assert f"{BATCH_BYTES_MAX // 2**20} MiB and {BATCH_TAPS_MAX:,} taps" in PAGE
    assert f"`unreadable` ({reasons.Reason.UNREADABLE:d})" in PAGE
    assert SIGNING_PREFIX.decode().rstrip() in PAGE
    assert LEAF.format in PAGE
    for name in re.findall(r"`([a-z.]+\.(?:md|json))`", PAGE):
        assert (publish.ROOT / publish.FOLDER / name).exists() or name == "docs/reasons.md", name
