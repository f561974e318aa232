/* SHA-256 by the SHA instructions of x86-64, one message or two in step. A part of sha256.h, which says when. */
#ifndef ONECARD_SHA256_INSTRUCTIONS_H
#define ONECARD_SHA256_INSTRUCTIONS_H

#include <immintrin.h>

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

#endif /* ONECARD_SHA256_INSTRUCTIONS_H */
