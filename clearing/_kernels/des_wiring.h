/* The permutations of DES (FIPS 46-3) as choices of words.
 * Made by tests/kernels/generate_circuits.py; do not edit. */
#ifndef ONECARD_DES_WIRING_H
#define ONECARD_DES_WIRING_H

#include <stdint.h>

/* Where word n of a block's state, left half first, stands in the transposed block (IP). */
static const uint8_t des_block_wires[64] = {
    62, 54, 46, 38, 30, 22, 14, 6, 60, 52, 44, 36, 28, 20, 12, 4,
    58, 50, 42, 34, 26, 18, 10, 2, 56, 48, 40, 32, 24, 16, 8, 0,
    63, 55, 47, 39, 31, 23, 15, 7, 61, 53, 45, 37, 29, 21, 13, 5,
    59, 51, 43, 35, 27, 19, 11, 3, 57, 49, 41, 33, 25, 17, 9, 1,
};

/* Where word n of a key, C before D, stands in the transposed key (PC-1). */
static const uint8_t des_key_wires[56] = {
    63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6,
    61, 53, 45, 37, 29, 21, 13, 5, 60, 52, 44, 36, 57, 49, 41, 33,
    25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35,
    27, 19, 11, 3, 28, 20, 12, 4,
};

/* The same where the key is what a cipher gave: word n of its state before FP. */
static const uint8_t des_made_key_wires[56] = {
    32, 33, 34, 35, 36, 37, 38, 39, 0, 1, 2, 3, 4, 5, 6, 7,
    40, 41, 42, 43, 44, 45, 46, 47, 8, 9, 10, 11, 56, 57, 58, 59,
    60, 61, 62, 63, 16, 17, 18, 19, 20, 21, 22, 23, 48, 49, 50, 51,
    52, 53, 54, 55, 12, 13, 14, 15,
};

/* Which word of the last state is bit n of the MAC's left four bytes, from its lowest bit (FP). */
static const uint8_t des_mac_wires[32] = {
    28, 60, 20, 52, 12, 44, 4, 36, 29, 61, 21, 53, 13, 45, 5, 37,
    30, 62, 22, 54, 14, 46, 6, 38, 31, 63, 23, 55, 15, 47, 7, 39,
};

#endif /* ONECARD_DES_WIRING_H */
