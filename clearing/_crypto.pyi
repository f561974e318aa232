"""The C ciphers of the hot path, for tests and for tools; see the headers in ``clearing/_kernels``.

Keys, factors and data are ``bytes``; a wrong length, algorithm (0 = DES, 1 = SM4) or fold (0 = left,
1 = four-way XOR, SM4 only) is a ValueError.
"""

def des_encrypt(key: bytes, data: bytes) -> bytes:
    """Single DES of whole 8-byte blocks (ECB), key 8 bytes (FIPS 46-3)."""

def des_decrypt(key: bytes, data: bytes) -> bytes:
    """The inverse of ``des_encrypt``."""

def des_mac(key: bytes, data: bytes) -> bytes:
    """The last block (8 bytes) of DES CBC, IV zero, over whole blocks; no padding is added."""

def des3_encrypt(key: bytes, data: bytes) -> bytes:
    """3DES-EDE2 of whole 8-byte blocks (ECB), key 16 bytes."""

def sm4_encrypt(key: bytes, data: bytes, iterations: int = 1) -> bytes:
    """SM4 of whole 16-byte blocks (ECB), key 16 bytes, each block ``iterations`` times (GB/T 32907)."""

def sm4_encrypt_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """SM4 CBC of whole 16-byte blocks; no padding is added."""

def diversify(algorithm: int, key: bytes, factor: bytes) -> bytes:
    """The 16-byte key one level below ``key`` (16 bytes) for ``factor`` (8 bytes)."""

class KeySet:
    """A key set of ``tac.h`` in locked memory, as the hot path holds one. MemoryError without it."""

    def __init__(
        self, algorithm: int, level_key: bytes, fold: int = 0, factor_offset: int = 10
    ) -> None: ...
    def tac(self, factor: bytes, data: bytes) -> bytes:
        """The TAC (4 bytes) of at most 24 bytes, for the card with this last factor (8 bytes)."""

    def tac_many(self, factors: bytes, inputs: bytes, input_bytes: int) -> bytes:
        """TACs of many taps, 4 bytes each: ``factors`` 8 bytes each, ``inputs`` 22 (purchase) or 24
        (load) bytes each. The GIL is released."""

def tac(algorithm: int, level_key: bytes, factor: bytes, data: bytes, fold: int = 0) -> bytes:
    """The TAC (4 bytes) of at most 24 bytes from the level key (16) and the card's factor (8)."""

def tac_equal(one: int, other: int) -> bool:
    """The kernel's comparison of two TACs, 32-bit numbers, without a branch on their bytes."""

def has_sha_instructions() -> bool:
    """Whether this processor has the SHA instructions."""

def sha256(message: bytes, *, prefix: bytes = b"", portable: bool = False) -> bytes:
    """SHA-256 of prefix | message; ``portable`` forbids the SHA instructions. Prefix up to 63 bytes."""

def sha256_many(
    messages: bytes,
    size: int,
    *,
    prefixes: bytes = b"",
    prefix_size: int = 0,
    portable: bool = False,
) -> bytes:
    """Digests, 32 bytes each, of messages of ``size`` bytes that lie one behind the other.

    ``prefixes`` holds one prefix of ``prefix_size`` bytes for all, or one for each. GIL released.
    """

class LockedMemory:
    """Memory of ``locked.h``: never swapped out, never in a core file, wiped when freed."""

    size: int
    def __init__(self, size: int) -> None: ...
    def close(self) -> None:
        """Wipe and free. A second time does nothing."""

    def address(self) -> int:
        """Where it is; 0 after ``close``."""
