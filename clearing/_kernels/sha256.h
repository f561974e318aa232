/* SHA-256 (FIPS 180-4): one message, or many of equal length.
 *
 * Two ways to the same digest: portable C, and the SHA instructions of x86-64, chosen at run time. With the
 * instructions two messages run in step, since one alone waits four cycles for each of its round pairs.
 *
 *   sha256(message, size, digest)
 *   sha256_many(messages, stride, size, count, digests)
 *   sha256_many_prefixed(prefixes, prefix_stride, prefix_size, messages, stride, size, count, digests)
 *
 * The functions that end in _by take the way explicitly, for tests.
 */
#ifndef ONECARD_SHA256_H
#define ONECARD_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SHA256_DIGEST_BYTES 32
#define SHA256_BLOCK_BYTES 64
#define SHA256_PREFIX_BYTES_MAX 63

enum sha256_way { SHA256_PORTABLE = 0, SHA256_INSTRUCTIONS = 1 };

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

#if defined(__x86_64__)

#define SHA256_TARGET __attribute__((target("sha,sse4.1")))

/* The instructions want the state as the words A B E F and C D G H, the first named on top. */
struct sha256_lane {
    __m128i abef;
    __m128i cdgh;
};

SHA256_TARGET static inline struct sha256_lane sha256_lane_load(const uint32_t state[8])
{
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1b);

    return (struct sha256_lane){_mm_alignr_epi8(badc, efgh, 8), _mm_blend_epi16(efgh, badc, 0xf0)};
}

SHA256_TARGET static inline void sha256_lane_store(uint32_t state[8], struct sha256_lane lane)
{
    __m128i feba = _mm_shuffle_epi32(lane.abef, 0x1b), dchg = _mm_shuffle_epi32(lane.cdgh, 0xb1);

    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Four message words, each turned from big-endian. */
SHA256_TARGET static inline __m128i sha256_message(const uint8_t *data)
{
    const __m128i turn = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);

    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)data), turn);
}

/* Four rounds, and the four message words that are needed sixteen rounds later. */
SHA256_TARGET static inline void sha256_four_rounds(struct sha256_lane *lane, __m128i words[4], unsigned four)
{
    __m128i current = words[four & 3];
    __m128i keyed = _mm_add_epi32(
        current, _mm_load_si128((const __m128i *)(const void *)(sha256_constant + 4 * four)));

    lane->cdgh = _mm_sha256rnds2_epu32(lane->cdgh, lane->abef, keyed);
    lane->abef = _mm_sha256rnds2_epu32(lane->abef, lane->cdgh, _mm_shuffle_epi32(keyed, 0x0e));
    if (four < 12) {
        __m128i last = words[(four + 3) & 3];
        __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(current, words[(four + 1) & 3]),
                                    _mm_alignr_epi8(last, words[(four + 2) & 3], 4));
        words[four & 3] = _mm_sha256msg2_epu32(sum, last);
    }
}

SHA256_TARGET static inline void sha256_compress_instructions(uint32_t state[8], const uint8_t *data,
                                                              size_t blocks)
{
    struct sha256_lane lane = sha256_lane_load(state);

    for (; blocks > 0; blocks--, data += SHA256_BLOCK_BYTES) {
        struct sha256_lane before = lane;
        __m128i words[4];

        for (unsigned four = 0; four < 4; four++)
            words[four] = sha256_message(data + 16 * four);
#pragma GCC unroll 16
        for (unsigned four = 0; four < 16; four++)
            sha256_four_rounds(&lane, words, four);
        lane.abef = _mm_add_epi32(lane.abef, before.abef);
        lane.cdgh = _mm_add_epi32(lane.cdgh, before.cdgh);
    }
    sha256_lane_store(state, lane);
}

/* The same on two messages in step. */
SHA256_TARGET static inline void sha256_compress_pair(uint32_t state[8], const uint8_t *data,
                                                      uint32_t state_other[8], const uint8_t *data_other,
                                                      size_t blocks)
{
    struct sha256_lane lane = sha256_lane_load(state), other = sha256_lane_load(state_other);

    for (; blocks > 0; blocks--, data += SHA256_BLOCK_BYTES, data_other += SHA256_BLOCK_BYTES) {
        struct sha256_lane before = lane, before_other = other;
        __m128i words[4], words_other[4];

        for (unsigned four = 0; four < 4; four++) {
            words[four] = sha256_message(data + 16 * four);
            words_other[four] = sha256_message(data_other + 16 * four);
        }
#pragma GCC unroll 16
        for (unsigned four = 0; four < 16; four++) {
            sha256_four_rounds(&lane, words, four);
            sha256_four_rounds(&other, words_other, four);
        }
        lane.abef = _mm_add_epi32(lane.abef, before.abef);
        lane.cdgh = _mm_add_epi32(lane.cdgh, before.cdgh);
        other.abef = _mm_add_epi32(other.abef, before_other.abef);
        other.cdgh = _mm_add_epi32(other.cdgh, before_other.cdgh);
    }
    sha256_lane_store(state, lane);
    sha256_lane_store(state_other, other);
}

#endif /* __x86_64__ */

/* The best way that this processor has. */
static inline enum sha256_way sha256_best_way(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("sha") && __builtin_cpu_supports("sse4.1") ? SHA256_INSTRUCTIONS
                                                                             : SHA256_PORTABLE;
#else
    return SHA256_PORTABLE;
#endif
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

static inline void sha256_store(uint8_t digest[32], const uint32_t state[8])
{
    for (unsigned word = 0; word < 8; word++) {
        digest[4 * word] = (uint8_t)(state[word] >> 24);
        digest[4 * word + 1] = (uint8_t)(state[word] >> 16);
        digest[4 * word + 2] = (uint8_t)(state[word] >> 8);
        digest[4 * word + 3] = (uint8_t)state[word];
    }
}

/* prefix | message; prefix_size is at most SHA256_PREFIX_BYTES_MAX. */
static inline void sha256_prefixed_by(enum sha256_way way, const uint8_t *prefix, size_t prefix_size,
                                      const uint8_t *message, size_t size, uint8_t digest[32])
{
    struct sha256_parts parts;
    uint32_t state[8];

    memcpy(state, sha256_start, sizeof state);
    sha256_cut(&parts, prefix, prefix_size, message, size);
    if (parts.head_blocks > 0)
        sha256_compress(way, state, parts.head, parts.head_blocks);
    sha256_compress(way, state, parts.middle, parts.middle_blocks);
    sha256_compress(way, state, parts.tail, parts.tail_blocks);
    sha256_store(digest, state);
}

#if defined(__x86_64__)
/* Two messages of the same lengths at once, by the instructions. */
SHA256_TARGET static inline void sha256_prefixed_pair(const uint8_t *prefix, const uint8_t *prefix_other,
                                                      size_t prefix_size, const uint8_t *message,
                                                      const uint8_t *message_other, size_t size,
                                                      uint8_t digests[64])
{
    struct sha256_parts parts, other;
    uint32_t state[8], state_other[8];

    memcpy(state, sha256_start, sizeof state);
    memcpy(state_other, sha256_start, sizeof state_other);
    sha256_cut(&parts, prefix, prefix_size, message, size);
    sha256_cut(&other, prefix_other, prefix_size, message_other, size);
    if (parts.head_blocks > 0)
        sha256_compress_pair(state, parts.head, state_other, other.head, parts.head_blocks);
    if (parts.middle_blocks > 0)
        sha256_compress_pair(state, parts.middle, state_other, other.middle, parts.middle_blocks);
    sha256_compress_pair(state, parts.tail, state_other, other.tail, parts.tail_blocks);
    sha256_store(digests, state);
    sha256_store(digests + 32, state_other);
}
#endif

/* Many messages of `size` bytes, one every `stride` bytes, each behind a prefix of `prefix_size` bytes, one
 * every `prefix_stride` bytes (0: the same prefix for all). `digests` gets 32 bytes per message. */
static inline void sha256_many_prefixed_by(enum sha256_way way, const uint8_t *prefixes, size_t prefix_stride,
                                           size_t prefix_size, const uint8_t *messages, size_t stride,
                                           size_t size, size_t count, uint8_t *digests)
{
    size_t index = 0;

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
    sha256_prefixed_by(sha256_best_way(), NULL, 0, message, size, digest);
}

#endif /* ONECARD_SHA256_H */
