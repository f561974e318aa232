/* SM4 (GB/T 32907-2016) by look-up tables, scalar.
 *
 * Look-ups depend on keys and data: this is not for a machine shared with strangers (see docs/adr).
 */
#ifndef ONECARD_SM4_H
#define ONECARD_SM4_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sm4_tables.h"
#include "wipe.h"

#define SM4_BLOCK_BYTES 16

struct sm4_schedule {
    uint32_t words[32];
};

static inline uint32_t sm4_load(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | (uint32_t)from[3];
}

static inline void sm4_store(uint8_t *to, uint32_t word)
{
    to[0] = (uint8_t)(word >> 24);
    to[1] = (uint8_t)(word >> 16);
    to[2] = (uint8_t)(word >> 8);
    to[3] = (uint8_t)word;
}

static inline uint32_t sm4_rotate_left(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

/* T: S-box and L, of the cipher (clause 6.2). */
static inline uint32_t sm4_round(uint32_t word)
{
    return sm4_round_table[0][word >> 24] ^ sm4_round_table[1][word >> 16 & 255]
         ^ sm4_round_table[2][word >> 8 & 255] ^ sm4_round_table[3][word & 255];
}

/* T': S-box and L', of the key schedule (clause 7.3). */
static inline uint32_t sm4_key_round(uint32_t word)
{
    uint32_t boxed = (uint32_t)sm4_box[0][word >> 24] << 24 | (uint32_t)sm4_box[0][word >> 16 & 255] << 16
                   | (uint32_t)sm4_box[0][word >> 8 & 255] << 8 | (uint32_t)sm4_box[0][word & 255];

    return boxed ^ sm4_rotate_left(boxed, 13) ^ sm4_rotate_left(boxed, 23);
}

/* The key XOR the system parameter FK. */
static inline void sm4_key_start(uint32_t words[4], const uint8_t key[16])
{
    words[0] = sm4_load(key) ^ 0xa3b1bac6;
    words[1] = sm4_load(key + 4) ^ 0x56aa3350;
    words[2] = sm4_load(key + 8) ^ 0x677d9197;
    words[3] = sm4_load(key + 12) ^ 0xb27022dc;
}

static inline void sm4_schedule_init(struct sm4_schedule *schedule, const uint8_t key[16])
{
    uint32_t k[4];

    sm4_key_start(k, key);
#pragma GCC unroll 32
    for (unsigned round = 0; round < 32; round++) {
        k[round & 3] ^= sm4_key_round(k[(round + 1) & 3] ^ k[(round + 2) & 3] ^ k[(round + 3) & 3]
                                      ^ sm4_key_constant[0][round]);
        schedule->words[round] = k[round & 3];
    }
}

/* One block; `in` and `out` may be the same. */
static inline void sm4_encrypt_block(const struct sm4_schedule *schedule, const uint8_t in[16], uint8_t out[16])
{
    uint32_t x[4] = {sm4_load(in), sm4_load(in + 4), sm4_load(in + 8), sm4_load(in + 12)};

#pragma GCC unroll 32
    for (unsigned round = 0; round < 32; round++)
        x[round & 3] ^= sm4_round(x[(round + 1) & 3] ^ x[(round + 2) & 3] ^ x[(round + 3) & 3]
                                  ^ schedule->words[round]);
    for (unsigned word = 0; word < 4; word++)
        sm4_store(out + 4 * word, x[3 - word]);
}

/* Round keys of a key used for the first time, and its first block in the same sweep: the two chains of
 * look-ups do not wait for each other. */
static inline void sm4_schedule_init_encrypt(struct sm4_schedule *schedule, const uint8_t key[16],
                                             const uint8_t in[16], uint8_t out[16])
{
    uint32_t k[4];
    uint32_t x[4] = {sm4_load(in), sm4_load(in + 4), sm4_load(in + 8), sm4_load(in + 12)};

    sm4_key_start(k, key);
#pragma GCC unroll 32
    for (unsigned round = 0; round < 32; round++) {
        k[round & 3] ^= sm4_key_round(k[(round + 1) & 3] ^ k[(round + 2) & 3] ^ k[(round + 3) & 3]
                                      ^ sm4_key_constant[0][round]);
        schedule->words[round] = k[round & 3];
        x[round & 3] ^= sm4_round(x[(round + 1) & 3] ^ x[(round + 2) & 3] ^ x[(round + 3) & 3] ^ k[round & 3]);
    }
    for (unsigned word = 0; word < 4; word++)
        sm4_store(out + 4 * word, x[3 - word]);
}

/* DK(X) = E(MK, X | ~X), one block. */
static inline void sm4_diversify(const struct sm4_schedule *schedule, const uint8_t factor[8], uint8_t card_key[16])
{
    uint8_t block[16];

    for (unsigned byte = 0; byte < 8; byte++) {
        block[byte] = factor[byte];
        block[8 + byte] = (uint8_t)~factor[byte];
    }
    sm4_encrypt_block(schedule, block, card_key);
}

/* CBC encryption of whole blocks; `iv` becomes the last block, so that a message may come in pieces. */
static inline void sm4_cbc_encrypt(const struct sm4_schedule *schedule, uint8_t iv[16], const uint8_t *in,
                                   uint8_t *out, size_t blocks)
{
    for (size_t block = 0; block < blocks; block++) {
        for (unsigned byte = 0; byte < 16; byte++)
            iv[byte] ^= in[16 * block + byte];
        sm4_encrypt_block(schedule, iv, iv);
        memcpy(out + 16 * block, iv, 16);
    }
}

/* CBC-MAC, IV zero, over `blocks` whole blocks of sixteen bytes: the last block. No padding is added. */
static inline void sm4_cbc_mac(const struct sm4_schedule *schedule, const uint8_t *data, size_t blocks,
                               uint8_t mac[16])
{
    memset(mac, 0, 16);
    for (size_t block = 0; block < blocks; block++) {
        for (unsigned byte = 0; byte < 16; byte++)
            mac[byte] ^= data[16 * block + byte];
        sm4_encrypt_block(schedule, mac, mac);
    }
}

#endif /* ONECARD_SM4_H */
