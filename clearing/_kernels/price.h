/* What the tariff says of a debit that an operator submits: price, subsidy, transfer, split. */
#ifndef ONECARD_PRICE_H
#define ONECARD_PRICE_H

#include "batch.h"

/* The station where the journey began; 0 where nobody knows. */
static inline uint32_t price_entry_station(struct batch *batch, struct tap *tap)
{
    uint32_t stated = load_big32(tap->record + RECORD_ENTRY_STATION);

    if (!kind_in(tap->kind, KINDS_TAP_OUT))
        return 0;
    if (stated != 0)
        return stated;
    if (tap->line != NULL && (tap->line->flags & CARD_JOURNEY_OPEN) != 0)
        return tap->line->entry_station;
    if (batch_checks(batch, CHECK_JOURNEYS))
        tap_say(batch, tap, REASON_TAP_OUT_WITHOUT_TAP_IN, 0, load_big32(tap->record + RECORD_STATION));
    return 0;
}

static inline bool price_transfer_qualifies(const struct tap *tap, const struct transfer *transfer)
{
    const struct card_line *line = tap->line;
    int64_t since;

    if (!tap->own)
        return false;
    if (transfer->by_mark)
        return true;
    if (line == NULL || line->transfer_base_s == 0)
        return false;
    since = tap->seconds - line->transfer_base_s;
    return since >= 0 && since <= transfer->window_s && line->transfers_used < transfer->count_max;
}

static inline int32_t price_transfer(struct batch *batch, struct tap *tap, const struct transfer *transfer,
                                     int32_t fare_fen)
{
    if (price_transfer_qualifies(tap, transfer)) {
        tap->transfer_used = true;
        return fare_transferred(transfer, fare_fen);
    }
    tap_say(batch, tap, REASON_TRANSFER_UNQUALIFIED,
            (tap->line != NULL ? tap->line->transfer_base_s : 0) + transfer->window_s, tap->seconds);
    return fare_fen;
}

/* From the gross fare to what this card pays, and who bears the difference. */
static inline void price_net(struct batch *batch, struct tap *tap, const struct tariff *tariff, int32_t gross_fen)
{
    bool marked = (tap->record[RECORD_DISCOUNT_CLAIMED] & DISCOUNT_TRANSFER) != 0;
    const struct fare_class *class = NULL;
    int32_t fare_fen;

    if (tariff->by_amount && tap->own) {
        struct explanation found = fare_explain(tariff, gross_fen, tap->amount_fen, marked);

        tap->priced_fen = found.fare_fen;
        if (found.unmarked_transfer)
            tap_say(batch, tap, REASON_TRANSFER_UNMARKED, found.plain_fen, tap->amount_fen);
        return;
    }
    /* Another city's card pays the full fare; of our own we know the kind better than the record. */
    if (tap->own)
        class = fare_class_of(tariff, tap->line != NULL ? tap->line->card_kind : tap->record[RECORD_CARD_KIND]);
    fare_fen = fare_discounted(class, gross_fen);
    if (class != NULL && class->bearer != BEARER_OPERATOR) {
        tap->subsidy_fen = gross_fen - fare_fen;
        tap->subsidy_bearer = class->bearer;
    }
    if (marked && tariff->transfer.type != TRANSFER_NONE)
        fare_fen = price_transfer(batch, tap, &tariff->transfer, fare_fen);
    tap->priced_fen = fare_fen;
}

static inline void price_compare(struct batch *batch, struct tap *tap)
{
    if (tap->amount_fen > tap->priced_fen)
        tap_say(batch, tap, REASON_ABOVE_TARIFF, tap->priced_fen, tap->amount_fen);
    else if (tap->amount_fen < tap->priced_fen)
        tap_say(batch, tap, REASON_BELOW_TARIFF, tap->priced_fen, tap->amount_fen);
}

static inline void price_by_tariff(struct batch *batch, struct tap *tap, uint32_t entry_station)
{
    const struct clearing_operator *operator = batch->operator;
    const struct tariff *tariff =
        fare_tariff_at(operator->tariffs, operator->tariff_count, tap->kind, tap->seconds);
    struct fare_bounds bounds = {false, 0, 0};
    uint32_t line = load_big32(tap->record + RECORD_LINE);
    int32_t gross_fen;

    if (tariff != NULL) {
        struct ride ride = {
            tap->kind, line, entry_station, load_big32(tap->record + RECORD_STATION), tap->gross_fen,
            load_big32(tap->record + RECORD_DISTANCE_M), load_big32(tap->record + RECORD_DURATION_S),
        };
        bounds = fare_gross(tariff, &ride);
    }
    if (!bounds.known) {
        tap_say(batch, tap, REASON_TARIFF_MISSING, 0, line);
        return;
    }
    gross_fen = (int32_t)clamp(tap->gross_fen, bounds.lowest, bounds.highest);
    if (gross_fen != tap->gross_fen)
        tap_say(batch, tap, REASON_GROSS_DIFFERS, gross_fen, tap->gross_fen);
    price_net(batch, tap, tariff, gross_fen);
    price_compare(batch, tap);
}

/* Split and price of a debit from an operator. */
static inline void check_fare(struct batch *batch, struct tap *tap)
{
    const struct clearing_operator *operator = batch->operator;
    uint32_t entry_station;

    tap->split = fare_split_at(operator->splits, operator->split_count, tap->seconds);
    if (tap->split == NULL) {
        tap_say(batch, tap, REASON_TARIFF_MISSING, 0, load_big32(tap->record + RECORD_LINE));
        return;
    }
    entry_station = price_entry_station(batch, tap);
    if (!batch_checks(batch, CHECK_TARIFF) || tap->record[RECORD_MODE] == MODE_DEGRADED)
        return;
    if (kind_in(tap->kind, KINDS_TAP_IN)) {
        tap->priced_fen = 0;
        price_compare(batch, tap);
        return;
    }
    price_by_tariff(batch, tap, entry_station);
}

#endif /* ONECARD_PRICE_H */
