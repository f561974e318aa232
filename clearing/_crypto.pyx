# cython: language_level=3, boundscheck=False, wraparound=False
"""The C ciphers of the hot path, for tests and for tools. The hot path itself includes the headers.

Every function copies what it gets and wipes the round keys that it made. Errors are ValueError.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

include "_kernels/ways.pxi"

cdef extern from "_kernels/locked.h" nogil:
    void *locked_alloc(size_t size)
    void locked_free(void *memory, size_t size)

cdef extern from "_kernels/tac.h" nogil:
    enum:
        TAC_ALGORITHM_DES
        TAC_ALGORITHM_SM4
        TAC_PURCHASE_BYTES
        TAC_LOAD_BYTES
    struct des_schedule:
        pass
    struct des_ede2_schedule:
        pass
    struct sm4_schedule:
        pass
    void wipe(void *memory, size_t size)
    void des_schedule_init(des_schedule *schedule, const uint8_t *key)
    void des_encrypt_block(const des_schedule *schedule, const uint8_t *data, uint8_t *out)
    void des_decrypt_block(const des_schedule *schedule, const uint8_t *data, uint8_t *out)
    void des_cbc_mac(const des_schedule *schedule, const uint8_t *data, size_t blocks, uint8_t *mac)
    void des_ede2_schedule_init(des_ede2_schedule *schedule, const uint8_t *key)
    void des_ede2_encrypt_block(const des_ede2_schedule *schedule, const uint8_t *data, uint8_t *out)
    void des_diversify(const des_ede2_schedule *schedule, const uint8_t *factor, uint8_t *card_key)
    void sm4_schedule_init(sm4_schedule *schedule, const uint8_t *key)
    void sm4_encrypt_block(const sm4_schedule *schedule, const uint8_t *data, uint8_t *out)
    void sm4_cbc_encrypt(const sm4_schedule *schedule, uint8_t *iv, const uint8_t *data, uint8_t *out,
                         size_t blocks)
    void sm4_diversify(const sm4_schedule *schedule, const uint8_t *factor, uint8_t *card_key)
    int tac_key_set_init(tac_key_set *keys, uint8_t algorithm, uint8_t fold, uint8_t factor_offset,
                         const uint8_t *level_key)
    void tac_key_set_wipe(tac_key_set *keys)
    void tac_store_word(uint8_t *to, uint32_t tac)
    uint32_t tac_of_buffer(const tac_key_set *keys, const uint8_t *factor, uint8_t *buffer, size_t size)
    unsigned c_tac_equal "tac_equal"(uint32_t one, uint32_t other)

cdef extern from "_kernels/sha256.h" nogil:
    enum sha256_way:
        SHA256_PORTABLE
        SHA256_INSTRUCTIONS
        SHA256_EIGHT
        SHA256_SIXTEEN
    enum:
        SHA256_PREFIX_BYTES_MAX
    bint sha256_way_here(sha256_way way)
    sha256_way sha256_best_way()
    void sha256_prefixed_by(sha256_way way, const uint8_t *prefix, size_t prefix_size,
                            const uint8_t *message, size_t size, uint8_t *digest)
    void sha256_many_prefixed_by(sha256_way way, const uint8_t *prefixes, size_t prefix_stride,
                                 size_t prefix_size, const uint8_t *messages, size_t stride, size_t size,
                                 size_t count, uint8_t *digests)

cdef extern from "_kernels/merkle.h" nogil:
    bint c_merkle_root "merkle_root"(const uint8_t *leaves, size_t count, uint8_t *root)


cdef inline const uint8_t *_at(bytes data) noexcept:
    return <const uint8_t *> PyBytes_AS_STRING(data)


cdef bytes _room(size_t size):
    """New bytes of our own, to be filled before anyone sees them."""
    return PyBytes_FromStringAndSize(NULL, size)


cdef int _length(bytes data, size_t size, str what) except -1:
    if <size_t> len(data) != size:
        raise ValueError(f"{what} has {size} bytes, not {len(data)}")
    return 0


cdef int _whole(bytes data, size_t block_bytes) except -1:
    if <size_t> len(data) % block_bytes:
        raise ValueError(f"data is a multiple of {block_bytes} bytes, not {len(data)}")
    return 0


def des_encrypt(bytes key, bytes data) -> bytes:
    """Single DES of whole 8-byte blocks (ECB), key 8 bytes (FIPS 46-3)."""
    cdef des_schedule schedule
    cdef size_t block
    _length(key, 8, "a DES key")
    _whole(data, 8)
    cdef bytes out = _room(len(data))
    des_schedule_init(&schedule, _at(key))
    for block in range(<size_t> len(data) // 8):
        des_encrypt_block(&schedule, _at(data) + 8 * block, <uint8_t *> _at(out) + 8 * block)
    wipe(&schedule, sizeof(schedule))
    return out


def des_decrypt(bytes key, bytes data) -> bytes:
    """The inverse of ``des_encrypt``."""
    cdef des_schedule schedule
    cdef size_t block
    _length(key, 8, "a DES key")
    _whole(data, 8)
    cdef bytes out = _room(len(data))
    des_schedule_init(&schedule, _at(key))
    for block in range(<size_t> len(data) // 8):
        des_decrypt_block(&schedule, _at(data) + 8 * block, <uint8_t *> _at(out) + 8 * block)
    wipe(&schedule, sizeof(schedule))
    return out


def des_mac(bytes key, bytes data) -> bytes:
    """The last block (8 bytes) of DES CBC, IV zero, over whole blocks; no padding is added."""
    cdef des_schedule schedule
    _length(key, 8, "a DES key")
    _whole(data, 8)
    cdef bytes out = _room(8)
    des_schedule_init(&schedule, _at(key))
    des_cbc_mac(&schedule, _at(data), <size_t> len(data) // 8, <uint8_t *> _at(out))
    wipe(&schedule, sizeof(schedule))
    return out


def des3_encrypt(bytes key, bytes data) -> bytes:
    """3DES-EDE2 of whole 8-byte blocks (ECB), key 16 bytes."""
    cdef des_ede2_schedule schedule
    cdef size_t block
    _length(key, 16, "a two-key 3DES key")
    _whole(data, 8)
    cdef bytes out = _room(len(data))
    des_ede2_schedule_init(&schedule, _at(key))
    for block in range(<size_t> len(data) // 8):
        des_ede2_encrypt_block(&schedule, _at(data) + 8 * block, <uint8_t *> _at(out) + 8 * block)
    wipe(&schedule, sizeof(schedule))
    return out


def sm4_encrypt(bytes key, bytes data, size_t iterations=1) -> bytes:
    """SM4 of whole 16-byte blocks (ECB), key 16 bytes, each block ``iterations`` times (GB/T 32907)."""
    cdef sm4_schedule schedule
    cdef size_t block, iteration
    cdef uint8_t *target
    _length(key, 16, "an SM4 key")
    _whole(data, 16)
    cdef bytes out = _room(len(data))
    sm4_schedule_init(&schedule, _at(key))
    target = <uint8_t *> _at(out)
    memcpy(target, _at(data), len(data))
    for block in range(<size_t> len(data) // 16):
        for iteration in range(iterations):
            sm4_encrypt_block(&schedule, target + 16 * block, target + 16 * block)
    wipe(&schedule, sizeof(schedule))
    return out


def sm4_encrypt_cbc(bytes key, bytes iv, bytes data) -> bytes:
    """SM4 CBC of whole 16-byte blocks; no padding is added."""
    cdef sm4_schedule schedule
    cdef uint8_t chained[16]
    _length(key, 16, "an SM4 key")
    _length(iv, 16, "an IV")
    _whole(data, 16)
    cdef bytes out = _room(len(data))
    sm4_schedule_init(&schedule, _at(key))
    memcpy(chained, _at(iv), 16)
    sm4_cbc_encrypt(&schedule, chained, _at(data), <uint8_t *> _at(out), <size_t> len(data) // 16)
    wipe(&schedule, sizeof(schedule))
    return out


def diversify(int algorithm, bytes key, bytes factor) -> bytes:
    """The 16-byte key one level below ``key`` (16 bytes) for ``factor`` (8 bytes)."""
    cdef des_ede2_schedule des
    cdef sm4_schedule sm4
    _length(key, 16, "a key")
    _length(factor, 8, "a factor")
    cdef bytes out = _room(16)
    if algorithm == TAC_ALGORITHM_DES:
        des_ede2_schedule_init(&des, _at(key))
        des_diversify(&des, _at(factor), <uint8_t *> _at(out))
        wipe(&des, sizeof(des))
    elif algorithm == TAC_ALGORITHM_SM4:
        sm4_schedule_init(&sm4, _at(key))
        sm4_diversify(&sm4, _at(factor), <uint8_t *> _at(out))
        wipe(&sm4, sizeof(sm4))
    else:
        raise ValueError("the algorithm is 0 (DES) or 1 (SM4)")
    return out


cdef class KeySet:
    """A key set of ``tac.h`` in locked memory, as the hot path holds one."""

    cdef tac_key_set *keys

    def __cinit__(self, int algorithm, bytes level_key, int fold=0, int factor_offset=10):
        _length(level_key, 16, "a level key")
        if not 0 <= algorithm <= 255 or not 0 <= fold <= 255 or not 0 <= factor_offset <= 255:
            raise ValueError("algorithm, fold and factor offset are one byte each")
        self.keys = <tac_key_set *> locked_alloc(sizeof(tac_key_set))
        if self.keys == NULL:
            raise MemoryError(f"no locked memory for keys (error {errno}); raise ulimit -l")
        if tac_key_set_init(self.keys, algorithm, fold, factor_offset, _at(level_key)) != 0:
            raise ValueError("no such algorithm, fold or factor offset")

    def __dealloc__(self):
        locked_free(self.keys, sizeof(tac_key_set))

    def __reduce__(self):
        raise TypeError("a key set is not pickled")

    def tac(self, bytes factor, bytes data) -> bytes:
        """The TAC (4 bytes) of at most 24 bytes, for the card with this last factor (8 bytes)."""
        cdef uint8_t buffer[32]
        cdef bytes out = _room(4)
        _length(factor, 8, "a factor")
        if len(data) > TAC_LOAD_BYTES:
            raise ValueError(f"TAC input has at most {TAC_LOAD_BYTES} bytes, not {len(data)}")
        memcpy(buffer, _at(data), len(data))
        tac_store_word(<uint8_t *> _at(out), tac_of_buffer(self.keys, _at(factor), buffer, len(data)))
        return out

    def tac_many(self, bytes factors, bytes inputs, size_t input_bytes, str way="") -> bytes:
        """TACs of many taps, 4 bytes each: ``factors`` 8 bytes each, ``inputs`` 22 (purchase) or 24
        (load) bytes each. The GIL is released. ``way``: one of ``tac_ways_here``; empty: the best."""
        count = len(factors) // 8
        return _tacs([self], bytes(count), factors, inputs, bytes([input_bytes & 255]) * count, way)


def tac_mixed(list key_sets, bytes chosen, bytes factors, bytes inputs, bytes sizes, str way="") -> bytes:
    """As ``KeySet.tac_many``, but tap i is under key set ``key_sets[chosen[i]]``, of either cipher, and
    its input has ``sizes[i]`` bytes, 22 or 24."""
    return _tacs(key_sets, chosen, factors, inputs, sizes, way)


cdef bytes _tacs(list key_sets, bytes chosen, bytes factors, bytes inputs, bytes sizes, str name):
    cdef size_t count = <size_t> len(factors) // 8, row, total = 0
    cdef const tac_way *way = way_of(name)
    cdef const tac_key_set *sets[256]
    cdef const uint8_t *which = _at(chosen)
    cdef const uint8_t *factor = _at(factors)
    cdef const uint8_t *field = _at(inputs)
    cdef const uint8_t *size = _at(sizes)
    cdef tac_input padded
    cdef bint longer
    cdef tac_many *many
    cdef uint32_t *tacs
    _whole(factors, 8)
    _length(sizes, count, "all sizes together")
    _length(chosen, count, "what chooses key sets")
    if len(key_sets) > 256:
        raise ValueError("each tap chooses one of at most 256 key sets")
    for row in range(count):
        if size[row] != TAC_PURCHASE_BYTES and size[row] != TAC_LOAD_BYTES:
            raise ValueError("an input has 22 bytes (purchase) or 24 (load)")
        if which[row] >= len(key_sets):
            raise ValueError("a tap chooses a key set that is not there")
        total += size[row]
    _length(inputs, total, "all inputs together")
    for row in range(<size_t> len(key_sets)):
        sets[row] = (<KeySet?> key_sets[row]).keys
    cdef bytes out = _room(4 * count)
    cdef uint8_t *target = <uint8_t *> _at(out)
    many, tacs = tac_many_alloc(), <uint32_t *> malloc(4 * count + 1)
    try:
        if many == NULL or tacs == NULL:
            raise MemoryError("no memory for taps side by side")
        with nogil:
            tac_many_begin(many, way, tacs)
            for row in range(count):
                longer = size[row] == TAC_LOAD_BYTES
                padded = tac_input_of_load(field) if longer else tac_input_of_purchase(field)
                tac_many_add(many, <uint32_t> row, sets[which[row]], factor + 8 * row, padded, longer)
                field += size[row]
            tac_many_end(many)
            for row in range(count):
                tac_store_word(target + 4 * row, tacs[row])
    finally:
        tac_many_free(many)
        free(tacs)
    return out


def tac(int algorithm, bytes level_key, bytes factor, bytes data, int fold=0) -> bytes:
    """The TAC (4 bytes) of at most 24 bytes from the level key (16) and the card's factor (8)."""
    return KeySet(algorithm, level_key, fold).tac(factor, data)


def tac_equal(uint32_t one, uint32_t other) -> bool:
    """The kernel's comparison of two TACs, 32-bit numbers, without a branch on their bytes."""
    return c_tac_equal(one, other) != 0


_SHA256_WAYS = {
    "portable": SHA256_PORTABLE, "instructions": SHA256_INSTRUCTIONS, "eight": SHA256_EIGHT,
    "sixteen": SHA256_SIXTEEN,
}


def sha256_ways_here() -> tuple:
    """The names of the ways of hashing that this processor has, the plainest first."""
    return tuple([name for name, way in _SHA256_WAYS.items() if sha256_way_here(way)])


cdef sha256_way _sha256_way(str name) except *:
    """The way of that name, the best one for no name. ValueError if it cannot be had."""
    if not name:
        return sha256_best_way()
    if name not in sha256_ways_here():
        raise ValueError(f"no way {name!r} of hashing here: {', '.join(sha256_ways_here())}")
    return _SHA256_WAYS[name]


def sha256(bytes message, *, bytes prefix=b"", str way="") -> bytes:
    """SHA-256 of prefix | message, by a way of ``sha256_ways_here``. Prefix up to 63 bytes."""
    if len(prefix) > SHA256_PREFIX_BYTES_MAX:
        raise ValueError(f"a prefix has at most {SHA256_PREFIX_BYTES_MAX} bytes")
    cdef bytes out = _room(32)
    sha256_prefixed_by(_sha256_way(way), _at(prefix), len(prefix), _at(message), len(message),
                       <uint8_t *> _at(out))
    return out


def sha256_many(bytes messages, size_t size, *, bytes prefixes=b"", size_t prefix_size=0,
                str way="") -> bytes:
    """Digests, 32 bytes each, of messages of ``size`` bytes that lie one behind the other.

    ``prefixes`` holds one prefix of ``prefix_size`` bytes for all, or one for each. GIL released.
    """
    cdef size_t count, prefix_stride
    if size == 0:
        raise ValueError("a message of many has at least one byte")
    _whole(messages, size)
    count = <size_t> len(messages) // size
    if prefix_size > SHA256_PREFIX_BYTES_MAX:
        raise ValueError(f"a prefix has at most {SHA256_PREFIX_BYTES_MAX} bytes")
    prefix_stride = 0 if <size_t> len(prefixes) == prefix_size else prefix_size
    if prefix_stride:
        _length(prefixes, count * prefix_size, "all prefixes together")
    cdef bytes out = _room(32 * count)
    cdef const uint8_t *prefix = _at(prefixes)
    cdef const uint8_t *message = _at(messages)
    cdef uint8_t *target = <uint8_t *> _at(out)
    cdef sha256_way chosen = _sha256_way(way)
    with nogil:
        sha256_many_prefixed_by(chosen, prefix, prefix_stride, prefix_size, message, size, size, count,
                                target)
    return out


def merkle_root(bytes leaves) -> bytes:
    """The root over leaves of 32 bytes each, as ``schemas.proof.root`` has it. GIL released."""
    _whole(leaves, 32)
    cdef bytes out = _room(32)
    cdef const uint8_t *leaf = _at(leaves)
    cdef uint8_t *target = <uint8_t *> _at(out)
    cdef size_t count = <size_t> len(leaves) // 32
    cdef bint done
    with nogil:
        done = c_merkle_root(leaf, count, target)
    if not done:
        raise MemoryError("no memory for a level of nodes")
    return out


cdef class LockedMemory:
    """Memory of ``locked.h``: never swapped out, never in a core file, wiped when freed."""

    cdef void *memory
    cdef readonly size_t size

    def __cinit__(self, size_t size):
        self.memory = locked_alloc(size)
        if self.memory == NULL:
            raise MemoryError(f"no locked memory (error {errno}); raise ulimit -l")
        self.size = size

    def __dealloc__(self):
        self.close()

    cpdef close(self):
        """Wipe and free. A second time does nothing."""
        locked_free(self.memory, self.size)
        self.memory = NULL

    def address(self) -> int:
        """Where it is; 0 after ``close``."""
        return <size_t> self.memory
