/* What the tariff says of a debit that an operator submits: price, subsidy, transfer, split. */
#ifndef ONECARD_PRICE_H
#define ONECARD_PRICE_H

#include "batch.h"
#include "discounts.h"
#include "fares.h"
#include "spending.h"

/* The card has an entry without exit that a journey up to this tap may have begun with. One too long ago is
 * nobody's entry any more; one later than the tap is still the best that is known. */
static inline bool price_journey_open(const struct batch *batch, const struct tap *tap)
{
    const struct card_line *line = tap->line;

    return line != NULL && (line->flags & CARD_JOURNEY_OPEN) != 0
           && tap->seconds - line->entry_at_s <= batch->plan->journey_max_s;
}

/* When the journey began: by the record, else by the card's open entry; CALENDAR_NONE where nobody knows. */
static inline int64_t price_began(const struct tap *tap)
{
    if (tap->entry_at_s != CALENDAR_NONE)
        return tap->entry_at_s;
    if (tap->line != NULL && (tap->line->flags & CARD_JOURNEY_OPEN) != 0)
        return tap->line->entry_at_s;
    return CALENDAR_NONE;
}

/* The same, for the price: an open entry too long ago says nothing of this journey. */
static inline int64_t price_entry_at(const struct batch *batch, const struct tap *tap)
{
    if (!kind_in(tap->kind, KINDS_TAP_OUT))
        return CALENDAR_NONE;
    if (tap->entry_at_s != CALENDAR_NONE)
        return tap->entry_at_s;
    return price_journey_open(batch, tap) ? (int64_t)tap->line->entry_at_s : CALENDAR_NONE;
}

/* The station where the journey began; 0 where nobody knows. */
static inline uint32_t price_entry_station(const struct batch *batch, const struct tap *tap)
{
    uint32_t stated = load_big32(tap->record + RECORD_ENTRY_STATION);

    if (!kind_in(tap->kind, KINDS_TAP_OUT))
        return 0;
    if (stated != 0)
        return stated;
    return price_journey_open(batch, tap) ? tap->line->entry_station : 0;
}

/* Entries without exit, exits without entry, and journeys that took too long. */
static inline void check_journey(struct batch *batch, struct tap *tap)
{
    int64_t limit = batch->plan->journey_max_s;

    if (kind_in(tap->kind, KINDS_TAP_IN)) {
        if (tap->own && price_journey_open(batch, tap) && tap->seconds >= tap->line->entry_at_s)
            tap_say(batch, tap, REASON_ENTRY_WITHOUT_EXIT, tap->line->entry_at_s, tap->seconds);
    } else if (kind_in(tap->kind, KINDS_TAP_OUT)) {
        int64_t began = price_began(tap);

        if (began != CALENDAR_NONE && tap->seconds - began > limit)
            tap_say(batch, tap, REASON_JOURNEY_TOO_LONG, began + limit, tap->seconds);
        if (load_big32(tap->record + RECORD_ENTRY_STATION) == 0 && !price_journey_open(batch, tap))
            tap_say(batch, tap, REASON_TAP_OUT_WITHOUT_TAP_IN, 0, load_big32(tap->record + RECORD_STATION));
    }
}

static inline bool price_transfer_qualifies(const struct tap *tap, const struct transfer *transfer, bool marked)
{
    const struct card_line *line = tap->line;
    int64_t since;

    if (!tap->own)
        return false;
    if (transfer->by_mark)
        return marked;
    /* A supplement is part of the leg before it, so nothing but a mark makes it a leg of its own. */
    if (!marked && (!transfer->without_mark || tap->kind == KIND_METRO_SUPPLEMENT))
        return false;
    if (line == NULL || line->transfer_base_s == 0)
        return false;
    if (transfer->from_operators.count > 0 && !numbers_have(&transfer->from_operators, line->transfer_operator))
        return false;
    since = tap->seconds - line->transfer_base_s;
    return since >= 0 && since <= transfer->window_s && line->transfers_used < transfer->count_max;
}

/* Taps of this card may not have come yet: it says so itself, or what it stated last is not what we booked. */
static inline bool price_history_incomplete(const struct batch *batch, const struct tap *tap)
{
    const struct card_line *line = tap->line;

    return tap->own && line != NULL && batch_checks(batch, CHECK_BALANCES)
           && (tap_has(tap, REASON_CHAIN_GAP_PENDING) || line->stated_balance_fen != line->book_balance_fen);
}

/* Take a step of the price: from one fare to the next, and who bears what is between them. */
static inline int32_t price_step(struct tap *tap, int32_t before_fen, int32_t after_fen, uint8_t bearer)
{
    assert(after_fen >= 0 && after_fen <= before_fen);
    if (bearer != BEARER_OPERATOR)
        tap->subsidies_fen[bearer] += before_fen - after_fen;
    return after_fen;
}

static inline int32_t price_transfer(struct batch *batch, struct tap *tap, const struct transfer *transfer,
                                     bool marked, int32_t fare_fen)
{
    if (transfer->type == TRANSFER_NONE)
        return fare_fen;
    if (price_transfer_qualifies(tap, transfer, marked)) {
        tap->transfer_used = true;
        return price_step(tap, fare_fen, fare_transferred(transfer, fare_fen), transfer->bearer);
    }
    if (marked)
        tap_say(batch, tap,
                price_history_incomplete(batch, tap) ? REASON_TRANSFER_UNPROVEN : REASON_TRANSFER_UNQUALIFIED,
                (tap->line != NULL ? tap->line->transfer_base_s : 0) + transfer->window_s, tap->seconds);
    return fare_fen;
}

static inline int32_t price_accumulation(struct tap *tap, int32_t fare_fen)
{
    const struct accumulation *accumulation = tap->accumulation;
    int64_t spent;

    if (accumulation == NULL || tap->line == NULL)
        return fare_fen;
    spent = spent_fen(tap->line, accumulation->period, tap->seconds);
    if (spent == SPENT_UNKNOWN)
        return fare_fen;
    return price_step(tap, fare_fen, fare_accumulated(accumulation, spent, fare_fen), accumulation->bearer);
}

/* The kind of card that counts. Of our own we know it better than the record; another city's is unknown. */
static inline uint8_t price_card_kind(const struct tap *tap)
{
    if (!tap->own)
        return CARD_KIND_UNSTATED;
    return tap->line != NULL ? tap->line->card_kind : tap->record[RECORD_CARD_KIND];
}

static inline void check_concession(struct batch *batch, struct tap *tap)
{
    uint8_t claimed = tap->record[RECORD_DISCOUNT_CLAIMED], kind = price_card_kind(tap);

    if ((claimed & DISCOUNT_CONCESSION) != 0 && !kind_in(kind, CARD_KINDS_CONCESSION))
        tap_say(batch, tap, REASON_CONCESSION_NOT_OF_CARD, kind, claimed);
}

/* From the gross fare to what this card pays, and who bears the difference. */
static inline void price_net(struct batch *batch, struct tap *tap, const struct tariff *tariff,
                             const struct ride *ride, int32_t gross_fen)
{
    bool marked = (tap->record[RECORD_DISCOUNT_CLAIMED] & DISCOUNT_TRANSFER) != 0;
    const struct fare_class *class;
    int32_t fare_fen;

    if (tariff->by_amount && tap->own) {
        struct explanation found = fare_explain(tariff, ride, gross_fen, tap->amount_fen, marked);

        tap->priced_fen = found.fare_fen;
        if (found.unmarked_transfer)
            tap_say(batch, tap, REASON_TRANSFER_UNMARKED, found.plain_fen, tap->amount_fen);
        return;
    }
    class = tap->own ? fare_class_of(tariff, price_card_kind(tap), ride) : fare_class_foreign(tariff, ride);
    fare_fen = price_step(tap, gross_fen, fare_discounted(class, gross_fen),
                          class != NULL ? class->bearer : BEARER_OPERATOR);
    fare_fen = price_transfer(batch, tap, &tariff->transfer, marked, fare_fen);
    tap->priced_fen = price_accumulation(tap, fare_fen);
}

static inline void price_compare(struct batch *batch, struct tap *tap)
{
    if (tap->amount_fen > tap->priced_fen)
        tap_say(batch, tap, REASON_ABOVE_TARIFF, tap->priced_fen, tap->amount_fen);
    else if (tap->amount_fen < tap->priced_fen)
        tap_say(batch, tap, REASON_BELOW_TARIFF, tap->priced_fen, tap->amount_fen);
}

static inline struct ride price_ride(const struct batch *batch, const struct tap *tap)
{
    const uint8_t *record = tap->record;

    return (struct ride){
        .kind = tap->kind,
        .degraded = record[RECORD_MODE] == MODE_DEGRADED,
        .line = load_big32(record + RECORD_LINE),
        .entry_line = kind_in(tap->kind, KINDS_TAP_OUT) ? load_big32(record + RECORD_ENTRY_LINE) : 0,
        .entry_station = price_entry_station(batch, tap),
        .station = load_big32(record + RECORD_STATION),
        .gross_fen = tap->gross_fen,
        .distance_m = load_big32(record + RECORD_DISTANCE_M),
        .duration_s = load_big32(record + RECORD_DURATION_S),
        .at_s = tap->seconds,
        .entry_at_s = price_entry_at(batch, tap),
    };
}

static inline void price_by_tariff(struct batch *batch, struct tap *tap, const struct tariff *tariff)
{
    struct ride ride = price_ride(batch, tap);
    struct fare_bounds bounds = {false, 0, 0};
    int32_t gross_fen;

    if (tariff != NULL)
        bounds = fare_gross(tariff, &ride);
    if (!bounds.known) {
        tap_say(batch, tap, REASON_TARIFF_MISSING, 0, ride.line);
        return;
    }
    gross_fen = (int32_t)clamp(tap->gross_fen, bounds.lowest, bounds.highest);
    if (gross_fen != tap->gross_fen)
        tap_say(batch, tap, REASON_GROSS_DIFFERS, gross_fen, tap->gross_fen);
    price_net(batch, tap, tariff, &ride, gross_fen);
    price_compare(batch, tap);
}

/* The weights of a pair are those of the record's own stations: what a card's line knows beside is not stored
 * with the tap, and whoever checks a share later must find the same. */
static inline void check_account(struct batch *batch, struct tap *tap)
{
    const struct clearing_operator *operator = batch->operator;
    const uint8_t *record = tap->record;
    uint32_t entry_station = kind_in(tap->kind, KINDS_TAP_OUT) ? load_big32(record + RECORD_ENTRY_STATION) : 0;

    tap->split = split_at(operator->splits, operator->split_count, tap->seconds);
    if (tap->split == NULL)
        tap_say(batch, tap, REASON_ACCOUNT_MISSING, 0, operator->number);
    else
        tap->split_weights = split_weights(tap->split, entry_station, load_big32(record + RECORD_STATION));
}

/* Price of a debit from an operator. */
static inline void check_price(struct batch *batch, struct tap *tap)
{
    const struct clearing_operator *operator = batch->operator;
    const struct tariff *tariff = tariff_at(operator->tariffs, operator->tariff_count, tap->kind, tap->seconds);

    if (tariff != NULL && tariff->accumulates && tap->own && !tariff->by_amount)
        tap->accumulation = &tariff->accumulation;
    if (tap->record[RECORD_MODE] == MODE_DEGRADED
        && (tariff == NULL || tariff->degraded == DEGRADED_AS_CHARGED))
        return;
    check_concession(batch, tap);
    if (kind_in(tap->kind, KINDS_TAP_IN)) {
        tap->priced_fen = 0;
        price_compare(batch, tap);
        return;
    }
    price_by_tariff(batch, tap, tariff);
}

/* Split, fee, journey and price of a debit from an operator. */
static inline void check_fare(struct batch *batch, struct tap *tap)
{
    check_account(batch, tap);
    if (!plan_fee_at(batch->operator, tap->seconds))
        tap_say(batch, tap, REASON_FEE_RULE_MISSING, 0, batch->operator->number);
    if (batch_checks(batch, CHECK_JOURNEYS))
        check_journey(batch, tap);
    if (batch_checks(batch, CHECK_TARIFF))
        check_price(batch, tap);
}

#endif /* ONECARD_PRICE_H */
