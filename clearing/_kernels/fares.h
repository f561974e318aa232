/* What a tap costs: the meaning of clearing.plan.Tariff over flat arrays, in whole fen.
 *
 * A plan is refused when it is compiled unless every number lies in the bounds that are named here, so that
 * no sum or product below can overflow 64 bits and every fare fits 32.
 */
#ifndef ONECARD_FARES_H
#define ONECARD_FARES_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codes.h"

#define FARE_FEN_MAX INT32_MAX
#define FARE_PERMILLE_MAX 1000
#define SHARES_MAX 4

struct fare_band {
    int64_t upper_fen; /* ascending */
    int64_t permille;  /* 0 to FARE_PERMILLE_MAX */
};

struct fare_class {
    const struct fare_band *bands;
    uint32_t band_count;
    uint8_t rounding;
    uint8_t bearer;
};

struct flat_fare {
    uint32_t line;
    int32_t fen;
};

struct meter {
    int64_t start_fen, start_m, step_fen, step_m; /* none negative, step_m at least 1 */
    int64_t wait_fen, wait_s, tolerance_fen;      /* wait_s 0: waiting costs nothing */
};

struct transfer {
    uint8_t type;
    bool by_mark;
    int32_t value_fen;
    int64_t window_s;
    int64_t count_max;
};

/* The fares of all entries to one exit, for an entry that is not known; lowest > highest where none is. */
struct od_bounds {
    int32_t lowest, highest;
};

struct tariff {
    int64_t since_s, until_s;
    uint64_t kinds;
    int32_t min_fen, max_fen, step_fen;
    uint8_t type;
    bool by_amount;
    uint32_t flat_count, station_count, class_count;
    const struct flat_fare *flat; /* ascending by line, each line once */
    const uint32_t *stations;     /* ascending, each once */
    const int32_t *od_fen;        /* from × to; -1 where no fare is defined */
    const struct od_bounds *od_to;
    const struct fare_class *classes;
    struct meter meter;
    struct transfer transfer;
    int16_t class_of_kind[256]; /* -1: the full fare */
};

struct fare_bounds {
    bool known;
    int32_t lowest, highest;
};

struct ride {
    uint8_t kind;
    uint32_t line, entry_station, station;
    int32_t gross_fen;
    uint32_t distance_m, duration_s;
};

struct split {
    int64_t since_s, until_s;
    uint32_t count;
    uint32_t accounts[SHARES_MAX];
    uint32_t weights[SHARES_MAX];
    uint64_t weight_sum; /* not 0 */
};

struct explanation {
    int32_t fare_fen, plain_fen;
    bool unmarked_transfer;
};

static inline int64_t clamp(int64_t value, int64_t lowest, int64_t highest)
{
    /* Lowest first, then highest: where a rule has them crossed, the highest wins. */
    value = value > lowest ? value : lowest;
    return value < highest ? value : highest;
}

/* The first tariff that prices a kind at a local second, or NULL. */
static inline const struct tariff *fare_tariff_at(const struct tariff *tariffs, size_t count, uint8_t kind,
                                                  int64_t at_s)
{
    for (const struct tariff *tariff = tariffs; tariff < tariffs + count; tariff++)
        if (tariff->since_s <= at_s && at_s < tariff->until_s && (tariff->kinds >> (kind & 63) & 1) != 0)
            return tariff;
    return NULL;
}

static inline const struct flat_fare *fare_flat_line(const struct tariff *tariff, uint32_t line)
{
    size_t low = 0, high = tariff->flat_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (tariff->flat[middle].line < line)
            low = middle + 1;
        else
            high = middle;
    }
    return low < tariff->flat_count && tariff->flat[low].line == line ? &tariff->flat[low] : NULL;
}

static inline struct fare_bounds fare_flat(const struct tariff *tariff, uint32_t line)
{
    const struct flat_fare *fare = fare_flat_line(tariff, line);

    if (fare == NULL)
        fare = fare_flat_line(tariff, 0);
    return fare == NULL ? (struct fare_bounds){false, 0, 0} : (struct fare_bounds){true, fare->fen, fare->fen};
}

/* The index of a station, or the number of stations where it is none of this tariff's. */
static inline size_t fare_station(const struct tariff *tariff, uint32_t station)
{
    size_t low = 0, high = tariff->station_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (tariff->stations[middle] < station)
            low = middle + 1;
        else
            high = middle;
    }
    return low < tariff->station_count && tariff->stations[low] == station ? low : tariff->station_count;
}

static inline struct fare_bounds fare_od(const struct tariff *tariff, uint32_t entry, uint32_t station)
{
    size_t from, to = fare_station(tariff, station);
    int32_t fare;

    if (to == tariff->station_count)
        return (struct fare_bounds){false, 0, 0};
    if (entry == 0) {
        struct od_bounds bounds = tariff->od_to[to];

        return (struct fare_bounds){bounds.lowest <= bounds.highest, bounds.lowest, bounds.highest};
    }
    from = fare_station(tariff, entry);
    fare = from == tariff->station_count ? -1 : tariff->od_fen[from * tariff->station_count + to];
    return (struct fare_bounds){fare >= 0, fare, fare};
}

/* Each term is bounded before it is added: distance and time are 32-bit claims and may be absurd. */
static inline struct fare_bounds fare_metered(const struct meter *meter, const struct ride *ride)
{
    int64_t fare = meter->start_fen, steps = 0, waits = 0;

    if (ride->distance_m > meter->start_m)
        steps = (ride->distance_m - meter->start_m + meter->step_m - 1) / meter->step_m * meter->step_fen;
    if (meter->wait_s > 0)
        waits = ride->duration_s / meter->wait_s * meter->wait_fen;
    assert(steps >= 0 && waits >= 0);
    fare += clamp(steps, 0, FARE_FEN_MAX) + clamp(waits, 0, FARE_FEN_MAX);
    fare = clamp(fare, 0, FARE_FEN_MAX);
    return (struct fare_bounds){
        true,
        (int32_t)clamp(fare - meter->tolerance_fen, 0, FARE_FEN_MAX),
        (int32_t)clamp(fare + meter->tolerance_fen, 0, FARE_FEN_MAX),
    };
}

/* Lowest and highest gross fare that the tariff allows for a ride. */
static inline struct fare_bounds fare_gross(const struct tariff *tariff, const struct ride *ride)
{
    int64_t fare;

    if (ride->kind == KIND_METRO_SUPPLEMENT)
        return (struct fare_bounds){true, tariff->min_fen, tariff->max_fen};
    switch (tariff->type) {
    case TARIFF_FLAT:
        return fare_flat(tariff, ride->line);
    case TARIFF_OD:
        return fare_od(tariff, ride->entry_station, ride->station);
    case TARIFF_METERED:
        return fare_metered(&tariff->meter, ride);
    default:
        assert(tariff->type == TARIFF_DECLARED);
        fare = clamp(ride->gross_fen, tariff->min_fen, tariff->max_fen);
        fare -= fare % tariff->step_fen;
        return (struct fare_bounds){true, (int32_t)fare, (int32_t)fare};
    }
}

/* The class of a card kind, or NULL for the full fare. */
static inline const struct fare_class *fare_class_of(const struct tariff *tariff, uint8_t card_kind)
{
    int16_t number = tariff->class_of_kind[card_kind];

    assert(number < (int32_t)tariff->class_count);
    return number < 0 ? NULL : &tariff->classes[number];
}

/* The fare of a class for a gross fare, rounded once. */
static inline int32_t fare_discounted(const struct fare_class *class, int32_t gross_fen)
{
    int64_t mille = 0, lower = 0;

    if (class == NULL)
        return gross_fen;
    for (uint32_t band = 0; band < class->band_count && gross_fen > lower; band++) {
        int64_t upper = class->bands[band].upper_fen;

        mille += ((gross_fen < upper ? gross_fen : upper) - lower) * class->bands[band].permille;
        lower = upper;
    }
    assert(mille >= 0 && mille <= (int64_t)gross_fen * FARE_PERMILLE_MAX);
    switch (class->rounding) {
    case ROUNDING_HALF_UP:
        return (int32_t)((mille + 500) / 1000);
    case ROUNDING_DOWN:
        return (int32_t)(mille / 1000);
    default:
        assert(class->rounding == ROUNDING_UP);
        return (int32_t)((mille + 999) / 1000);
    }
}

/* The fare of a leg that the transfer discount applies to. */
static inline int32_t fare_transferred(const struct transfer *transfer, int32_t fare_fen)
{
    switch (transfer->type) {
    case TRANSFER_AMOUNT_OFF:
        return fare_fen > transfer->value_fen ? fare_fen - transfer->value_fen : 0;
    case TRANSFER_FIXED_PRICE:
        return fare_fen < transfer->value_fen ? fare_fen : transfer->value_fen;
    default:
        assert(transfer->type == TRANSFER_NONE);
        return fare_fen;
    }
}

/* The first class that gives the amount to the fen, in one of two ways: with the transfer or without. */
static inline bool fare_find(const struct tariff *tariff, int32_t gross_fen, int32_t amount_fen, bool transfer,
                             int32_t *plain_fen)
{
    uint32_t count = tariff->class_count > 0 ? tariff->class_count : 1;

    for (uint32_t number = 0; number < count; number++) {
        int32_t plain = fare_discounted(tariff->class_count > 0 ? &tariff->classes[number] : NULL, gross_fen);

        if ((transfer ? fare_transferred(&tariff->transfer, plain) : plain) == amount_fen) {
            *plain_fen = plain;
            return true;
        }
    }
    return false;
}

/* How an amount is explained where the kind of card shows only in the amount. A marked transfer is tried
 * with the discount first, an unmarked one without it first; failing both, the first class's first way. Where
 * the mark claims the discount and the full fare was charged, the fare is still the discounted one. */
static inline struct explanation fare_explain(const struct tariff *tariff, int32_t gross_fen, int32_t amount_fen,
                                              bool marked)
{
    int32_t plain_fen;

    if (fare_find(tariff, gross_fen, amount_fen, marked, &plain_fen))
        return (struct explanation){amount_fen, plain_fen, false};
    if (fare_find(tariff, gross_fen, amount_fen, !marked, &plain_fen))
        return (struct explanation){
            marked ? fare_transferred(&tariff->transfer, plain_fen) : amount_fen, plain_fen, !marked};
    plain_fen = fare_discounted(tariff->class_count > 0 ? &tariff->classes[0] : NULL, gross_fen);
    return (struct explanation){
        marked ? fare_transferred(&tariff->transfer, plain_fen) : plain_fen, plain_fen, false};
}

/* The first split that holds at a local second, or NULL. */
static inline const struct split *fare_split_at(const struct split *splits, size_t count, int64_t at_s)
{
    for (const struct split *split = splits; split < splits + count; split++)
        if (split->since_s <= at_s && at_s < split->until_s)
            return split->count > 0 ? split : NULL;
    return NULL;
}

/* Largest remainder: whole fen in proportion to the weights, ties by position, sum = amount. */
static inline void fare_divide(const struct split *split, int32_t amount_fen, int32_t parts[SHARES_MAX])
{
    uint64_t remainders[SHARES_MAX];
    int64_t left = amount_fen;

    assert(amount_fen >= 0 && split->count > 0 && split->count <= SHARES_MAX && split->weight_sum > 0);
    for (uint32_t share = 0; share < split->count; share++) {
        uint64_t product = (uint64_t)amount_fen * split->weights[share];

        parts[share] = (int32_t)(product / split->weight_sum);
        remainders[share] = product % split->weight_sum + 1; /* 0 = has had its extra fen */
        left -= parts[share];
    }
    assert(left >= 0 && left < (int64_t)split->count);
    for (; left > 0; left--) {
        uint32_t largest = 0;

        for (uint32_t share = 1; share < split->count; share++)
            if (remainders[share] > remainders[largest])
                largest = share;
        parts[largest]++;
        remainders[largest] = 0;
    }
}

#endif /* ONECARD_FARES_H */
