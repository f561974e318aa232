"""Files with secrets: written whole or not at all, for their owner alone, and refused otherwise."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from clearing.keys.errors import KeyFileExists, KeyFileExposed, KeyFileMissing

BYTES_MAX = 4 * 1024 * 1024
"""No key file is larger; a larger one is not read."""


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Put ``content`` at ``path`` with mode 0600, durably and whole.

    What was there is replaced at once, or with ``replace=False`` kept: ``KeyFileExists``.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            # A hard link, unlike a rename, fails where there is a file already.
            path.hardlink_to(temporary)
    except FileExistsError as error:
        raise KeyFileExists(
            path, f"There is a file at {path} already.", "Use it, or choose another path."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_private(path: Path, what: str) -> bytes:
    """The content of a file that only its owner may read; ``what`` names it in errors.

    Raises ``KeyFileMissing``, or ``KeyFileExposed`` where group or others have any right to it or it
    belongs to neither root nor this process's user. The rights are those of the opened file itself, so
    that it cannot be exchanged between the check and the reading.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFileMissing(
            path,
            f"The {what} {path} cannot be read: {error.strerror}.",
            "Check the path and that the file belongs to this user.",
        ) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > BYTES_MAX:
            raise KeyFileMissing(path, f"The {what} {path} is not a key file.", "Check the path.")
        if status.st_mode & 0o077 or status.st_uid not in {0, os.geteuid()}:
            raise KeyFileExposed(
                path,
                f"The {what} {path} has mode {stat.S_IMODE(status.st_mode):04o} and is of user "
                f"{status.st_uid}: others may reach it.",
                f"Make it its owner's alone: chmod 600 {path}",
            )
        # The descriptor is closed below, in every case: opening it as a file may fail before that.
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(BYTES_MAX + 1)
    finally:
        os.close(handle)
