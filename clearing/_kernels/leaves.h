/* What a tap's leaf holds before it is hashed: schemas.proof.LEAF, big-endian. */
#ifndef ONECARD_LEAVES_H
#define ONECARD_LEAVES_H

#include "batch.h"

#define LEAF_SALT_BYTES 16

enum leaf_at {
    LEAF_PREFIX = 0, /* 00: a leaf, not an inner node */
    LEAF_SALT = 1,
    LEAF_BATCH_SEQ = LEAF_SALT + LEAF_SALT_BYTES,
    LEAF_ROW = LEAF_BATCH_SEQ + 8,
    LEAF_RECORD = LEAF_ROW + 4,
    LEAF_VERDICT = LEAF_RECORD + RECORD_BYTES,
    LEAF_REASON = LEAF_VERDICT + 1,
    LEAF_FLAGS = LEAF_REASON + 1,
    LEAF_PRICED = LEAF_FLAGS + 8,
    LEAF_CREDITED = LEAF_PRICED + 4,
    LEAF_SUBSIDY = LEAF_CREDITED + 4,
    LEAF_ISSUER = LEAF_SUBSIDY + 4,
    LEAF_VERSIONS = LEAF_ISSUER + 2,
    LEAF_SHARES = LEAF_VERSIONS + 12,
    LEAF_BYTES = LEAF_SHARES + 8 * SHARES_MAX,
};

/* What all leaves of a batch have in common. */
static inline void leaf_template(uint8_t leaf[LEAF_BYTES], const struct batch *batch)
{
    memset(leaf, 0, LEAF_BYTES);
    store_big64(leaf + LEAF_BATCH_SEQ, batch->batch_seq);
    store_big32(leaf + LEAF_VERSIONS, batch->plan->rules_version);
    store_big32(leaf + LEAF_VERSIONS + 4, batch->plan->registry_version);
    store_big32(leaf + LEAF_VERSIONS + 8, batch->plan->denylist_version);
}

/* One leaf, on a copy of the template. */
static inline void leaf_fill(uint8_t leaf[LEAF_BYTES], const struct tap *tap, const uint8_t *salt)
{
    memcpy(leaf + LEAF_SALT, salt, LEAF_SALT_BYTES);
    store_big32(leaf + LEAF_ROW, tap->number);
    memcpy(leaf + LEAF_RECORD, tap->record, RECORD_BYTES);
    leaf[LEAF_VERDICT] = (uint8_t)tap->decision.verdict;
    leaf[LEAF_REASON] = tap->decision.reason;
    store_big64(leaf + LEAF_FLAGS, tap->decision.flags);
    store_big32(leaf + LEAF_PRICED, (uint32_t)tap->priced_fen);
    store_big32(leaf + LEAF_CREDITED, (uint32_t)tap->credited_fen);
    store_big32(leaf + LEAF_SUBSIDY, (uint32_t)tap->subsidy_fen);
    store_big16(leaf + LEAF_ISSUER, tap->issuer == NULL ? 0 : tap->issuer->number);
    for (unsigned share = 0; share < SHARES_MAX; share++) {
        store_big32(leaf + LEAF_SHARES + 8 * share, tap->shares[share].account);
        store_big32(leaf + LEAF_SHARES + 8 * share + 4, (uint32_t)tap->shares[share].fen);
    }
}

#endif /* ONECARD_LEAVES_H */
