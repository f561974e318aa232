/* Numbers of schemas/codes.py, clearing/plan.py and clearing/cards.py that the kernel decides by.
 *
 * They are published words: a test holds each of them against the Python enumeration of the same name.
 */
#ifndef ONECARD_CODES_H
#define ONECARD_CODES_H

#include <stdbool.h>
#include <stdint.h>

enum tap_kind {
    KIND_BUS_FLAT = 1,
    KIND_BUS_TAP_IN = 2,
    KIND_BUS_TAP_OUT = 3,
    KIND_METRO_TAP_IN = 4,
    KIND_METRO_TAP_OUT = 5,
    KIND_METRO_SUPPLEMENT = 6,
    KIND_TAXI_TRIP = 7,
    KIND_TOP_UP = 8,
    KIND_TOP_UP_REVERSAL = 9,
    KIND_CARD_REFUND = 10,
    KIND_CARD_LOSS = 11,
};

enum family { FAMILY_MOHURD = 1, FAMILY_ANONYMISED = 4 };
enum mode { MODE_NORMAL = 0, MODE_DEGRADED = 1 };
enum card_kind {
    CARD_KIND_UNSTATED = 0,
    CARD_KIND_ORDINARY = 1,
    CARD_KIND_STUDENT = 2,
    CARD_KIND_SENIOR = 3,
    CARD_KIND_LOVE = 4,
    CARD_KIND_MILITARY = 5,
    CARD_KIND_STAFF = 6,
    CARD_KIND_TEST = 7,
};
enum type_byte { TYPE_LOAD = 0x02, TYPE_SINGLE_JOURNEY = 0x05, TYPE_PURCHASE = 0x06, TYPE_COMPOUND = 0x09 };
enum algorithm { ALGORITHM_NONE = 255 };
enum discount { DISCOUNT_TRANSFER = 1, DISCOUNT_CONCESSION = 2 };
enum verdict { VERDICT_ACCEPTED = 0, VERDICT_HELD = 1, VERDICT_REJECTED = 2 };
enum source { SOURCE_OPERATOR = 0, SOURCE_PRESENTMENT = 1 };

enum check {
    CHECK_TAC = 1,
    CHECK_COUNTERS = 2,
    CHECK_BALANCES = 4,
    CHECK_CARD_REGISTRY = 8,
    CHECK_TERMINAL_REGISTRY = 16,
    CHECK_JOURNEYS = 32,
    CHECK_TARIFF = 64,
};

enum tariff_type { TARIFF_FLAT = 1, TARIFF_OD = 2, TARIFF_METERED = 3, TARIFF_DECLARED = 4 };
enum rounding { ROUNDING_HALF_UP = 0, ROUNDING_DOWN = 1, ROUNDING_UP = 2 };
enum bearer { BEARER_OPERATOR = 0, BEARER_ISSUER = 1, BEARER_BUDGET = 2 };
enum transfer_type {
    TRANSFER_NONE = 0,
    TRANSFER_AMOUNT_OFF = 1,
    TRANSFER_FIXED_PRICE = 2,
    TRANSFER_PER_MILLE = 3,
    TRANSFER_FREE = 4,
};
enum day_kind { DAY_WORKDAY = 0, DAY_REST_DAY = 1, DAY_HOLIDAY = 2 };
enum basis { BASIS_EXIT = 0, BASIS_ENTRY = 1 };
enum degraded { DEGRADED_AS_CHARGED = 0, DEGRADED_FREE = 1, DEGRADED_FLAT = 2 };
enum missing_entry { MISSING_ENTRY_COLUMN = 0, MISSING_ENTRY_TOP = 1, MISSING_ENTRY_MINIMUM = 2 };
enum period { PERIOD_DAY = 0, PERIOD_MONTH = 1 };

#define BEARERS 3

enum purpose {
    PURPOSE_FARE = 1,
    PURPOSE_EXCESS = 2,
    PURPOSE_HELD = 3,
    PURPOSE_REJECTED = 4,
    PURPOSE_TOP_UP = 5,
    PURPOSE_SUBSIDY = 7,
    PURPOSE_FARE_UNCONFIRMED = 14,
};

#define KIND_BIT(kind) (1u << (kind))

/* Sets of kinds, one bit each. */
enum {
    KINDS_DEBIT = KIND_BIT(KIND_BUS_FLAT) | KIND_BIT(KIND_BUS_TAP_IN) | KIND_BIT(KIND_BUS_TAP_OUT)
                  | KIND_BIT(KIND_METRO_TAP_IN) | KIND_BIT(KIND_METRO_TAP_OUT)
                  | KIND_BIT(KIND_METRO_SUPPLEMENT) | KIND_BIT(KIND_TAXI_TRIP),
    KINDS_LOAD_TYPED = KIND_BIT(KIND_TOP_UP) | KIND_BIT(KIND_TOP_UP_REVERSAL),
    KINDS_ZERO_ALLOWED = KIND_BIT(KIND_BUS_FLAT) | KIND_BIT(KIND_BUS_TAP_IN) | KIND_BIT(KIND_BUS_TAP_OUT)
                         | KIND_BIT(KIND_METRO_TAP_IN) | KIND_BIT(KIND_METRO_TAP_OUT) | KIND_BIT(KIND_CARD_LOSS),
    KINDS_TAP_IN = KIND_BIT(KIND_BUS_TAP_IN) | KIND_BIT(KIND_METRO_TAP_IN),
    KINDS_TAP_OUT = KIND_BIT(KIND_BUS_TAP_OUT) | KIND_BIT(KIND_METRO_TAP_OUT),
    KINDS_WINDOW_START = KIND_BIT(KIND_BUS_FLAT) | KIND_BIT(KIND_BUS_TAP_IN) | KIND_BIT(KIND_METRO_TAP_OUT),
    KINDS_UNSUPPORTED = KIND_BIT(KIND_TOP_UP_REVERSAL) | KIND_BIT(KIND_CARD_LOSS),
};

static inline bool kind_known(uint8_t kind)
{
    return kind >= KIND_BUS_FLAT && kind <= KIND_CARD_LOSS;
}

/* Kinds of cards that have a concession. */
enum {
    CARD_KINDS_CONCESSION = KIND_BIT(CARD_KIND_STUDENT) | KIND_BIT(CARD_KIND_SENIOR) | KIND_BIT(CARD_KIND_LOVE)
                            | KIND_BIT(CARD_KIND_MILITARY) | KIND_BIT(CARD_KIND_STAFF),
};

static inline bool card_kind_known(uint8_t kind)
{
    return kind <= CARD_KIND_TEST;
}

/* Whether a kind, any byte, is in a set. */
static inline bool kind_in(uint8_t kind, uint32_t kinds)
{
    return kind < 32 && (kinds >> kind & 1) != 0;
}

#endif /* ONECARD_CODES_H */
