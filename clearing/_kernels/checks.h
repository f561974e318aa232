/* What is checked of a tap before its price: form, identity, batch and time, terminal, issuer and TAC.
 *
 * Each check looks at one thing and says what it found; none of them decides. */
#ifndef ONECARD_CHECKS_H
#define ONECARD_CHECKS_H

#include "batch.h"

/* False if the tap goes no further. */
static inline bool check_form(struct batch *batch, struct tap *tap)
{
    if (tap->malformed_at != TAP_WELL_FORMED) {
        tap_say(batch, tap, REASON_MALFORMED, tap->malformed_at, tap->record[tap->malformed_at]);
        return false;
    }
    if (!kind_known(tap->kind)) {
        tap_say(batch, tap, REASON_UNKNOWN_KIND, 0, tap->kind);
        return false;
    }
    return true;
}

/* How a tap is the same as one that was seen before. */
static inline enum reason duplicate_reason(const struct batch *batch, const struct tap *tap,
                                           const struct identity *seen)
{
    if (seen->head != tap->head)
        return REASON_DUPLICATE_ALTERED;
    if (seen->acquirer != batch->acquirer)
        return REASON_DUPLICATE_OTHER_CITY;
    if (seen->batch_seq == batch->batch_seq)
        return REASON_DUPLICATE_IN_BATCH;
    return seen->business_day == batch->business_day ? REASON_DUPLICATE : REASON_DUPLICATE_OTHER_DATE;
}

/* False if the tap was seen before: in this batch, in an open date's, or in a sealed one. */
static inline bool check_identity(struct batch *batch, struct tap *tap)
{
    const struct identity *seen = identity_table_find(&batch->state->identities, &tap->fingerprint);
    int64_t first, here;

    if (seen == NULL && batch->known != NULL)
        seen = identity_table_find(batch->known, &tap->fingerprint);
    if (seen == NULL)
        return true;
    /* Batch numbers stay below 2^31, which the door checks, so a place fits 63 bits. */
    first = (int64_t)((uint64_t)seen->batch_seq << 32 | seen->row);
    here = (int64_t)(batch->batch_seq << 32 | tap->number);
    tap_say(batch, tap, duplicate_reason(batch, tap, seen), first, here);
    if (seen->head != tap->head && seen->acquirer != batch->acquirer)
        tap_say(batch, tap, REASON_DUPLICATE_OTHER_CITY, first, here);
    return false;
}

static inline void check_batch_and_time(struct batch *batch, struct tap *tap)
{
    const struct clearing_plan *plan = batch->plan;
    uint32_t operator_number = load_big32(tap->record + RECORD_OPERATOR);
    int64_t latest = batch->judged_at_s + plan->clock_tolerance_s;
    int64_t earliest = batch->business_day - plan->presentment_window_days;
    int64_t day = tap->seconds / CALENDAR_DAY_S;

    if (batch_from_operator(batch) && operator_number != batch->operator_number)
        tap_say(batch, tap, REASON_OPERATOR_OTHER, batch->operator_number, operator_number);
    if (tap->seconds > latest)
        tap_say(batch, tap, REASON_FUTURE, latest, tap->seconds);
    if (day < earliest)
        tap_say(batch, tap, REASON_PRESENTED_LATE, earliest, day);
    if (kind_in(tap->kind, KINDS_UNSUPPORTED))
        tap_say(batch, tap, REASON_KIND_NOT_SUPPORTED, 0, tap->kind);
    if (tap->kind == KIND_CARD_REFUND)
        tap_say(batch, tap, REASON_REFUND_HELD, 0, tap->kind);
    if (tap->amount_fen == 0 && !kind_in(tap->kind, KINDS_ZERO_ALLOWED))
        tap_say(batch, tap, REASON_ZERO_AMOUNT, 1, 0);
    if (tap->amount_fen > plan->amount_max_fen)
        tap_say(batch, tap, REASON_AMOUNT_ABOVE_LIMIT, plan->amount_max_fen, tap->amount_fen);
    if (tap->record[RECORD_MODE] == MODE_DEGRADED)
        tap_note(tap, REASON_DEGRADED_MODE);
}

/* Whether the operator's terminal gave this number to another tap before; the same tap would not have come this
 * far. */
static inline void check_terminal_number(struct batch *batch, struct tap *tap)
{
    struct terminal_line line;

    if (tap->terminal_number == 0)
        return;
    tap->terminal_counts = true;
    tap->terminal_line = card_table_find(&batch->state->cards, tap->terminal);
    if (tap->terminal_line == NULL)
        return;
    line = terminal_line_load(tap->terminal_line, NULL);
    if (terminal_line_used(&line, tap->terminal_number))
        tap_say(batch, tap, REASON_TERMINAL_NUMBER_REUSED, line.number_highest, tap->terminal_number);
}

static inline void check_terminal(struct batch *batch, struct tap *tap)
{
    const struct terminal *terminal = plan_terminal(batch->plan, tap->record + RECORD_TERMINAL_ID);
    uint32_t line = load_big32(tap->record + RECORD_LINE);
    uint64_t device = load_big64(tap->record + RECORD_DEVICE);

    if (terminal == NULL || tap->seconds < terminal->since_s || tap->seconds >= terminal->until_s) {
        tap_say(batch, tap, REASON_TERMINAL_UNKNOWN, 0, 0);
        return;
    }
    if (terminal->operator_number != batch->operator_number)
        tap_say(batch, tap, REASON_TERMINAL_OF_OTHER_OPERATOR, terminal->operator_number, batch->operator_number);
    if (terminal->line != 0 && terminal->line != line)
        tap_say(batch, tap, REASON_TERMINAL_LINE_DIFFERS, terminal->line, line);
    if (terminal->device != 0 && terminal->device != device)
        tap_say(batch, tap, REASON_TERMINAL_DEVICE_DIFFERS, (int64_t)terminal->device, (int64_t)device);
    /* Nobody moves the numbers of another one's terminal. */
    if (terminal->operator_number == batch->operator_number)
        check_terminal_number(batch, tap);
}

static inline void check_denylist(struct batch *batch, struct tap *tap)
{
    const struct denied_card *denied = plan_denied(batch->plan, tap->record + RECORD_CARD);
    int64_t effective;

    if (denied == NULL || tap->seconds < denied->since_s)
        return;
    effective = plan_denylist_effective(batch->operator, denied->version);
    tap_say(batch, tap, tap->seconds >= effective ? REASON_DENYLISTED : REASON_DENYLIST_UNDELIVERED, effective,
            tap->seconds);
}

/* What the TAC, made ahead, means under this batch's contract. */
static inline void check_tac(struct batch *batch, struct tap *tap)
{
    const uint8_t *record = tap->record;

    switch (tap->tac) {
    case TAC_STATE_ABSENT:
        if (batch_checks(batch, CHECK_TAC)) {
            tap_say(batch, tap, REASON_TAC_NOT_ALLOWED_ABSENT, 0, record[RECORD_ALGORITHM]);
        } else {
            tap_note(tap, REASON_TAC_UNAVAILABLE);
            tap->tac_proven = true;
        }
        return;
    case TAC_STATE_TORN:
        tap_say(batch, tap, REASON_TAC_TORN, 0, TAC_TORN);
        return;
    case TAC_STATE_BY_ISSUER:
        tap_note(tap, REASON_TAC_BY_ISSUER);
        return;
    case TAC_STATE_KEY_UNKNOWN:
        tap_say(batch, tap, REASON_KEY_SET_UNKNOWN, 0,
                (int64_t)record[RECORD_KEY_VERSION] << 16 | (int64_t)record[RECORD_KEY_INDEX] << 8
                    | record[RECORD_ALGORITHM]);
        return;
    case TAC_STATE_WRONG:
        tap_say(batch, tap, REASON_TAC_WRONG, 0, tac_load_word(record + RECORD_TAC));
        return;
    case TAC_STATE_RIGHT:
        tap->tac_proven = true;
        return;
    }
}

static inline void check_issuer(struct batch *batch, struct tap *tap)
{
    const struct issuer *issuer = tap->issuer;

    if (issuer == NULL) {
        tap_say(batch, tap, REASON_ISSUER_UNKNOWN, 0, tap->record[RECORD_FAMILY]);
        return;
    }
    if (!issuer->own && (tap->seconds < issuer->since_s || tap->seconds >= issuer->until_s))
        tap_say(batch, tap, REASON_ISSUER_NOT_INTEROPERABLE, issuer->since_s, tap->seconds);
    if (batch_from_operator(batch))
        check_denylist(batch, tap);
    check_tac(batch, tap);
}

#endif /* ONECARD_CHECKS_H */
