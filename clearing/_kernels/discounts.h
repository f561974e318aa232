/* From the gross fare to what a card pays: class, transfer, accumulation, in whole fen.
 *
 * Each step is rounded once, and none makes a fare higher.
 */
#ifndef ONECARD_DISCOUNTS_H
#define ONECARD_DISCOUNTS_H

#include "tariffs.h"

struct explanation {
    int32_t fare_fen, plain_fen;
    bool unmarked_transfer;
};

/* Whether a class has the ride's hours and station of entry. */
static inline bool fare_class_applies(const struct tariff *tariff, const struct fare_class *class,
                                      const struct ride *ride)
{
    if (class->stations.count > 0 && !numbers_have(&class->stations, ride->entry_station))
        return false;
    return hours_hold(&tariff->calendar, &class->hours, ride->at_s, ride->entry_at_s);
}

static inline const struct fare_class *fare_class_first(const struct tariff *tariff, uint8_t card_kind,
                                                        const struct ride *ride)
{
    for (const struct fare_class *class = tariff->classes; class < tariff->classes + tariff->class_count; class++)
        if (class->card_kind == card_kind && fare_class_applies(tariff, class, ride))
            return class;
    return NULL;
}

/* The class of a card kind: the first of its own that applies, else the first of kind 0 that does; NULL for the
 * full fare. */
static inline const struct fare_class *fare_class_of(const struct tariff *tariff, uint8_t card_kind,
                                                     const struct ride *ride)
{
    int16_t number = tariff->class_of_kind[card_kind];
    const struct fare_class *found;

    assert(number < (int32_t)tariff->class_count);
    if (tariff->plain_classes)
        return number < 0 ? NULL : &tariff->classes[number];
    found = fare_class_first(tariff, card_kind, ride);
    return found != NULL ? found : fare_class_first(tariff, 0, ride);
}

/* The class of other cities' cards, where the tariff names one that applies; else NULL. */
static inline const struct fare_class *fare_class_foreign(const struct tariff *tariff, const struct ride *ride)
{
    const struct fare_class *class;

    assert(tariff->foreign_class < (int32_t)tariff->class_count);
    if (tariff->foreign_class < 0)
        return NULL;
    class = &tariff->classes[tariff->foreign_class];
    return fare_class_applies(tariff, class, ride) ? class : NULL;
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
    return (int32_t)fare_rounded(mille, class->rounding);
}

/* The fare of a leg that the transfer discount applies to. */
static inline int32_t fare_transferred(const struct transfer *transfer, int32_t fare_fen)
{
    switch (transfer->type) {
    case TRANSFER_AMOUNT_OFF:
        return fare_fen > transfer->value_fen ? fare_fen - transfer->value_fen : 0;
    case TRANSFER_FIXED_PRICE:
        return fare_fen < transfer->value_fen ? fare_fen : transfer->value_fen;
    case TRANSFER_PER_MILLE:
        return (int32_t)fare_rounded((int64_t)fare_fen * transfer->value_fen, transfer->rounding);
    case TRANSFER_FREE:
        return 0;
    default:
        assert(transfer->type == TRANSFER_NONE);
        return fare_fen;
    }
}

/* The fare of a card that has paid so much in the period so far. */
static inline int32_t fare_accumulated(const struct accumulation *accumulation, int64_t spent_fen, int32_t fare_fen)
{
    int64_t permille = FARE_PERMILLE_MAX, fare;

    for (uint32_t at = 0; at < accumulation->tier_count && spent_fen >= accumulation->tiers[at].from_fen; at++)
        permille = accumulation->tiers[at].permille;
    fare = fare_rounded(fare_fen * permille, accumulation->rounding);
    if (accumulation->cap_fen > 0)
        fare = clamp(accumulation->cap_fen - spent_fen, 0, fare);
    return (int32_t)fare;
}

/* The first class that gives the amount to the fen, in one of two ways: with the transfer or without. Where no
 * class applies, the full fare takes its place; `first_fen` is what the first of all costs. */
static inline bool fare_find(const struct tariff *tariff, const struct ride *ride, int32_t gross_fen,
                             int32_t amount_fen, bool transfer, int32_t *plain_fen, int32_t *first_fen)
{
    bool any = false;

    *first_fen = gross_fen;
    for (uint32_t number = 0; number < tariff->class_count; number++) {
        const struct fare_class *class = &tariff->classes[number];

        if (!fare_class_applies(tariff, class, ride))
            continue;
        *plain_fen = fare_discounted(class, gross_fen);
        if (!any)
            *first_fen = *plain_fen;
        any = true;
        if ((transfer ? fare_transferred(&tariff->transfer, *plain_fen) : *plain_fen) == amount_fen)
            return true;
    }
    if (any)
        return false;
    *plain_fen = gross_fen;
    return (transfer ? fare_transferred(&tariff->transfer, gross_fen) : gross_fen) == amount_fen;
}

/* How an amount is explained where the kind of card shows only in the amount. A marked transfer is tried
 * with the discount first, an unmarked one without it first; failing both, the first class's first way. Where
 * the mark claims the discount and the full fare was charged, the fare is still the discounted one. */
static inline struct explanation fare_explain(const struct tariff *tariff, const struct ride *ride, int32_t gross_fen,
                                              int32_t amount_fen, bool marked)
{
    int32_t plain_fen, first_fen;

    if (fare_find(tariff, ride, gross_fen, amount_fen, marked, &plain_fen, &first_fen))
        return (struct explanation){amount_fen, plain_fen, false};
    if (fare_find(tariff, ride, gross_fen, amount_fen, !marked, &plain_fen, &first_fen))
        return (struct explanation){
            marked ? fare_transferred(&tariff->transfer, plain_fen) : amount_fen, plain_fen, !marked};
    return (struct explanation){
        marked ? fare_transferred(&tariff->transfer, first_fen) : first_fen, first_fen, false};
}

#endif /* ONECARD_DISCOUNTS_H */
