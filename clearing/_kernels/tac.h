/* The TAC of a tap (交易认证码): from the level key to four bytes, fresh for each tap.
 *
 * Source: JR/T 0025, CJ/T 166, JT/T 978. A key set holds round keys of the *level key*, the key above the
 * last diversification; the card's own key exists on the stack for the time of one tap and is wiped.
 *
 *   purchase input, 22 bytes: amount 4 | type 1 | terminal id 6 | terminal number 4 | date 4 | time 3
 *   load input, 24 bytes:     balance after 4 | online counter 2 | amount 4 | type 1 | terminal id 6
 *                             | date 4 | time 3
 *   DES (algorithm 0): pad 80 00 ... to a multiple of 8; key = left XOR right half of the card key;
 *                      CBC, IV zero; the left four bytes of the last block.
 *   SM4 (algorithm 1): pad 80 00 ... to a multiple of 16; CBC under the card key, IV zero; the left four
 *                      bytes of the last block, or its four words XORed (a setting of the key set).
 *
 * A TAC is returned as a number, its first byte on top: compare it with tac_load_word(record field).
 */
#ifndef ONECARD_TAC_H
#define ONECARD_TAC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "des.h"
#include "sm4.h"
#include "wipe.h"

enum { TAC_ALGORITHM_DES = 0, TAC_ALGORITHM_SM4 = 1 };
enum { TAC_FOLD_LEFT = 0, TAC_FOLD_XOR = 1 };

#define TAC_PURCHASE_BYTES 22
#define TAC_LOAD_BYTES 24
#define TAC_PADDED_BYTES 32 /* the longest input with its padding, under either cipher */
#define TAC_FACTOR_BYTES 8
#define TAC_IDENTITY_BYTES 18   /* issuer 8 | serial 10, as the record has them */
#define TAC_FACTOR_OFFSET_MAX (TAC_IDENTITY_BYTES - TAC_FACTOR_BYTES)
#define TAC_TORN 0xffffffffu /* what a torn card (闪卡) leaves */

/* One key set, ready for use. All zero bytes is not a usable key set: `ready` says so. */
struct tac_key_set {
    uint8_t algorithm;     /* TAC_ALGORITHM_... */
    uint8_t fold;          /* TAC_FOLD_... */
    uint8_t factor_offset; /* where the last factor's 8 bytes start in issuer | serial */
    uint8_t ready;
    uint8_t level_key[16]; /* as it came, for ways that make their own round keys */
    union {
        struct des_ede2_schedule des;
        struct sm4_schedule sm4;
    } level;
};

/* Where the signed fields of a purchase stand in a record. */
struct tac_purchase_fields {
    const uint8_t *amount;          /* 4, big-endian, fen */
    const uint8_t *type;            /* 1 */
    const uint8_t *terminal_id;     /* 6 */
    const uint8_t *terminal_number; /* 4, big-endian */
    const uint8_t *date;            /* 4, BCD YYYYMMDD */
    const uint8_t *time;            /* 3, BCD HHMMSS */
};

/* Where the signed fields of a top-up stand in a record. */
struct tac_load_fields {
    const uint8_t *balance_after;  /* 4, big-endian, fen */
    const uint8_t *online_counter; /* 2, big-endian */
    const uint8_t *amount;         /* 4, big-endian, fen */
    const uint8_t *type;           /* 1 */
    const uint8_t *terminal_id;    /* 6 */
    const uint8_t *date;           /* 4, BCD */
    const uint8_t *time;           /* 3, BCD */
};

/* Prepare a key set from its level key. 0, or -1 for an algorithm, fold or offset that does not exist. */
static inline int tac_key_set_init(struct tac_key_set *keys, uint8_t algorithm, uint8_t fold,
                                   uint8_t factor_offset, const uint8_t level_key[16])
{
    memset(keys, 0, sizeof *keys);
    if (factor_offset > TAC_FACTOR_OFFSET_MAX || fold > TAC_FOLD_XOR)
        return -1;
    if (algorithm == TAC_ALGORITHM_DES && fold == TAC_FOLD_LEFT)
        des_ede2_schedule_init(&keys->level.des, level_key);
    else if (algorithm == TAC_ALGORITHM_SM4)
        sm4_schedule_init(&keys->level.sm4, level_key);
    else
        return -1;
    keys->algorithm = algorithm;
    keys->fold = fold;
    keys->factor_offset = factor_offset;
    memcpy(keys->level_key, level_key, sizeof keys->level_key);
    keys->ready = 1;
    return 0;
}

static inline void tac_key_set_wipe(struct tac_key_set *keys)
{
    wipe(keys, sizeof *keys);
}

/* Four bytes as a number, the first on top. */
static inline uint32_t tac_load_word(const uint8_t bytes[4])
{
    return des_load(bytes);
}

static inline void tac_store_word(uint8_t bytes[4], uint32_t tac)
{
    des_store(bytes, tac);
}

/* 1 if equal, else 0; no branch on either value. */
static inline unsigned tac_equal(uint32_t one, uint32_t other)
{
    uint32_t difference = one ^ other;

    return (unsigned)(1u ^ ((difference | (0u - difference)) >> 31));
}

static inline void tac_purchase_input(uint8_t input[TAC_PURCHASE_BYTES], const struct tac_purchase_fields *fields)
{
    memcpy(input, fields->amount, 4);
    input[4] = fields->type[0];
    memcpy(input + 5, fields->terminal_id, 6);
    memcpy(input + 11, fields->terminal_number, 4);
    memcpy(input + 15, fields->date, 4);
    memcpy(input + 19, fields->time, 3);
}

static inline void tac_load_input(uint8_t input[TAC_LOAD_BYTES], const struct tac_load_fields *fields)
{
    memcpy(input, fields->balance_after, 4);
    memcpy(input + 4, fields->online_counter, 2);
    memcpy(input + 6, fields->amount, 4);
    input[10] = fields->type[0];
    memcpy(input + 11, fields->terminal_id, 6);
    memcpy(input + 17, fields->date, 4);
    memcpy(input + 21, fields->time, 3);
}

/* 80 00 ... up to the next whole block; a whole block already gets one more. Returns the number of blocks.
 * `data` has room for it: TAC_PADDED_BYTES for the two inputs above. */
static inline size_t tac_pad(uint8_t *data, size_t size, size_t block_bytes)
{
    size_t blocks = size / block_bytes + 1;

    data[size] = 0x80;
    memset(data + size + 1, 0, blocks * block_bytes - size - 1);
    return blocks;
}

/* Key of the DES MAC: the halves of the card key XORed. XOR commutes with the final permutation. */
static inline void tac_des_card_schedule(const struct des_ede2_schedule *level, const uint8_t factor[8],
                                         struct des_schedule *card)
{
    struct des_state left, right;
    uint8_t key[8];

    des_diversify_states(level, factor, &left, &right);
    des_final_permutation(des_xor(left, right), key);
    des_schedule_init(card, key);
    wipe(key, sizeof key);
}

static inline uint32_t tac_fold(const uint8_t *mac, uint8_t fold)
{
    if (fold == TAC_FOLD_LEFT)
        return tac_load_word(mac);
    return tac_load_word(mac) ^ tac_load_word(mac + 4) ^ tac_load_word(mac + 8) ^ tac_load_word(mac + 12);
}

/* The TAC of an input that is padded to whole blocks of its cipher: three or four under DES, two under SM4 (or
 * fewer, of shorter inputs). */
static inline uint32_t tac_of_blocks(const struct tac_key_set *keys, const uint8_t factor[8], const uint8_t *padded,
                                     size_t blocks)
{
    uint8_t mac[16];
    uint32_t tac;

    if (keys->algorithm == TAC_ALGORITHM_DES) {
        struct des_schedule card;

        tac_des_card_schedule(&keys->level.des, factor, &card);
        des_cbc_mac(&card, padded, blocks, mac);
        tac = tac_load_word(mac);
        wipe(&card, sizeof card);
    } else {
        struct sm4_schedule card;
        uint8_t card_key[16];

        sm4_diversify(&keys->level.sm4, factor, card_key);
        sm4_schedule_init_encrypt(&card, card_key, padded, mac);
        for (size_t block = 1; block < blocks; block++) {
            for (unsigned byte = 0; byte < 16; byte++)
                mac[byte] ^= padded[16 * block + byte];
            sm4_encrypt_block(&card, mac, mac);
        }
        tac = tac_fold(mac, keys->fold);
        wipe(&card, sizeof card);
        wipe(card_key, sizeof card_key);
    }
    return tac;
}

/* The TAC of `size` bytes of input that lie in a buffer of TAC_PADDED_BYTES; size is at most 24. */
static inline uint32_t tac_of_buffer(const struct tac_key_set *keys, const uint8_t factor[8],
                                     uint8_t buffer[TAC_PADDED_BYTES], size_t size)
{
    size_t block_bytes = keys->algorithm == TAC_ALGORITHM_DES ? DES_BLOCK_BYTES : SM4_BLOCK_BYTES;

    return tac_of_blocks(keys, factor, buffer, tac_pad(buffer, size, block_bytes));
}

/* TAC of a purchase. `factor` is the card's last diversification factor: issuer | serial of the record
 * plus keys->factor_offset, see tac_factor(). The key set must be ready. */
static inline uint32_t tac_purchase(const struct tac_key_set *keys, const uint8_t factor[8],
                                    const struct tac_purchase_fields *fields)
{
    uint8_t buffer[TAC_PADDED_BYTES];

    tac_purchase_input(buffer, fields);
    return tac_of_buffer(keys, factor, buffer, TAC_PURCHASE_BYTES);
}

/* TAC of a top-up. */
static inline uint32_t tac_load(const struct tac_key_set *keys, const uint8_t factor[8],
                                const struct tac_load_fields *fields)
{
    uint8_t buffer[TAC_PADDED_BYTES];

    tac_load_input(buffer, fields);
    return tac_of_buffer(keys, factor, buffer, TAC_LOAD_BYTES);
}

/* The last factor of a card, given the 18 bytes issuer 8 | serial 10 as the record has them. */
static inline const uint8_t *tac_factor(const struct tac_key_set *keys, const uint8_t identity[TAC_IDENTITY_BYTES])
{
    return identity + keys->factor_offset;
}

#endif /* ONECARD_TAC_H */
