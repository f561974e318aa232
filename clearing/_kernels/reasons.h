/* Reasons: their numbers, and how those that apply to a tap become its verdict (schemas/reasons.py).
 *
 * Outcome and table order come from the published table when a kernel starts; only the numbers are here.
 */
#ifndef ONECARD_REASONS_H
#define ONECARD_REASONS_H

#include <assert.h>
#include <stdint.h>

#include "codes.h"

enum reason {
    REASON_CLEAN = 0,
    REASON_MALFORMED = 1,
    REASON_UNKNOWN_KIND = 2,
    REASON_DUPLICATE_IN_BATCH = 3,
    REASON_DUPLICATE = 4,
    REASON_DUPLICATE_ALTERED = 5,
    REASON_TAC_WRONG = 6,
    REASON_TAC_TORN = 7,
    REASON_KEY_SET_UNKNOWN = 8,
    REASON_ISSUER_UNKNOWN = 9,
    REASON_ISSUER_NOT_INTEROPERABLE = 10,
    REASON_CARD_NOT_ISSUED = 11,
    REASON_TEST_CARD = 12,
    REASON_CARD_EXPIRED = 13,
    REASON_CARD_CLOSED = 14,
    REASON_DENYLISTED = 15,
    REASON_TERMINAL_UNKNOWN = 16,
    REASON_TERMINAL_OF_OTHER_OPERATOR = 17,
    REASON_OPERATOR_OTHER = 18,
    REASON_ZERO_AMOUNT = 19,
    REASON_COUNTER_REUSED = 20,
    REASON_AMOUNT_ABOVE_LIMIT = 21,
    REASON_BALANCE_ABOVE_LIMIT = 22,
    REASON_BALANCE_ARITHMETIC = 23,
    REASON_FUTURE = 24,
    REASON_PRESENTED_LATE = 25,
    REASON_TARIFF_MISSING = 26,
    REASON_KIND_NOT_SUPPORTED = 27,
    REASON_REFUND_HELD = 28,
    REASON_DENYLIST_UNDELIVERED = 29,
    REASON_ABOVE_TARIFF = 30,
    REASON_BELOW_TARIFF = 31,
    REASON_TRANSFER_UNMARKED = 32,
    REASON_TRANSFER_UNQUALIFIED = 33,
    REASON_CARD_KIND_DIFFERS = 34,
    REASON_BALANCE_RISE_PENDING = 35,
    REASON_CHAIN_GAP_PENDING = 36,
    REASON_COUNTER_LATE = 37,
    REASON_TAP_OUT_WITHOUT_TAP_IN = 38,
    REASON_TERMINAL_LINE_DIFFERS = 39,
    REASON_TAC_BY_ISSUER = 40,
    REASON_TAC_UNAVAILABLE = 41,
    REASON_DEGRADED_MODE = 42,
    REASON_CARD_UNREGISTERED = 44,
    REASON_GROSS_DIFFERS = 45,
    REASON_TAC_NOT_ALLOWED_ABSENT = 46,
    REASON_CARD_KIND_UNKNOWN = 48,
    REASON_TERMINAL_DEVICE_DIFFERS = 49,
    REASON_TERMINAL_NUMBER_REUSED = 50,
    REASON_DUPLICATE_OTHER_DATE = 51,
    REASON_DUPLICATE_OTHER_CITY = 52,
    REASON_CONCESSION_NOT_OF_CARD = 53,
    REASON_TRANSFER_UNPROVEN = 54,
    REASON_JOURNEY_TOO_LONG = 55,
    REASON_ACCOUNT_MISSING = 56,
    REASON_FEE_RULE_MISSING = 57,
    REASON_ENTRY_WITHOUT_EXIT = 58,
};

#define REASONS 64 /* record-level numbers, which are also bits of a tap's flags */

struct reason_table {
    uint64_t rejecting;     /* reasons whose outcome is "rejected" */
    uint64_t holding;       /* "held" */
    uint8_t rank[REASONS];  /* position in table order */
};

struct decision {
    enum verdict verdict;
    uint8_t reason;
    uint64_t flags; /* every other reason that applies */
};

static inline void reason_table_add(struct reason_table *table, unsigned reason, unsigned outcome, unsigned rank)
{
    assert(reason > 0 && reason < REASONS && outcome <= VERDICT_REJECTED && rank < 256);
    if (outcome == VERDICT_REJECTED)
        table->rejecting |= 1ULL << reason;
    if (outcome == VERDICT_HELD)
        table->holding |= 1ULL << reason;
    table->rank[reason] = (uint8_t)rank;
}

/* The first in table order of a set of reasons that is not empty. */
static inline uint8_t reason_first(const struct reason_table *table, uint64_t reasons)
{
    uint8_t first = (uint8_t)__builtin_ctzll(reasons);

    for (reasons &= reasons - 1; reasons != 0; reasons &= reasons - 1) {
        uint8_t reason = (uint8_t)__builtin_ctzll(reasons);

        if (table->rank[reason] < table->rank[first])
            first = reason;
    }
    return first;
}

/* Verdict = the most severe outcome of all that apply; reason = the first of that severity. */
static inline struct decision reason_decide(const struct reason_table *table, uint64_t flags)
{
    struct decision decision = {VERDICT_ACCEPTED, REASON_CLEAN, 0};
    uint64_t severe = flags;

    if (flags == 0)
        return decision;
    if ((flags & table->rejecting) != 0) {
        decision.verdict = VERDICT_REJECTED;
        severe = flags & table->rejecting;
    } else if ((flags & table->holding) != 0) {
        decision.verdict = VERDICT_HELD;
        severe = flags & table->holding;
    }
    decision.reason = reason_first(table, severe);
    decision.flags = flags & ~(1ULL << decision.reason);
    return decision;
}

#endif /* ONECARD_REASONS_H */
