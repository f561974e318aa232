/* Bit slices: many taps side by side in the bits of wide words. A template, included once for each width.
 *
 * Before it is included:
 *   LANES(name)   the name of a function or type at this width, such as name ## _avx2
 *   LANES_BYTES   8, 16, 32 or 64: how wide a word is
 *   LANES_THREE   optional: LANES_THREE(a, b, c, cells), any function of three words (VPTERNLOG)
 * All else is C with GCC's vector types, for any processor that has words so wide.
 *
 * A slice holds one bit of every tap: of a block of 64 bits there are 64 slices. Ciphers then work with and,
 * or, xor on slices, on all lanes at once; what moves bits about (permutations, rotations, key
 * schedules) is a choice of slices and costs nothing, nothing is looked up in tables, and each lane may
 * have a key of its own. Lane i * LANES_WORDS + w is bit i of 64-bit word w, so that LANES_WORDS blocks
 * that lie one behind the other are one load.
 *
 * Transposing. 64 words that hold blocks become 64 slices by exchanging bit j of word i with bit i of word
 * j. That is done by halves: the upper right quarter of the 64 x 64 square of bits is exchanged with the lower left,
 * then the same in each of the four quarters, six times in all down to squares of 2 x 2; in words,
 * whose bits under a mask change places with bits of another word a shift away. Three of the steps at a time stay in
 * registers. All 64-bit parts of wide words do the same at once, and doing it again undoes it.
 */
#include "tac_lanes.h"

#ifndef LANES
#define LANES(name) name##_words
#define LANES_BYTES 8
#endif

#define LANES_WORDS (LANES_BYTES / 8)
#define LANES_COUNT (64 * LANES_WORDS)
#define LANES_APART __attribute__((noinline)) /* one copy of a long function, so that it stays in the cache */

#if LANES_BYTES == 8
typedef uint64_t LANES(word);
#else
typedef uint64_t LANES(word) __attribute__((vector_size(LANES_BYTES)));
#endif

/* The same 64 bits in every part of a word. */
static inline LANES(word) LANES(every)(uint64_t bits)
{
#if LANES_BYTES == 8
    return bits;
#else
    return (LANES(word)){0} + bits;
#endif
}

/* Exchange the bits of *low above `by` with the bits of *high below it, in squares that `mask` tells. */
static inline void LANES(exchange)(LANES(word) *low, LANES(word) *high, unsigned by, uint64_t mask)
{
    LANES(word) change = ((*low >> by) ^ *high) & mask;

    *high ^= change;
    *low ^= change << by;
}

/* Three steps of a transposition on eight words that are `stride` apart: squares of 8, 4 and 2 times stride. */
static inline void LANES(transpose_eight)(LANES(word) *words, unsigned stride, const uint64_t masks[3])
{
    LANES(word) eight[8];

#pragma GCC unroll 8
    for (unsigned at = 0; at < 8; at++)
        eight[at] = words[at * stride];
#pragma GCC unroll 3
    for (unsigned step = 0; step < 3; step++) {
        unsigned apart = 4u >> step;

#pragma GCC unroll 8
        for (unsigned at = 0; at < 8; at++)
            if ((at & apart) == 0)
                LANES(exchange)(&eight[at], &eight[at + apart], apart * stride, masks[step]);
    }
#pragma GCC unroll 8
    for (unsigned at = 0; at < 8; at++)
        words[at * stride] = eight[at];
}

/* Blocks to slices, or slices to blocks, in place. */
static LANES_APART void LANES(transpose)(LANES(word) words[64])
{
    static const uint64_t wide[3] = {0x00000000ffffffffULL, 0x0000ffff0000ffffULL, 0x00ff00ff00ff00ffULL};
    static const uint64_t near[3] = {0x0f0f0f0f0f0f0f0fULL, 0x3333333333333333ULL, 0x5555555555555555ULL};

    for (unsigned first = 0; first < 8; first++)
        LANES(transpose_eight)(words + first, 8, wide);
    for (unsigned first = 0; first < 64; first += 8)
        LANES(transpose_eight)(words + first, 1, near);
}

/* Slices of a block that each lane has of its own. */
static inline void LANES(slice)(LANES(word) slices[64], const uint64_t *blocks)
{
    memcpy(slices, blocks, 64 * sizeof *slices);
    LANES(transpose)(slices);
}

/* Slices of the eight bytes at `offset` in each lane's key set. */
static LANES_APART void LANES(slice_keys)(LANES(word) *slices, const struct tac_lanes *lanes, size_t offset)
{
    uint64_t *words = (uint64_t *)(void *)slices;

    if (lanes->one_key) {
        uint64_t bits = tac_word((const uint8_t *)lanes->keys[0] + offset);

        for (unsigned bit = 0; bit < 64; bit++)
            slices[bit] = LANES(every)(0 - (bits >> bit & 1));
        return;
    }
    for (size_t lane = 0; lane < LANES_COUNT; lane++)
        words[lane] = tac_word((const uint8_t *)lanes->keys[lane] + offset);
    LANES(transpose)(slices);
}

/* All ones in the lanes before `count`. */
static inline LANES(word) LANES(first_lanes)(size_t count)
{
    uint64_t parts[LANES_WORDS] = {0};
    LANES(word) made;

    for (size_t lane = 0; lane < count; lane++)
        parts[lane % LANES_WORDS] |= 1ULL << (lane / LANES_WORDS);
    memcpy(&made, parts, sizeof made);
    return made;
}

/* All ones in the lanes whose key set folds the last block. */
static inline LANES(word) LANES(fold_lanes)(const struct tac_lanes *lanes)
{
    uint64_t parts[LANES_WORDS] = {0};
    LANES(word) made;

    for (size_t lane = 0; lane < LANES_COUNT; lane++)
        parts[lane % LANES_WORDS] |= (uint64_t)(lanes->keys[lane]->fold == TAC_FOLD_XOR) << (lane / LANES_WORDS);
    memcpy(&made, parts, sizeof made);
    return made;
}

#include "lanes_des.h"
#include "lanes_sm4.h"

#undef LANES
#undef LANES_BYTES
#undef LANES_THREE
#undef LANES_WORDS
#undef LANES_COUNT
#undef LANES_APART
#undef LANES_DES_KEY
#undef LANES_DES_HALF
#undef LANES_SM4_ROUNDS
#undef LANES_SM4_OTHERS
