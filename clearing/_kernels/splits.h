/* Over whom a fare is split, in whole fen. */
#ifndef ONECARD_SPLITS_H
#define ONECARD_SPLITS_H

#include "tariffs.h"

#define SHARES_MAX 4

struct split {
    int64_t since_s, until_s;
    uint32_t count;
    uint32_t accounts[SHARES_MAX];
    uint32_t weights[SHARES_MAX]; /* their sum is not 0 */
    struct numbers stations;
    const uint32_t *pair_weights; /* entry × exit × share; a pair may have none but zeros */
};

/* The first split that holds at a local second, or NULL. */
static inline const struct split *split_at(const struct split *splits, size_t count, int64_t at_s)
{
    for (const struct split *split = splits; split < splits + count; split++)
        if (split->since_s <= at_s && at_s < split->until_s)
            return split->count > 0 ? split : NULL;
    return NULL;
}

/* The weights of the shares for a ride between two stations: those of its pair, else the plain ones. */
static inline const uint32_t *split_weights(const struct split *split, uint32_t entry_station, uint32_t station)
{
    size_t from, to;
    const uint32_t *weights;
    uint32_t any = 0;

    if (split->stations.count == 0 || entry_station == 0)
        return split->weights;
    from = numbers_find(&split->stations, entry_station);
    to = numbers_find(&split->stations, station);
    if (from == split->stations.count || to == split->stations.count)
        return split->weights;
    weights = split->pair_weights + (from * split->stations.count + to) * split->count;
    for (uint32_t share = 0; share < split->count; share++)
        any |= weights[share];
    return any != 0 ? weights : split->weights;
}

/* Largest remainder: whole fen in proportion to the weights, ties by position, sum = amount. */
static inline void split_divide(const uint32_t *weights, uint32_t count, int32_t amount_fen, int32_t parts[SHARES_MAX])
{
    uint64_t remainders[SHARES_MAX], sum = 0;
    int64_t left = amount_fen;

    assert(amount_fen >= 0 && count > 0 && count <= SHARES_MAX);
    for (uint32_t share = 0; share < count; share++)
        sum += weights[share];
    assert(sum > 0);
    for (uint32_t share = 0; share < count; share++) {
        uint64_t product = (uint64_t)amount_fen * weights[share];

        parts[share] = (int32_t)(product / sum);
        remainders[share] = product % sum + 1; /* 0 = has had its extra fen */
        left -= parts[share];
    }
    assert(left >= 0 && left < (int64_t)count);
    for (; left > 0; left--) {
        uint32_t largest = 0;

        for (uint32_t share = 1; share < count; share++)
            if (remainders[share] > remainders[largest])
                largest = share;
        parts[largest]++;
        remainders[largest] = 0;
    }
}

#endif /* ONECARD_SPLITS_H */
