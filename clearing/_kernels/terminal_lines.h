/* Terminal lines (clearing/terminals.py): what is known of a terminal's numbers, 64 bytes each.
 *
 * They lie among the card lines, under a family that no card has, and are kept, taken back and shown as those
 * are. A line is read and written as a whole, since a slot's type is that of a card.
 */
#ifndef ONECARD_TERMINAL_LINES_H
#define ONECARD_TERMINAL_LINES_H

#include "card_table.h"

#define TERMINAL_FAMILY 255
#define TERMINAL_WINDOW 256 /* numbers up to the highest that a line remembers one by one */
#define TERMINAL_WINDOW_WORDS (TERMINAL_WINDOW / 64)

/* clearing.terminals.LAYOUT. */
struct terminal_line {
    uint8_t family; /* TERMINAL_FAMILY */
    uint8_t zero[3];
    uint8_t terminal_id[RECORD_TERMINAL_ID_BYTES];
    uint8_t zeros[6];
    uint32_t number_highest;
    uint32_t last_tap_s;
    uint64_t window[TERMINAL_WINDOW_WORDS]; /* bit i, from the first word's lowest: highest − i was used */
    uint32_t repeats;                       /* numbers given again, to another tap */
    uint32_t number_first;                  /* of the first tap that arrived */
};

_Static_assert(sizeof(struct terminal_line) == CARD_LINE_BYTES, "a terminal line has the size of a card line");

static inline struct card_key terminal_key(const uint8_t *terminal_id)
{
    uint8_t serial[CARD_SERIAL_BYTES] = {0};

    memcpy(serial, terminal_id, RECORD_TERMINAL_ID_BYTES);
    return card_key_make(TERMINAL_FAMILY, 0, serial);
}

/* The line in a slot, or that of a terminal not seen before where there is none. */
static inline struct terminal_line terminal_line_load(const struct card_line *slot, const uint8_t *terminal_id)
{
    struct terminal_line line = {.family = TERMINAL_FAMILY};

    if (slot != NULL)
        memcpy(&line, slot, sizeof line);
    else
        memcpy(line.terminal_id, terminal_id, RECORD_TERMINAL_ID_BYTES);
    return line;
}

static inline struct card_line terminal_line_slot(const struct terminal_line *line)
{
    struct card_line slot;

    memcpy(&slot, line, sizeof slot);
    return slot;
}

/* Whether a number was used, as far as the window goes. */
static inline bool terminal_line_used(const struct terminal_line *line, uint32_t number)
{
    uint32_t behind = line->number_highest - number;

    if (number > line->number_highest || behind >= TERMINAL_WINDOW)
        return false;
    return (line->window[behind / 64] >> behind % 64 & 1) != 0;
}

/* Move the window up by `ahead` numbers. */
static inline void terminal_window_shift(uint64_t window[TERMINAL_WINDOW_WORDS], uint32_t ahead)
{
    uint32_t words = ahead / 64, bits = ahead % 64;

    for (uint32_t to = TERMINAL_WINDOW_WORDS; to-- > 0;) {
        uint64_t word = to >= words ? window[to - words] << bits : 0;

        if (bits != 0 && to > words)
            word |= window[to - words - 1] >> (64 - bits);
        window[to] = word;
    }
}

/* A tap of this terminal holds its identity. */
static inline void terminal_line_move(struct terminal_line *line, uint32_t number, uint32_t seconds)
{
    if (line->number_first == 0)
        line->number_first = number;
    if (terminal_line_used(line, number)) {
        if (line->repeats < UINT32_MAX)
            line->repeats++;
    } else if (number > line->number_highest) {
        terminal_window_shift(line->window, number - line->number_highest);
        line->window[0] |= 1;
        line->number_highest = number;
    } else if (line->number_highest - number < TERMINAL_WINDOW) {
        uint32_t behind = line->number_highest - number;

        line->window[behind / 64] |= 1ULL << behind % 64;
    }
    if (seconds > line->last_tap_s)
        line->last_tap_s = seconds;
}

#endif /* ONECARD_TERMINAL_LINES_H */
