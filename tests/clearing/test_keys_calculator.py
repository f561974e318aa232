"""``calculate_tac``: what ``onecard tac`` prints, and the sentence for whatever does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.keys import reference
from clearing.keys.calculator import calculate_tac, session_key
from clearing.keys.errors import InputError

DATA = Path(__file__).resolve().parents[1] / "data" / "crypto" / "vectors.json"
MASTER_KEY = "00112233445566778899AABBCCDDEEFF"
FACTORS = ["7100FF0000000000", "7100000000000001"]
CARD_KEY = "3BB7F98E0560A6D3A18929ABE1B42B99"
PURCHASE = "000000C8067100030100010000002A20240115083015"


def test_the_specifications_own_values() -> None:
    assert calculate_tac("des", MASTER_KEY, FACTORS, PURCHASE) == "CC583207"
    assert calculate_tac("DES", CARD_KEY.lower(), [], PURCHASE) == "CC583207"
    key = bytes.fromhex(MASTER_KEY)
    for factor in FACTORS:
        key = reference.diversify(0, key, bytes.fromhex(factor))
    assert key.hex().upper() == CARD_KEY


def test_epurse_session_keys_and_macs() -> None:
    session, macs = b"", 0
    for entry in json.loads(DATA.read_text(encoding="utf-8"))["pboc_epurse"]:
        if "key" in entry:
            session = session_key(bytes.fromhex(entry["key"]), bytes.fromhex(entry["in"]))
            assert session.hex().upper() == entry["expect"]
        else:
            assert calculate_tac("des", session.hex(), [], entry["in"]) == entry["expect"]
            macs += 1
    assert macs == 4


@given(
    st.sampled_from([("des", 0, "left", 0), ("sm4", 1, "left", 0), ("sm4", 1, "xor", 1)]),
    st.binary(min_size=16, max_size=16),
    st.lists(st.binary(min_size=8, max_size=8), max_size=3),
    st.binary(max_size=200),
)
def test_any_levels_and_any_length(
    form: tuple[str, int, str, int], key: bytes, factors: list[bytes], data: bytes
) -> None:
    name, algorithm, fold_name, fold = form
    card_key = key
    for factor in factors:
        card_key = reference.diversify(algorithm, card_key, factor)
    expected = reference.tac(algorithm, card_key, data, fold).hex().upper()
    assert (
        calculate_tac(name, key.hex(), [f.hex() for f in factors], data.hex(), fold_name)
        == expected
    )


KEY8 = "0123456789ABCDEF"
WRONG = [
    (("aes", MASTER_KEY, [], ""), "The algorithm is not known."),
    (("des", "0G" * 16, [], ""), "The key is not hexadecimal."),
    (("des", "00 11" * 8, [], ""), "The key is not hexadecimal."),
    (("des", MASTER_KEY[:-1], [], ""), "The key has an odd number of hexadecimal digits (31)."),
    (("des", "", [], ""), "The key has 0 bytes, and a key has 16."),
    (("des", MASTER_KEY + "00", [], ""), "The key has 17 bytes, and a key has 16."),
    (("sm4", KEY8, [], ""), "The key has 8 bytes, and an SM4 key has 16."),
    (("des", KEY8, [KEY8], ""), "A key of 8 bytes is a session key and cannot be diversified."),
    (("des", MASTER_KEY, [KEY8, "00"], ""), "The factor 2 has 1 bytes, and a factor has 8."),
    (("des", MASTER_KEY, ["xy"], ""), "The factor 1 is not hexadecimal."),
    (
        ("des", MASTER_KEY, [KEY8] * 4, ""),
        "There are 4 factors, and a chain has at most 3 levels.",
    ),
    (("des", MASTER_KEY, [], "0"), "The data has an odd number of hexadecimal digits (1)."),
    (("des", MASTER_KEY, [], "数据"), "The data is not hexadecimal."),
    (("des", MASTER_KEY, [], "", "xor"), "DES has no fold but left."),
    (("sm4", MASTER_KEY, [], "", "up"), "The fold is not known."),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[case[1] for case in WRONG])
def test_what_does_not_fit_gets_one_clear_sentence(
    arguments: tuple[str, str, list[str], str], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        calculate_tac(*arguments)
    assert caught.value.sentence == sentence
    assert caught.value.remedy.endswith(".")
    key = arguments[1]
    assert not key or key not in str(caught.value)


def test_a_session_key_needs_sixteen_and_eight_bytes() -> None:
    for key, data in ((bytes(8), bytes(8)), (bytes(16), bytes(7))):
        with pytest.raises(InputError, match="session key"):
            session_key(key, data)


REFUSED = [
    (reference.diversify, (2, bytes(16), bytes(8))),
    (reference.diversify, (0, bytes(8), bytes(8))),
    (reference.diversify, (0, bytes(16), bytes(9))),
    (reference.tac, (0, bytes(16), b"", 1)),
    (reference.tac, (1, bytes(16), b"", 2)),
    (reference.mac_des, (bytes(16), b"")),
]


@pytest.mark.parametrize(("function", "arguments"), REFUSED)
def test_the_reference_refuses_wrong_lengths(function: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind of error is the promise
        function(*arguments)
