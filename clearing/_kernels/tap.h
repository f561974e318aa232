/* One tap on its way to a verdict: what is read from its record, and what the checks find. */
#ifndef ONECARD_TAP_H
#define ONECARD_TAP_H

#include "calendar.h"
#include "card_table.h"
#include "identity_table.h"
#include "plan.h"
#include "terminal_lines.h"

#define TAP_WELL_FORMED (-1)

/* What the record alone, with the plan, says of its TAC. */
enum tac_state {
    TAC_STATE_ABSENT,      /* the record says that it has none */
    TAC_STATE_TORN,
    TAC_STATE_BY_ISSUER,   /* another city's card */
    TAC_STATE_KEY_UNKNOWN,
    TAC_STATE_WRONG,
    TAC_STATE_RIGHT,
};

struct tap_share {
    uint32_t account;
    int32_t fen;
};

struct tap {
    /* read: depends on the record and the plan alone */
    const uint8_t *record;
    uint32_t number;       /* row in the batch */
    int32_t malformed_at;  /* offset of the first bad field, or TAP_WELL_FORMED */
    int64_t seconds;       /* local; CALENDAR_NONE where the record has no moment */
    int64_t entry_at_s;    /* as the record states it; CALENDAR_NONE where it does not */
    uint8_t kind;
    bool debit;
    bool own;              /* a card of an issuer of ours */
    enum tac_state tac;
    int32_t amount_fen, gross_fen, balance_before_fen, balance_after_fen;
    uint16_t offline_counter, online_counter;
    const struct issuer *issuer;
    struct card_key card;
    uint32_t terminal_number;
    struct card_key terminal; /* where its terminal's line is */
    struct fingerprint fingerprint;
    uint32_t head;
    /* found: moves with the state */
    uint64_t flags;
    struct card_line *line; /* in the table, or the batch's `fresh` line of a card not seen before */
    struct card_line *terminal_line; /* in the table, or NULL */
    bool terminal_counts;            /* the tap moves its terminal's line, if it holds its identity */
    bool tac_proven, proven, newer, transfer_used;
    const struct split *split;
    const uint32_t *split_weights;           /* of its shares, for this ride */
    const struct accumulation *accumulation; /* that its fare comes to; NULL: none */
    int32_t priced_fen, credited_fen;
    int32_t paid_fen; /* the signed amount; where charges are supposed, the price of an accepted ride */
    int32_t subsidies_fen[BEARERS]; /* by bearer; the operator bears nothing here */
    int32_t subsidy_fen;            /* their sum, once the tap is judged */
    struct decision decision;
    struct tap_share shares[SHARES_MAX];
};

/* When the journey began by the record; CALENDAR_NONE where it states no moment, or none that is one. */
static inline int64_t tap_entry_at(const uint8_t *record)
{
    const uint8_t *moment = record + RECORD_ENTRY_AT;

    /* Most taps have no entry, and zeros are no moment anyway: the first byte of one is never 0. */
    return moment[0] == 0 ? CALENDAR_NONE : calendar_seconds(moment);
}

/* The offset of the first field, in the record's order, that makes a tap malformed. */
static inline int32_t tap_malformed_at(const uint8_t *record, int64_t seconds, int64_t entry_at_s)
{
    uint8_t kind = record[RECORD_KIND], type = record[RECORD_TYPE_BYTE];

    if (record[RECORD_VERSION] != RECORD_LAYOUT)
        return RECORD_VERSION;
    if (record[RECORD_FAMILY] < FAMILY_MOHURD || record[RECORD_FAMILY] > FAMILY_ANONYMISED)
        return RECORD_FAMILY;
    if (!bcd_word(load_raw64(record + RECORD_ISSUER)))
        return RECORD_ISSUER;
    if (!bcd_bytes(record + RECORD_SERIAL, CARD_SERIAL_BYTES))
        return RECORD_SERIAL;
    if (seconds == CALENDAR_NONE)
        return RECORD_TAPPED_AT;
    if (kind_in(kind, KINDS_LOAD_TYPED) && type != TYPE_LOAD)
        return RECORD_TYPE_BYTE;
    if (kind_in(kind, KINDS_DEBIT) && type != TYPE_SINGLE_JOURNEY && type != TYPE_PURCHASE
        && type != TYPE_COMPOUND)
        return RECORD_TYPE_BYTE;
    if (load_big_signed32(record + RECORD_AMOUNT_FEN) < 0)
        return RECORD_AMOUNT_FEN;
    if (load_big_signed32(record + RECORD_GROSS_FEN) < 0)
        return RECORD_GROSS_FEN;
    if (!bcd_bytes(record + RECORD_CITY, 2))
        return RECORD_CITY;
    if (record[RECORD_MODE] > MODE_DEGRADED)
        return RECORD_MODE;
    if (entry_at_s == CALENDAR_NONE && !zero_bytes(record + RECORD_ENTRY_AT, RECORD_MOMENT_BYTES))
        return RECORD_ENTRY_AT;
    if (!zero_bytes(record + RECORD_TRANSFER_AT, RECORD_MOMENT_BYTES)
        && calendar_seconds(record + RECORD_TRANSFER_AT) == CALENDAR_NONE)
        return RECORD_TRANSFER_AT;
    return zero_bytes(record + RECORD_RESERVED, 3) ? TAP_WELL_FORMED : RECORD_RESERVED;
}

/* The issuer of a record's card, as the plan knows it; NULL if it does not, or if nobody may hand in its taps here. */
static inline const struct issuer *tap_issuer(const struct clearing_plan *plan, const uint8_t *record,
                                              enum source source)
{
    const struct issuer *issuer = plan_issuer(plan, record[RECORD_FAMILY], record + RECORD_ISSUER);

    /* A card that another city presents to us must be ours. */
    return issuer != NULL && source == SOURCE_PRESENTMENT && !issuer->own ? NULL : issuer;
}

/* Take a record in. Its fingerprint and head are filled in by whoever hashes many at a time. */
static inline void tap_read(struct tap *tap, const struct clearing_plan *plan, const uint8_t *record,
                            uint32_t number, enum source source)
{
    memset(tap, 0, sizeof *tap);
    tap->record = record;
    tap->number = number;
    tap->seconds = calendar_seconds(record + RECORD_TAPPED_AT);
    tap->entry_at_s = tap_entry_at(record);
    tap->malformed_at = tap_malformed_at(record, tap->seconds, tap->entry_at_s);
    tap->kind = record[RECORD_KIND];
    tap->debit = kind_in(tap->kind, KINDS_DEBIT);
    tap->amount_fen = load_big_signed32(record + RECORD_AMOUNT_FEN);
    tap->gross_fen = load_big_signed32(record + RECORD_GROSS_FEN);
    tap->balance_before_fen = load_big_signed32(record + RECORD_BALANCE_BEFORE_FEN);
    tap->balance_after_fen = load_big_signed32(record + RECORD_BALANCE_AFTER_FEN);
    tap->offline_counter = load_big16(record + RECORD_OFFLINE_COUNTER);
    tap->online_counter = load_big16(record + RECORD_ONLINE_COUNTER);
    tap->priced_fen = tap->amount_fen;
    tap->terminal_number = load_big32(record + RECORD_TERMINAL_NUMBER);
    tap->terminal = terminal_key(record + RECORD_TERMINAL_ID);
    if (tap->malformed_at != TAP_WELL_FORMED || !kind_known(tap->kind))
        return;
    tap->issuer = tap_issuer(plan, record, source);
    tap->own = tap->issuer != NULL && tap->issuer->own;
    if (tap->own)
        tap->card = card_key_make(record[RECORD_FAMILY], tap->issuer->number, record + RECORD_SERIAL);
}

#endif /* ONECARD_TAP_H */
