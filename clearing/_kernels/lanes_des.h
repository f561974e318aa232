/* The DES TAC of many taps in bit slices. A part of the template lanes.h, which explains slices.
 *
 * A round is made by the generator of the circuits: eight S-boxes in gates, round them nothing but a choice of
 * slices. Of a key the slices are spread twice over, C C D D, so that the halves rotated by any number are the 28
 * slices from that number on, and a round key is two pointers. IP and FP fall away where blocks are chained.
 */
#include "des_wiring.h"

#ifdef LANES_THREE
#include "des_circuits_three.h"
#else
#include "des_circuits_two.h"
#endif

#define LANES_DES_KEY 112 /* slices of a key: C, C, D, D */
#define LANES_DES_HALF 32

/* All that is secret while the TACs of a vector are made; wiped behind them. */
struct LANES(des_room) {
    LANES(word) left[LANES_DES_KEY], right[LANES_DES_KEY]; /* of the level keys */
    LANES(word) card[LANES_DES_KEY];                       /* of the MAC keys of the cards */
    LANES(word) factor[64], state[64], other[64];
};

/* Keys from slices: of 64 bits as they came, or of a cipher's state. */
static inline void LANES(des_key)(LANES(word) key[LANES_DES_KEY], const LANES(word) *slices, const uint8_t wires[56])
{
    for (unsigned at = 0; at < 28; at++) {
        key[at] = key[at + 28] = slices[wires[at]];
        key[at + 56] = key[at + 84] = slices[wires[at + 28]];
    }
}

/* Sixteen rounds. What was the left half is the right one then, as FIPS 46-3 has it: nothing is moved. */
static inline void LANES(des_rounds)(LANES(word) *left, LANES(word) *right, const LANES(word) *key, int decrypt)
{
    static const uint8_t rotations[16] = {1, 2, 4, 6, 8, 10, 12, 14, 15, 17, 19, 21, 23, 25, 27, 28};

    for (unsigned round = 0; round < 16; round += 2) {
        unsigned one = rotations[decrypt ? 15 - round : round], two = rotations[decrypt ? 14 - round : round + 1];

        LANES(des_round)(right, left, key + one, key + 56 + one);
        LANES(des_round)(left, right, key + two, key + 56 + two);
    }
}

/* EDE under the level keys; the halves have changed places in the end. */
static inline void LANES(des_ede2)(LANES(word) state[64], const struct LANES(des_room) *room)
{
    LANES(des_rounds)(state, state + LANES_DES_HALF, room->left, 0);
    LANES(des_rounds)(state + LANES_DES_HALF, state, room->right, 1);
    LANES(des_rounds)(state, state + LANES_DES_HALF, room->left, 0);
}

/* Keys of the MAC: both halves of the card's key, E(X) and E(~X), XORed. XOR commutes with FP. */
static inline void LANES(des_card_key)(struct LANES(des_room) *room, const struct tac_lanes *lanes)
{
    LANES(slice_keys)(room->factor, lanes, offsetof(struct tac_key_set, level_key));
    LANES(des_key)(room->left, room->factor, des_key_wires);
    LANES(slice_keys)(room->factor, lanes, offsetof(struct tac_key_set, level_key) + DES_BLOCK_BYTES);
    LANES(des_key)(room->right, room->factor, des_key_wires);
    LANES(slice)(room->factor, lanes->factor);
    for (unsigned at = 0; at < 64; at++) {
        room->state[at] = room->factor[des_block_wires[at]];
        room->other[at] = ~room->state[at];
    }
    LANES(des_ede2)(room->state, room);
    LANES(des_ede2)(room->other, room);
    for (unsigned at = 0; at < 64; at++) /* the halves back in their order, as the wires want them */
        room->factor[at] = room->state[at ^ LANES_DES_HALF] ^ room->other[at ^ LANES_DES_HALF];
    LANES(des_key)(room->card, room->factor, des_made_key_wires);
}

/* CBC: one more block into the state, whose halves stand exchanged after an odd number of blocks. */
static inline void LANES(des_chain)(struct LANES(des_room) *room, const uint64_t *blocks, unsigned turned)
{
    LANES(slice)(room->other, blocks);
    for (unsigned at = 0; at < 64; at++)
        room->state[at ^ turned] ^= room->other[des_block_wires[at]];
    LANES(des_rounds)(room->state + turned, room->state + (turned ^ LANES_DES_HALF), room->card, 0);
}

/* The TAC of every lane: key of the card, MAC of three blocks, or of four for the first `longer` lanes. */
static void LANES(tac_des)(struct tac_lanes *lanes)
{
    struct LANES(des_room) room;
    LANES(word) mac[64];

    LANES(des_card_key)(&room, lanes);
    memset(room.state, 0, sizeof room.state);
    LANES(des_chain)(&room, lanes->input[0], 0);
    LANES(des_chain)(&room, lanes->input[1], LANES_DES_HALF);
    LANES(des_chain)(&room, lanes->input[2], 0);
    for (unsigned bit = 0; bit < 32; bit++) {
        mac[bit] = room.state[des_mac_wires[bit] ^ LANES_DES_HALF];
        mac[bit + 32] = LANES(every)(0);
    }
    if (lanes->longer > 0) {
        LANES(word) longer = LANES(first_lanes)(lanes->longer);

        LANES(des_chain)(&room, lanes->input[3], LANES_DES_HALF);
        for (unsigned bit = 0; bit < 32; bit++)
            mac[bit] ^= (mac[bit] ^ room.state[des_mac_wires[bit]]) & longer;
    }
    LANES(transpose)(mac);
    memcpy(lanes->tac, mac, sizeof mac);
    wipe(&room, sizeof room);
}
