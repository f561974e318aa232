/* What the TACs of a batch's taps mean, found ahead of the judging for some thousands of taps at a time.
 *
 * A TAC depends on its record and the plan alone, on no card's state; so it may be made ahead, and many together
 * (tac_many.h). The judging then reads one state per row. How rows are grouped changes nothing in the answer.
 */
#ifndef ONECARD_TAC_AHEAD_H
#define ONECARD_TAC_AHEAD_H

#include "tac_many.h"
#include "tap.h"

/* Enough for full vectors but for the last of each kind of work; the records are still in the second cache then. */
#define AHEAD_TAPS 8192
#define AHEAD_QUEUED UINT8_MAX /* no enum tac_state: the TAC is still to be made */

struct tac_ahead {
    struct tac_many many;
    uint32_t tacs[AHEAD_TAPS];  /* by row from the first */
    uint8_t states[AHEAD_TAPS]; /* the same: enum tac_state, right only where the tap has an issuer */
};

/* Issuer and key set of the record before, which the next one often shares: taps of an issuer come in runs. */
struct ahead_names {
    const struct issuer *issuer;
    const struct tac_key_set *keys;
    uint64_t issuer_code, key_name;
    uint8_t family;
    bool known;
};

static inline const struct issuer *ahead_issuer(struct ahead_names *last, const struct clearing_plan *plan,
                                                const uint8_t *record, enum source source)
{
    uint64_t code = load_raw64(record + RECORD_ISSUER);

    if (!last->known || last->issuer_code != code || last->family != record[RECORD_FAMILY]) {
        last->issuer = tap_issuer(plan, record, source);
        last->issuer_code = code;
        last->family = record[RECORD_FAMILY];
        last->known = true;
    }
    return last->issuer;
}

static inline const struct tac_key_set *ahead_keys(struct ahead_names *last, const struct clearing_plan *plan,
                                                   const uint8_t *record, const struct issuer *issuer)
{
    uint64_t name = key_name_pack(issuer->number, record[RECORD_KEY_VERSION], record[RECORD_KEY_INDEX],
                                  record[RECORD_ALGORITHM]);

    if (last->keys == NULL || last->key_name != name) {
        last->keys = plan_key_set(plan, name);
        last->key_name = name;
    }
    return last->keys;
}

/* The signed fields of a purchase: amount, type, and from the terminal's id on as they lie in the record. */
static inline struct tac_input ahead_purchase(const uint8_t *record)
{
    const uint8_t *rest = record + RECORD_TERMINAL_ID;
    uint32_t amount;

    _Static_assert(RECORD_TERMINAL_NUMBER == RECORD_TERMINAL_ID + 6 && RECORD_TAPPED_AT == RECORD_TERMINAL_NUMBER + 4,
                   "terminal id, terminal number, date and time are one run of bytes");
    memcpy(&amount, record + RECORD_AMOUNT_FEN, sizeof amount);
    return (struct tac_input){{
        amount | (uint64_t)record[RECORD_TYPE_BYTE] << 32 | load_raw64(rest) << 40,
        load_raw64(rest + 3),
        (load_raw64(rest + 11) & 0xffffffffffffULL) | 0x80ULL << 48,
        0,
    }};
}

/* The signed fields of a top-up. */
static inline struct tac_input ahead_load(const uint8_t *record)
{
    uint8_t bytes[TAC_LOAD_BYTES];
    struct tac_load_fields fields = {
        record + RECORD_BALANCE_AFTER_FEN, record + RECORD_ONLINE_COUNTER, record + RECORD_AMOUNT_FEN,
        record + RECORD_TYPE_BYTE, record + RECORD_TERMINAL_ID, record + RECORD_TAPPED_AT,
        record + RECORD_TAPPED_AT + 4,
    };

    tac_load_input(bytes, &fields);
    return tac_input_of_load(bytes);
}

/* The enum tac_state of a record, where it can be told without making the TAC; else that is queued. */
static inline uint8_t ahead_queue(struct tac_many *many, struct ahead_names *last, const struct clearing_plan *plan,
                                  const uint8_t *record, uint32_t row, enum source source)
{
    const struct issuer *issuer = ahead_issuer(last, plan, record, source);
    const struct tac_key_set *keys;
    bool load = record[RECORD_TYPE_BYTE] == TYPE_LOAD;

    if (issuer == NULL || record[RECORD_ALGORITHM] == ALGORITHM_NONE)
        return TAC_STATE_ABSENT;
    if (tac_load_word(record + RECORD_TAC) == TAC_TORN)
        return TAC_STATE_TORN;
    if (!issuer->own)
        return TAC_STATE_BY_ISSUER;
    keys = ahead_keys(last, plan, record, issuer);
    if (keys == NULL)
        return TAC_STATE_KEY_UNKNOWN;
    tac_many_add(many, row, keys, tac_factor(keys, record + RECORD_ISSUER),
                 load ? ahead_load(record) : ahead_purchase(record), load);
    return AHEAD_QUEUED;
}

/* Fill in the states of up to AHEAD_TAPS records. */
static inline void tac_ahead(struct tac_ahead *ahead, const struct tac_way *way, const struct clearing_plan *plan,
                             const uint8_t *records, size_t count, enum source source)
{
    struct ahead_names last = {0};

    assert(count <= AHEAD_TAPS);
    tac_many_begin(&ahead->many, way, ahead->tacs);
    for (size_t row = 0; row < count; row++)
        ahead->states[row] = ahead_queue(&ahead->many, &last, plan, records + row * RECORD_BYTES, (uint32_t)row,
                                         source);
    tac_many_end(&ahead->many);
    for (size_t row = 0; row < count; row++)
        if (ahead->states[row] == AHEAD_QUEUED) {
            uint32_t stated = tac_load_word(records + row * RECORD_BYTES + RECORD_TAC);

            ahead->states[row] = tac_equal(ahead->tacs[row], stated) ? TAC_STATE_RIGHT : TAC_STATE_WRONG;
        }
}

#endif /* ONECARD_TAC_AHEAD_H */
