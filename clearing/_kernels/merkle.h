/* The root over a batch's leaves, as schemas.proof has it: a node is SHA-256 over 01 | left | right, and an odd last
 * node moves up unchanged. A level's nodes are hashed many at a time. */
#ifndef ONECARD_MERKLE_H
#define ONECARD_MERKLE_H

#include <stdlib.h>

#include "sha256.h"

/* The root over `count` leaves of 32 bytes each; over none, the digest of nothing. False without memory. */
static inline bool merkle_root(const uint8_t *leaves, size_t count, uint8_t root[SHA256_DIGEST_BYTES])
{
    static const uint8_t inner = 0x01;
    const uint8_t *level = leaves;
    uint8_t *room;

    if (count == 0) {
        sha256(NULL, 0, root);
        return true;
    }
    room = malloc((count / 2 + 1) * SHA256_DIGEST_BYTES);
    if (room == NULL)
        return false;
    while (count > 1) {
        size_t pairs = count / 2;

        /* In place from the second level on: a group of pairs is read before its nodes are written, and these lie
         * no farther than the pairs did. */
        sha256_many_prefixed(&inner, 0, 1, level, 2 * SHA256_DIGEST_BYTES, 2 * SHA256_DIGEST_BYTES, pairs, room);
        if (count % 2 != 0)
            memcpy(room + pairs * SHA256_DIGEST_BYTES, level + (count - 1) * SHA256_DIGEST_BYTES,
                   SHA256_DIGEST_BYTES);
        level = room;
        count = pairs + count % 2;
    }
    memcpy(root, level, SHA256_DIGEST_BYTES);
    free(room);
    return true;
}

#endif /* ONECARD_MERKLE_H */
