/* Money that a batch moves: one sum per (debit account, credit account, purpose), and the evidence beside it.
 *
 * A batch knows a handful of keys, so the table stays in the nearest cache.
 */
#ifndef ONECARD_MOVEMENTS_H
#define ONECARD_MOVEMENTS_H

#include <assert.h>
#include <string.h>

#include "room.h"

struct movement {
    uint32_t debit;
    uint32_t credit;
    uint32_t purpose;
    uint64_t count;
    int64_t amount_fen; /* a batch has fewer than 2^31 taps of less than 2^31 fen each, four shares at most */
};

struct movements {
    struct movement *items;
    size_t count, room;
    uint32_t *slots; /* number of the item + 1; 0 = empty */
    size_t mask;
};

static inline size_t movement_hash(uint32_t debit, uint32_t credit, uint32_t purpose)
{
    uint64_t mixed = ((uint64_t)debit << 32 | credit) * 0x9e3779b97f4a7c15ULL + purpose;

    return (size_t)((mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9ULL >> 32);
}

static inline void movements_free(struct movements *movements)
{
    free(movements->items);
    free(movements->slots);
    *movements = (struct movements){0};
}

static inline uint32_t *movements_slot(const struct movements *movements, uint32_t debit, uint32_t credit,
                                       uint32_t purpose)
{
    size_t at = movement_hash(debit, credit, purpose) & movements->mask;

    for (; movements->slots[at] != 0; at = (at + 1) & movements->mask) {
        const struct movement *item = &movements->items[movements->slots[at] - 1];

        if (item->debit == debit && item->credit == credit && item->purpose == purpose)
            break;
    }
    return &movements->slots[at];
}

/* Room for one more: an item, and slots never more than half full. */
static inline bool movements_make_room(struct movements *movements)
{
    size_t slots = movements->slots == NULL ? 64 : 2 * (movements->mask + 1);
    uint32_t *old = movements->slots;

    if (!room_for((void **)&movements->items, &movements->room, movements->count + 1, sizeof *movements->items))
        return false;
    if (old != NULL && (movements->count + 1) * 2 <= movements->mask + 1)
        return true;
    movements->slots = calloc(slots, sizeof *movements->slots);
    if (movements->slots == NULL) {
        movements->slots = old;
        return false;
    }
    movements->mask = slots - 1;
    for (size_t item = 0; item < movements->count; item++) {
        const struct movement *moved = &movements->items[item];

        *movements_slot(movements, moved->debit, moved->credit, moved->purpose) = (uint32_t)item + 1;
    }
    free(old);
    return true;
}

/* Move an amount; nothing moves nothing. False without memory. */
static inline bool movements_add(struct movements *movements, uint32_t debit, uint32_t credit, uint32_t purpose,
                                 int64_t fen)
{
    struct movement *item;
    uint32_t *slot;

    assert(fen >= 0);
    if (fen == 0)
        return true;
    if (!movements_make_room(movements))
        return false;
    slot = movements_slot(movements, debit, credit, purpose);
    if (*slot == 0) {
        movements->items[movements->count++] = (struct movement){debit, credit, purpose, 0, 0};
        *slot = (uint32_t)movements->count;
    }
    item = &movements->items[*slot - 1];
    item->count++;
    item->amount_fen += fen;
    return true;
}

static inline int movement_order(const void *one, const void *other)
{
    const struct movement *left = one, *right = other;

    if (left->debit != right->debit)
        return left->debit < right->debit ? -1 : 1;
    if (left->credit != right->credit)
        return left->credit < right->credit ? -1 : 1;
    return (left->purpose > right->purpose) - (left->purpose < right->purpose);
}

/* Sort by key. Nothing may be added afterwards. */
static inline void movements_sort(struct movements *movements)
{
    if (movements->count > 1)
        qsort(movements->items, movements->count, sizeof *movements->items, movement_order);
}

/* Why a reason applies to a row: expected against actual. */
struct evidence {
    uint32_t row;
    uint32_t reason;
    int64_t expected;
    int64_t actual;
};

struct evidence_list {
    struct evidence *items;
    size_t count, room;
};

static inline void evidence_free(struct evidence_list *list)
{
    free(list->items);
    *list = (struct evidence_list){0};
}

/* Add to the list, which is sorted by row and, within the last row, by reason. A reason is given once per
 * row, so nothing else decides the order. False without memory. */
static inline bool evidence_add(struct evidence_list *list, struct evidence evidence)
{
    size_t at;

    if (!room_for((void **)&list->items, &list->room, list->count + 1, sizeof *list->items))
        return false;
    for (at = list->count; at > 0; at--) {
        const struct evidence *before = &list->items[at - 1];

        assert(before->row < evidence.row || before->reason != evidence.reason);
        if (before->row < evidence.row || before->reason < evidence.reason)
            break;
        list->items[at] = *before;
    }
    list->items[at] = evidence;
    list->count++;
    return true;
}

#endif /* ONECARD_MOVEMENTS_H */
