"""Chains as data: the three in use, and every way in which an entry can be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from clearing.keys import reference
from clearing.keys.chains import Chain, ChainEntry, KeySetId, check_chain, load_chains
from clearing.keys.errors import ChainError

MOHURD = """
[[chain]]
issuer = "0000000000007100"
key_version = 1
key_index = 2
algorithm = "des"
city_code = "7100"
factors = ["city_code | FF 00 00 00 00 00", "serial_8"]
"""
T_UNION = """
[[chain]]
issuer = "0000000002017910"
key_version = 1
key_index = 1
algorithm = "sm4"
fold = "xor"
factors = ["issuer", "serial_last8"]
"""
METRO = """
[[chain]]
issuer = "0000000002017910"
key_version = 3
key_index = 1
algorithm = "des"
area_code = "7910"
factors = ["ascii:XIAN  29", "ascii_area_code|FFFFFFFF", "serial_last8"]
"""
MASTER_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
SERIAL = bytes.fromhex("00007100000000000001")


def _only(text: str) -> Chain:
    (chain,) = load_chains(text, "chains.toml").values()
    return chain


def test_mohurd_two_levels_give_the_specifications_card_key() -> None:
    chain = _only(MOHURD)
    issuer = bytes.fromhex("0000000000007100")
    assert chain.key_set == KeySetId(issuer, 1, 2, 0)
    assert chain.fixed_factors == (bytes.fromhex("7100FF0000000000"),)
    assert chain.factor_offset == 10
    factor = chain.card_factor(issuer, SERIAL)
    assert factor == bytes.fromhex("7100000000000001")
    card_key = reference.diversify(0, chain.level_key(MASTER_KEY), factor)
    assert card_key == bytes.fromhex("3BB7F98E0560A6D3A18929ABE1B42B99")


def test_t_union_two_levels() -> None:
    chain = _only(T_UNION)
    assert chain.fixed_factors == (bytes.fromhex("0000000002017910"),)
    assert (chain.key_set.algorithm, chain.fold, chain.factor_offset) == (1, 1, 10)
    assert chain.level_key(MASTER_KEY) == reference.diversify(
        1, MASTER_KEY, bytes.fromhex("0000000002017910")
    )
    assert str(chain.key_set) == "0000000002017910/1/1/sm4"


def test_metro_three_levels() -> None:
    chain = _only(METRO)
    assert chain.fixed_factors == (b"XIAN  29", b"7910\xff\xff\xff\xff")
    key = reference.diversify(0, MASTER_KEY, b"XIAN  29")
    assert chain.level_key(MASTER_KEY) == reference.diversify(0, key, b"7910\xff\xff\xff\xff")


def test_one_level_and_other_places_of_the_serial() -> None:
    for template, offset in (("serial_8", 10), ("serial_first8", 8), ("identity@4", 4)):
        chain = check_chain(_entry(factors=(template,)), "data", "chain 1")
        assert (chain.fixed_factors, chain.factor_offset) == ((), offset)
        assert chain.level_key(MASTER_KEY) == MASTER_KEY
        identity = bytes(range(18))
        assert chain.card_factor(identity[:8], identity[8:]) == identity[offset : offset + 8]


def test_many_chains_by_key_set() -> None:
    chains = load_chains(MOHURD + T_UNION + METRO, "chains.toml")
    assert len(chains) == 3
    assert all(key_set == chain.key_set for key_set, chain in chains.items())
    assert load_chains("", "empty.toml") == {}


def _entry(**changes: Any) -> ChainEntry:
    fields: dict[str, Any] = {
        "issuer": "0000000000007100",
        "key_version": 1,
        "key_index": 1,
        "algorithm": "des",
        "factors": ("issuer", "serial_8"),
    }
    return ChainEntry(**(fields | changes))


WRONG = [
    ({"issuer": "7100"}, "is not 16 hexadecimal digits"),
    ({"key_version": 256}, "key_version 256 does not fit one byte"),
    ({"key_index": -1}, "key_index -1 does not fit one byte"),
    ({"algorithm": "aes"}, 'algorithm "aes" is not known'),
    ({"fold": "xor"}, 'fold "xor" does not exist for des'),
    ({"algorithm": "sm4", "fold": "down"}, 'fold "down" does not exist for sm4'),
    ({"factors": ()}, "It has 0 levels"),
    ({"factors": ("issuer", "issuer", "issuer", "serial_8")}, "It has 4 levels"),
    ({"factors": ("issuer", "issuer")}, "is the last and is not 8 bytes"),
    ({"factors": ("identity@0",)}, "is the last and is not 8 bytes"),
    ({"factors": ("identity@11",)}, "is the last and is not 8 bytes"),
    ({"factors": ("serial_8|",)}, "is the last and is not 8 bytes"),
    ({"factors": ("serial_8", "serial_8")}, "is of the card, but it is not the last"),
    ({"factors": ("identity@10", "serial_8")}, "is of the card, but it is not the last"),
    ({"factors": ("city_code|FF0000000000", "serial_8")}, "needs city_code, which is not given"),
    ({"factors": ("ascii_area_code|00000000", "serial_8")}, "needs area_code, which is not given"),
    ({"city_code": "71"}, 'city_code "71" is not four digits'),
    ({"area_code": "79A0"}, 'area_code "79A0" is not four digits'),
    ({"factors": ("FF00", "serial_8")}, "makes 2 bytes"),
    ({"factors": ("issuer|00", "serial_8")}, "makes 9 bytes"),
    ({"factors": ("ascii:西安西安", "serial_8")}, "is not printable ASCII"),
    ({"factors": ("ascii:", "serial_8")}, "is not printable ASCII"),
    ({"factors": ("isuer", "serial_8")}, 'has a part "isuer" that is not known'),
    ({"factors": ("FF0", "serial_8")}, 'has a part "FF0" that is not known'),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG, ids=[case[1] for case in WRONG])
def test_a_wrong_entry_is_refused_by_name(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ChainError) as caught:
        check_chain(_entry(**changes), "chains.toml", "chain 7")
    assert sentence in caught.value.sentence
    assert (caught.value.source, caught.value.entry) == ("chains.toml", "chain 7")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[chain]", "It is not TOML"),
        ("[[chain]]\nissuer = 7", "chain"),
        (MOHURD + 'colour = "red"', "colour"),
        (MOHURD + MOHURD, "has a chain already"),
        ("[[chains]]", "chains"),
    ],
)
def test_a_wrong_file_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ChainError) as caught:
        load_chains(text, "chains.toml")
    assert sentence in caught.value.sentence
    assert caught.value.source == "chains.toml"
