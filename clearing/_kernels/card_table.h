/* Card lines (clearing/cards.py) in an open-addressing table: 64 bytes per card, one cache line each.
 *
 * Linear probing over a power of two of slots; a slot whose family is 0 is empty, since no card has that
 * family. Removal shifts later lines back instead of leaving a mark, so a table that took cards in and let
 * them go again holds exactly what it held before. Order in memory means nothing: whoever shows the lines
 * sorts them. The hash is keyed, so that nobody can choose serials that collide.
 */
#ifndef ONECARD_CARD_TABLE_H
#define ONECARD_CARD_TABLE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "record.h"

#define CARD_LINE_BYTES 64
#define CARD_SERIAL_BYTES 10
#define CARD_SLOTS_MIN 64 /* 4096 bytes: one page */

enum card_flag { CARD_REGISTERED = 1, CARD_BALANCE_KNOWN = 2, CARD_JOURNEY_OPEN = 4 };
enum card_status { CARD_GOOD = 0, CARD_CLOSED = 1, CARD_REFUNDED = 2 };

#define CARD_STATUS_SHIFT 6
#define CARD_OPERATOR_MAX 65535

/* clearing.cards.LAYOUT; times are local seconds. */
struct card_line {
    uint8_t family;
    uint8_t card_kind;
    uint16_t issuer_number;
    uint8_t serial[CARD_SERIAL_BYTES];
    uint16_t day_spent_fen; /* of the day of the latest tap; stops at its 16 bits */
    uint16_t offline_highest;
    uint16_t online_highest;
    uint16_t expires_day;
    uint8_t flags; /* and the status in its two highest bits */
    uint8_t transfers_used;
    uint64_t counter_window;
    int32_t stated_balance_fen;
    int32_t book_balance_fen;
    uint32_t last_tap_s;
    uint32_t entry_at_s;
    uint32_t entry_station;
    uint16_t entry_operator;    /* 0: none, or above CARD_OPERATOR_MAX */
    uint16_t transfer_operator; /* likewise */
    uint32_t transfer_base_s;
    uint32_t month_spent_fen; /* of the month of the latest tap */
};

_Static_assert(sizeof(struct card_line) == CARD_LINE_BYTES, "a card line has 64 bytes");

static inline enum card_status card_status(const struct card_line *line)
{
    return (enum card_status)(line->flags >> CARD_STATUS_SHIFT);
}

static inline void card_set_status(struct card_line *line, enum card_status status)
{
    uint8_t others = line->flags & ((1u << CARD_STATUS_SHIFT) - 1);

    line->flags = (uint8_t)(others | (unsigned)status << CARD_STATUS_SHIFT);
}

/* An operator's number as a line holds it. */
static inline uint16_t card_operator(uint32_t number)
{
    return number <= CARD_OPERATOR_MAX ? (uint16_t)number : 0;
}

/* Family, issuer number and serial, in two words: bytes 0 to 7 without the card kind, and bytes 6 to 13. */
struct card_key {
    uint64_t low;
    uint64_t high;
};

struct card_table {
    struct card_line *slots;
    size_t mask;  /* number of slots − 1 */
    size_t count;
    uint64_t seed[2];
};

static inline struct card_key card_key_of_line(const struct card_line *line)
{
    const uint8_t *bytes = (const uint8_t *)line;

    return (struct card_key){load_raw64(bytes) & ~0xff00ULL, load_raw64(bytes + 6)};
}

static inline struct card_key card_key_make(uint8_t family, uint16_t issuer_number, const uint8_t *serial)
{
    uint8_t bytes[14] = {family, 0, (uint8_t)issuer_number, (uint8_t)(issuer_number >> 8)};

    memcpy(bytes + 4, serial, CARD_SERIAL_BYTES);
    return (struct card_key){load_raw64(bytes), load_raw64(bytes + 6)};
}

static inline bool card_key_equal(struct card_key one, struct card_key other)
{
    return one.low == other.low && one.high == other.high;
}

static inline bool card_slot_used(const struct card_line *slot)
{
    return slot->family != 0;
}

/* A full multiplication folded: every bit of both words reaches every bit of the result. */
static inline uint64_t card_hash(const struct card_table *table, struct card_key key)
{
    unsigned __int128 product;

    product = (unsigned __int128)(key.low ^ table->seed[0]) * (key.high ^ table->seed[1]);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline size_t card_table_bytes(const struct card_table *table)
{
    return (table->mask + 1) * sizeof(struct card_line);
}

/* An empty table. False without memory. */
static inline bool card_table_init(struct card_table *table, uint64_t seed, uint64_t other_seed)
{
    *table = (struct card_table){NULL, CARD_SLOTS_MIN - 1, 0, {seed, other_seed}};
    table->slots = pages_alloc(card_table_bytes(table));
    return table->slots != NULL;
}

static inline void card_table_free(struct card_table *table)
{
    if (table->slots != NULL)
        pages_free(table->slots, card_table_bytes(table));
    table->slots = NULL;
    table->count = 0;
}

/* Where a key is, or the empty slot where it would be. */
static inline struct card_line *card_table_slot(const struct card_table *table, struct card_key key)
{
    size_t at = card_hash(table, key) & table->mask;

    while (card_slot_used(&table->slots[at]) && !card_key_equal(card_key_of_line(&table->slots[at]), key))
        at = (at + 1) & table->mask;
    return &table->slots[at];
}

static inline void card_table_prefetch(const struct card_table *table, struct card_key key)
{
    __builtin_prefetch(&table->slots[card_hash(table, key) & table->mask], 1);
}

static inline struct card_line *card_table_find(const struct card_table *table, struct card_key key)
{
    struct card_line *slot = card_table_slot(table, key);

    return card_slot_used(slot) ? slot : NULL;
}

/* Twice the slots. False without memory, and then nothing has changed. */
static inline bool card_table_grow(struct card_table *table)
{
    struct card_table larger = *table;

    larger.mask = 2 * table->mask + 1;
    larger.slots = pages_alloc(card_table_bytes(&larger));
    if (larger.slots == NULL)
        return false;
    for (size_t at = 0; at <= table->mask; at++)
        if (card_slot_used(&table->slots[at]))
            *card_table_slot(&larger, card_key_of_line(&table->slots[at])) = table->slots[at];
    pages_free(table->slots, card_table_bytes(table));
    *table = larger;
    return true;
}

/* Room for `more` lines beside those that are there, so that putting them in moves none. False without memory. */
static inline bool card_table_reserve(struct card_table *table, size_t more)
{
    /* Seven tenths full, probes stay short. */
    while ((table->count + more) * 10 > (table->mask + 1) * 7)
        if (!card_table_grow(table))
            return false;
    return true;
}

/* Put a line in, replacing that of the same card. Where it is now, or NULL without memory. `line`
 * is not one of the table's own, whose places change when the table grows. */
static inline struct card_line *card_table_put(struct card_table *table, const struct card_line *line)
{
    struct card_key key = card_key_of_line(line);
    struct card_line *slot = card_table_slot(table, key);

    assert(card_slot_used(line));
    if (!card_slot_used(slot)) {
        if (!card_table_reserve(table, 1))
            return NULL;
        slot = card_table_slot(table, key);
        table->count++;
    }
    *slot = *line;
    return slot;
}

/* Put many lines in, in order. False without memory; those before have been put in, and may be again. */
static inline bool card_table_put_all(struct card_table *table, const uint8_t *lines, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        struct card_line line;

        memcpy(&line, lines + at * sizeof line, sizeof line);
        if (card_table_put(table, &line) == NULL)
            return false;
    }
    return true;
}

/* Take a card out; one that is not there is no error. */
static inline void card_table_remove(struct card_table *table, struct card_key key)
{
    struct card_line *found = card_table_find(table, key);
    size_t hole, at;

    if (found == NULL)
        return;
    hole = (size_t)(found - table->slots);
    for (at = (hole + 1) & table->mask; card_slot_used(&table->slots[at]); at = (at + 1) & table->mask) {
        size_t home = card_hash(table, card_key_of_line(&table->slots[at])) & table->mask;

        /* A line may move back to the hole unless its home lies between the hole and itself. */
        if (((at - home) & table->mask) >= ((at - hole) & table->mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    memset(&table->slots[hole], 0, sizeof table->slots[hole]);
    assert(table->count > 0);
    table->count--;
}

static inline int card_line_order(const void *one, const void *other)
{
    int order = memcmp(one, other, 1);

    return order != 0 ? order : memcmp((const uint8_t *)one + 2, (const uint8_t *)other + 2, 12);
}

/* All lines, sorted by key, into room for `count` of them. */
static inline void card_table_sorted(const struct card_table *table, struct card_line *lines)
{
    size_t taken = 0;

    for (size_t at = 0; at <= table->mask; at++)
        if (card_slot_used(&table->slots[at]))
            lines[taken++] = table->slots[at];
    assert(taken == table->count);
    if (taken > 1)
        qsort(lines, taken, sizeof *lines, card_line_order);
}

#endif /* ONECARD_CARD_TABLE_H */
