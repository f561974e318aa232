/* What a card has spent in the day and the month of its latest tap, for the tariffs that look at that. */
#ifndef ONECARD_SPENDING_H
#define ONECARD_SPENDING_H

#include "card_table.h"
#include "tariffs.h"

#define SPENT_UNKNOWN (-1)

/* A number that is the same all through a day or a month, and rises from one to the next. */
static inline int64_t spending_period(uint8_t period, int64_t at_s)
{
    int64_t day = at_s / CALENDAR_DAY_S;

    return period == PERIOD_DAY ? day : calendar_month(day);
}

/* What came to the period of a tap before it; SPENT_UNKNOWN where that period is over already. */
static inline int64_t spent_fen(const struct card_line *line, uint8_t period, int64_t at_s)
{
    int64_t now = spending_period(period, at_s), latest = spending_period(period, line->last_tap_s);

    if (now != latest)
        return now > latest ? 0 : SPENT_UNKNOWN;
    return period == PERIOD_DAY ? line->day_spent_fen : line->month_spent_fen;
}

/* A tap is about to be the line's latest: what was spent in a day or month before its own is done with. */
static inline void spending_renew(struct card_line *line, int64_t at_s)
{
    if (line->day_spent_fen != 0 && spent_fen(line, PERIOD_DAY, at_s) == 0)
        line->day_spent_fen = 0;
    if (line->month_spent_fen != 0 && spent_fen(line, PERIOD_MONTH, at_s) == 0)
        line->month_spent_fen = 0;
}

/* An accepted fare comes to it; the line is renewed. */
static inline void spending_add(struct card_line *line, uint8_t period, int64_t at_s, int32_t amount_fen)
{
    int64_t spent = spent_fen(line, period, at_s);

    if (spent == SPENT_UNKNOWN)
        return;
    if (period == PERIOD_DAY)
        line->day_spent_fen = (uint16_t)clamp(spent + amount_fen, 0, UINT16_MAX);
    else
        line->month_spent_fen = (uint32_t)clamp(spent + amount_fen, 0, UINT32_MAX);
}

#endif /* ONECARD_SPENDING_H */
