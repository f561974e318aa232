/* What is checked of a tap against its card's own line, counters and balances. */
#ifndef ONECARD_CARD_CHECKS_H
#define ONECARD_CARD_CHECKS_H

#include "batch.h"

#define COUNTER_WINDOW 64 /* debit counters below the highest that a line remembers one by one */

/* The line of a card of ours: the table's, or a fresh one where the issuer keeps no registry. */
static inline struct card_line *card_line_of(struct batch *batch, struct tap *tap)
{
    struct card_line *line = card_table_find(&batch->state->cards, tap->card);
    uint8_t claimed_kind = tap->record[RECORD_CARD_KIND];

    if (line != NULL || !tap->issuer->open_registry)
        return line;
    batch->fresh = (struct card_line){
        .family = tap->record[RECORD_FAMILY],
        .card_kind = card_kind_known(claimed_kind) ? claimed_kind : CARD_KIND_UNSTATED,
        .issuer_number = tap->issuer->number,
    };
    memcpy(batch->fresh.serial, tap->record + RECORD_SERIAL, CARD_SERIAL_BYTES);
    return &batch->fresh;
}

/* A card that was closed before it came to us, or refunded at a moment that we know. */
static inline void check_status(struct batch *batch, struct tap *tap, const struct card_line *line)
{
    enum card_status status = card_status(line);

    if (status == CARD_CLOSED)
        tap_say(batch, tap, REASON_CARD_CLOSED, CARD_GOOD, status);
    else if (status == CARD_REFUNDED && tap->seconds > line->entry_at_s)
        tap_say(batch, tap, REASON_CARD_CLOSED, line->entry_at_s, tap->seconds);
}

/* What a debit may still take from a card's line, or a load put on it, before the line is full. */
static inline int64_t card_room(const struct card_line *line, const struct tap *tap)
{
    return tap->debit ? (int64_t)line->book_balance_fen - INT32_MIN : INT32_MAX - (int64_t)line->book_balance_fen;
}

/* No purse holds such amounts. So they prove nothing, whoever signed them: nothing is booked, and the lines go on
 * being what the books say. */
static inline void check_room(struct batch *batch, struct tap *tap, const struct card_line *line)
{
    int64_t room = card_room(line, tap);

    if (!tap->tac_proven || !(tap->debit || tap->kind == KIND_TOP_UP) || tap->amount_fen <= room)
        return;
    tap->tac_proven = false;
    if (tap->amount_fen <= batch->plan->amount_max_fen)
        tap_say(batch, tap, REASON_AMOUNT_ABOVE_LIMIT, room, tap->amount_fen);
}

static inline void check_card(struct batch *batch, struct tap *tap)
{
    const struct card_line *line = tap->line = card_line_of(batch, tap);
    uint8_t claimed_kind = tap->record[RECORD_CARD_KIND];
    int64_t day = tap->seconds / CALENDAR_DAY_S;

    if (line == NULL) {
        tap_say(batch, tap, REASON_CARD_NOT_ISSUED, 0, 0);
        return;
    }
    if ((line->flags & CARD_REGISTERED) == 0)
        tap_note(tap, REASON_CARD_UNREGISTERED);
    check_status(batch, tap, line);
    if (line->expires_day != 0 && day > line->expires_day)
        tap_say(batch, tap, REASON_CARD_EXPIRED, line->expires_day, day);
    if (line->card_kind == CARD_KIND_TEST && batch->plan->production)
        tap_say(batch, tap, REASON_TEST_CARD, 0, line->card_kind);
    if (!card_kind_known(claimed_kind))
        tap_say(batch, tap, REASON_CARD_KIND_UNKNOWN, line->card_kind, claimed_kind);
    else if (claimed_kind != CARD_KIND_UNSTATED && claimed_kind != line->card_kind)
        tap_say(batch, tap, REASON_CARD_KIND_DIFFERS, line->card_kind, claimed_kind);
    check_room(batch, tap, line);
}

static inline void check_counters(struct batch *batch, struct tap *tap)
{
    const struct card_line *line = tap->line;

    if (line == NULL)
        return;
    /* Both counters only rise, so their sum orders a card's taps. */
    tap->newer = tap->offline_counter + tap->online_counter > line->offline_highest + line->online_highest;
    if (tap->debit && tap->offline_counter != 0) {
        int32_t behind = line->offline_highest - tap->offline_counter;

        if (behind >= 0 && behind < COUNTER_WINDOW && (line->counter_window >> behind & 1) != 0)
            tap_say(batch, tap, REASON_COUNTER_REUSED, line->offline_highest, tap->offline_counter);
        else if (behind >= 0)
            tap_say(batch, tap, REASON_COUNTER_LATE, line->offline_highest, tap->offline_counter);
    } else if (tap->kind == KIND_TOP_UP && tap->online_counter != 0
               && tap->online_counter <= line->online_highest) {
        tap_say(batch, tap, REASON_COUNTER_LATE, line->online_highest, tap->online_counter);
    }
}

static inline void check_balances(struct batch *batch, struct tap *tap)
{
    const struct card_line *line = tap->line;
    int64_t before = tap->balance_before_fen, after;

    if (!tap->debit && tap->kind != KIND_TOP_UP)
        return;
    after = tap->debit ? before - tap->amount_fen : before + tap->amount_fen;
    if (after != tap->balance_after_fen)
        tap_say(batch, tap, REASON_BALANCE_ARITHMETIC, after, tap->balance_after_fen);
    if (tap->balance_after_fen > batch->plan->balance_max_fen)
        tap_say(batch, tap, REASON_BALANCE_ABOVE_LIMIT, batch->plan->balance_max_fen, tap->balance_after_fen);
    if (line == NULL || !tap->newer || (line->flags & CARD_BALANCE_KNOWN) == 0)
        return;
    if (before < line->stated_balance_fen)
        tap_say(batch, tap, REASON_CHAIN_GAP_PENDING, line->stated_balance_fen, before);
    else if (before > line->stated_balance_fen)
        tap_say(batch, tap, REASON_BALANCE_RISE_PENDING, line->stated_balance_fen, before);
}

#endif /* ONECARD_CARD_CHECKS_H */
