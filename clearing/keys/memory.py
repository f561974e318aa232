"""Memory for keys: never swapped out, never in a core file, empty in a forked child, wiped at the end.

The same promise as ``clearing/_kernels/locked.h`` gives to the hot path. Linux only, as the engine is.
Copies that Python makes as ``bytes`` cannot be wiped: take a key out late and let it go soon.
"""

from __future__ import annotations

import ctypes
import mmap
import resource
from typing import Final

from clearing.keys.errors import LockedMemoryUnavailable

_WIPE_ON_FORK: Final = 18  # MADV_WIPEONFORK, linux/mman.h; Python 3.11 has no name for it
_SET_DUMPABLE: Final = 4  # PR_SET_DUMPABLE, linux/prctl.h


class LockedMemory:
    """A writable buffer of ``size`` bytes in pages of its own. ``close`` wipes it."""

    def __init__(self, size: int) -> None:
        """Raise ``LockedMemoryUnavailable`` where the system refuses to lock pages."""
        self.size = size
        self._pages = mmap.mmap(-1, max(size, 1), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mlock(ctypes.c_void_p(self._address), ctypes.c_size_t(len(self._pages))) != 0:
            self._pages.close()
            raise LockedMemoryUnavailable(
                f"The system gives no locked memory for keys (error {ctypes.get_errno()}).",
                "Raise the limit of locked memory, for example with ulimit -l 8192.",
            )
        self._pages.madvise(mmap.MADV_DONTDUMP)
        self._pages.madvise(_WIPE_ON_FORK)

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Put ``data`` at ``offset``; ValueError beyond the end."""
        self._check(offset, len(data))
        self._pages[offset : offset + len(data)] = data

    def read(self, offset: int, size: int) -> bytes:
        """A copy of ``size`` bytes at ``offset``; ValueError beyond the end or after ``close``."""
        self._check(offset, size)
        return self._pages[offset : offset + size]

    def view(self) -> memoryview:
        """The bytes in place, for a decryption that writes straight into them. Release it."""
        return memoryview(self._pages)[: self.size]

    def close(self) -> None:
        """Wipe and give back the pages. A second time does nothing."""
        if not self._pages.closed:
            ctypes.memset(self._address, 0, len(self._pages))
            self._pages.close()

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ValueError("outside the locked memory")

    def __del__(self) -> None:
        if hasattr(self, "_address"):
            self.close()

    def __repr__(self) -> str:
        return f"LockedMemory({self.size} bytes)"

    def __reduce__(self) -> str:
        raise TypeError("locked memory is not pickled")


def forbid_core_dumps() -> None:
    """Let this process leave no core file and no door for a debugger of the same user.

    For a process that holds keys of production; call it once, at the start.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
