"""Sealed key files: what opens, what is refused and how, and that no key shows anywhere."""

from __future__ import annotations

import logging
import pickle
import traceback
from pathlib import Path

import pytest

from clearing.keys import reference
from clearing.keys.chains import Chain, KeySetId, load_chains
from clearing.keys.encryption_key import PASSPHRASE_VARIABLE, KeyEncryptionKey
from clearing.keys.errors import (
    InputError,
    KeyFileDamaged,
    KeyFileExists,
    KeyFileExposed,
    KeyFileMissing,
    KeysError,
    KeySetUnknown,
    TestKeyRefused,
    WrongKey,
)
from clearing.keys.memory import LockedMemory
from clearing.keys.port import KeyStore, Secret, check_value
from clearing.keys.soft import MasterKey, SealedKeyStore, open_key_store, reseal, seal
from clearing.keys.visible import visible_test_key

CHAINS = """
[[chain]]
issuer = "0000000000007100"
key_version = 1
key_index = 1
algorithm = "des"
city_code = "7100"
factors = ["city_code|FF0000000000", "serial_8"]

[[chain]]
issuer = "0000000002017910"
key_version = 1
key_index = 1
algorithm = "sm4"
factors = ["issuer", "serial_last8"]
"""
KEYS = (bytes.fromhex("00112233445566778899AABBCCDDEEFF"), bytes(range(0xC0, 0xD0)))


@pytest.fixture
def chains() -> list[Chain]:
    return list(load_chains(CHAINS, "chains.toml").values())


@pytest.fixture
def masters(chains: list[Chain]) -> list[MasterKey]:
    return [MasterKey(chain, Secret(key)) for chain, key in zip(chains, KEYS, strict=True)]


@pytest.fixture
def sealing(tmp_path: Path) -> KeyEncryptionKey:
    return KeyEncryptionKey.create_file(tmp_path / "sealing.key")


@pytest.fixture
def sealed(tmp_path: Path, masters: list[MasterKey], sealing: KeyEncryptionKey) -> Path:
    path = tmp_path / "keys.sealed"
    seal(path, masters, sealing)
    return path


def test_level_keys_come_out_as_the_chain_says(
    sealed: Path, sealing: KeyEncryptionKey, chains: list[Chain]
) -> None:
    store: KeyStore = SealedKeyStore(sealed, sealing)
    for chain, key in zip(chains, KEYS, strict=True):
        expected = reference.diversify(chain.key_set.algorithm, key, chain.fixed_factors[0])
        assert store.level_key(chain.key_set) == expected
    assert [key_set.id for key_set in store.key_sets()] == [chain.key_set for chain in chains]
    assert [key_set.check_value for key_set in store.key_sets()] == [
        check_value(0, KEYS[0]),
        check_value(1, KEYS[1]),
    ]
    store.require_production()


def test_the_key_encryption_file_opens_it_again(
    sealed: Path, tmp_path: Path, chains: list[Chain]
) -> None:
    store = open_key_store(sealed, tmp_path / "sealing.key")
    assert len(store.level_key(chains[0].key_set)) == 16


def test_files_are_their_owners_alone(sealed: Path, tmp_path: Path) -> None:
    for path in (sealed, tmp_path / "sealing.key"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.sealed", "sealing.key"]


def test_no_key_stands_in_the_file(sealed: Path) -> None:
    text = sealed.read_text(encoding="utf-8").upper()
    for key in KEYS:
        assert key.hex().upper() not in text


def test_two_seals_of_the_same_keys_differ(
    sealed: Path, masters: list[MasterKey], sealing: KeyEncryptionKey
) -> None:
    before = sealed.read_bytes()
    seal(sealed, masters, sealing)
    assert sealed.read_bytes() != before


def test_any_changed_byte_is_refused(sealed: Path, sealing: KeyEncryptionKey) -> None:
    good = sealed.read_bytes()
    for position in range(len(good)):
        for change in (0x01, 0x20):
            changed = bytearray(good)
            changed[position] ^= change
            sealed.write_bytes(bytes(changed))
            with pytest.raises((KeyFileDamaged, WrongKey)):
                SealedKeyStore(sealed, sealing)
    sealed.write_bytes(good)
    SealedKeyStore(sealed, sealing)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[1, 2]", b'{"format": 1}'])
def test_what_is_no_sealed_file_is_refused(
    content: bytes, sealed: Path, sealing: KeyEncryptionKey
) -> None:
    sealed.write_bytes(content)
    with pytest.raises(KeyFileDamaged, match="was changed after it was sealed"):
        SealedKeyStore(sealed, sealing)
    for cut in (b" ", b"\n{}"):
        sealed.write_bytes(content + cut)
        with pytest.raises(KeyFileDamaged):
            SealedKeyStore(sealed, sealing)


def test_another_key_is_told_from_damage(sealed: Path, tmp_path: Path) -> None:
    other = KeyEncryptionKey.create_file(tmp_path / "other.key")
    with pytest.raises(WrongKey, match="another key-encryption file"):
        SealedKeyStore(sealed, other)


def test_a_passphrase_seals_and_opens(
    tmp_path: Path, masters: list[MasterKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.sealed"
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "清分中心 correct horse")
    seal(path, masters, KeyEncryptionKey.from_environment())
    assert len(open_key_store(path, None).key_sets()) == 2
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "another long passphrase")
    with pytest.raises(WrongKey, match="another passphrase"):
        open_key_store(path, None)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "short")
    with pytest.raises(InputError, match="at least 12 characters") as caught:
        open_key_store(path, None)
    assert "short" not in str(caught.value)
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    with pytest.raises(InputError, match=PASSPHRASE_VARIABLE):
        open_key_store(path, None)


def test_a_file_says_what_it_was_sealed_with(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "a long passphrase")
    with pytest.raises(WrongKey, match="with a key-encryption file, not with a passphrase"):
        open_key_store(sealed, None)


def test_a_new_key_encryption_key(
    sealed: Path, sealing: KeyEncryptionKey, tmp_path: Path, chains: list[Chain]
) -> None:
    before = SealedKeyStore(sealed, sealing).level_key(chains[1].key_set)
    other = KeyEncryptionKey.create_file(tmp_path / "other.key")
    reseal(sealed, sealing, other)
    assert SealedKeyStore(sealed, other).level_key(chains[1].key_set) == before
    with pytest.raises(WrongKey):
        SealedKeyStore(sealed, sealing)


@pytest.mark.parametrize("name", ["keys.sealed", "sealing.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601])
def test_files_that_others_may_reach_are_refused(
    name: str, mode: int, sealed: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.chmod(mode)
    with pytest.raises(KeyFileExposed, match=f"has mode {mode:04o}") as caught:
        open_key_store(sealed, tmp_path / "sealing.key")
    assert caught.value.path == path
    assert f"chmod 600 {path}" in caught.value.remedy


def test_files_that_are_not_there(sealed: Path, tmp_path: Path) -> None:
    for store, key in ((tmp_path / "no", tmp_path / "sealing.key"), (sealed, tmp_path / "no")):
        with pytest.raises(KeyFileMissing, match="No such file"):
            open_key_store(store, key)
    with pytest.raises(KeyFileMissing, match="is not a key file"):
        open_key_store(sealed, tmp_path)


def test_a_key_encryption_file_of_another_form(sealed: Path, tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    for content in (b"", b"00" * 31, b"00" * 33, b"zz" * 32):
        path.write_bytes(content)
        with pytest.raises(KeyFileDamaged, match="64 hexadecimal digits"):
            open_key_store(sealed, path)


def test_a_key_encryption_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    KeyEncryptionKey.create_file(path)
    before = path.read_bytes()
    with pytest.raises(KeyFileExists):
        KeyEncryptionKey.create_file(path)
    assert path.read_bytes() == before


def test_an_unknown_key_set(sealed: Path, sealing: KeyEncryptionKey) -> None:
    with pytest.raises(KeySetUnknown, match="has no key set 0000000000000000/9/9/sm4"):
        SealedKeyStore(sealed, sealing).level_key(KeySetId(bytes(8), 9, 9, 1))


def test_only_whole_and_single_keys_are_sealed(
    tmp_path: Path, chains: list[Chain], sealing: KeyEncryptionKey
) -> None:
    path = tmp_path / "none"
    with pytest.raises(InputError, match="has 8 bytes"):
        seal(path, [MasterKey(chains[0], Secret(bytes(8)))], sealing)
    twice = [MasterKey(chains[0], Secret(bytes(16)))] * 2
    with pytest.raises(InputError, match="is given twice"):
        seal(path, twice, sealing)
    assert not path.exists()


def test_production_refuses_test_keys(
    tmp_path: Path, chains: list[Chain], sealing: KeyEncryptionKey
) -> None:
    path = tmp_path / "keys.sealed"
    # One is marked, the other has the form of a test key and a flag that denies it.
    marked = MasterKey(chains[0], Secret(KEYS[0]), test=True)
    visible = MasterKey(chains[1], visible_test_key(chains[1].key_set, 7), test=False)
    for masters in ([marked], [visible]):
        seal(path, masters, sealing)
        store = SealedKeyStore(path, sealing)
        assert [key_set.test for key_set in store.key_sets()] == [True]
        with pytest.raises(TestKeyRefused, match=str(masters[0].chain.key_set)):
            store.require_production()


def test_visible_test_keys_follow_from_seed_and_name(chains: list[Chain]) -> None:
    one, other = (visible_test_key(chain.key_set, 7).reveal() for chain in chains)
    assert one.startswith(b"TEST")
    assert len(one) == 16
    assert one != other
    assert one == visible_test_key(chains[0].key_set, 7).reveal()
    assert one != visible_test_key(chains[0].key_set, 8).reveal()


def test_a_closed_store_has_no_key(
    sealed: Path, sealing: KeyEncryptionKey, chains: list[Chain]
) -> None:
    store = SealedKeyStore(sealed, sealing)
    store.close()
    store.close()
    with pytest.raises(ValueError, match="closed"):
        store.level_key(chains[0].key_set)


def test_no_key_shows_in_repr_log_or_error(
    sealed: Path,
    sealing: KeyEncryptionKey,
    masters: list[MasterKey],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = SealedKeyStore(sealed, sealing)
    secrets = [*KEYS, *(store.level_key(key_set.id) for key_set in store.key_sets())]
    texts = [repr(thing) for thing in (store, sealing, masters, store.key_sets(), masters[0].key)]
    texts += [str(masters[0].key), f"{masters[0].key}", f"{sealing}"]
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("keys").info("%s %r %s", store, masters, sealing)
    texts.append(caplog.text)
    sealed.write_bytes(sealed.read_bytes()[:-9] + b"00000000\n")
    try:
        SealedKeyStore(sealed, sealing)
    except KeysError as error:
        texts.append("".join(traceback.format_exception(error)))
    for text in texts:
        for secret in secrets:
            assert secret.hex() not in text.lower()
            assert repr(secret)[2:-1] not in text
    with pytest.raises(TypeError):
        pickle.dumps(masters[0].key)


def test_locked_memory_of_python() -> None:
    def locked_kilobytes() -> int:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmLck:"))

    before = locked_kilobytes()
    memory = LockedMemory(64 * 1024)
    assert locked_kilobytes() >= before + 64
    memory.write(10, b"key")
    assert memory.read(10, 3) == b"key"
    for offset, size in ((-1, 1), (64 * 1024, 1), (0, 64 * 1024 + 1)):
        with pytest.raises(ValueError, match="outside"):
            memory.read(offset, size)
    with pytest.raises(TypeError):
        pickle.dumps(memory)
    memory.close()
    memory.close()
    assert locked_kilobytes() == before
