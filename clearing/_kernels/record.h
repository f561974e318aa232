/* The canonical tap record (schemas/record.py): where its fields stand and how its bytes are read.
 *
 * A test holds the offsets against the published layout. Numbers are big-endian and stand anywhere.
 */
#ifndef ONECARD_RECORD_H
#define ONECARD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "card lines and columns are written as they lie in memory");

enum {
    RECORD_VERSION = 0,
    RECORD_FAMILY = 1,
    RECORD_ISSUER = 2,
    RECORD_SERIAL = 10,
    RECORD_TERMINAL_ID = 20,
    RECORD_TERMINAL_NUMBER = 26,
    RECORD_TAPPED_AT = 30,
    RECORD_TYPE_BYTE = 37,
    RECORD_OPERATOR = 38,
    RECORD_KIND = 42,
    RECORD_AMOUNT_FEN = 43,
    RECORD_GROSS_FEN = 47,
    RECORD_CARD_KIND = 51,
    RECORD_OFFLINE_COUNTER = 54,
    RECORD_ONLINE_COUNTER = 56,
    RECORD_BALANCE_BEFORE_FEN = 58,
    RECORD_BALANCE_AFTER_FEN = 62,
    RECORD_CITY = 66,
    RECORD_MODE = 69,
    RECORD_LINE = 70,
    RECORD_STATION = 74,
    RECORD_DEVICE = 87,
    RECORD_ENTRY_LINE = 99,
    RECORD_ENTRY_STATION = 103,
    RECORD_ENTRY_AT = 107,
    RECORD_TRANSFER_AT = 118,
    RECORD_DISCOUNT_CLAIMED = 125,
    RECORD_KEY_VERSION = 126,
    RECORD_KEY_INDEX = 127,
    RECORD_ALGORITHM = 128,
    RECORD_TAC = 129,
    RECORD_DISTANCE_M = 133,
    RECORD_DURATION_S = 137,
    RECORD_RESERVED = 141,
};

#define RECORD_BYTES 144
#define RECORD_LAYOUT 1             /* the version of this layout */
#define RECORD_CARD 1               /* the 19 bytes that name a card: family, issuer, serial */
#define RECORD_CARD_BYTES 19
#define RECORD_IDENTITY 1           /* the 37 bytes that name a tap */
#define RECORD_IDENTITY_BYTES 37
#define RECORD_REST 51              /* stored as they came: the bytes from here on, and byte 0 */
#define RECORD_TERMINAL_ID_BYTES 6
#define RECORD_MOMENT_BYTES 7

static inline uint16_t load_big16(const uint8_t *from)
{
    uint16_t word;

    memcpy(&word, from, sizeof word);
    return __builtin_bswap16(word);
}

static inline uint32_t load_big32(const uint8_t *from)
{
    uint32_t word;

    memcpy(&word, from, sizeof word);
    return __builtin_bswap32(word);
}

static inline uint64_t load_big64(const uint8_t *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof word);
    return __builtin_bswap64(word);
}

static inline int32_t load_big_signed32(const uint8_t *from)
{
    return (int32_t)load_big32(from);
}

/* Eight bytes as they lie in memory; for keys and comparisons, not for numbers. */
static inline uint64_t load_raw64(const uint8_t *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof word);
    return word;
}

static inline void store_big16(uint8_t *to, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(to, &value, sizeof value);
}

static inline void store_big32(uint8_t *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof value);
}

static inline void store_big64(uint8_t *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof value);
}

/* Whether all sixteen half bytes of a word are decimal digits: above 9 means 8 with 4 or 2. */
static inline bool bcd_word(uint64_t word)
{
    return ((word >> 3) & (word >> 2 | word >> 1) & 0x1111111111111111ULL) == 0;
}

static inline bool bcd_bytes(const uint8_t *from, size_t size)
{
    uint64_t word = 0;

    while (size > sizeof word) {
        if (!bcd_word(load_raw64(from)))
            return false;
        from += sizeof word;
        size -= sizeof word;
    }
    memcpy(&word, from, size);
    return bcd_word(word);
}

/* The number that a decimal byte spells. */
static inline unsigned bcd_value(uint8_t byte)
{
    return (unsigned)(byte >> 4) * 10 + (byte & 15);
}

static inline bool zero_bytes(const uint8_t *from, size_t size)
{
    uint8_t sum = 0;

    for (size_t byte = 0; byte < size; byte++)
        sum |= from[byte];
    return sum == 0;
}

#endif /* ONECARD_RECORD_H */
