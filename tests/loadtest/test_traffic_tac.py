"""The generator's own ciphers give the published answers."""

import json
from pathlib import Path

import msgspec
import pytest

from loadtest import crypto
from loadtest.draft import Draft, packed, tac_input
from schemas import record
from schemas.codes import Algorithm, TapKind, TypeByte

VECTORS = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "crypto" / "vectors.json").read_text("utf-8")
)


def test_the_published_card_key_and_tac() -> None:
    """MK 0011…EEFF, factors 7100FF…, 7100…01 → card key 3BB7…; the purchase → CC583207."""
    master_key = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    factors = (bytes.fromhex("7100FF0000000000"), bytes.fromhex("7100000000000001"))
    card_key = crypto.walk(Algorithm.DES, master_key, factors)
    assert card_key.hex().upper() == "3BB7F98E0560A6D3A18929ABE1B42B99"
    draft = Draft(
        amount_fen=200,
        type_byte=TypeByte.PURCHASE,
        terminal_id=bytes.fromhex("710003010001"),
        terminal_number=42,
        tapped_at=bytes.fromhex("20240115083015"),
        kind=TapKind.BUS_FLAT,
    )
    assert tac_input(draft).hex().upper() == "000000C8067100030100010000002A20240115083015"
    assert crypto.tac(Algorithm.DES, card_key, tac_input(draft)).hex().upper() == "CC583207"


# The vector of a million rounds is the kernels' business.
SINGLE = [entry for entry in VECTORS["sm4"] if entry.get("iterations", 1) == 1]


@pytest.mark.parametrize("entry", SINGLE, ids=lambda entry: entry["key"][:8])
def test_sm4_diversification_is_the_published_cipher(entry: dict[str, str]) -> None:
    """E(key, X | ~X) is one block of SM4: checked against a block cipher of the published kind."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import SM4
    from cryptography.hazmat.primitives.ciphers.modes import ECB

    cipher = Cipher(SM4(bytes.fromhex(entry["key"])), ECB()).encryptor()
    assert cipher.update(bytes.fromhex(entry["in"])).hex().upper() == entry["out"]
    factor = bytes.fromhex("0000000002017910")
    block = factor + bytes(byte ^ 0xFF for byte in factor)
    key = crypto.Diversifier(Algorithm.SM4, bytes.fromhex(entry["key"])).key(factor)
    again = Cipher(SM4(bytes.fromhex(entry["key"])), ECB()).encryptor()
    assert key == again.update(block)


def test_padding_adds_a_block_to_whole_blocks() -> None:
    assert crypto.padded(bytes(7), 8) == bytes(7) + b"\x80"
    assert crypto.padded(bytes(8), 8) == bytes(8) + b"\x80" + bytes(7)
    assert len(crypto.padded(bytes(22), 16)) == 32


def test_load_input_has_24_bytes_with_balance_and_counter_first() -> None:
    draft = Draft(
        kind=TapKind.TOP_UP,
        type_byte=TypeByte.LOAD,
        balance_after_fen=1500,
        online_counter=7,
        amount_fen=1000,
        terminal_id=bytes.fromhex("791009000001"),
        tapped_at=bytes.fromhex("20260105120000"),
    )
    assert tac_input(draft).hex() == "000005dc0007000003e80279100900000120260105120000"


def test_master_keys_are_visibly_test_keys() -> None:
    assert crypto.test_master_key(1, "x").startswith(b"TEST")
    assert crypto.test_master_key(1, "x") != crypto.test_master_key(2, "x")


def test_the_draft_has_the_fields_of_the_record_in_their_order() -> None:
    assert Draft.__struct_fields__ == tuple(field.name for field in record.FIELDS)


def test_a_packed_draft_is_the_record_of_the_same_values() -> None:
    draft = Draft(family=1, serial=bytes.fromhex("00007100000000000001"), amount_fen=-5, line=300)
    tap = record.unpack(packed(draft))
    for name, value in msgspec.structs.asdict(draft).items():
        assert getattr(tap, name) == (value.hex().upper() if isinstance(value, bytes) else value)
