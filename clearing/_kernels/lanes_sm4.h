/* The SM4 TAC of many taps in bit slices. A part of the template lanes.h, which explains slices.
 *
 * A block is four words of 32 slices, lowest bit first. A round takes three words and a round key through four
 * S-boxes of eight slices each; the rotations of L are a choice of slices. Nothing is moved between rounds: the four
 * words take turns. The round keys of the cards (32 words for each lane) are made before the first block of the MAC.
 */
#include "sm4_circuit.h"

#define LANES_SM4_ROUNDS 32

struct LANES(sm4_room) {
    LANES(word) keys[LANES_SM4_ROUNDS][32]; /* round keys: of the level keys, then of the cards */
    LANES(word) state[4][32], block[64];
};

/* T: a round's sum through the boxes, not yet through L. */
static inline void LANES(sm4_boxes)(LANES(word) to[32], LANES(word) (*const words[3])[32], const LANES(word) key[32])
{
#pragma GCC unroll 4
    for (unsigned byte = 0; byte < 32; byte += 8) {
        for (unsigned bit = byte; bit < byte + 8; bit++)
            to[bit] = (*words[0])[bit] ^ (*words[1])[bit] ^ (*words[2])[bit] ^ key[bit];
        LANES(sm4_box)(to + byte);
    }
}

/* One round of the cipher: to ^= L(S(one ^ two ^ three ^ key)). */
static LANES_APART void LANES(sm4_round)(LANES(word) to[32], LANES(word) (*const words[3])[32], const LANES(word) key[32])
{
    LANES(word) boxed[32], pairs[32];

    LANES(sm4_boxes)(boxed, words, key);
    /* x, and x rotated by 2, 10, 18, 24: with p = x ^ (x by 24), that is p ^ (p by 10) ^ (x by 18). */
#pragma GCC unroll 32
    for (unsigned bit = 0; bit < 32; bit++)
        pairs[bit] = boxed[bit] ^ boxed[(bit + 8) % 32];
#pragma GCC unroll 32
    for (unsigned bit = 0; bit < 32; bit++)
        to[bit] ^= pairs[bit] ^ pairs[(bit + 22) % 32] ^ boxed[(bit + 14) % 32];
}

/* One round of the key schedule, which has a constant for a key and L' for L. */
static LANES_APART void LANES(sm4_key_round)(LANES(word) to[32], LANES(word) (*const words[3])[32], uint32_t constant)
{
    LANES(word) boxed[32], key[32];

    for (unsigned bit = 0; bit < 32; bit++)
        key[bit] = LANES(every)(0 - (uint64_t)(constant >> bit & 1));
    LANES(sm4_boxes)(boxed, words, key);
#pragma GCC unroll 32
    for (unsigned bit = 0; bit < 32; bit++)
        to[bit] ^= boxed[bit] ^ boxed[(bit + 19) % 32] ^ boxed[(bit + 9) % 32];
}

/* The three words that round `round` takes, of the four that take turns. */
#define LANES_SM4_OTHERS(state, round) \
    {&(state)[((round) + 1) % 4], &(state)[((round) + 2) % 4], &(state)[((round) + 3) % 4]}

static inline void LANES(sm4_rounds)(struct LANES(sm4_room) *room)
{
    for (unsigned round = 0; round < LANES_SM4_ROUNDS; round++) {
        LANES(word) (*const others[3])[32] = LANES_SM4_OTHERS(room->state, round);

        LANES(sm4_round)(room->state[round % 4], others, room->keys[round]);
    }
}

/* Round keys of the cards' keys, which stand in `state` as words in their order. */
static inline void LANES(sm4_card_keys)(struct LANES(sm4_room) *room)
{
    static const uint32_t start[4] = {0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc};

    for (unsigned word = 0; word < 4; word++)
        for (unsigned bit = 0; bit < 32; bit++)
            room->state[word][bit] ^= LANES(every)(0 - (uint64_t)(start[word] >> bit & 1));
    for (unsigned round = 0; round < LANES_SM4_ROUNDS; round++) {
        LANES(word) (*const others[3])[32] = LANES_SM4_OTHERS(room->state, round);

        LANES(sm4_key_round)(room->state[round % 4], others, sm4_key_constant[0][round]);
        memcpy(room->keys[round], room->state[round % 4], sizeof room->keys[round]);
    }
}

/* The cipher gives its words in reverse order: put them right. */
static inline void LANES(sm4_turn)(LANES(word) state[4][32])
{
    for (unsigned word = 0; word < 2; word++)
        for (unsigned bit = 0; bit < 32; bit++) {
            LANES(word) kept = state[word][bit];

            state[word][bit] = state[3 - word][bit];
            state[3 - word][bit] = kept;
        }
}

/* XOR half a block (8 bytes of each lane, big-endian words) into two words of the state. */
static inline void LANES(sm4_add)(LANES(word) state[2][32], LANES(word) slices[64])
{
    for (unsigned word = 0; word < 2; word++)
        for (unsigned bit = 0; bit < 32; bit++)
            state[word][bit] ^= slices[32 * word + (24 - bit / 8 * 8) + bit % 8];
}

static inline void LANES(sm4_chain)(struct LANES(sm4_room) *room, const uint64_t *left, const uint64_t *right)
{
    LANES(slice)(room->block, left);
    LANES(sm4_add)(room->state, room->block);
    LANES(slice)(room->block, right);
    LANES(sm4_add)(room->state + 2, room->block);
    LANES(sm4_rounds)(room);
    LANES(sm4_turn)(room->state);
}

/* The key of the card, E(level key, X | ~X), into `state`. */
static inline void LANES(sm4_diversify)(struct LANES(sm4_room) *room, const struct tac_lanes *lanes)
{
    for (unsigned round = 0; round < LANES_SM4_ROUNDS; round += 2) /* two round keys are eight bytes */
        LANES(slice_keys)(&room->keys[0][0] + 32 * round, lanes,
                          offsetof(struct tac_key_set, level.sm4.words) + 4 * round);
    memset(room->state, 0, sizeof room->state);
    LANES(slice)(room->block, lanes->factor);
    LANES(sm4_add)(room->state, room->block);
    for (unsigned bit = 0; bit < 64; bit++)
        room->block[bit] = ~room->block[bit];
    LANES(sm4_add)(room->state + 2, room->block);
    LANES(sm4_rounds)(room);
    LANES(sm4_turn)(room->state);
}

/* The TAC of every lane: key of the card, MAC of two blocks, folded as its key set says. */
static void LANES(tac_sm4)(struct tac_lanes *lanes)
{
    struct LANES(sm4_room) room;
    LANES(word) folded = LANES(fold_lanes)(lanes), mac[64];

    LANES(sm4_diversify)(&room, lanes);
    LANES(sm4_card_keys)(&room);
    memset(room.state, 0, sizeof room.state);
    LANES(sm4_chain)(&room, lanes->input[0], lanes->input[1]);
    LANES(sm4_chain)(&room, lanes->input[2], lanes->input[3]);
    for (unsigned bit = 0; bit < 32; bit++) {
        mac[bit] = room.state[0][bit] ^ ((room.state[1][bit] ^ room.state[2][bit] ^ room.state[3][bit]) & folded);
        mac[bit + 32] = LANES(every)(0);
    }
    LANES(transpose)(mac);
    memcpy(lanes->tac, mac, sizeof mac);
    wipe(&room, sizeof room);
}
