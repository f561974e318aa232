"""The C ciphers through ``clearing._crypto``: published answers, and equality with plain Python."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import published
import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from clearing import _crypto
from clearing.keys import reference
from schemas import proof

SHA256_WAYS = ("", *_crypto.sha256_ways_here())
KEYS = st.binary(min_size=16, max_size=16)
FACTORS = st.binary(min_size=8, max_size=8)
FORMS = st.sampled_from([(0, 0), (1, 0), (1, 1)])


def test_des() -> None:
    for entry in published.VECTORS["des"]:
        key, data, out = (bytes.fromhex(entry[name]) for name in ("key", "in", "out"))
        assert _crypto.des_encrypt(key, data) == out == reference.des_encrypt(key, data)
        assert _crypto.des_decrypt(key, out) == data


def test_triple_des() -> None:
    for entry in published.VECTORS["des_ede2"]:
        key, data, out = (bytes.fromhex(entry[name]) for name in ("key", "in", "out"))
        assert _crypto.des3_encrypt(key, data) == out == reference.des_ede2_encrypt(key, data)


def test_epurse_session_keys_and_macs() -> None:
    for entry in published.VECTORS["pboc_epurse"]:
        if "key" in entry:
            key, data = bytes.fromhex(entry["key"]), bytes.fromhex(entry["in"])
            assert _crypto.des3_encrypt(key, data) == bytes.fromhex(entry["expect"])
    macs = published.epurse_macs()
    assert len(macs) == 4
    for name, session, data, mac in macs:
        padded = data + b"\x80" + bytes(-(len(data) + 1) % 8)
        assert _crypto.des_mac(session, padded)[:4] == mac, name
        assert reference.mac_des(session, data)[:4] == mac, name


@pytest.mark.parametrize("entry", published.VECTORS["sm4"], ids=lambda entry: entry["key"][:8])
def test_sm4(entry: dict[str, Any]) -> None:
    key, data, out = (bytes.fromhex(entry[name]) for name in ("key", "in", "out"))
    assert _crypto.sm4_encrypt(key, data, entry["iterations"]) == out
    if entry["iterations"] == 1:
        assert reference.sm4_encrypt(key, data) == out


@pytest.mark.parametrize("entry", published.VECTORS["sm3"], ids=lambda entry: entry["out"][:8])
def test_sm3_of_the_library_that_a_later_digest_will_use(entry: dict[str, Any]) -> None:
    digest = hashes.Hash(hashes.SM3())
    digest.update(bytes.fromhex(entry["in"]))
    assert digest.finalize() == bytes.fromhex(entry["out"])


@pytest.mark.parametrize("entry", published.VECTORS["des_mac"], ids=lambda entry: entry["mac"])
def test_macs_composed_from_des(entry: dict[str, Any]) -> None:
    key, message, mac = (bytes.fromhex(entry[name]) for name in ("key", "msg", "mac"))
    if entry["alg"].startswith("UnionPay"):
        assert published.pos_mac(_crypto.des_encrypt, key, message) == mac
        steps = {name: bytes.fromhex(text) for name, text in entry["steps"].items()}
        assert _crypto.des_encrypt(key, steps["hex16"][:8]) == steps["enc1"]
        assert _crypto.des_encrypt(key, steps["xor2"]) == steps["enc2"]
    else:
        assert published.x919_mac(_crypto.des_encrypt, _crypto.des_decrypt, key, message) == mac


def test_the_specifications_own_tac() -> None:
    level_key = _crypto.diversify(0, published.MASTER_KEY, published.FACTORS[0])
    assert _crypto.diversify(0, level_key, published.FACTORS[1]) == published.CARD_KEY
    assert _crypto.tac(0, level_key, published.FACTORS[1], published.PURCHASE) == published.TAC
    assert reference.tac(0, published.CARD_KEY, published.PURCHASE) == published.TAC
    folded = published.xor(published.CARD_KEY[:8], published.CARD_KEY[8:])
    assert reference.mac_des(folded, published.PURCHASE) == published.PURCHASE_BLOCK


@given(FORMS, KEYS, st.lists(FACTORS, min_size=1, max_size=3), st.binary(max_size=24))
def test_both_implementations_agree(
    form: tuple[int, int], key: bytes, factors: list[bytes], data: bytes
) -> None:
    algorithm, fold = form
    slow = quick = key
    for factor in factors[:-1]:
        slow = reference.diversify(algorithm, slow, factor)
        quick = _crypto.diversify(algorithm, quick, factor)
        assert slow == quick
    card_key = reference.diversify(algorithm, slow, factors[-1])
    expected = reference.tac(algorithm, card_key, data, fold)
    assert _crypto.tac(algorithm, quick, factors[-1], data, fold) == expected


@given(FORMS, KEYS, st.sampled_from([22, 24]), st.integers(0, 5), st.randoms(use_true_random=False))
def test_many_taps_are_the_taps_one_by_one(
    form: tuple[int, int], key: bytes, size: int, count: int, numbers: Any
) -> None:
    keys = _crypto.KeySet(form[0], key, form[1])
    factors, inputs = numbers.randbytes(8 * count), numbers.randbytes(size * count)
    expected = b"".join(
        keys.tac(factors[8 * i : 8 * i + 8], inputs[size * i : size * i + size])
        for i in range(count)
    )
    assert keys.tac_many(factors, inputs, size) == expected


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 31))
def test_comparison(one: int, other: int, bit: int) -> None:
    assert _crypto.tac_equal(one, one)
    assert not _crypto.tac_equal(one, one ^ 1 << bit)
    assert _crypto.tac_equal(one, other) == (one == other)


@given(
    KEYS, st.binary(min_size=16, max_size=16), st.integers(0, 6), st.randoms(use_true_random=False)
)
def test_sm4_cbc(key: bytes, iv: bytes, blocks: int, numbers: Any) -> None:
    data, chained, out = numbers.randbytes(16 * blocks), iv, b""
    for start in range(0, len(data), 16):
        chained = reference.sm4_encrypt(key, published.xor(chained, data[start : start + 16]))
        out += chained
    assert _crypto.sm4_encrypt_cbc(key, iv, data) == out


@pytest.mark.parametrize("way", SHA256_WAYS)
def test_sha256_at_every_length(way: str) -> None:
    message = hashlib.shake_128(b"lengths").digest(300)
    for size in range(301):
        part = message[:size]
        assert _crypto.sha256(part, way=way) == hashlib.sha256(part).digest()
    for prefix_size in range(64):
        digest = hashlib.sha256(message[:prefix_size] + message).digest()
        prefix = message[:prefix_size]
        assert _crypto.sha256(message, prefix=prefix, way=way) == digest


@pytest.mark.parametrize("way", SHA256_WAYS)
@given(
    size=st.integers(1, 300), count=st.integers(0, 40), prefix_size=st.integers(0, 63),
    shared=st.booleans(), numbers=st.randoms(use_true_random=False),
)  # fmt: skip
def test_many_digests(
    way: str, size: int, count: int, prefix_size: int, shared: bool, numbers: Any
) -> None:
    messages = numbers.randbytes(size * count)
    prefixes = numbers.randbytes(prefix_size if shared else prefix_size * count)
    expected = b""
    for index in range(count):
        start = 0 if shared else prefix_size * index
        prefix = prefixes[start : start + prefix_size]
        expected += hashlib.sha256(prefix + messages[size * index : size * (index + 1)]).digest()
    digests = _crypto.sha256_many(
        messages, size, prefixes=prefixes, prefix_size=prefix_size, way=way
    )
    assert digests == expected


@pytest.mark.parametrize("count", [*range(20), 31, 32, 33, 63, 64, 65, 1000])
def test_root_over_leaves(count: int) -> None:
    leaves = hashlib.shake_128(b"leaves").digest(32 * count)
    expected = proof.root([leaves[at : at + 32] for at in range(0, len(leaves), 32)])
    assert _crypto.merkle_root(leaves) == expected


WRONG = [
    (_crypto.merkle_root, (bytes(33),)),
    (_crypto.des_encrypt, (b"7 bytes", bytes(8))),
    (_crypto.des_encrypt, (bytes(8), bytes(9))),
    (_crypto.des_mac, (bytes(16), bytes(8))),
    (_crypto.des3_encrypt, (bytes(8), bytes(8))),
    (_crypto.sm4_encrypt, (bytes(16), bytes(8))),
    (_crypto.sm4_encrypt_cbc, (bytes(16), bytes(8), bytes(16))),
    (_crypto.diversify, (2, bytes(16), bytes(8))),
    (_crypto.diversify, (0, bytes(16), bytes(7))),
    (_crypto.tac, (0, bytes(16), bytes(8), bytes(25))),
    (_crypto.tac, (0, bytes(16), bytes(8), b"", 1)),
    (_crypto.tac, (256, bytes(16), bytes(8), b"")),
    (_crypto.KeySet, (1, bytes(16), 0, 11)),
    (_crypto.KeySet(0, bytes(16)).tac_many, (bytes(8), bytes(23), 23)),
    (_crypto.KeySet(0, bytes(16)).tac_many, (bytes(8), bytes(44), 22)),
    (_crypto.sha256_many, (b"", 0)),
]


@pytest.mark.parametrize(("function", "arguments"), WRONG)
def test_what_does_not_fit_is_refused(function: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind of error is the promise
        function(*arguments)


def test_a_way_of_hashing_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="abacus"):
        _crypto.sha256(b"", way="abacus")


def _locked_kilobytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmLck:"):
            return int(line.split()[1])
    raise AssertionError("no VmLck")


def _flags(address: int) -> list[str]:
    """The kernel's flags of the mapping that holds ``address``."""
    inside = False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        first = line.split()[0]
        if "-" in first and not first.endswith(":"):
            low, high = (int(part, 16) for part in first.split("-"))
            inside = low <= address < high
        elif inside and first == "VmFlags:":
            return line.split()[1:]
    raise AssertionError("no such mapping")


def test_locked_memory_is_locked_undumpable_and_given_back() -> None:
    before = _locked_kilobytes()
    memory = _crypto.LockedMemory(64 * 1024)
    assert _locked_kilobytes() >= before + 64
    assert {"lo", "dd", "wf"} <= set(_flags(memory.address()))
    memory.close()
    memory.close()
    assert memory.address() == 0
    assert _locked_kilobytes() == before


def test_a_key_set_lies_in_locked_memory_and_is_not_pickled() -> None:
    before = _locked_kilobytes()
    keys = _crypto.KeySet(1, bytes(16))
    assert _locked_kilobytes() > before
    with pytest.raises(TypeError):
        pickle.dumps(keys)
    assert bytes(16).hex() not in repr(keys)
    del keys
    assert _locked_kilobytes() == before


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(MemoryError, match="locked memory"):
        _crypto.LockedMemory(0)
