/* From the record's decimal moment to local seconds: seconds since 2000-01-01 00:00:00 Asia/Shanghai.
 *
 * Only the years 2000 to 2099 exist here, so every fourth year is a leap year, 2000 among them, and the
 * number fits 32 bits without a sign.
 */
#ifndef ONECARD_CALENDAR_H
#define ONECARD_CALENDAR_H

#include "record.h"

#define CALENDAR_NONE (-1)
#define CALENDAR_DAY_S 86400

/* Local seconds of YYYYMMDDHHMMSS in seven decimal bytes; CALENDAR_NONE where that is no moment. */
static inline int64_t calendar_seconds(const uint8_t moment[RECORD_MOMENT_BYTES])
{
    static const uint16_t days_before[13] = {0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    static const uint8_t days_in[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day, hour, minute, second, leap, days;

    if (moment[0] != 0x20 || !bcd_bytes(moment, RECORD_MOMENT_BYTES))
        return CALENDAR_NONE;
    year = bcd_value(moment[1]);
    month = bcd_value(moment[2]);
    day = bcd_value(moment[3]);
    hour = bcd_value(moment[4]);
    minute = bcd_value(moment[5]);
    second = bcd_value(moment[6]);
    leap = year % 4 == 0;
    if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return CALENDAR_NONE;
    if (day < 1 || day > days_in[month] + (unsigned)(leap && month == 2))
        return CALENDAR_NONE;
    days = year * 365 + (year + 3) / 4 + days_before[month] + (unsigned)(leap && month > 2) + day - 1;
    return (int64_t)days * CALENDAR_DAY_S + hour * 3600 + minute * 60 + second;
}

/* A number that is the same all through the month of a local day, and rises by one from month to month. Years
 * are counted from March, so that a leap day is the last of its year, and days from 1600-03-01. */
static inline int64_t calendar_month(int64_t day)
{
    int64_t days = day - 60 + 146097, in_era = days % 146097;
    int64_t years = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * years + years / 4 - years / 100);

    return (days / 146097 * 400 + years) * 12 + (5 * in_year + 2) / 153;
}

#endif /* ONECARD_CALENDAR_H */
