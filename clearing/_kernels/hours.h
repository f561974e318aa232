/* Days and hours of a tariff: what its calendar says of a day, and whether an hour is among some.
 *
 * Moments are local seconds; CALENDAR_NONE where nobody knows when.
 */
#ifndef ONECARD_HOURS_H
#define ONECARD_HOURS_H

#include "calendar.h"
#include "codes.h"

/* One day kind a byte from a local day on. */
struct day_calendar {
    const uint8_t *kinds;
    int64_t from_day;
    int64_t count;
};

struct hours {
    int32_t from_s, to_s; /* of the day, [from, to) */
    uint8_t days;         /* a bit for each day kind */
    uint8_t basis;
};

struct hours_list {
    const struct hours *items;
    uint32_t count; /* 0: always */
};

static inline enum day_kind hours_day_kind(const struct day_calendar *calendar, int64_t day)
{
    int64_t at = day - calendar->from_day;

    if (at >= 0 && at < calendar->count)
        return (enum day_kind)calendar->kinds[at];
    /* 2000-01-01 was a Saturday. */
    return (day + 5) % 7 < 5 ? DAY_WORKDAY : DAY_REST_DAY;
}

static inline bool hours_hold(const struct day_calendar *calendar, const struct hours_list *list, int64_t at_s,
                              int64_t entry_at_s)
{
    for (const struct hours *item = list->items; item < list->items + list->count; item++) {
        int64_t moment = item->basis == BASIS_ENTRY ? entry_at_s : at_s;
        int64_t in_day = moment % CALENDAR_DAY_S;

        if (moment == CALENDAR_NONE || in_day < item->from_s || in_day >= item->to_s)
            continue;
        if ((item->days >> hours_day_kind(calendar, moment / CALENDAR_DAY_S) & 1) != 0)
            return true;
    }
    return list->count == 0;
}

#endif /* ONECARD_HOURS_H */
