/* The money of a judged tap: which accounts it moves between, and the batch's sums. */
#ifndef ONECARD_MONEY_H
#define ONECARD_MONEY_H

#include "batch.h"

static inline void money_book(struct batch *batch, uint32_t debit, uint32_t credit, enum purpose purpose,
                              int64_t fen)
{
    if (!movements_add(&batch->movements, debit, credit, purpose, fen))
        batch->out_of_memory = true;
}

/* An accepted tap of a card of ours that another city took: what we owe the province, or it owes us. */
static inline void money_accept_presented(struct batch *batch, const struct tap *tap)
{
    uint32_t issuer = tap->issuer->account, province = batch->plan->province_account;

    if (tap->debit)
        money_book(batch, issuer, province, PURPOSE_FARE, tap->credited_fen);
    else
        money_book(batch, province, issuer, PURPOSE_TOP_UP, tap->credited_fen);
}

static inline void money_divide(struct batch *batch, struct tap *tap)
{
    /* The fare of another city's card is unconfirmed until the clearing total. */
    enum purpose purpose = tap->issuer->own ? PURPOSE_FARE : PURPOSE_FARE_UNCONFIRMED;
    int32_t parts[SHARES_MAX];

    split_divide(tap->split_weights, tap->split->count, tap->credited_fen, parts);
    for (uint32_t share = 0; share < tap->split->count; share++) {
        tap->shares[share] = (struct tap_share){tap->split->accounts[share], parts[share]};
        money_book(batch, tap->issuer->account, tap->split->accounts[share], purpose, parts[share]);
    }
}

/* What others than the operator bear of an accepted ride on a card of ours. */
static inline void money_subsidise(struct batch *batch, struct tap *tap)
{
    const struct clearing_plan *plan = batch->plan;
    uint32_t subsidy = batch->operator->subsidy_account;
    int32_t by_issuer = tap->subsidies_fen[BEARER_ISSUER], by_budget = tap->subsidies_fen[BEARER_BUDGET];

    if (!tap->own)
        return;
    tap->subsidy_fen = by_issuer + by_budget;
    money_book(batch, plan->issuer_discount_account, subsidy, PURPOSE_SUBSIDY, by_issuer);
    money_book(batch, plan->budget_account, subsidy, PURPOSE_SUBSIDY, by_budget);
}

static inline void money_accept(struct batch *batch, struct tap *tap)
{
    const struct clearing_plan *plan = batch->plan;
    int32_t excess = tap->debit && tap->paid_fen > tap->priced_fen ? tap->paid_fen - tap->priced_fen : 0;

    assert(tap->issuer != NULL);
    tap->credited_fen = tap->paid_fen - excess;
    if (!batch_from_operator(batch)) {
        money_accept_presented(batch, tap);
        return;
    }
    if (!tap->debit) {
        money_book(batch, batch->operator->load_agent_account, tap->issuer->account, PURPOSE_TOP_UP,
                   tap->credited_fen);
        return;
    }
    money_book(batch, tap->issuer->account, plan->suspense_account, PURPOSE_EXCESS, excess);
    money_divide(batch, tap);
    money_subsidise(batch, tap);
}

/* A debit that is proven and not accepted has left the card all the same. */
static inline void money_divert(struct batch *batch, struct tap *tap)
{
    const struct clearing_plan *plan = batch->plan;
    uint32_t liability = tap->issuer->account;

    if (tap->decision.verdict == VERDICT_REJECTED) {
        money_book(batch, liability, plan->unclaimed_accounts[tap->decision.reason], PURPOSE_REJECTED,
                   tap->amount_fen);
    } else if (batch_from_operator(batch)) {
        money_book(batch, liability, plan->suspense_account, PURPOSE_HELD, tap->amount_fen);
    } else {
        tap->credited_fen = tap->amount_fen;
        if (tap->debit)
            money_book(batch, liability, plan->province_account, PURPOSE_FARE, tap->amount_fen);
        else
            money_book(batch, plan->province_account, liability, PURPOSE_TOP_UP, tap->amount_fen);
    }
}

static inline void money_move(struct batch *batch, struct tap *tap)
{
    bool accepted = tap->decision.verdict == VERDICT_ACCEPTED;

    if (accepted)
        money_accept(batch, tap);
    else if (tap->proven && (tap->debit || batch_pays(batch, tap)))
        money_divert(batch, tap);
}

static inline void money_count(struct batch *batch, const struct tap *tap)
{
    batch->verdict_counts[tap->decision.verdict]++;
    batch->reason_counts[tap->decision.reason]++;
    for (uint64_t flags = tap->decision.flags; flags != 0; flags &= flags - 1)
        batch->reason_counts[__builtin_ctzll(flags)]++;
    if (!tap->debit || tap_has(tap, REASON_MALFORMED))
        return;
    batch->gross_fen += tap->gross_fen;
    batch->charged_fen += tap->amount_fen;
    if (tap->decision.verdict == VERDICT_ACCEPTED)
        batch->accepted_fen += tap->amount_fen;
}

#endif /* ONECARD_MONEY_H */
