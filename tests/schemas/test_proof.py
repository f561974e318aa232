"""Roots, ways up, receipts: what anyone can check with nothing but SHA-256."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import proof
from schemas.proof import Receipt, batch_node, climb, path, receipt_input, root, salt_key, salts

SIZES = pytest.mark.parametrize("size", range(71))

RECEIPT = Receipt(
    node="7910", business_date="2026-01-05", batch_seq=3, operator=12, number=7,
    declared_date="20260105", declared_late=False, digest="AB" * 32, taps=3, accepted=2, held=1,
    rejected=0, gross_fen=600, charged_fen=300, accepted_fen=200,
    reasons={"tac_torn": 1, "clean": 2}, rules_version=1, registry_version=2, denylist_version=3,
    batch_root="cd" * 32, signature="ef" * 64,
)  # fmt: skip


def leaves_of(size: int) -> list[bytes]:
    return [hashlib.sha256(f"leaf {at}".encode()).digest() for at in range(size)]


def top(leaves: list[bytes]) -> bytes:
    """The root by another road: split at the largest power of two below the size."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + top(leaves[:half]) + top(leaves[half:])).digest()


@SIZES
def test_the_root_is_that_of_the_tree(size: int) -> None:
    leaves = leaves_of(size)
    assert root(leaves) == (top(leaves) if leaves else hashlib.sha256(b"").digest())
    assert leaves == leaves_of(size)


@SIZES
def test_every_leaf_climbs_to_the_root_and_no_other_does(size: int) -> None:
    leaves, stranger = leaves_of(size), bytes(32)
    for at, leaf in enumerate(leaves):
        steps = path(leaves, at)
        assert climb(leaf, steps) == root(leaves)
        assert climb(stranger, steps) != root(leaves)
        assert len(steps) <= max(size - 1, 0).bit_length()


@pytest.mark.parametrize("size", [2, 3, 5, 8, 70])
def test_a_changed_step_does_not_reach_the_root(size: int) -> None:
    leaves = leaves_of(size)
    for at in range(size):
        steps = path(leaves, at)
        for number, (left, sibling) in enumerate(steps):
            changed = bytes([sibling[0] ^ 1]) + sibling[1:]
            for other in ((left, changed), (not left, sibling)):
                bent = [*steps[:number], other, *steps[number + 1 :]]
                assert climb(leaves[at], bent) != root(leaves)


@SIZES
def test_order_and_number_of_leaves_count(size: int) -> None:
    leaves = leaves_of(size)
    if size > 1:
        assert root(leaves[::-1]) != root(leaves)
        assert root(leaves[:-1]) != root(leaves)
    assert root([*leaves, bytes(32)]) != root(leaves)
    assert root([*leaves, leaves[-1] if leaves else bytes(32)]) != root(leaves)


@pytest.mark.parametrize(("size", "index"), [(0, 0), (1, 1), (5, 5), (5, -1)])
def test_there_is_no_way_up_from_a_leaf_that_is_none(size: int, index: int) -> None:
    with pytest.raises(IndexError):
        path(leaves_of(size), index)


def test_a_batch_climbs_to_the_day_s_root() -> None:
    roots = leaves_of(5)
    nodes = [batch_node(seq, batch_root) for seq, batch_root in enumerate(roots, 1)]
    assert climb(batch_node(3, roots[2]), path(nodes, 2)) == root(nodes)
    assert climb(batch_node(4, roots[2]), path(nodes, 2)) != root(nodes)


def test_a_leaf_an_inner_node_and_a_batch_never_look_alike() -> None:
    """Each hashes under a first byte of its own: 00, 01, 02."""
    left, right = leaves_of(2)
    assert root([left, right]) == hashlib.sha256(b"\x01" + left + right).digest()
    assert batch_node(7, left) == hashlib.sha256(b"\x02" + bytes(7) + b"\x07" + left).digest()
    assert proof.LEAF.pack(0, *[bytes(16), 1, 0, bytes(144)], *[0] * 10, bytes(32))[0] == 0


def test_salts_are_the_key_s_stream_and_no_two_alike() -> None:
    key = salt_key(bytes(32), 7)
    assert key == hashlib.sha256(b"salt" + bytes(32) + (7).to_bytes(8, "big")).digest()
    stream = salts(key, 100)
    assert stream[:160] == salts(key, 10)
    assert len({stream[at : at + 16] for at in range(0, 1600, 16)}) == 100
    assert salt_key(bytes(32), 8) != key != salt_key(b"\1" * 32, 7)


def test_what_a_receipt_s_signature_covers_is_known_to_the_byte() -> None:
    assert receipt_input(RECEIPT) == (
        b'onecard receipt 1\n{"node":"7910","business_date":"2026-01-05","batch_seq":3,"operator":12,'
        b'"number":7,"declared_date":"20260105","declared_late":false,"digest":"'
        + b"AB"
        * 32
        + b'",'
        b'"taps":3,"accepted":2,"held":1,"rejected":0,"gross_fen":600,"charged_fen":300,'
        b'"accepted_fen":200,"reasons":{"clean":2,"tac_torn":1},"rules_version":1,"registry_version":2,'
        b'"denylist_version":3,"batch_root":"' + b"cd" * 32 + b'","signature":""}'
    )


@given(st.permutations(["clean", "tac_torn", "duplicate", "future"]))
def test_the_order_in_which_reasons_were_kept_does_not_matter(order: list[str]) -> None:
    counts = dict.fromkeys(order, 1)
    assert receipt_input(msgspec.structs.replace(RECEIPT, reasons=counts)) == receipt_input(
        msgspec.structs.replace(RECEIPT, reasons=dict.fromkeys(sorted(order), 1))
    )


def test_a_receipt_that_was_sent_gives_the_signed_bytes_again() -> None:
    sent = msgspec.json.encode(RECEIPT)
    assert receipt_input(msgspec.json.decode(sent, type=Receipt)) == receipt_input(RECEIPT)
    for name in Receipt.__struct_fields__:
        if name != "signature":
            value = getattr(RECEIPT, name)
            other = {"clean": 3} if isinstance(value, dict) else (value + value if value else 1)
            changed = msgspec.structs.replace(RECEIPT, **{name: other})
            assert receipt_input(changed) != receipt_input(RECEIPT), name
