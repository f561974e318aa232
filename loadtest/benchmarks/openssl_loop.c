/* The peer of the TAC benchmarks: the same work by OpenSSL's own block ciphers, tap by tap in a plain loop.
 *
 * DES by OpenSSL's low-level functions; SM4 by those that its EVP layer calls, which only the static library
 * shows. Round keys of the level key are made once; for each tap: the card's key, its round keys, the MAC of a
 * purchase of 22 bytes, four bytes of TAC. Nothing else is done, and nothing is wiped.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/des.h>
#include <stdint.h>
#include <string.h>

#define INPUT_BYTES 22

typedef struct {
    uint32_t round_keys[32];
} sm4_key;

int ossl_sm4_set_key(const uint8_t *key, sm4_key *schedule);
void ossl_sm4_encrypt(const uint8_t *in, uint8_t *out, const sm4_key *schedule);

void tac_des_openssl(const uint8_t *level_key, const uint8_t *factors, const uint8_t *inputs, size_t count,
                     uint8_t *tacs)
{
    DES_key_schedule left, right, card;

    DES_set_key_unchecked((const_DES_cblock *)(const void *)level_key, &left);
    DES_set_key_unchecked((const_DES_cblock *)(const void *)(level_key + 8), &right);
    for (size_t tap = 0; tap < count; tap++, factors += 8, inputs += INPUT_BYTES, tacs += 4) {
        DES_LONG one[2], other[2], chain[2] = {0, 0};
        uint32_t halves[2];
        uint8_t padded[24] = {0};
        DES_cblock key;

        memcpy(halves, factors, 8);
        one[0] = halves[0], one[1] = halves[1];
        other[0] = ~halves[0], other[1] = ~halves[1];
        DES_encrypt3(one, &left, &right, &left);
        DES_encrypt3(other, &left, &right, &left);
        halves[0] = (uint32_t)(one[0] ^ other[0]), halves[1] = (uint32_t)(one[1] ^ other[1]);
        memcpy(key, halves, 8);
        DES_set_key_unchecked(&key, &card);
        memcpy(padded, inputs, INPUT_BYTES);
        padded[INPUT_BYTES] = 0x80;
        for (unsigned block = 0; block < 3; block++) {
            memcpy(halves, padded + 8 * block, 8);
            chain[0] ^= halves[0], chain[1] ^= halves[1];
            DES_encrypt1(chain, &card, DES_ENCRYPT);
        }
        halves[0] = (uint32_t)chain[0];
        memcpy(tacs, halves, 4);
    }
}

void tac_sm4_openssl(const uint8_t *level_key, const uint8_t *factors, const uint8_t *inputs, size_t count,
                     uint8_t *tacs)
{
    sm4_key level, card;

    ossl_sm4_set_key(level_key, &level);
    for (size_t tap = 0; tap < count; tap++, factors += 8, inputs += INPUT_BYTES, tacs += 4) {
        uint8_t block[16], key[16], padded[32] = {0};

        for (unsigned byte = 0; byte < 8; byte++) {
            block[byte] = factors[byte];
            block[byte + 8] = (uint8_t)~factors[byte];
        }
        ossl_sm4_encrypt(block, key, &level);
        ossl_sm4_set_key(key, &card);
        memcpy(padded, inputs, INPUT_BYTES);
        padded[INPUT_BYTES] = 0x80;
        ossl_sm4_encrypt(padded, block, &card);
        for (unsigned byte = 0; byte < 16; byte++)
            block[byte] ^= padded[byte + 16];
        ossl_sm4_encrypt(block, block, &card);
        memcpy(tacs, block, 4);
    }
}
