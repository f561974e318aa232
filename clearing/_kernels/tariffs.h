/* Tariffs (clearing/fares.py) as flat arrays.
 *
 * A plan is refused when it is compiled unless every number lies in the bounds that are named here, so that
 * no sum or product over them can overflow 64 bits and every fare fits 32.
 */
#ifndef ONECARD_TARIFFS_H
#define ONECARD_TARIFFS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hours.h"

#define FARE_FEN_MAX INT32_MAX
#define FARE_PERMILLE_MAX 1000
#define SURCHARGE_PERMILLE_MAX 1000000

/* Ascending, each once. */
struct numbers {
    const uint32_t *items;
    uint32_t count;
};

struct fare_band {
    int64_t upper_fen; /* ascending */
    int64_t permille;  /* 0 to FARE_PERMILLE_MAX */
};

struct fare_class {
    const struct fare_band *bands;
    uint32_t band_count;
    uint8_t card_kind;
    uint8_t rounding;
    uint8_t bearer;
    struct hours_list hours;
    struct numbers stations; /* of entry; none: any */
};

struct flat_fare {
    uint32_t line;
    int32_t fen;
};

struct meter {
    int64_t start_fen, start_m, step_fen, step_m; /* none negative, step_m at least 1 */
    int64_t wait_fen, wait_s, tolerance_fen;      /* wait_s 0: waiting costs nothing */
};

struct surcharge {
    struct numbers lines; /* none: any */
    struct hours_list hours;
    int64_t add_fen;
    int64_t permille; /* 0 to SURCHARGE_PERMILLE_MAX */
};

struct transfer {
    uint8_t type, rounding, bearer;
    bool by_mark, without_mark;
    int32_t value_fen; /* of TRANSFER_PER_MILLE: 0 to FARE_PERMILLE_MAX */
    int64_t window_s;
    int64_t count_max;
    struct numbers from_operators; /* none: any */
};

struct tier {
    int64_t from_fen; /* ascending */
    int64_t permille; /* 0 to FARE_PERMILLE_MAX */
};

struct accumulation {
    const struct tier *tiers;
    uint32_t tier_count;
    uint8_t period, rounding, bearer;
    int64_t cap_fen; /* 0: none */
};

/* The fares of all entries to one exit, for an entry that is not known; lowest > highest where none is. */
struct od_bounds {
    int32_t lowest, highest;
};

struct tariff {
    int64_t since_s, until_s;
    uint64_t kinds;
    int32_t min_fen, max_fen, step_fen;
    uint8_t type, degraded, missing_entry;
    bool by_amount;
    bool plain_classes;                /* no class asks for hours or stations: class_of_kind tells all */
    bool accumulates;
    int16_t foreign_class;             /* -1: the full fare */
    uint32_t flat_count, class_count, surcharge_count;
    const struct flat_fare *flat;      /* ascending by line, each line once */
    struct numbers stations;
    const int32_t *od_fen;             /* from × to; -1 where no fare is defined */
    const struct od_bounds *od_to;
    const struct fare_class *classes;
    const struct surcharge *surcharges;
    struct day_calendar calendar;
    int64_t overstay_s, same_station_s; /* 0: as long as one likes */
    int32_t overstay_fen, same_station_late_fen, degraded_fen;
    struct meter meter;
    struct transfer transfer;
    struct accumulation accumulation;
    int16_t class_of_kind[256]; /* -1: the full fare */
};

struct ride {
    uint8_t kind;
    bool degraded;
    uint32_t line, entry_line, entry_station, station; /* of the entry: 0 where nobody knows */
    int32_t gross_fen;
    uint32_t distance_m, duration_s;
    int64_t at_s, entry_at_s; /* CALENDAR_NONE where nobody knows when it began, or it had no entry */
};

static inline int64_t clamp(int64_t value, int64_t lowest, int64_t highest)
{
    /* Lowest first, then highest: where a rule has them crossed, the highest wins. */
    value = value > lowest ? value : lowest;
    return value < highest ? value : highest;
}

/* The index of a number, or the count of numbers where it is none of them. */
static inline size_t numbers_find(const struct numbers *numbers, uint32_t wanted)
{
    size_t low = 0, high = numbers->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (numbers->items[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < numbers->count && numbers->items[low] == wanted ? low : numbers->count;
}

static inline bool numbers_have(const struct numbers *numbers, uint32_t wanted)
{
    return numbers_find(numbers, wanted) < numbers->count;
}

/* Thousandths of a fen as whole fen. */
static inline int64_t fare_rounded(int64_t mille, uint8_t rounding)
{
    assert(mille >= 0);
    switch (rounding) {
    case ROUNDING_HALF_UP:
        return (mille + 500) / 1000;
    case ROUNDING_DOWN:
        return mille / 1000;
    default:
        assert(rounding == ROUNDING_UP);
        return (mille + 999) / 1000;
    }
}

/* The first tariff that prices a kind at a local second, or NULL. */
static inline const struct tariff *tariff_at(const struct tariff *tariffs, size_t count, uint8_t kind, int64_t at_s)
{
    for (const struct tariff *tariff = tariffs; tariff < tariffs + count; tariff++)
        if (tariff->since_s <= at_s && at_s < tariff->until_s && (tariff->kinds >> (kind & 63) & 1) != 0)
            return tariff;
    return NULL;
}

#endif /* ONECARD_TARIFFS_H */
