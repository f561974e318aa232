/* Identities of taps seen: the first 16 bytes of the SHA-256 of the 37 bytes that name a tap, and where the
 * tap stands. Open addressing as in card_table.h; the fingerprint is its own hash. */
#ifndef ONECARD_IDENTITY_TABLE_H
#define ONECARD_IDENTITY_TABLE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "record.h"

#define FINGERPRINT_BYTES 16
#define IDENTITY_DUMP_BYTES 40 /* fingerprint 16 | batch_seq 8 | row 4 | head 4 | business_day 4 | acquirer 4 */
#define IDENTITY_SLOTS_MIN 128

struct fingerprint {
    uint64_t words[2];
};

/* Two to a cache line, and none across two. The door refuses batch numbers from 2^31 on, days and acquirers
 * from 2^16 on: that is the year 2179, and an area code has four digits. */
struct identity {
    struct fingerprint fingerprint;
    uint32_t batch_seq : 31;
    uint32_t used : 1;
    uint32_t row;
    uint32_t head; /* first four bytes of the record's SHA-256, the first on top */
    uint16_t business_day;
    uint16_t acquirer; /* 0: an operator of ours; else the area code of the city that presented it */
};

_Static_assert(sizeof(struct identity) == 32, "an identity has 32 bytes");

struct identity_table {
    struct identity *slots;
    size_t mask;
    size_t count;
};

static inline struct fingerprint fingerprint_of_digest(const uint8_t *digest)
{
    return (struct fingerprint){{load_raw64(digest), load_raw64(digest + 8)}};
}

static inline bool fingerprint_equal(const struct fingerprint *one, const struct fingerprint *other)
{
    return one->words[0] == other->words[0] && one->words[1] == other->words[1];
}

static inline size_t identity_table_bytes(const struct identity_table *table)
{
    return (table->mask + 1) * sizeof(struct identity);
}

/* An empty table with room for `count` identities. False without memory. */
static inline bool identity_table_init(struct identity_table *table, size_t count)
{
    size_t slots = IDENTITY_SLOTS_MIN;

    while (slots / 10 * 7 <= count)
        slots *= 2;
    *table = (struct identity_table){NULL, slots - 1, 0};
    table->slots = pages_alloc(identity_table_bytes(table));
    return table->slots != NULL;
}

static inline void identity_table_free(struct identity_table *table)
{
    if (table->slots != NULL)
        pages_free(table->slots, identity_table_bytes(table));
    table->slots = NULL;
    table->count = 0;
}

static inline struct identity *identity_table_slot(const struct identity_table *table,
                                                   const struct fingerprint *fingerprint)
{
    size_t at = fingerprint->words[0] & table->mask;

    while (table->slots[at].used && !fingerprint_equal(&table->slots[at].fingerprint, fingerprint))
        at = (at + 1) & table->mask;
    return &table->slots[at];
}

static inline void identity_table_prefetch(const struct identity_table *table,
                                           const struct fingerprint *fingerprint)
{
    __builtin_prefetch(&table->slots[fingerprint->words[0] & table->mask], 1);
}

static inline struct identity *identity_table_find(const struct identity_table *table,
                                                   const struct fingerprint *fingerprint)
{
    struct identity *slot = identity_table_slot(table, fingerprint);

    return slot->used ? slot : NULL;
}

/* Make room for `count` and keep the identities booked after `business_day`. False without memory, and
 * then nothing has changed. */
static inline bool identity_table_rebuild(struct identity_table *table, size_t count, int64_t business_day)
{
    struct identity_table other;

    if (!identity_table_init(&other, count))
        return false;
    for (size_t at = 0; at <= table->mask; at++)
        if (table->slots[at].used && table->slots[at].business_day > business_day) {
            *identity_table_slot(&other, &table->slots[at].fingerprint) = table->slots[at];
            other.count++;
        }
    identity_table_free(table);
    *table = other;
    return true;
}

/* Room for `more` identities beside those that are there. */
static inline bool identity_table_reserve(struct identity_table *table, size_t more)
{
    if ((table->count + more) * 10 <= (table->mask + 1) * 7)
        return true;
    return identity_table_rebuild(table, table->count + more, -1);
}

/* Put an identity in, replacing the same one. False without memory. */
static inline bool identity_table_put(struct identity_table *table, const struct identity *identity)
{
    struct identity *slot;

    assert(identity->used);
    if (!identity_table_reserve(table, 1))
        return false;
    slot = identity_table_slot(table, &identity->fingerprint);
    table->count += !slot->used;
    *slot = *identity;
    return true;
}

/* Take an identity out; one that is not there is no error. */
static inline void identity_table_remove(struct identity_table *table, const struct fingerprint *fingerprint)
{
    struct identity *found = identity_table_find(table, fingerprint);
    size_t hole, at;

    if (found == NULL)
        return;
    hole = (size_t)(found - table->slots);
    for (at = (hole + 1) & table->mask; table->slots[at].used; at = (at + 1) & table->mask) {
        size_t home = table->slots[at].fingerprint.words[0] & table->mask;

        if (((at - home) & table->mask) >= ((at - hole) & table->mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    memset(&table->slots[hole], 0, sizeof table->slots[hole]);
    assert(table->count > 0);
    table->count--;
}

/* Drop the identities booked on or before a day. False without memory. */
static inline bool identity_table_forget(struct identity_table *table, int64_t business_day)
{
    size_t kept = 0;

    for (size_t at = 0; at <= table->mask; at++)
        kept += table->slots[at].used && table->slots[at].business_day > business_day;
    return identity_table_rebuild(table, kept, business_day);
}

static inline int identity_dump_order(const void *one, const void *other)
{
    return memcmp(one, other, IDENTITY_DUMP_BYTES);
}

/* All identities as the door shows them, sorted, into room for `count` times IDENTITY_DUMP_BYTES. */
static inline void identity_table_dump(const struct identity_table *table, uint8_t *out)
{
    uint8_t *to = out;

    for (size_t at = 0; at <= table->mask; at++) {
        const struct identity *slot = &table->slots[at];

        if (!slot->used)
            continue;
        memcpy(to, &slot->fingerprint, FINGERPRINT_BYTES);
        store_big64(to + 16, slot->batch_seq);
        store_big32(to + 24, slot->row);
        store_big32(to + 28, slot->head);
        store_big32(to + 32, slot->business_day);
        store_big32(to + 36, slot->acquirer);
        to += IDENTITY_DUMP_BYTES;
    }
    assert((size_t)(to - out) == table->count * IDENTITY_DUMP_BYTES);
    if (table->count > 1)
        qsort(out, table->count, IDENTITY_DUMP_BYTES, identity_dump_order);
}

#endif /* ONECARD_IDENTITY_TABLE_H */
