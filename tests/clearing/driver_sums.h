/* Calendar, splits, movements and evidence, against what they mean. */
#ifndef DRIVER_SUMS_H
#define DRIVER_SUMS_H

#include "driver_checks.h"

static uint8_t bcd(unsigned value)
{
    return (uint8_t)(value / 10 << 4 | value % 10);
}

/* Every day of the century in order, counted one by one. */
static void check_calendar(void)
{
    int64_t day = 0, first_month = calendar_month(0);

    for (unsigned year = 0; year < 100; year++)
        for (unsigned month = 0; month <= 13; month++)
            for (unsigned in_month = 0; in_month <= 32; in_month++) {
                unsigned shorter = month == 4 || month == 6 || month == 9 || month == 11;
                unsigned days = month == 2 ? 28 + (year % 4 == 0) : 31 - shorter;
                uint8_t moment[7] = {0x20, bcd(year), bcd(month), bcd(in_month), 0x23, 0x59, 0x58};

                if (month < 1 || month > 12 || in_month < 1 || in_month > days)
                    CHECK(calendar_seconds(moment) == CALENDAR_NONE);
                else {
                    CHECK(calendar_month(day) == first_month + 12 * (int64_t)year + month - 1);
                    CHECK(calendar_seconds(moment) == day++ * CALENDAR_DAY_S + CALENDAR_DAY_S - 2);
                }
            }
    CHECK(day == 36525);
}

static void check_split(void)
{
    struct split split = {.count = 1 + (uint32_t)random_below(SHARES_MAX)};
    int32_t parts[SHARES_MAX], amount = (int32_t)(random_word() >> (33 + random_below(24)));
    int64_t sum = 0;
    uint64_t weight_sum = 0;

    for (uint32_t share = 0; share < split.count; share++) {
        split.weights[share] = (uint32_t)(random_word() >> (32 + random_below(31)));
        weight_sum += split.weights[share];
    }
    if (weight_sum == 0)
        weight_sum = split.weights[0] = 1;
    split_divide(split.weights, split.count, amount, parts);
    for (uint32_t share = 0; share < split.count; share++) {
        uint64_t floor = (uint64_t)amount * split.weights[share] / weight_sum;

        CHECK(parts[share] >= 0 && (uint64_t)parts[share] - floor <= 1);
        sum += parts[share];
    }
    CHECK(sum == amount);
}

static void check_movements(size_t rounds)
{
    struct movements movements = {0};
    struct evidence_list evidence = {0};
    int64_t sums[8][8] = {{0}}, total = 0;

    for (size_t round = 0; round < rounds; round++) {
        uint32_t debit = (uint32_t)random_below(200), credit = (uint32_t)random_below(8);
        int64_t fen = (int64_t)random_below(3);

        CHECK(movements_add(&movements, debit, credit, debit % 8, fen));
        sums[debit % 8][credit] += fen;
    }
    movements_sort(&movements);
    for (size_t at = 0; at < movements.count; at++) {
        const struct movement *item = &movements.items[at];

        CHECK(at == 0 || movement_order(item - 1, item) < 0);
        sums[item->purpose][item->credit] -= item->amount_fen;
    }
    for (size_t at = 0; at < 64; at++)
        total |= sums[at / 8][at % 8];
    CHECK(total == 0);
    for (uint32_t row = 0; row < rounds / 10; row++)
        for (uint32_t reason = 1 + (uint32_t)random_below(5), step = 7; reason < 60; reason = reason * step % 61)
            if (random_below(3) == 0 || !evidence_add(&evidence, (struct evidence){row, reason, 0, 0}))
                break;
    for (size_t at = 1; at < evidence.count; at++)
        CHECK(evidence.items[at - 1].row < evidence.items[at].row
              || evidence.items[at - 1].reason < evidence.items[at].reason);
    movements_free(&movements);
    evidence_free(&evidence);
}

#endif /* DRIVER_SUMS_H */
