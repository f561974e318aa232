/* The SM4 TAC of 64 taps by GFNI on AVX-512, four vectors of sixteen lanes in step.
 *
 * A vector holds one of the four words of a block for sixteen lanes. The S-box is the inverse of AES between
 * two affine maps (sm4_affine.h, which a generator makes), on all 64 bytes at once: two instructions. One round waits
 * for the one before, so four vectors work side by side, each while the others wait.
 */
#ifndef ONECARD_SM4_GFNI_H
#define ONECARD_SM4_GFNI_H

#include "tac_lanes.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "sm4_affine.h"

#define SM4_GFNI_LANES 64
#define SM4_GFNI_VECTORS 4
#define SM4_GFNI_TARGET __attribute__((target("avx512f,avx512bw,gfni")))
#define SM4_GFNI_EACH _Pragma("GCC unroll 4") for (unsigned at = 0; at < SM4_GFNI_VECTORS; at++)

struct sm4_gfni_words {
    __m512i vectors[SM4_GFNI_VECTORS];
};

struct sm4_gfni_room {
    struct sm4_gfni_words state[4];
    struct sm4_gfni_words keys[32]; /* round keys, of the level keys and then of the cards */
};

SM4_GFNI_TARGET static inline __m512i sm4_gfni_box(__m512i bytes)
{
    __m512i there = _mm512_gf2p8affine_epi64_epi8(bytes, _mm512_set1_epi64((long long)SM4_TO_AES), SM4_TO_AES_ADD);

    return _mm512_gf2p8affineinv_epi64_epi8(there, _mm512_set1_epi64((long long)SM4_FROM_AES), SM4_FROM_AES_ADD);
}

SM4_GFNI_TARGET static inline __m512i sm4_gfni_xor(__m512i one, __m512i two, __m512i three)
{
    return _mm512_ternarylogic_epi64(one, two, three, 0x96);
}

/* One round: to ^= L(S(one ^ two ^ three ^ key)). */
SM4_GFNI_TARGET static inline __m512i sm4_gfni_round(__m512i to, __m512i sum, __m512i key)
{
    __m512i boxed = sm4_gfni_box(_mm512_xor_si512(sum, key));
    __m512i some = sm4_gfni_xor(boxed, _mm512_rol_epi32(boxed, 2), _mm512_rol_epi32(boxed, 10));
    __m512i more = sm4_gfni_xor(to, _mm512_rol_epi32(boxed, 18), _mm512_rol_epi32(boxed, 24));

    return _mm512_xor_si512(some, more);
}

/* One round of the key schedule. */
SM4_GFNI_TARGET static inline __m512i sm4_gfni_key_round(__m512i to, __m512i sum, uint32_t constant)
{
    __m512i boxed = sm4_gfni_box(_mm512_xor_si512(sum, _mm512_set1_epi32((int)constant)));

    return _mm512_xor_si512(to, sm4_gfni_xor(boxed, _mm512_rol_epi32(boxed, 13), _mm512_rol_epi32(boxed, 23)));
}

/* The sum of the three words that a round takes, of the four that take turns. */
SM4_GFNI_TARGET static inline __m512i sm4_gfni_sum(const struct sm4_gfni_words state[4], unsigned round, unsigned at)
{
    return sm4_gfni_xor(state[(round + 1) % 4].vectors[at], state[(round + 2) % 4].vectors[at],
                        state[(round + 3) % 4].vectors[at]);
}

/* The block cipher; the words come out in their order. */
SM4_GFNI_TARGET static inline void sm4_gfni_encrypt(struct sm4_gfni_room *room)
{
    struct sm4_gfni_words state[4];

    memcpy(state, room->state, sizeof state);
    for (unsigned four = 0; four < 32; four += 4) {
#pragma GCC unroll 4
        for (unsigned round = 0; round < 4; round++)
            SM4_GFNI_EACH
                state[round].vectors[at] = sm4_gfni_round(state[round].vectors[at], sm4_gfni_sum(state, round, at),
                                                          room->keys[four + round].vectors[at]);
    }
#pragma GCC unroll 4
    for (unsigned word = 0; word < 4; word++)
        SM4_GFNI_EACH
            room->state[word].vectors[at] = state[3 - word].vectors[at];
}

/* Round keys of the keys that stand in `state`. */
SM4_GFNI_TARGET static inline void sm4_gfni_schedule(struct sm4_gfni_room *room)
{
    static const uint32_t start[4] = {0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc};
    struct sm4_gfni_words state[4];

#pragma GCC unroll 4
    for (unsigned word = 0; word < 4; word++)
        SM4_GFNI_EACH
            state[word].vectors[at] = _mm512_xor_si512(room->state[word].vectors[at],
                                                       _mm512_set1_epi32((int)start[word]));
    for (unsigned four = 0; four < 32; four += 4) {
#pragma GCC unroll 4
        for (unsigned round = 0; round < 4; round++)
            SM4_GFNI_EACH {
                __m512i made = sm4_gfni_key_round(state[round].vectors[at], sm4_gfni_sum(state, round, at),
                                                  sm4_key_constant[0][four + round]);

                room->keys[four + round].vectors[at] = made;
                state[round].vectors[at] = made;
            }
    }
}

/* XOR eight bytes of each lane into two words of the state, their bytes turned: words are big-endian. */
SM4_GFNI_TARGET static inline void sm4_gfni_add(struct sm4_gfni_words state[2], const uint64_t *halves,
                                                uint64_t flipped)
{
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    const __m512i turn = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL));
    const __m512i flip = _mm512_set1_epi64((long long)flipped);

    SM4_GFNI_EACH {
        __m512i low = _mm512_xor_si512(_mm512_loadu_si512(halves + 16 * at), flip);
        __m512i high = _mm512_xor_si512(_mm512_loadu_si512(halves + 16 * at + 8), flip);
        __m512i first = _mm512_shuffle_epi8(_mm512_permutex2var_epi32(low, even, high), turn);
        __m512i second = _mm512_shuffle_epi8(_mm512_permutex2var_epi32(low, odd, high), turn);

        state[0].vectors[at] = _mm512_xor_si512(state[0].vectors[at], first);
        state[1].vectors[at] = _mm512_xor_si512(state[1].vectors[at], second);
    }
}

/* Round keys of the level keys, each lane's own. */
SM4_GFNI_TARGET static inline void sm4_gfni_level_keys(struct sm4_gfni_room *room, const struct tac_lanes *lanes)
{
    uint32_t *words = (uint32_t *)(void *)room->keys;

    if (lanes->one_key) {
        for (unsigned round = 0; round < 32; round++)
            SM4_GFNI_EACH
                room->keys[round].vectors[at] = _mm512_set1_epi32((int)lanes->keys[0]->level.sm4.words[round]);
        return;
    }
    for (unsigned lane = 0; lane < SM4_GFNI_LANES; lane++)
        for (unsigned round = 0; round < 32; round++)
            words[SM4_GFNI_LANES * round + lane] = lanes->keys[lane]->level.sm4.words[round];
}

/* The TAC of 64 lanes: key of the card, MAC of two blocks, folded as the key set says. */
SM4_GFNI_TARGET static inline void tac_sm4_gfni(struct tac_lanes *lanes)
{
    struct sm4_gfni_room room;
    uint32_t macs[4][SM4_GFNI_LANES];

    sm4_gfni_level_keys(&room, lanes);
    memset(room.state, 0, sizeof room.state);
    sm4_gfni_add(room.state, lanes->factor, 0);
    sm4_gfni_add(room.state + 2, lanes->factor, UINT64_MAX); /* X | ~X */
    sm4_gfni_encrypt(&room);
    sm4_gfni_schedule(&room);
    memset(room.state, 0, sizeof room.state);
    for (unsigned block = 0; block < TAC_INPUT_WORDS; block += 2) {
        sm4_gfni_add(room.state, lanes->input[block], 0);
        sm4_gfni_add(room.state + 2, lanes->input[block + 1], 0);
        sm4_gfni_encrypt(&room);
    }
    memcpy(macs, room.state, sizeof macs);
    for (unsigned lane = 0; lane < SM4_GFNI_LANES; lane++) {
        const struct tac_key_set *keys = lanes->one_key ? lanes->keys[0] : lanes->keys[lane];
        uint32_t folded = 0u - (uint32_t)(keys->fold == TAC_FOLD_XOR);

        lanes->tac[lane] = macs[0][lane] ^ ((macs[1][lane] ^ macs[2][lane] ^ macs[3][lane]) & folded);
    }
    wipe(&room, sizeof room);
}

#endif /* __x86_64__ */

#endif /* ONECARD_SM4_GFNI_H */
