/* Rows of clearing.tap in PostgreSQL's binary COPY format, without header and trailer.
 *
 * Every row has the same columns of the same sizes (clearing.kernel.COPY_COLUMNS), so a row is a template
 * with its numbers filled in. Each column is its length, 4 bytes, and its value, big-endian.
 */
#ifndef ONECARD_POSTGRES_COPY_H
#define ONECARD_POSTGRES_COPY_H

#include "batch.h"

#define COPY_COLUMNS 18
#define COPY_REST_BYTES (1 + RECORD_BYTES - RECORD_REST)
#define COPY_MICROSECONDS 1000000
#define COPY_MINUS_INFINITY INT64_MIN /* "-infinity": the record has no moment */

/* Sizes in the table's order; the offsets of values follow from them. */
static const uint8_t copy_sizes[COPY_COLUMNS] = {
    4, 8, 4, 2, 2, 8, 2, 8, 2, 8, 4, 4, 4, 4, 4, 1, RECORD_IDENTITY_BYTES, COPY_REST_BYTES,
};

enum copy_at {
    COPY_BUSINESS_DATE = 6,
    COPY_BATCH_SEQ = 14,
    COPY_ROW = 26,
    COPY_VERDICT = 34,
    COPY_REASON = 40,
    COPY_FLAGS = 46,
    COPY_KIND = 58,
    COPY_OPERATOR = 64,
    COPY_ISSUER = 76,
    COPY_TAPPED_AT = 82,
    COPY_AMOUNT = 94,
    COPY_GROSS = 102,
    COPY_PRICED = 110,
    COPY_CREDITED = 118,
    COPY_SUBSIDY = 126,
    COPY_PROVEN = 134,
    COPY_IDENTITY = 139,
    COPY_REST = COPY_IDENTITY + RECORD_IDENTITY_BYTES + 4,
    COPY_ROW_BYTES = COPY_REST + COPY_REST_BYTES,
};

/* What all rows of a batch have in common. */
static inline void copy_template(uint8_t row[COPY_ROW_BYTES], const struct batch *batch)
{
    size_t at = 2;

    memset(row, 0, COPY_ROW_BYTES);
    store_big16(row, COPY_COLUMNS);
    for (size_t column = 0; column < COPY_COLUMNS; column++) {
        store_big32(row + at, copy_sizes[column]);
        at += 4 + copy_sizes[column];
    }
    assert(at == COPY_ROW_BYTES);
    store_big32(row + COPY_BUSINESS_DATE, (uint32_t)batch->business_day);
    store_big64(row + COPY_BATCH_SEQ, batch->batch_seq);
}

/* One row, on a copy of the template. */
static inline void copy_fill(uint8_t row[COPY_ROW_BYTES], const struct tap *tap)
{
    int64_t moment = tap->seconds == CALENDAR_NONE ? COPY_MINUS_INFINITY : tap->seconds * COPY_MICROSECONDS;

    store_big32(row + COPY_ROW, tap->number);
    store_big16(row + COPY_VERDICT, (uint16_t)tap->decision.verdict);
    store_big16(row + COPY_REASON, tap->decision.reason);
    store_big64(row + COPY_FLAGS, tap->decision.flags);
    store_big16(row + COPY_KIND, tap->kind);
    store_big64(row + COPY_OPERATOR, load_big32(tap->record + RECORD_OPERATOR));
    store_big16(row + COPY_ISSUER, tap->issuer == NULL ? 0 : tap->issuer->number);
    store_big64(row + COPY_TAPPED_AT, (uint64_t)moment);
    store_big32(row + COPY_AMOUNT, (uint32_t)tap->amount_fen);
    store_big32(row + COPY_GROSS, (uint32_t)tap->gross_fen);
    store_big32(row + COPY_PRICED, (uint32_t)tap->priced_fen);
    store_big32(row + COPY_CREDITED, (uint32_t)tap->credited_fen);
    store_big32(row + COPY_SUBSIDY, (uint32_t)tap->subsidy_fen);
    row[COPY_PROVEN] = tap->proven && tap->debit;
    memcpy(row + COPY_IDENTITY, tap->record + RECORD_IDENTITY, RECORD_IDENTITY_BYTES);
    row[COPY_REST] = tap->record[0];
    memcpy(row + COPY_REST + 1, tap->record + RECORD_REST, RECORD_BYTES - RECORD_REST);
}

#endif /* ONECARD_POSTGRES_COPY_H */
