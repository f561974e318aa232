/* The plan (clearing/plan.py) as flat arrays and small tables, made once per change of registry or rules.
 *
 * All of it lives in memory that plan_free gives back at once, but for the key sets: those are in locked
 * memory, and wiped. A later row of the same key replaces an earlier one, as in a Python dictionary.
 */
#ifndef ONECARD_PLAN_H
#define ONECARD_PLAN_H

#include "locked.h"

#include <stdlib.h>

#include "reasons.h"
#include "record.h"
#include "splits.h"
#include "tac.h"

/* When a rule of the contract's fee is in force: [since, until). */
struct fee_time {
    int64_t since_s, until_s;
};

struct clearing_operator {
    uint32_t number, load_agent_account, subsidy_account;
    uint32_t tariff_count, split_count, version_count, fee_time_count;
    const struct tariff *tariffs;
    const struct split *splits;
    const int64_t *denylist_effective_s; /* by denylist version */
    const struct fee_time *fee_times;
};

struct issuer {
    uint64_t code; /* the eight bytes as they lie in a record */
    int64_t since_s, until_s;
    uint32_t account;
    uint16_t number;
    uint8_t family;
    bool own, open_registry;
};

struct terminal {
    uint64_t id; /* six bytes as they lie in a record, and two zeros */
    uint32_t since_s, until_s;
    uint32_t operator_number, line;
    uint64_t device; /* 0: any */
    bool used;
};

struct denied_card {
    uint8_t card[RECORD_CARD_BYTES];
    bool used;
    uint32_t version;
    int64_t since_s;
};

/* Names a key set: issuer number, key version, key index, algorithm, each in bits of its own. */
struct key_name {
    uint64_t packed;
};

struct plan_block {
    struct plan_block *next;
};

struct clearing_plan {
    struct plan_block *blocks;
    uint32_t rules_version, registry_version, denylist_version;
    int64_t amount_max_fen, balance_max_fen, clock_tolerance_s, presentment_window_days, journey_max_s;
    bool production;
    uint32_t province_account, suspense_account, budget_account, issuer_discount_account;
    uint32_t unclaimed_accounts[REASONS];
    size_t operator_count, issuer_count, key_count;
    struct clearing_operator *operators;
    struct issuer *issuers;
    struct key_name *key_names;
    struct tac_key_set *key_sets; /* in locked memory, beside key_names */
    struct terminal *terminals;   /* open addressing */
    size_t terminal_mask;
    struct denied_card *denied;   /* open addressing */
    size_t denied_mask;
};

/* Zeroed memory that lives as long as the plan, or NULL. */
static inline void *plan_alloc(struct clearing_plan *plan, size_t count, size_t size)
{
    /* A block of 64 bytes before the items keeps them aligned for any of the types above. */
    struct plan_block *block;

    if (size == 0 || count > (SIZE_MAX - 64) / size)
        return NULL;
    block = calloc(1, 64 + count * size);
    if (block == NULL)
        return NULL;
    block->next = plan->blocks;
    plan->blocks = block;
    return (uint8_t *)block + 64;
}

static inline void plan_free(struct clearing_plan *plan)
{
    while (plan->blocks != NULL) {
        struct plan_block *next = plan->blocks->next;

        free(plan->blocks);
        plan->blocks = next;
    }
    locked_free(plan->key_sets, plan->key_count * sizeof *plan->key_sets);
    memset(plan, 0, sizeof *plan);
}

static inline uint64_t plan_mix(uint64_t word)
{
    word ^= word >> 32;
    word *= 0xd6e8feb86659fd93ULL;
    word ^= word >> 32;
    word *= 0xd6e8feb86659fd93ULL;
    return word ^ word >> 32;
}

/* Slots for a table of `count` entries, at most half full: a power of two. */
static inline size_t plan_slots(size_t count)
{
    size_t slots = 8;

    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

static inline uint64_t terminal_id_load(const uint8_t *bytes)
{
    uint64_t id = 0;

    memcpy(&id, bytes, RECORD_TERMINAL_ID_BYTES);
    return id;
}

static inline struct terminal *plan_terminal_slot(const struct clearing_plan *plan, uint64_t id)
{
    size_t at = plan_mix(id) & plan->terminal_mask;

    while (plan->terminals[at].used && plan->terminals[at].id != id)
        at = (at + 1) & plan->terminal_mask;
    return &plan->terminals[at];
}

static inline void plan_terminal_prefetch(const struct clearing_plan *plan, const uint8_t *terminal_id)
{
    __builtin_prefetch(&plan->terminals[plan_mix(terminal_id_load(terminal_id)) & plan->terminal_mask]);
}

/* The terminal of six bytes, or NULL. */
static inline const struct terminal *plan_terminal(const struct clearing_plan *plan, const uint8_t *terminal_id)
{
    const struct terminal *slot = plan_terminal_slot(plan, terminal_id_load(terminal_id));

    return slot->used ? slot : NULL;
}

static inline struct denied_card *plan_denied_slot(const struct clearing_plan *plan, const uint8_t *card)
{
    uint64_t mixed = plan_mix(load_raw64(card + 11) ^ plan_mix(load_raw64(card + 3)));
    size_t at = mixed & plan->denied_mask;

    while (plan->denied[at].used && memcmp(plan->denied[at].card, card, RECORD_CARD_BYTES) != 0)
        at = (at + 1) & plan->denied_mask;
    return &plan->denied[at];
}

/* What the denylist says of a card of 19 bytes, or NULL. */
static inline const struct denied_card *plan_denied(const struct clearing_plan *plan, const uint8_t *card)
{
    const struct denied_card *slot = plan_denied_slot(plan, card);

    return slot->used ? slot : NULL;
}

/* Operators are looked up once per batch, issuers number some dozens and their taps come in runs: a list
 * searched from its end, so that the latest of equal rows wins. */
static inline const struct clearing_operator *plan_operator(const struct clearing_plan *plan, uint32_t number)
{
    for (size_t at = plan->operator_count; at > 0; at--)
        if (plan->operators[at - 1].number == number)
            return &plan->operators[at - 1];
    return NULL;
}

static inline const struct issuer *plan_issuer(const struct clearing_plan *plan, uint8_t family,
                                               const uint8_t *code)
{
    uint64_t wanted = load_raw64(code);

    for (size_t at = plan->issuer_count; at > 0; at--)
        if (plan->issuers[at - 1].code == wanted && plan->issuers[at - 1].family == family)
            return &plan->issuers[at - 1];
    return NULL;
}

static inline uint64_t key_name_pack(uint16_t issuer_number, uint8_t version, uint8_t index, uint8_t algorithm)
{
    return (uint64_t)issuer_number << 24 | (uint64_t)version << 16 | (uint64_t)index << 8 | algorithm;
}

static inline const struct tac_key_set *plan_key_set(const struct clearing_plan *plan, uint64_t packed)
{
    for (size_t at = plan->key_count; at > 0; at--)
        if (plan->key_names[at - 1].packed == packed)
            return &plan->key_sets[at - 1];
    return NULL;
}

/* Whether a rule of the operator's fee is in force at a local second. */
static inline bool plan_fee_at(const struct clearing_operator *operator, int64_t at_s)
{
    for (uint32_t at = 0; at < operator->fee_time_count; at++)
        if (operator->fee_times[at].since_s <= at_s && at_s < operator->fee_times[at].until_s)
            return true;
    return false;
}

/* The local second from which a denylist version binds an operator; never where it has not acknowledged. */
static inline int64_t plan_denylist_effective(const struct clearing_operator *operator, uint32_t version)
{
    return version < operator->version_count ? operator->denylist_effective_s[version] : UINT32_MAX;
}

#endif /* ONECARD_PLAN_H */
