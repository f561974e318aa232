/* SHA-256 (FIPS 180-4): one message, or many of equal length.
 *
 * Four ways to the same digest, chosen at run time:
 *
 *   portable       plain C                                             anywhere
 *   instructions   the SHA instructions of x86-64; two messages in step, since one alone waits four cycles for each
 *                  of its round pairs
 *   eight          eight messages side by side, AVX2 (sha256_lanes.h)
 *   sixteen        sixteen messages side by side, AVX-512
 *
 * Where messages are left over that do not fill the lanes, and for single messages, the lanes' ways take the best of
 * the first two.
 *
 *   sha256(message, size, digest)
 *   sha256_many(messages, stride, size, count, digests)
 *   sha256_many_prefixed(prefixes, prefix_stride, prefix_size, messages, stride, size, count, digests)
 *
 * The functions that end in _by take the way explicitly, for tests.
 */
#ifndef ONECARD_SHA256_H
#define ONECARD_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHA256_DIGEST_BYTES 32
#define SHA256_BLOCK_BYTES 64
#define SHA256_PREFIX_BYTES_MAX 63

enum sha256_way { SHA256_PORTABLE = 0, SHA256_INSTRUCTIONS = 1, SHA256_EIGHT = 2, SHA256_SIXTEEN = 3, SHA256_WAYS = 4 };

/* FIPS 180-4, 4.2.2: cube roots of the first 64 primes; 5.3.3: square roots of the first eight. */
static const uint32_t sha256_constant[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t sha256_start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* A message cut into whole blocks: at most one that holds the prefix, those that lie in the message as they
 * are, and one or two with the padding. Messages of equal length are cut alike. */
struct sha256_parts {
    const uint8_t *middle;
    size_t head_blocks;
    size_t middle_blocks;
    size_t tail_blocks;
    uint8_t head[SHA256_BLOCK_BYTES];
    uint8_t tail[2 * SHA256_BLOCK_BYTES];
};

static inline void sha256_cut(struct sha256_parts *parts, const uint8_t *prefix, size_t prefix_size,
                              const uint8_t *message, size_t size)
{
    uint64_t bits = ((uint64_t)prefix_size + size) * 8;
    size_t rest = size, kept = 0;

    parts->head_blocks = prefix_size > 0 && prefix_size + size >= SHA256_BLOCK_BYTES;
    if (parts->head_blocks) {
        size_t taken = SHA256_BLOCK_BYTES - prefix_size;

        memcpy(parts->head, prefix, prefix_size);
        memcpy(parts->head + prefix_size, message, taken);
        message += taken;
        rest -= taken;
    } else if (prefix_size > 0) {
        memcpy(parts->tail, prefix, prefix_size);
        kept = prefix_size;
    }
    parts->middle = message;
    parts->middle_blocks = kept > 0 ? 0 : rest / SHA256_BLOCK_BYTES;
    rest -= parts->middle_blocks * SHA256_BLOCK_BYTES;
    if (rest > 0)
        memcpy(parts->tail + kept, message + parts->middle_blocks * SHA256_BLOCK_BYTES, rest);
    kept += rest;
    parts->tail_blocks = kept + 9 > SHA256_BLOCK_BYTES ? 2 : 1;
    parts->tail[kept] = 0x80;
    memset(parts->tail + kept + 1, 0, parts->tail_blocks * SHA256_BLOCK_BYTES - kept - 9);
    for (unsigned byte = 0; byte < 8; byte++)
        parts->tail[parts->tail_blocks * SHA256_BLOCK_BYTES - 8 + byte] = (uint8_t)(bits >> (56 - 8 * byte));
}

static inline uint32_t sha256_rotate_right(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

/* FIPS 180-4, 6.2.2, on `blocks` blocks. */
static inline void sha256_compress_portable(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    uint32_t w[16];

    for (; blocks > 0; blocks--, data += SHA256_BLOCK_BYTES) {
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

#pragma GCC unroll 64
        for (unsigned round = 0; round < 64; round++) {
            uint32_t sum, choice, majority;

            if (round < 16) {
                const uint8_t *from = data + 4 * round;
                w[round] = (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
            } else {
                uint32_t near = w[(round + 14) & 15], far = w[(round + 1) & 15];
                w[round & 15] += w[(round + 9) & 15]
                    + (sha256_rotate_right(far, 7) ^ sha256_rotate_right(far, 18) ^ far >> 3)
                    + (sha256_rotate_right(near, 17) ^ sha256_rotate_right(near, 19) ^ near >> 10);
            }
            choice = g ^ (e & (f ^ g));
            sum = h + choice + sha256_constant[round] + w[round & 15]
                + (sha256_rotate_right(e, 6) ^ sha256_rotate_right(e, 11) ^ sha256_rotate_right(e, 25));
            majority = (a & b) | (c & (a | b));
            h = g;
            g = f;
            f = e;
            e = d + sum;
            d = c;
            c = b;
            b = a;
            a = sum + majority
                + (sha256_rotate_right(a, 2) ^ sha256_rotate_right(a, 13) ^ sha256_rotate_right(a, 22));
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }
}

static inline void sha256_store(uint8_t digest[32], const uint32_t state[8])
{
    for (unsigned word = 0; word < 8; word++) {
        digest[4 * word] = (uint8_t)(state[word] >> 24);
        digest[4 * word + 1] = (uint8_t)(state[word] >> 16);
        digest[4 * word + 2] = (uint8_t)(state[word] >> 8);
        digest[4 * word + 3] = (uint8_t)state[word];
    }
}

#if defined(__x86_64__)
#include "sha256_instructions.h"
#endif /* __x86_64__ */

#if defined(__x86_64__) && !defined(__clang__)
#define SHA256_WIDE_WAYS 1

#pragma GCC push_options
#pragma GCC target("avx2")
#define SHA256_LANES(name) sha256_##name##_eight
#define SHA256_LANES_COUNT 8
#include "sha256_lanes.h"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw")
#define SHA256_LANES(name) sha256_##name##_sixteen
#define SHA256_LANES_COUNT 16
#define SHA256_LANES_THREE(a, b, c, cells) \
    ((sha256_words_sixteen)_mm512_ternarylogic_epi32((__m512i)(a), (__m512i)(b), (__m512i)(c), cells))
#include "sha256_lanes.h"
#pragma GCC pop_options

#else
#define SHA256_WIDE_WAYS 0
#endif

/* Whether this processor has a way. Clang has no pragma for code that the processor may not have: there the lanes are
 * left out. */
static inline bool sha256_way_here(enum sha256_way way)
{
    if (way == SHA256_PORTABLE)
        return true;
#if defined(__x86_64__)
    if (way == SHA256_INSTRUCTIONS)
        return __builtin_cpu_supports("sha") && __builtin_cpu_supports("sse4.1");
#endif
#if SHA256_WIDE_WAYS
    if (way == SHA256_EIGHT)
        return __builtin_cpu_supports("avx2");
    if (way == SHA256_SIXTEEN)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
#endif
    return false;
}

/* The best way of hashing one message. */
static inline enum sha256_way sha256_single_way(void)
{
    return sha256_way_here(SHA256_INSTRUCTIONS) ? SHA256_INSTRUCTIONS : SHA256_PORTABLE;
}

/* The best way of hashing many. Eight lanes are slower than the instructions. */
static inline enum sha256_way sha256_best_way(void)
{
    if (sha256_way_here(SHA256_SIXTEEN))
        return SHA256_SIXTEEN;
    if (!sha256_way_here(SHA256_INSTRUCTIONS) && sha256_way_here(SHA256_EIGHT))
        return SHA256_EIGHT;
    return sha256_single_way();
}

static inline void sha256_compress(enum sha256_way way, uint32_t state[8], const uint8_t *data, size_t blocks)
{
#if defined(__x86_64__)
    if (way == SHA256_INSTRUCTIONS) {
        sha256_compress_instructions(state, data, blocks);
        return;
    }
#endif
    (void)way;
    sha256_compress_portable(state, data, blocks);
}

/* prefix | message; prefix_size is at most SHA256_PREFIX_BYTES_MAX. */
static inline void sha256_prefixed_by(enum sha256_way way, const uint8_t *prefix, size_t prefix_size,
                                      const uint8_t *message, size_t size, uint8_t digest[32])
{
    struct sha256_parts parts;
    uint32_t state[8];

    if (way > SHA256_INSTRUCTIONS)
        way = sha256_single_way();
    memcpy(state, sha256_start, sizeof state);
    sha256_cut(&parts, prefix, prefix_size, message, size);
    if (parts.head_blocks > 0)
        sha256_compress(way, state, parts.head, parts.head_blocks);
    sha256_compress(way, state, parts.middle, parts.middle_blocks);
    sha256_compress(way, state, parts.tail, parts.tail_blocks);
    sha256_store(digest, state);
}

/* Many messages of `size` bytes, one every `stride` bytes, each behind a prefix of `prefix_size` bytes, one
 * every `prefix_stride` bytes (0: the same prefix for all). `digests` gets 32 bytes per message. */
static inline void sha256_many_prefixed_by(enum sha256_way way, const uint8_t *prefixes, size_t prefix_stride,
                                           size_t prefix_size, const uint8_t *messages, size_t stride,
                                           size_t size, size_t count, uint8_t *digests)
{
    size_t index = 0;

#if SHA256_WIDE_WAYS
    if (way == SHA256_SIXTEEN)
        for (; index + 16 <= count; index += 16)
            sha256_group_sixteen(prefix_size > 0 ? prefixes + index * prefix_stride : NULL, prefix_stride, prefix_size,
                                 messages + index * stride, stride, size, digests + 32 * index);
    if (way == SHA256_EIGHT)
        for (; index + 8 <= count; index += 8)
            sha256_group_eight(prefix_size > 0 ? prefixes + index * prefix_stride : NULL, prefix_stride, prefix_size,
                               messages + index * stride, stride, size, digests + 32 * index);
#endif
    if (way > SHA256_INSTRUCTIONS)
        way = sha256_single_way();
#if defined(__x86_64__)
    if (way == SHA256_INSTRUCTIONS)
        for (; index + 2 <= count; index += 2)
            sha256_prefixed_pair(prefix_size > 0 ? prefixes + index * prefix_stride : NULL,
                                 prefix_size > 0 ? prefixes + (index + 1) * prefix_stride : NULL, prefix_size,
                                 messages + index * stride, messages + (index + 1) * stride, size,
                                 digests + 32 * index);
#endif
    for (; index < count; index++)
        sha256_prefixed_by(way, prefix_size > 0 ? prefixes + index * prefix_stride : NULL, prefix_size,
                           messages + index * stride, size, digests + 32 * index);
}

static inline void sha256_many_prefixed(const uint8_t *prefixes, size_t prefix_stride, size_t prefix_size,
                                        const uint8_t *messages, size_t stride, size_t size, size_t count,
                                        uint8_t *digests)
{
    sha256_many_prefixed_by(sha256_best_way(), prefixes, prefix_stride, prefix_size, messages, stride, size,
                            count, digests);
}

static inline void sha256_many(const uint8_t *messages, size_t stride, size_t size, size_t count,
                               uint8_t *digests)
{
    sha256_many_prefixed_by(sha256_best_way(), NULL, 0, 0, messages, stride, size, count, digests);
}

/* One message; NULL with size 0 is allowed. */
static inline void sha256(const uint8_t *message, size_t size, uint8_t digest[32])
{
    sha256_prefixed_by(sha256_single_way(), NULL, 0, message, size, digest);
}

#endif /* ONECARD_SHA256_H */
