/* Two judgements of the same taps side by side: which taps differ, and the sums of both.
 *
 * Reads what a judgement gives out: COPY rows (postgres_copy.h) and the column of shares (judge.h). Sums are kept
 * by (operator, card kind, line), and what fell to an account by (operator, account). Either every ride counts as
 * judged (a forecast), or only what a re-clearing would move does, and rows that it leaves out stay as they were.
 */
#ifndef ONECARD_COMPARISON_H
#define ONECARD_COMPARISON_H

#include "postgres_copy.h"

enum comparison_figure {
    COMPARISON_ACCEPTED,
    COMPARISON_GROSS,
    COMPARISON_CHARGED,
    COMPARISON_EXPECTED,
    COMPARISON_CREDITED,
    COMPARISON_SUBSIDY,
    COMPARISON_FIGURES,
};

struct comparison_key {
    uint32_t operator, card_kind, number; /* a line, or of an account its number, and then card_kind is 0 */
};

/* Of an account, COMPARISON_CREDITED alone is kept. */
struct comparison_sum {
    struct comparison_key key;
    int64_t taps, changed;
    int64_t before[COMPARISON_FIGURES], after[COMPARISON_FIGURES];
};

struct comparison_sums {
    struct comparison_sum *items;
    size_t count, room;
    uint32_t *slots; /* number of the item + 1; 0 = empty */
    size_t mask;
};

static inline void comparison_free(struct comparison_sums *sums)
{
    free(sums->items);
    free(sums->slots);
    *sums = (struct comparison_sums){0};
}

static inline bool comparison_key_equal(struct comparison_key one, struct comparison_key other)
{
    return one.operator == other.operator && one.card_kind == other.card_kind && one.number == other.number;
}

static inline uint32_t *comparison_slot(const struct comparison_sums *sums, struct comparison_key key)
{
    size_t at = movement_hash(key.operator, key.number, key.card_kind) & sums->mask;

    while (sums->slots[at] != 0 && !comparison_key_equal(sums->items[sums->slots[at] - 1].key, key))
        at = (at + 1) & sums->mask;
    return &sums->slots[at];
}

/* Room for one more: an item, and slots never more than half full. */
static inline bool comparison_make_room(struct comparison_sums *sums)
{
    size_t slots = sums->slots == NULL ? 256 : 2 * (sums->mask + 1);
    uint32_t *fresh;

    if (!room_for((void **)&sums->items, &sums->room, sums->count + 1, sizeof *sums->items))
        return false;
    if (sums->slots != NULL && (sums->count + 1) * 2 <= sums->mask + 1)
        return true;
    fresh = calloc(slots, sizeof *fresh);
    if (fresh == NULL)
        return false;
    free(sums->slots);
    sums->slots = fresh;
    sums->mask = slots - 1;
    for (size_t item = 0; item < sums->count; item++)
        *comparison_slot(sums, sums->items[item].key) = (uint32_t)item + 1;
    return true;
}

/* The sum of a key, all zeros at first; NULL without memory. It stays where it is until the next call. */
static inline struct comparison_sum *comparison_sum_of(struct comparison_sums *sums, struct comparison_key key)
{
    uint32_t *slot;

    if (!comparison_make_room(sums))
        return NULL;
    slot = comparison_slot(sums, key);
    if (*slot == 0) {
        sums->items[sums->count] = (struct comparison_sum){.key = key};
        *slot = (uint32_t)++sums->count;
    }
    return &sums->items[*slot - 1];
}

static inline bool comparison_accepted(const uint8_t *row)
{
    return load_big16(row + COPY_VERDICT) == VERDICT_ACCEPTED;
}

/* The shares of one tap that fall to an account, fen. */
static inline int64_t comparison_share(const uint8_t *shares, uint32_t account)
{
    int64_t fen = 0;

    for (size_t at = 0; at < SHARES_MAX; at++) {
        struct tap_share share;

        memcpy(&share, shares + at * sizeof share, sizeof share);
        if (share.account == account)
            fen += share.fen;
    }
    return fen;
}

/* Whether some account gets other than it did; the order of the shares does not matter. */
static inline bool comparison_shares_differ(const uint8_t *before, const uint8_t *after)
{
    const uint8_t *sides[] = {before, after};

    if (memcmp(before, after, SHARES_MAX * sizeof(struct tap_share)) == 0)
        return false;
    for (size_t side = 0; side < 2; side++) {
        for (size_t at = 0; at < SHARES_MAX; at++) {
            struct tap_share share;

            memcpy(&share, sides[side] + at * sizeof share, sizeof share);
            if (comparison_share(before, share.account) != comparison_share(after, share.account))
                return true;
        }
    }
    return false;
}

/* In verdict, credit, subsidy or shares. */
static inline bool comparison_money_differs(const uint8_t *before, const uint8_t *after,
                                            const uint8_t *before_shares, const uint8_t *after_shares)
{
    return memcmp(before + COPY_VERDICT, after + COPY_VERDICT, 2) != 0
           || memcmp(before + COPY_CREDITED, after + COPY_CREDITED, 4) != 0
           || memcmp(before + COPY_SUBSIDY, after + COPY_SUBSIDY, 4) != 0
           || comparison_shares_differ(before_shares, after_shares);
}

/* Whether a tap differs: for a re-clearing in what is booked, for a forecast also in the price of an accepted ride.
 * The price of a tap that is not accepted brings nobody anything. */
static inline bool comparison_differs(const uint8_t *before, const uint8_t *after, const uint8_t *before_shares,
                                      const uint8_t *after_shares, bool reclear)
{
    return comparison_money_differs(before, after, before_shares, after_shares)
           || (!reclear && comparison_accepted(after) && memcmp(before + COPY_PRICED, after + COPY_PRICED, 4) != 0);
}

/* What an accepted ride comes to; any other comes to nothing. */
static inline void comparison_add_ride(int64_t *figures, const uint8_t *row)
{
    if (!comparison_accepted(row))
        return;
    figures[COMPARISON_ACCEPTED]++;
    figures[COMPARISON_GROSS] += load_big_signed32(row + COPY_GROSS);
    figures[COMPARISON_CHARGED] += load_big_signed32(row + COPY_AMOUNT);
    figures[COMPARISON_EXPECTED] += load_big_signed32(row + COPY_PRICED);
    figures[COMPARISON_CREDITED] += load_big_signed32(row + COPY_CREDITED);
    figures[COMPARISON_SUBSIDY] += load_big_signed32(row + COPY_SUBSIDY);
}

/* The shares of one tap come to their accounts, on the side of `after` or before it. */
static inline bool comparison_add_shares(struct comparison_sums *accounts, uint32_t operator, const uint8_t *shares,
                                         bool after)
{
    for (size_t at = 0; at < SHARES_MAX; at++) {
        struct comparison_sum *sum;
        struct tap_share share;

        memcpy(&share, shares + at * sizeof share, sizeof share);
        if (share.fen == 0)
            continue;
        sum = comparison_sum_of(accounts, (struct comparison_key){operator, 0, share.account});
        if (sum == NULL)
            return false;
        (after ? sum->after : sum->before)[COMPARISON_CREDITED] += share.fen;
    }
    return true;
}

/* Add the rides of a batch to both kinds of sums; `kinds` has the card kind of each row. The numbers of the rows
 * that differ go to `differing`, which has room for all; returns how many, or SIZE_MAX without memory.
 *
 * `left_out`: NULL for a forecast; for a re-clearing a byte of each row, and one that has other than 0 stays in the
 * sums as it was. */
static inline size_t comparison_add(struct comparison_sums *lines, struct comparison_sums *accounts,
                                    const uint8_t *before, const uint8_t *before_shares, const uint8_t *after,
                                    const uint8_t *after_shares, const uint8_t *kinds, const uint8_t *left_out,
                                    size_t count, uint32_t *differing)
{
    size_t found = 0;

    for (size_t row = 0; row < count; row++) {
        const uint8_t *one = before + row * COPY_ROW_BYTES, *other = after + row * COPY_ROW_BYTES;
        const uint8_t *shares = before_shares + row * SHARES_MAX * sizeof(struct tap_share);
        const uint8_t *other_shares = after_shares + row * SHARES_MAX * sizeof(struct tap_share);
        uint32_t operator = (uint32_t)load_big64(one + COPY_OPERATOR);
        bool differs = comparison_differs(one, other, shares, other_shares, left_out != NULL);
        bool stays = left_out != NULL && left_out[row] != 0;
        struct comparison_sum *sum;

        if (differs)
            differing[found++] = (uint32_t)row;
        if (!kind_in((uint8_t)load_big16(one + COPY_KIND), KINDS_DEBIT))
            continue;
        sum = comparison_sum_of(lines, (struct comparison_key){
            operator, kinds[row], load_big32(one + COPY_REST + 1 + RECORD_LINE - RECORD_REST)});
        if (sum == NULL || !comparison_add_shares(accounts, operator, shares, false)
            || !comparison_add_shares(accounts, operator, stays ? shares : other_shares, true))
            return SIZE_MAX;
        sum->taps++;
        sum->changed += differs && !stays;
        comparison_add_ride(sum->before, one);
        comparison_add_ride(sum->after, stays ? one : other);
    }
    return found;
}

#endif /* ONECARD_COMPARISON_H */
