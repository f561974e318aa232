/* How a proven tap moves its card's line. The final verdict is known; liability follows the card. */
#ifndef ONECARD_CARD_MOVES_H
#define ONECARD_CARD_MOVES_H

#include "card_checks.h"
#include "spending.h"

static inline void move_counters(struct card_line *line, const struct tap *tap)
{
    int32_t ahead = tap->offline_counter - line->offline_highest;

    if (!tap->debit) {
        if (tap->online_counter > line->online_highest)
            line->online_highest = tap->online_counter;
    } else if (tap->offline_counter == 0) {
        return;
    } else if (ahead > 0) {
        line->counter_window = (ahead < COUNTER_WINDOW ? line->counter_window << ahead : 0) | 1;
        line->offline_highest = tap->offline_counter;
    } else if (ahead > -COUNTER_WINDOW) {
        line->counter_window |= 1ULL << -ahead;
    }
}

static inline void move_balances(const struct batch *batch, struct card_line *line, const struct tap *tap)
{
    /* What the line cannot hold is not proven (check_room). */
    assert(tap->amount_fen <= card_room(line, tap));
    line->book_balance_fen += tap->debit ? -tap->amount_fen : tap->amount_fen;
    if (batch_checks(batch, CHECK_BALANCES) && tap->newer) {
        line->stated_balance_fen = tap->balance_after_fen;
        line->flags |= CARD_BALANCE_KNOWN;
    }
}

/* Entry and exit. A refunded card has no journey: its line holds the refund's moment in that place. */
static inline void move_entry(struct card_line *line, const struct tap *tap)
{
    if (card_status(line) == CARD_REFUNDED)
        return;
    if (kind_in(tap->kind, KINDS_TAP_IN)) {
        line->flags |= CARD_JOURNEY_OPEN;
        line->entry_at_s = (uint32_t)tap->seconds;
        line->entry_station = load_big32(tap->record + RECORD_STATION);
        line->entry_operator = card_operator(load_big32(tap->record + RECORD_OPERATOR));
    } else if (kind_in(tap->kind, KINDS_TAP_OUT)) {
        line->flags &= (uint8_t)~CARD_JOURNEY_OPEN;
        line->entry_at_s = line->entry_station = 0;
        line->entry_operator = 0;
    }
}

static inline void move_journey(struct card_line *line, const struct tap *tap)
{
    uint32_t seconds = (uint32_t)tap->seconds;

    if (seconds < line->last_tap_s)
        return;
    move_entry(line, tap);
    if (tap->transfer_used) {
        /* A mark alone may claim any number of transfers; the count stops at the byte's end. */
        if (line->transfers_used < UINT8_MAX)
            line->transfers_used++;
    } else if (kind_in(tap->kind, KINDS_WINDOW_START)) {
        line->transfer_base_s = seconds;
        line->transfer_operator = card_operator(load_big32(tap->record + RECORD_OPERATOR));
        line->transfers_used = 0;
    }
}

/* A fare that was not accepted, or was not priced by a tariff with an accumulation, comes to none. */
static inline void move_spending(struct card_line *line, const struct tap *tap)
{
    spending_renew(line, tap->seconds);
    if (tap->accumulation != NULL && tap->decision.verdict == VERDICT_ACCEPTED)
        spending_add(line, tap->accumulation->period, tap->seconds, tap->paid_fen);
}

/* The line that a tap is going to change, noted in the journal and in the table; NULL without memory. */
static inline struct card_line *move_open_line(struct batch *batch, struct tap *tap)
{
    bool was_absent = tap->line == &batch->fresh;

    if (!journal_note_line(&batch->state->journal, tap->line, was_absent))
        return NULL;
    return was_absent ? card_table_put(&batch->state->cards, tap->line) : tap->line;
}

static inline void move_card(struct batch *batch, struct tap *tap)
{
    struct card_line *line;

    if (!tap->proven || !(tap->debit || batch_pays(batch, tap)))
        return;
    line = move_open_line(batch, tap);
    if (line == NULL) {
        batch->out_of_memory = true;
        return;
    }
    move_balances(batch, line, tap);
    if (batch_checks(batch, CHECK_COUNTERS))
        move_counters(line, tap);
    if (tap->debit)
        move_journey(line, tap);
    move_spending(line, tap);
    if (tap->seconds > line->last_tap_s)
        line->last_tap_s = (uint32_t)tap->seconds;
}

/* A refund that the card signed closes it from its moment on: the earliest of several, whatever came first. */
static inline void move_refund(struct batch *batch, struct tap *tap)
{
    struct card_line *line = tap->line;

    if (tap->kind != KIND_CARD_REFUND || tap->tac != TAC_STATE_RIGHT || line == NULL
        || tap->decision.verdict != VERDICT_HELD)
        return;
    if (card_status(line) == CARD_REFUNDED && tap->seconds >= line->entry_at_s)
        return;
    line = move_open_line(batch, tap);
    if (line == NULL) {
        batch->out_of_memory = true;
        return;
    }
    card_set_status(line, CARD_REFUNDED);
    line->flags &= (uint8_t)~CARD_JOURNEY_OPEN;
    line->entry_at_s = (uint32_t)tap->seconds;
    line->entry_station = 0;
    line->entry_operator = 0;
}

/* Whether the batch has noted a terminal's line before; if not, it has now. */
static inline bool terminal_noted(struct batch *batch, const uint8_t *terminal_id)
{
    uint64_t id = terminal_id_load(terminal_id) | 1ULL << 63; /* an id has 48 bits, and 0 is nobody's */
    uint64_t *noted = &batch->noted_terminals[plan_mix(id) % NOTED_TERMINALS];
    bool before = *noted == id;

    *noted = id;
    return before;
}

static inline void move_terminal(struct batch *batch, const struct tap *tap)
{
    const uint8_t *terminal_id = tap->record + RECORD_TERMINAL_ID;
    struct terminal_line line;
    struct card_line slot;

    if (!tap->terminal_counts || !tap_holds_identity(tap))
        return;
    line = terminal_line_load(tap->terminal_line, terminal_id);
    slot = terminal_line_slot(&line);
    if (!terminal_noted(batch, terminal_id)
        && !journal_note_line(&batch->state->journal, &slot, tap->terminal_line == NULL)) {
        batch->out_of_memory = true;
        return;
    }
    terminal_line_move(&line, tap->terminal_number, (uint32_t)tap->seconds);
    slot = terminal_line_slot(&line);
    if (tap->terminal_line != NULL)
        *tap->terminal_line = slot;
    else if (card_table_put(&batch->state->cards, &slot) == NULL)
        batch->out_of_memory = true;
}

/* Remember that the tap was seen. Rejected taps are not, so that whoever mends one may submit it again; but
 * what moved money is never free again, whatever its verdict. */
static inline void move_identity(struct batch *batch, const struct tap *tap)
{
    struct identity identity = {
        .fingerprint = tap->fingerprint,
        .batch_seq = (uint32_t)batch->batch_seq & INT32_MAX,
        .row = tap->number,
        .head = tap->head,
        .business_day = (uint16_t)batch->business_day,
        .acquirer = batch->acquirer,
        .used = 1,
    };

    if (!tap_holds_identity(tap))
        return;
    if (!journal_note_identity(&batch->state->journal, &tap->fingerprint)
        || !identity_table_put(&batch->state->identities, &identity))
        batch->out_of_memory = true;
}

#endif /* ONECARD_CARD_MOVES_H */
