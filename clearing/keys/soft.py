"""A sealed key file: master keys under AES-256-GCM, everything about them in the clear beside it.

The file is JSON of one fixed spelling. What is not the key material (issuers, chains, check values) can
be read by anyone who may open the file, and is authenticated with it: one changed byte and the file is
refused. Keys are decrypted straight into locked memory, taken to the level that the engine needs, and
the master keys wiped, so that a running engine holds level keys only.

    sealed = AES-256-GCM(file key, nonce, the 16-byte master keys in order, all other fields)
    file key | check = HKDF-SHA256(key-encryption key or scrypt(passphrase), salt)
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clearing.keys import reference
from clearing.keys.chains import Chain, ChainEntry, KeySetId, check_chain
from clearing.keys.encryption_key import Derivation, KeyEncryptionKey
from clearing.keys.errors import (
    ChainError,
    InputError,
    KeyFileDamaged,
    KeySetUnknown,
    WrongKey,
)
from clearing.keys.files import read_private, write_private
from clearing.keys.memory import LockedMemory
from clearing.keys.port import KeySet, Secret, check_value, refuse_test_keys
from clearing.keys.visible import is_visible_test_key

FORMAT: Final = 1
CIPHER: Final = "AES-256-GCM"
KEY_SETS_MAX: Final = 4096

_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_WHAT: Final = "sealed key file"


class MasterKey(NamedTuple):
    """A key to be sealed: the chain it stands at the top of, its 16 bytes, whether it is for tests."""

    chain: Chain
    key: Secret
    test: bool = False


class _SealedKeySet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chain: ChainEntry
    test: bool
    check_value: str


class _SealedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    cipher: str
    derivation: Derivation
    check: str
    nonce: str
    key_sets: tuple[_SealedKeySet, ...]
    sealed: str

    def text(self) -> bytes:
        """The one spelling of this file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def authenticated(self) -> bytes:
        """Everything but the key material."""
        return msgspec.structs.replace(self, sealed="").text()


def seal(path: Path, master_keys: Sequence[MasterKey], sealing: KeyEncryptionKey) -> None:
    """Write a sealed key file with mode 0600, replacing what was there at once.

    A key that is visibly for tests is marked so, whatever its flag says. Raises ``InputError`` for a key
    that has not 16 bytes, or two keys for one key set.
    """
    seen: set[KeySetId] = set()
    for master in master_keys:
        if len(master.key) != reference.KEY_BYTES:
            raise InputError(
                f"The key of {master.chain.key_set} has {len(master.key)} bytes.", "A key has 16."
            )
        if master.chain.key_set in seen:
            raise InputError(f"{master.chain.key_set} is given twice.", "Keep one of the two.")
        seen.add(master.chain.key_set)
    if len(master_keys) > KEY_SETS_MAX:
        raise InputError(f"{len(master_keys)} key sets are too many.", f"At most {KEY_SETS_MAX}.")
    derivation = sealing.new_derivation()
    file_key, check = sealing.derive(derivation)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    unsealed = _SealedFile(
        format=FORMAT,
        cipher=CIPHER,
        derivation=derivation,
        check=check,
        nonce=nonce.hex().upper(),
        key_sets=tuple(_public(master) for master in master_keys),
        sealed="",
    )
    material = b"".join(master.key.reveal() for master in master_keys)
    sealed = AESGCM(file_key.reveal()).encrypt(nonce, material, unsealed.authenticated())
    write_private(path, msgspec.structs.replace(unsealed, sealed=sealed.hex().upper()).text())


def _public(master: MasterKey) -> _SealedKeySet:
    key = master.key.reveal()
    return _SealedKeySet(
        chain=master.chain.entry,
        test=master.test or is_visible_test_key(key),
        check_value=check_value(master.chain.key_set.algorithm, key),
    )


def reseal(path: Path, opening: KeyEncryptionKey, sealing: KeyEncryptionKey) -> None:
    """Seal a file's keys anew under another key-encryption key. Raises ``KeyFileError``."""
    file = _read(path)
    key_sets = _key_sets(path, file)
    with_keys = _open(path, file, opening)
    try:
        masters = [
            MasterKey(key_set.chain, Secret(with_keys.read(_at(index), 16)), key_set.test)
            for index, key_set in enumerate(key_sets)
        ]
    finally:
        with_keys.close()
    seal(path, masters, sealing)


class SealedKeyStore:
    """The keys of one sealed file, each at the level that the engine needs, in locked memory."""

    def __init__(self, path: Path, opening: KeyEncryptionKey) -> None:
        """Open ``path``. Raises ``KeyFileError``, or ``LockedMemoryUnavailable``."""
        self.path = path
        file = _read(path)
        self._key_sets = _key_sets(path, file)
        self._index = {key_set.id: index for index, key_set in enumerate(self._key_sets)}
        self._level_keys = LockedMemory(_at(len(self._key_sets)))
        masters = _open(path, file, opening)
        try:
            for index, key_set in enumerate(self._key_sets):
                level_key = key_set.chain.level_key(masters.read(_at(index), reference.KEY_BYTES))
                self._level_keys.write(_at(index), level_key)
        finally:
            masters.close()

    def key_sets(self) -> tuple[KeySet, ...]:
        """Every key set of the file, in its order."""
        return self._key_sets

    def level_key(self, key_set_id: KeySetId) -> bytes:
        """The 16-byte key above the card's own level. Raises ``KeySetUnknown``."""
        index = self._index.get(key_set_id)
        if index is None:
            raise KeySetUnknown(
                f"The key file {self.path} has no key set {key_set_id}.",
                "Check issuer, key version, key index and algorithm, or seal the key.",
            )
        return self._level_keys.read(_at(index), reference.KEY_BYTES)

    def require_production(self) -> None:
        """Raise ``TestKeyRefused`` if any key set is for tests."""
        refuse_test_keys(self._key_sets)

    def close(self) -> None:
        """Wipe the keys from memory."""
        self._level_keys.close()

    def __repr__(self) -> str:
        return f"SealedKeyStore({str(self.path)!r}, {len(self._key_sets)} key sets)"


def _at(index: int) -> int:
    return reference.KEY_BYTES * index


def _damaged(path: Path) -> KeyFileDamaged:
    return KeyFileDamaged(
        path,
        f"The {_WHAT} {path} was changed after it was sealed, or is of another format.",
        "Put the sealed file back from its backup.",
    )


def _read(path: Path) -> _SealedFile:
    """The file, if it is spelled as this module spells it; not yet authenticated."""
    text = read_private(path, _WHAT)
    try:
        file = msgspec.json.decode(text, type=_SealedFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(path) from error
    if file.text() != text or file.format != FORMAT or file.cipher != CIPHER:
        raise _damaged(path)
    return file


def _key_sets(path: Path, file: _SealedFile) -> tuple[KeySet, ...]:
    try:
        return tuple(
            KeySet(
                check_chain(sealed.chain, path.name, f"key set {number}"),
                sealed.test,
                sealed.check_value,
            )
            for number, sealed in enumerate(file.key_sets, start=1)
        )
    except ChainError as error:
        raise _damaged(path) from error


def _open(path: Path, file: _SealedFile, opening: KeyEncryptionKey) -> LockedMemory:
    """The master keys in locked memory, after every check. The caller closes it."""
    if file.derivation.source != opening.source:
        raise WrongKey(
            path,
            f"The {_WHAT} {path} was sealed with a {_source(file.derivation.source)}, "
            f"not with a {_source(opening.source)}.",
            f"Give the {_source(file.derivation.source)}.",
        )
    try:
        file_key, check = opening.derive(file.derivation)
        nonce, sealed = bytes.fromhex(file.nonce), bytes.fromhex(file.sealed)
    except ValueError as error:
        raise _damaged(path) from error
    if check != file.check:
        raise WrongKey(
            path,
            f"The {_WHAT} {path} was sealed under another {_source(opening.source)}.",
            "Give the one that it was sealed with.",
        )
    size = _at(len(file.key_sets))
    well_formed = len(nonce) == _NONCE_BYTES and len(sealed) == size + _TAG_BYTES
    # Everything but these digits is authenticated as it is spelled; these are held to one spelling.
    if not well_formed or file.sealed != sealed.hex().upper():
        raise _damaged(path)
    masters = LockedMemory(size)
    try:
        with masters.view() as target:
            AESGCM(file_key.reveal()).decrypt_into(nonce, sealed, file.authenticated(), target)
        _confirm(path, _key_sets(path, file), masters)
    except InvalidTag as error:
        masters.close()
        raise _damaged(path) from error
    except BaseException:
        masters.close()
        raise
    return masters


def _confirm(path: Path, key_sets: Iterable[KeySet], masters: LockedMemory) -> None:
    """What the file says of its keys is true of them: authentic, and consistent as well."""
    for index, key_set in enumerate(key_sets):
        key = masters.read(_at(index), reference.KEY_BYTES)
        consistent = key_set.check_value == check_value(key_set.id.algorithm, key)
        if not consistent or (is_visible_test_key(key) and not key_set.test):
            raise _damaged(path)


def _source(source: str) -> str:
    return "passphrase" if source == "scrypt" else "key-encryption file"


def open_key_store(path: Path, key_encryption_file: Path | None) -> SealedKeyStore:
    """Open a sealed key file with a key-encryption file, or without one by the passphrase in the
    environment. Raises ``KeysError``."""
    if key_encryption_file is not None:
        return SealedKeyStore(path, KeyEncryptionKey.from_file(key_encryption_file))
    return SealedKeyStore(path, KeyEncryptionKey.from_environment())
