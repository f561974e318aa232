/* The row loop: a batch in runs of some dozens of taps, and each run in the order that the machine likes.
 *
 *   read    decode, hash, prefetch card and identity     depends on the record and the plan alone
 *   tac     key of the card, MAC, compare                the same; made ahead, some thousands of taps at a time
 *   decide  checks → verdict → state and money           row by row: a tap sees what those before it did
 *   write   columns, COPY row, leaf                      depends on the tap alone
 *
 * How taps are grouped into runs changes nothing in the answer.
 */
#ifndef ONECARD_JUDGE_H
#define ONECARD_JUDGE_H

#include "batch.h"
#include "card_checks.h"
#include "card_moves.h"
#include "checks.h"
#include "leaves.h"
#include "merkle.h"
#include "money.h"
#include "postgres_copy.h"
#include "price.h"
#include "sha256.h"
#include "tac_ahead.h"

/* Long enough that a prefetched line has come, short enough that a run and its lines stay in the nearest
 * cache: 16 and 64 were slower by some 5 %. */
#define RUN_TAPS 32

struct run {
    size_t count;
    struct tap taps[RUN_TAPS];
    uint8_t digests[RUN_TAPS * SHA256_DIGEST_BYTES];
    uint8_t leaves[RUN_TAPS * LEAF_BYTES];
    uint8_t copy_template[COPY_ROW_BYTES];
    uint8_t leaf_template[LEAF_BYTES];
    const struct tac_way *way; /* NULL: the best that the processor has */
    struct tac_ahead ahead;
};

_Static_assert(AHEAD_TAPS % RUN_TAPS == 0, "a run's TACs are made together");

/* Room to work in, or NULL. */
static inline struct run *run_alloc(const struct tac_way *way)
{
    struct run *run = aligned_alloc(_Alignof(struct run), sizeof *run);

    if (run == NULL)
        return NULL;
    memset(run, 0, sizeof *run);
    run->way = way;
    return run;
}

static inline void run_free(struct run *run)
{
    free(run);
}

static inline void run_read(struct run *run, const struct batch *batch, size_t first)
{
    const uint8_t *records = batch->records + first * RECORD_BYTES;
    const struct kernel_state *state = batch->state;

    run->count = batch->count - first < RUN_TAPS ? batch->count - first : RUN_TAPS;
    sha256_many(records + RECORD_IDENTITY, RECORD_BYTES, RECORD_IDENTITY_BYTES, run->count, run->digests);
    for (size_t row = 0; row < run->count; row++) {
        struct tap *tap = &run->taps[row];

        tap_read(tap, batch->plan, records + row * RECORD_BYTES, (uint32_t)(first + row), batch->source);
        tap->fingerprint = fingerprint_of_digest(run->digests + row * SHA256_DIGEST_BYTES);
        identity_table_prefetch(&state->identities, &tap->fingerprint);
        plan_terminal_prefetch(batch->plan, tap->record + RECORD_TERMINAL_ID);
        card_table_prefetch(&state->cards, tap->terminal);
        if (tap->own)
            card_table_prefetch(&state->cards, tap->card);
    }
    sha256_many(records, RECORD_BYTES, RECORD_BYTES, run->count, run->digests);
    for (size_t row = 0; row < run->count; row++)
        run->taps[row].head = load_big32(run->digests + row * SHA256_DIGEST_BYTES);
}

/* What the TACs say, made ahead for this run and many behind it. Of a tap without an issuer nothing is said. */
static inline void run_tac(struct run *run, const struct batch *batch, size_t first)
{
    size_t left = batch->count - first, since = first % AHEAD_TAPS;

    if (since == 0)
        tac_ahead(&run->ahead, run->way, batch->plan, batch->records + first * RECORD_BYTES,
                  left < AHEAD_TAPS ? left : AHEAD_TAPS, batch->source);
    for (size_t row = 0; row < run->count; row++)
        if (run->taps[row].issuer != NULL)
            run->taps[row].tac = (enum tac_state)run->ahead.states[since + row];
}

/* Every check that applies to a tap, in the order of the reference. */
static inline void tap_check(struct batch *batch, struct tap *tap)
{
    if (!check_form(batch, tap) || !check_identity(batch, tap)) {
        /* It goes no further, so nothing is said of its issuer either. */
        tap->issuer = NULL;
        tap->own = false;
        return;
    }
    check_batch_and_time(batch, tap);
    if (batch_from_operator(batch) && batch_checks(batch, CHECK_TERMINAL_REGISTRY))
        check_terminal(batch, tap);
    check_issuer(batch, tap);
    if (tap->own) {
        check_card(batch, tap);
        if (batch_checks(batch, CHECK_COUNTERS))
            check_counters(batch, tap);
    }
    if (batch_checks(batch, CHECK_BALANCES))
        check_balances(batch, tap);
    if (batch_from_operator(batch) && tap->debit)
        check_fare(batch, tap);
}

static inline void tap_decide(struct batch *batch, struct tap *tap)
{
    tap_check(batch, tap);
    tap->decision = reason_decide(batch->reasons, tap->flags);
    tap->paid_fen = batch->supposed && tap->debit && tap->decision.verdict == VERDICT_ACCEPTED ? tap->priced_fen
                                                                                               : tap->amount_fen;
    /* The record proves that money left, or came onto, a card of ours. Another operator's tap proves nothing in
     * these hands: it waits for its own operator, who must find its identity free. */
    tap->proven = tap->tac_proven && tap->own && tap->line != NULL && (tap->debit || tap->kind == KIND_TOP_UP)
                  && !tap_has(tap, REASON_OPERATOR_OTHER);
    move_identity(batch, tap);
    move_card(batch, tap);
    move_refund(batch, tap);
    move_terminal(batch, tap);
    money_move(batch, tap);
    money_count(batch, tap);
}

static inline void run_decide(struct run *run, struct batch *batch)
{
    /* A tap holds on to the lines of its card and its terminal, and may bring both: none may move meanwhile. */
    if (!card_table_reserve(&batch->state->cards, 2 * run->count))
        batch->out_of_memory = true;
    for (size_t row = 0; row < run->count && !batch->out_of_memory; row++)
        tap_decide(batch, &run->taps[row]);
}

static inline void tap_write_columns(const struct columns *columns, const struct tap *tap)
{
    size_t row = tap->number;
    uint16_t issuer_number = tap->issuer == NULL ? 0 : tap->issuer->number;

    columns->reasons[row] = tap->decision.reason;
    memcpy(columns->flags + 8 * row, &tap->decision.flags, 8);
    memcpy(columns->priced_fen + 4 * row, &tap->priced_fen, 4);
    memcpy(columns->credited_fen + 4 * row, &tap->credited_fen, 4);
    memcpy(columns->subsidy_fen + 4 * row, &tap->subsidy_fen, 4);
    memcpy(columns->issuer_numbers + 2 * row, &issuer_number, 2);
    memcpy(columns->shares + sizeof tap->shares * row, tap->shares, sizeof tap->shares);
}

static inline void run_write(struct run *run, const struct batch *batch, size_t first)
{
    const struct columns *columns = &batch->columns;

    for (size_t row = 0; row < run->count; row++) {
        const struct tap *tap = &run->taps[row];
        uint8_t *copy_row = columns->copy_rows + (first + row) * COPY_ROW_BYTES;
        uint8_t *leaf = run->leaves + row * LEAF_BYTES;

        tap_write_columns(columns, tap);
        memcpy(copy_row, run->copy_template, COPY_ROW_BYTES);
        copy_fill(copy_row, tap);
        memcpy(leaf, run->leaf_template, LEAF_BYTES);
        leaf_fill(leaf, tap, batch->salts + (first + row) * LEAF_SALT_BYTES);
    }
    sha256_many(run->leaves, LEAF_BYTES, LEAF_BYTES, run->count,
                columns->leaves + first * SHA256_DIGEST_BYTES);
}

/* Judge a batch and move the state. The journal is open and the batch is filled in up to `columns`; `run`
 * is room to work in. On false memory ran out and the batch must be undone. */
static inline bool judge_batch(struct batch *batch, struct run *run)
{
    assert(batch->plan != NULL && batch->state != NULL);
    assert((batch->operator != NULL) == batch_from_operator(batch));
    if (!identity_table_reserve(&batch->state->identities, batch->count))
        return false;
    copy_template(run->copy_template, batch);
    leaf_template(run->leaf_template, batch);
    for (size_t first = 0; first < batch->count; first += RUN_TAPS) {
        run_read(run, batch, first);
        run_tac(run, batch, first);
        run_decide(run, batch);
        if (batch->out_of_memory)
            return false;
        run_write(run, batch, first);
    }
    movements_sort(&batch->movements);
    return merkle_root(batch->columns.leaves, batch->count, batch->root);
}

#endif /* ONECARD_JUDGE_H */
