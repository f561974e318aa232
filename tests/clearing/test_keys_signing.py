"""Signatures and digests under their algorithm ids."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clearing.keys.errors import (
    AlgorithmUnavailable,
    InputError,
    KeyFileDamaged,
    KeyFileExists,
    KeyFileExposed,
)
from clearing.keys.signing import PublicKey, SigningKey, digest
from schemas.codes import DigestAlgorithm, SignatureAlgorithm

# RFC 8032, 7.1, TEST 2.
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_the_standards_own_signature() -> None:
    key = SigningKey.from_seed(SEED)
    assert key.public.raw == PUBLIC
    assert key.sign(b"\x72") == SIGNATURE
    assert key.public.verify(SignatureAlgorithm.ED25519, b"\x72", SIGNATURE)


def test_what_is_not_the_signature_is_refused() -> None:
    key = SigningKey.generate()
    good = key.sign(b"message")
    assert key.public.verify(1, b"message", good)
    for algorithm, message, signature in (
        (1, b"massage", good),
        (1, b"message", good[:-1]),
        (1, b"message", b""),
        (1, b"message", bytes(64)),
        (1, b"message", bytes([good[0] ^ 1]) + good[1:]),
        (SignatureAlgorithm.UNSIGNED, b"message", good),
        (SignatureAlgorithm.SM2, b"message", good),
    ):
        assert not key.public.verify(algorithm, message, signature)
    assert not SigningKey.generate().public.verify(1, b"message", good)


def test_public_keys_carry_their_algorithm() -> None:
    public = SigningKey.from_seed(SEED).public
    assert public.encode() == b"\x01" + PUBLIC
    assert PublicKey.decode(public.encode()) == public
    assert {public, PublicKey(1, PUBLIC)} == {public}
    assert public != PUBLIC
    with pytest.raises(AlgorithmUnavailable, match=r"2 \(SM2\) is not available"):
        PublicKey.decode(b"\x02" + PUBLIC)
    with pytest.raises(AlgorithmUnavailable, match=r"9 \(not known\)"):
        PublicKey(9, PUBLIC)
    for encoded in (b"", b"\x01", public.encode() + b"\x00"):
        with pytest.raises(InputError):
            PublicKey.decode(encoded)


def test_a_signing_key_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "operator.key"
    key = SigningKey.generate()
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).public == key.public
    with pytest.raises(KeyFileExists):
        SigningKey.generate().save(path)
    path.chmod(0o644)
    with pytest.raises(KeyFileExposed):
        SigningKey.load(path)


def test_files_that_hold_no_signing_key(tmp_path: Path) -> None:
    path = tmp_path / "operator.key"
    other = X25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for content in (b"", b"-----BEGIN PRIVATE KEY-----\n", other):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyFileDamaged, match="not an Ed25519 key"):
            SigningKey.load(path)


def test_the_private_bytes_show_nowhere() -> None:
    key = SigningKey.from_seed(SEED)
    assert SEED.hex() not in f"{key!r} {key}".lower()
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(InputError, match="has 31 bytes"):
        SigningKey.from_seed(SEED[:31])


def test_digests() -> None:
    assert digest(DigestAlgorithm.SHA256, b"abc") == hashlib.sha256(b"abc").digest()
    with pytest.raises(AlgorithmUnavailable, match=r"2 \(SM3\) is not available"):
        digest(DigestAlgorithm.SM3, b"abc")
    with pytest.raises(AlgorithmUnavailable):
        digest(0, b"abc")
