/* A batch while it is judged: what it is judged under, the state it moves, what has come of it so far. */
#ifndef ONECARD_BATCH_H
#define ONECARD_BATCH_H

#include "journal.h"
#include "movements.h"
#include "tap.h"

#define NOTED_TERMINALS 64

struct kernel_state {
    struct card_table cards;
    struct identity_table identities;
    struct journal journal;
};

/* Room for what is written per row, count of rows times its size each; see columns.h. */
struct columns {
    uint8_t *reasons;
    uint8_t *flags;
    uint8_t *priced_fen;
    uint8_t *credited_fen;
    uint8_t *subsidy_fen;
    uint8_t *issuer_numbers;
    uint8_t *shares;
    uint8_t *copy_rows;
    uint8_t *leaves;
};

struct batch {
    const struct clearing_plan *plan;
    const struct reason_table *reasons;
    struct kernel_state *state;
    const struct identity_table *known; /* identities in sealed partitions, or NULL */
    const struct clearing_operator *operator; /* NULL for a presentment */
    uint64_t batch_seq;
    int64_t business_day, judged_at_s;
    uint32_t operator_number;
    enum source source;
    uint16_t acquirer; /* 0: an operator of ours; else the presenting city's area code */
    uint32_t checks;
    bool supposed; /* devices are taken to have charged what the tariff asks for */
    const uint8_t *records;
    size_t count;
    const uint8_t *salts; /* 16 bytes per row */
    struct columns columns;
    /* what comes of it */
    struct evidence_list evidence;
    struct movements movements;
    uint64_t verdict_counts[3];
    uint64_t reason_counts[REASONS];
    int64_t gross_fen, charged_fen, accepted_fen;
    uint8_t root[32]; /* SHA-256, over the leaves: merkle.h */
    bool out_of_memory; /* then the batch must be undone */
    struct card_line fresh; /* a card that no registry knows, until it is proven */
    /* Terminals whose line this batch has noted in the journal: once is enough, and their taps come in runs. One
     * that lost its place here is noted again, which does no harm. */
    uint64_t noted_terminals[NOTED_TERMINALS];
};

static inline bool batch_checks(const struct batch *batch, enum check check)
{
    return (batch->checks & (uint32_t)check) != 0;
}

static inline bool batch_from_operator(const struct batch *batch)
{
    return batch->source == SOURCE_OPERATOR;
}

/* Whether a proven tap is booked to its counterpart. An issuer pays another city for what it holds: the money
 * left its card, or came onto it, whatever it thinks of the card. */
static inline bool batch_pays(const struct batch *batch, const struct tap *tap)
{
    enum verdict verdict = (enum verdict)tap->decision.verdict;

    return verdict == VERDICT_ACCEPTED || (!batch_from_operator(batch) && verdict == VERDICT_HELD);
}

/* A reason applies, and needs no evidence. */
static inline void tap_note(struct tap *tap, enum reason reason)
{
    assert(reason > REASON_CLEAN && reason < REASONS);
    tap->flags |= 1ULL << reason;
}

/* A reason applies, with evidence. */
static inline void tap_say(struct batch *batch, struct tap *tap, enum reason reason, int64_t expected,
                           int64_t actual)
{
    tap_note(tap, reason);
    if (!evidence_add(&batch->evidence, (struct evidence){tap->number, reason, expected, actual}))
        batch->out_of_memory = true;
}

static inline bool tap_has(const struct tap *tap, enum reason reason)
{
    return (tap->flags >> reason & 1) != 0;
}

/* What was not rejected, or moved money all the same, holds its identity: it is never free again. */
static inline bool tap_holds_identity(const struct tap *tap)
{
    return tap->decision.verdict != VERDICT_REJECTED || (tap->proven && tap->debit);
}

static inline void batch_free(struct batch *batch)
{
    evidence_free(&batch->evidence);
    movements_free(&batch->movements);
}

#endif /* ONECARD_BATCH_H */
