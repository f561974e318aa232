"""Exceptions of the key package. No message ever holds a key, a passphrase or a part of one.

ClearingError                    sentence, remedy (clearing.errors)
└── KeysError                    anything about keys
    ├── InputError               a key, factor or data that a person gave is not well formed
    ├── ChainError               a diversification chain that does not hold: source, entry
    ├── KeySetUnknown            the store has no such key set
    ├── TestKeyRefused           production mode, and a key set that is visibly for tests
    ├── AlgorithmUnavailable     an algorithm id that has no code yet
    ├── LockedMemoryUnavailable  the system gives no memory that is never swapped out
    └── KeyFileError             a key file that cannot be used: path
        ├── KeyFileExists        a new one would replace it
        ├── KeyFileMissing       it is not there, or not readable
        ├── KeyFileExposed       others may read or change it
        ├── KeyFileDamaged       its content was changed, or is of another format
        └── WrongKey             it was sealed under another key or passphrase
"""

from __future__ import annotations

from pathlib import Path

from clearing.errors import ClearingError


class KeysError(ClearingError):
    """Anything about keys."""


class InputError(KeysError):
    """A key, factor or data that a person gave is not well formed."""


class ChainError(KeysError):
    """A diversification chain that does not hold, with the ``source`` and the ``entry`` in it."""

    def __init__(self, source: str, entry: str, sentence: str, remedy: str) -> None:
        self.source, self.entry = source, entry
        super().__init__(f"{source}: {entry}: {sentence}", remedy)


class KeySetUnknown(KeysError):
    """The store has no such key set."""


class TestKeyRefused(KeysError):
    """Production mode, and a key set that is visibly for tests."""

    __test__ = False  # the name is not that of a test class


class AlgorithmUnavailable(KeysError):
    """An algorithm id that has no code yet."""


class LockedMemoryUnavailable(KeysError):
    """The system gives no memory that is never swapped out."""


class KeyFileError(KeysError):
    """A key file, at ``path``, that cannot be used."""

    def __init__(self, path: Path, sentence: str, remedy: str) -> None:
        self.path = path
        super().__init__(sentence, remedy)


class KeyFileExists(KeyFileError):
    """A new one would replace it."""


class KeyFileMissing(KeyFileError):
    """It is not there, or not readable."""


class KeyFileExposed(KeyFileError):
    """Others may read or change it."""


class KeyFileDamaged(KeyFileError):
    """Its content was changed, or is of another format."""


class WrongKey(KeyFileError):
    """It was sealed under another key or passphrase."""
