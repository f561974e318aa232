/* DES, two-key triple DES and the DES CBC-MAC of a card (FIPS 46-3, ISO 9797-1 algorithm 1).
 *
 * Scalar, one block or two independent blocks at a time. Two choices make it quick:
 *   - a half block is kept rotated right by one bit, so that the inputs of S1, S3, S5, S7 stand in the
 *     four bytes of the word and those of S2, S4, S6, S8 in the word rotated left by four: the expansion
 *     E costs one rotation;
 *   - the initial and the final permutation are linear and undo each other, so blocks are chained (CBC)
 *     and keys are chained (EDE) between them, and each is done once per message block at most.
 *
 * Look-ups depend on keys and data: this is not for a machine shared with strangers (see docs/adr).
 * Parity bits of keys are ignored, as cards ignore them. Bit 1 of the standard is the top bit here.
 */
#ifndef ONECARD_DES_H
#define ONECARD_DES_H

#include <stddef.h>
#include <stdint.h>

#include "des_tables.h"
#include "wipe.h"

#define DES_BLOCK_BYTES 8

/* Sixteen round keys: word 2i for S1, S3, S5, S7 and word 2i + 1 for S2, S4, S6, S8. */
struct des_schedule {
    uint32_t words[32];
};

/* A 16-byte key for EDE: encrypt with the left 8 bytes, decrypt with the right, encrypt with the left. */
struct des_ede2_schedule {
    struct des_schedule left;
    struct des_schedule right;
};

/* A block after the initial permutation, as two rotated halves. XOR of two such blocks is the same
 * as XOR of the blocks they came from. */
struct des_state {
    uint32_t left;
    uint32_t right;
};

static inline uint32_t des_load(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | (uint32_t)from[3];
}

static inline void des_store(uint8_t *to, uint32_t word)
{
    to[0] = (uint8_t)(word >> 24);
    to[1] = (uint8_t)(word >> 16);
    to[2] = (uint8_t)(word >> 8);
    to[3] = (uint8_t)word;
}

static inline uint32_t des_rotate_left(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

/* Exchange the bits of *low_side under `mask` with the bits of *high_side that stand `by` places higher. */
static inline void des_exchange(uint32_t *high_side, uint32_t *low_side, unsigned by, uint32_t mask)
{
    uint32_t change = ((*high_side >> by) ^ *low_side) & mask;
    *low_side ^= change;
    *high_side ^= change << by;
}

/* IP of eight bytes. The permutation is a transposition of the 8 x 8 bit matrix, so five exchanges do. */
static inline struct des_state des_initial_permutation(const uint8_t block[8])
{
    uint32_t left = des_load(block), right = des_load(block + 4);

    des_exchange(&left, &right, 4, 0x0f0f0f0f);
    des_exchange(&left, &right, 16, 0x0000ffff);
    des_exchange(&right, &left, 2, 0x33333333);
    des_exchange(&right, &left, 8, 0x00ff00ff);
    des_exchange(&left, &right, 1, 0x55555555);
    return (struct des_state){des_rotate_left(left, 31), des_rotate_left(right, 31)};
}

/* The inverse of IP. */
static inline void des_final_permutation(struct des_state state, uint8_t block[8])
{
    uint32_t left = des_rotate_left(state.left, 1), right = des_rotate_left(state.right, 1);

    des_exchange(&left, &right, 1, 0x55555555);
    des_exchange(&right, &left, 8, 0x00ff00ff);
    des_exchange(&right, &left, 2, 0x33333333);
    des_exchange(&left, &right, 16, 0x0000ffff);
    des_exchange(&left, &right, 4, 0x0f0f0f0f);
    des_store(block, left);
    des_store(block + 4, right);
}

static inline struct des_state des_xor(struct des_state one, struct des_state other)
{
    return (struct des_state){one.left ^ other.left, one.right ^ other.right};
}

/* Expansion, round key, S-boxes and P. */
static inline uint32_t des_round(uint32_t half, const uint32_t *key)
{
    uint32_t odd = half ^ key[0];
    uint32_t even = des_rotate_left(half, 4) ^ key[1];

    return des_round_table[0][odd >> 26] ^ des_round_table[2][odd >> 18 & 63]
         ^ des_round_table[4][odd >> 10 & 63] ^ des_round_table[6][odd >> 2 & 63]
         ^ des_round_table[1][even >> 26] ^ des_round_table[3][even >> 18 & 63]
         ^ des_round_table[5][even >> 10 & 63] ^ des_round_table[7][even >> 2 & 63];
}

/* Round keys of an 8-byte key. PC-1 is a transposition of the key's bit matrix, PC-2 eight look-ups. */
static inline void des_schedule_init(struct des_schedule *schedule, const uint8_t key[8])
{
    static const uint8_t rotations[16] = {1, 2, 4, 6, 8, 10, 12, 14, 15, 17, 19, 21, 23, 25, 27, 28};
    uint64_t matrix = 0, change, upper, lower;

    for (unsigned byte = 0; byte < 8; byte++)
        matrix |= (uint64_t)key[byte] << (8 * byte);
    change = (matrix ^ matrix >> 7) & 0x00aa00aa00aa00aaULL;
    matrix ^= change ^ change << 7;
    change = (matrix ^ matrix >> 14) & 0x0000cccc0000ccccULL;
    matrix ^= change ^ change << 14;
    change = (matrix ^ matrix >> 28) & 0x00000000f0f0f0f0ULL;
    matrix ^= change ^ change << 28;

    upper = matrix >> 36;                                              /* C, 28 bits */
    lower = (matrix >> 8 & 0xff) << 20 | (matrix >> 16 & 0xff) << 12   /* D, 28 bits */
          | (matrix >> 24 & 0xff) << 4 | (matrix >> 32 & 0x0f);
    upper |= upper << 28; /* doubled, so that a rotation is a shift */
    lower |= lower << 28;

#pragma GCC unroll 16
    for (unsigned round = 0; round < 16; round++) {
        unsigned back = 28u - rotations[round];
        uint64_t c = upper >> back, d = lower >> back;
        uint64_t words = des_key_table[0][c >> 21 & 127] | des_key_table[1][c >> 14 & 127]
                       | des_key_table[2][c >> 7 & 127] | des_key_table[3][c & 127]
                       | des_key_table[4][d >> 21 & 127] | des_key_table[5][d >> 14 & 127]
                       | des_key_table[6][d >> 7 & 127] | des_key_table[7][d & 127];
        schedule->words[2 * round] = (uint32_t)(words >> 32);
        schedule->words[2 * round + 1] = (uint32_t)words;
    }
}

static inline void des_ede2_schedule_init(struct des_ede2_schedule *schedule, const uint8_t key[16])
{
    des_schedule_init(&schedule->left, key);
    des_schedule_init(&schedule->right, key + 8);
}

/* The sixteen rounds, between the permutations; the halves come out exchanged, as FIPS 46-3 has them. */
static inline struct des_state des_rounds_encrypt(struct des_state state, const struct des_schedule *schedule)
{
    uint32_t left = state.left, right = state.right;

#pragma GCC unroll 8
    for (unsigned round = 0; round < 16; round += 2) {
        left ^= des_round(right, schedule->words + 2 * round);
        right ^= des_round(left, schedule->words + 2 * round + 2);
    }
    return (struct des_state){right, left};
}

/* The same with the round keys in reverse order. */
static inline struct des_state des_rounds_decrypt(struct des_state state, const struct des_schedule *schedule)
{
    uint32_t left = state.left, right = state.right;

#pragma GCC unroll 8
    for (unsigned round = 16; round > 0; round -= 2) {
        left ^= des_round(right, schedule->words + 2 * round - 2);
        right ^= des_round(left, schedule->words + 2 * round - 4);
    }
    return (struct des_state){right, left};
}

/* Sixteen rounds on two blocks in step: each waits for its look-ups while the other works. */
static inline void des_rounds_encrypt_pair(struct des_state *one, struct des_state *other,
                                           const struct des_schedule *schedule)
{
    uint32_t left = one->left, right = one->right, left_other = other->left, right_other = other->right;

#pragma GCC unroll 8
    for (unsigned round = 0; round < 16; round += 2) {
        left ^= des_round(right, schedule->words + 2 * round);
        left_other ^= des_round(right_other, schedule->words + 2 * round);
        right ^= des_round(left, schedule->words + 2 * round + 2);
        right_other ^= des_round(left_other, schedule->words + 2 * round + 2);
    }
    *one = (struct des_state){right, left};
    *other = (struct des_state){right_other, left_other};
}

static inline void des_rounds_decrypt_pair(struct des_state *one, struct des_state *other,
                                           const struct des_schedule *schedule)
{
    uint32_t left = one->left, right = one->right, left_other = other->left, right_other = other->right;

#pragma GCC unroll 8
    for (unsigned round = 16; round > 0; round -= 2) {
        left ^= des_round(right, schedule->words + 2 * round - 2);
        left_other ^= des_round(right_other, schedule->words + 2 * round - 2);
        right ^= des_round(left, schedule->words + 2 * round - 4);
        right_other ^= des_round(left_other, schedule->words + 2 * round - 4);
    }
    *one = (struct des_state){right, left};
    *other = (struct des_state){right_other, left_other};
}

/* One block; `in` and `out` may be the same. */
static inline void des_encrypt_block(const struct des_schedule *schedule, const uint8_t in[8], uint8_t out[8])
{
    des_final_permutation(des_rounds_encrypt(des_initial_permutation(in), schedule), out);
}

static inline void des_decrypt_block(const struct des_schedule *schedule, const uint8_t in[8], uint8_t out[8])
{
    des_final_permutation(des_rounds_decrypt(des_initial_permutation(in), schedule), out);
}

/* One block of 3DES-EDE2; `in` and `out` may be the same. */
static inline void des_ede2_encrypt_block(const struct des_ede2_schedule *schedule, const uint8_t in[8],
                                          uint8_t out[8])
{
    struct des_state state = des_initial_permutation(in);

    state = des_rounds_encrypt(state, &schedule->left);
    state = des_rounds_decrypt(state, &schedule->right);
    state = des_rounds_encrypt(state, &schedule->left);
    des_final_permutation(state, out);
}

/* Left and right half of a card key, E(X) and E(~X), still permuted. IP(~X) is ~IP(X). */
static inline void des_diversify_states(const struct des_ede2_schedule *schedule, const uint8_t factor[8],
                                        struct des_state *left, struct des_state *right)
{
    *left = des_initial_permutation(factor);
    *right = (struct des_state){~left->left, ~left->right};
    des_rounds_encrypt_pair(left, right, &schedule->left);
    des_rounds_decrypt_pair(left, right, &schedule->right);
    des_rounds_encrypt_pair(left, right, &schedule->left);
}

/* DK(X) = E(MK, X) | E(MK, ~X). */
static inline void des_diversify(const struct des_ede2_schedule *schedule, const uint8_t factor[8],
                                 uint8_t card_key[16])
{
    struct des_state left, right;

    des_diversify_states(schedule, factor, &left, &right);
    des_final_permutation(left, card_key);
    des_final_permutation(right, card_key + 8);
}

/* CBC-MAC, IV zero, over `blocks` whole blocks of eight bytes: the last block. No padding is added. */
static inline void des_cbc_mac(const struct des_schedule *schedule, const uint8_t *data, size_t blocks,
                               uint8_t mac[8])
{
    struct des_state state = {0, 0};

    for (size_t block = 0; block < blocks; block++)
        state = des_rounds_encrypt(des_xor(state, des_initial_permutation(data + 8 * block)), schedule);
    des_final_permutation(state, mac);
}

#endif /* ONECARD_DES_H */
