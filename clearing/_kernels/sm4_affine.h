/* The S-box of SM4 as the inverse of AES between two affine maps.
 * Made by tests/kernels/generate_sm4.py; do not edit. */
#ifndef ONECARD_SM4_AFFINE_H
#define ONECARD_SM4_AFFINE_H

#define SM4_TO_AES 0x4c287db91a22505dULL /* the matrix before the inverse */
#define SM4_TO_AES_ADD 0x3e /* what is added behind it */
#define SM4_FROM_AES 0xf3ab34a974a6b589ULL /* the matrix after the inverse */
#define SM4_FROM_AES_ADD 0xd3 /* what is added behind it */

#endif /* ONECARD_SM4_AFFINE_H */
