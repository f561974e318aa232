/* What a ride costs before any discount: the meaning of clearing.fares.Tariff over flat arrays, in whole fen. */
#ifndef ONECARD_FARES_H
#define ONECARD_FARES_H

#include "tariffs.h"

struct fare_bounds {
    bool known;
    int32_t lowest, highest;
};

static inline struct fare_bounds fare_exactly(int32_t fen)
{
    return (struct fare_bounds){true, fen, fen};
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
    return fare == NULL ? (struct fare_bounds){false, 0, 0} : fare_exactly(fare->fen);
}

static inline struct fare_bounds fare_od(const struct tariff *tariff, uint32_t entry, uint32_t station)
{
    size_t count = tariff->stations.count, from, to = numbers_find(&tariff->stations, station);
    int32_t fare;

    if (to == count)
        return (struct fare_bounds){false, 0, 0};
    if (entry == 0) {
        struct od_bounds bounds = tariff->od_to[to];

        return (struct fare_bounds){bounds.lowest <= bounds.highest, bounds.lowest, bounds.highest};
    }
    from = numbers_find(&tariff->stations, entry);
    fare = from == count ? -1 : tariff->od_fen[from * count + to];
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

static inline struct fare_bounds fare_base(const struct tariff *tariff, const struct ride *ride)
{
    int64_t fare;

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
        return fare_exactly((int32_t)(fare - fare % tariff->step_fen));
    }
}

/* Whether a ride has a fare that stands in place of any other: it took too long, or its entry is not known and
 * the tariff has a fare for that. */
static inline bool fare_fixed(const struct tariff *tariff, const struct ride *ride, int32_t *fen)
{
    int64_t stay = ride->at_s - ride->entry_at_s;
    bool timed = ride->entry_at_s != CALENDAR_NONE;
    bool same_station = ride->entry_station != 0 && ride->entry_station == ride->station;

    if (timed && tariff->overstay_s > 0 && stay > tariff->overstay_s)
        *fen = tariff->overstay_fen;
    else if (timed && same_station && tariff->same_station_s > 0 && stay > tariff->same_station_s)
        *fen = tariff->same_station_late_fen;
    else if (tariff->missing_entry != MISSING_ENTRY_COLUMN && tariff->type == TARIFF_OD && ride->entry_station == 0)
        *fen = tariff->missing_entry == MISSING_ENTRY_TOP ? tariff->max_fen : tariff->min_fen;
    else
        return false;
    return true;
}

static inline bool surcharge_applies(const struct tariff *tariff, const struct surcharge *surcharge,
                                     const struct ride *ride)
{
    const struct numbers *lines = &surcharge->lines;

    if (lines->count > 0 && !numbers_have(lines, ride->line)
        && (ride->entry_line == 0 || !numbers_have(lines, ride->entry_line)))
        return false;
    return hours_hold(&tariff->calendar, &surcharge->hours, ride->at_s, ride->entry_at_s);
}

static inline int32_t surcharge_add(const struct surcharge *surcharge, int32_t fare_fen, int32_t base_fen)
{
    int64_t extra = surcharge->add_fen + fare_rounded(base_fen * surcharge->permille, ROUNDING_HALF_UP);

    return (int32_t)clamp(fare_fen + extra, 0, FARE_FEN_MAX);
}

static inline struct fare_bounds fare_surcharged(const struct tariff *tariff, const struct ride *ride,
                                                 struct fare_bounds base)
{
    struct fare_bounds bounds = base;

    for (uint32_t at = 0; at < tariff->surcharge_count; at++) {
        const struct surcharge *surcharge = &tariff->surcharges[at];

        if (!surcharge_applies(tariff, surcharge, ride))
            continue;
        bounds.lowest = surcharge_add(surcharge, bounds.lowest, base.lowest);
        bounds.highest = surcharge_add(surcharge, bounds.highest, base.highest);
    }
    return bounds;
}

/* Lowest and highest gross fare that the tariff allows for a ride. */
static inline struct fare_bounds fare_gross(const struct tariff *tariff, const struct ride *ride)
{
    struct fare_bounds base;
    int32_t fixed_fen;

    if (ride->kind == KIND_METRO_SUPPLEMENT)
        return (struct fare_bounds){true, tariff->min_fen, tariff->max_fen};
    if (ride->degraded && tariff->degraded != DEGRADED_AS_CHARGED)
        return fare_exactly(tariff->degraded == DEGRADED_FLAT ? tariff->degraded_fen : 0);
    base = fare_base(tariff, ride);
    if (!base.known)
        return base;
    if (fare_fixed(tariff, ride, &fixed_fen))
        return fare_exactly(fixed_fen);
    /* A declared fare has its surcharges in it. */
    return tariff->type == TARIFF_DECLARED ? base : fare_surcharged(tariff, ride, base);
}

#endif /* ONECARD_FARES_H */
