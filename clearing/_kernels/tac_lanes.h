/* Taps side by side, as every way of making many TACs at once takes them (tac_ways.h). */
#ifndef ONECARD_TAC_LANES_H
#define ONECARD_TAC_LANES_H

#include "tac.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes are put into words as they lie in memory");

#define TAC_LANES_MAX 512
#define TAC_INPUT_WORDS (TAC_PADDED_BYTES / 8)
#define TAC_CACHE_LINE_BYTES 64
/* A cache line more than there are lanes: columns of 4,096 bytes would push each other out of the cache. */
#define TAC_LANES_ROOM (TAC_LANES_MAX + TAC_CACHE_LINE_BYTES / 8)

/* The input of a TAC, padded to 32 bytes, which suits either cipher. Bytes lie in words as in memory. */
struct tac_input {
    uint64_t words[TAC_INPUT_WORDS];
};

/* One vector of taps of one algorithm, those with the longer input first. */
struct tac_lanes {
    _Alignas(TAC_CACHE_LINE_BYTES) uint64_t factor[TAC_LANES_ROOM];
    uint64_t input[TAC_INPUT_WORDS][TAC_LANES_ROOM];
    uint64_t tac[TAC_LANES_ROOM]; /* what comes out: a number, the first byte on top */
    const struct tac_key_set *keys[TAC_LANES_ROOM];
    size_t count;  /* lanes in use */
    size_t longer; /* of these, how many have a top-up's input, which under DES is four blocks: the first ones */
    int one_key;   /* whether all lanes in use have the same key set */
};

/* Eight bytes as they lie in memory. */
static inline uint64_t tac_word(const uint8_t *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof word);
    return word;
}

/* The input of a purchase from its 22 bytes; of a top-up from its 24. */
static inline struct tac_input tac_input_of_purchase(const uint8_t *bytes)
{
    /* The last six bytes by a load that ends with them, then 80 00. */
    return (struct tac_input){{tac_word(bytes), tac_word(bytes + 8), tac_word(bytes + 14) >> 16 | 0x80ULL << 48, 0}};
}

static inline struct tac_input tac_input_of_load(const uint8_t *bytes)
{
    return (struct tac_input){{tac_word(bytes), tac_word(bytes + 8), tac_word(bytes + 16), 0x80}};
}

/* Make ready for a vector of `width` lanes, at least one of them in use: the others get a key set to work with, and
 * their answers are nobody's. */
static inline void tac_lanes_close(struct tac_lanes *lanes, size_t width)
{
    lanes->one_key = 1;
    for (size_t lane = 1; lane < lanes->count; lane++)
        lanes->one_key &= lanes->keys[lane] == lanes->keys[0];
    for (size_t lane = lanes->count; lane < width; lane++)
        lanes->keys[lane] = lanes->keys[0];
}

/* Lane by lane through the look-up tables: the plain way, and the one for a few taps. */
static inline void tac_lanes_scalar(struct tac_lanes *lanes)
{
    for (size_t lane = 0; lane < lanes->count; lane++) {
        const struct tac_key_set *keys = lanes->keys[lane];
        uint8_t padded[TAC_PADDED_BYTES], factor[TAC_FACTOR_BYTES];
        size_t blocks = TAC_PADDED_BYTES / SM4_BLOCK_BYTES;

        if (keys->algorithm == TAC_ALGORITHM_DES)
            blocks = lane < lanes->longer ? 4 : 3;
        for (unsigned word = 0; word < TAC_INPUT_WORDS; word++)
            memcpy(padded + 8 * word, &lanes->input[word][lane], 8);
        memcpy(factor, &lanes->factor[lane], sizeof factor);
        lanes->tac[lane] = tac_of_blocks(keys, factor, padded, blocks);
    }
}

#endif /* ONECARD_TAC_LANES_H */
