/* What each judged batch changed, so that it can be taken back: newest first, to the byte.
 *
 * A line is noted each time before it changes; going backwards, the oldest note is written last and wins.
 * Identities are noted when they are put in. Nothing here depends on where a table keeps its slots.
 */
#ifndef ONECARD_JOURNAL_H
#define ONECARD_JOURNAL_H

#include "card_table.h"
#include "identity_table.h"
#include "room.h"

struct line_change {
    struct card_line before;
    bool was_absent; /* then `before` names the card and holds nothing else */
};

struct journal_entry {
    uint64_t batch_seq;
    size_t lines;      /* changes of this batch begin here and end where the next entry's begin */
    size_t identities;
};

struct journal {
    struct journal_entry *entries;
    struct line_change *lines;
    struct fingerprint *identities;
    size_t entry_count, line_count, identity_count;
    size_t entry_room, line_room, identity_room;
};

static inline void journal_free(struct journal *journal)
{
    free(journal->entries);
    free(journal->lines);
    free(journal->identities);
    *journal = (struct journal){0};
}

/* Begin a batch. False without memory. */
static inline bool journal_open(struct journal *journal, uint64_t batch_seq)
{
    if (!room_for((void **)&journal->entries, &journal->entry_room, journal->entry_count + 1,
                  sizeof *journal->entries))
        return false;
    journal->entries[journal->entry_count++] =
        (struct journal_entry){batch_seq, journal->line_count, journal->identity_count};
    return true;
}

/* Note a line before it changes; `was_absent` if the table does not have it yet. False without memory. */
static inline bool journal_note_line(struct journal *journal, const struct card_line *before, bool was_absent)
{
    if (!room_for((void **)&journal->lines, &journal->line_room, journal->line_count + 1,
                  sizeof *journal->lines))
        return false;
    journal->lines[journal->line_count].before = *before;
    journal->lines[journal->line_count++].was_absent = was_absent;
    return true;
}

static inline bool journal_note_identity(struct journal *journal, const struct fingerprint *fingerprint)
{
    if (!room_for((void **)&journal->identities, &journal->identity_room, journal->identity_count + 1,
                  sizeof *journal->identities))
        return false;
    journal->identities[journal->identity_count++] = *fingerprint;
    return true;
}

/* Take back the newest batch. Putting a line back may need memory where the card was removed meanwhile,
 * which nothing does but a later batch taken back before; so it succeeds. */
static inline void journal_undo_newest(struct journal *journal, struct card_table *cards,
                                       struct identity_table *identities)
{
    const struct journal_entry *entry;

    assert(journal->entry_count > 0);
    entry = &journal->entries[--journal->entry_count];
    while (journal->line_count > entry->lines) {
        const struct line_change *change = &journal->lines[--journal->line_count];

        if (change->was_absent) {
            card_table_remove(cards, card_key_of_line(&change->before));
        } else {
            struct card_line *line = card_table_put(cards, &change->before);

            assert(line != NULL);
            (void)line;
        }
    }
    while (journal->identity_count > entry->identities)
        identity_table_remove(identities, &journal->identities[--journal->identity_count]);
}

/* Take back every batch at the end of the journal whose number is `batch_seq` or higher. */
static inline void journal_undo(struct journal *journal, int64_t batch_seq, struct card_table *cards,
                                struct identity_table *identities)
{
    while (journal->entry_count > 0
           && (int64_t)journal->entries[journal->entry_count - 1].batch_seq >= batch_seq)
        journal_undo_newest(journal, cards, identities);
}

/* Drop the entries up to and including a batch: it is committed. */
static inline void journal_keep(struct journal *journal, int64_t batch_seq)
{
    size_t lines = 0, identities = 0, entries = 0;

    for (size_t at = 0; at < journal->entry_count; at++) {
        struct journal_entry entry = journal->entries[at];
        bool last = at + 1 == journal->entry_count;
        size_t line_end = last ? journal->line_count : journal->entries[at + 1].lines;
        size_t identity_end = last ? journal->identity_count : journal->entries[at + 1].identities;

        if ((int64_t)entry.batch_seq <= batch_seq)
            continue;
        memmove(journal->lines + lines, journal->lines + entry.lines,
                (line_end - entry.lines) * sizeof *journal->lines);
        memmove(journal->identities + identities, journal->identities + entry.identities,
                (identity_end - entry.identities) * sizeof *journal->identities);
        journal->entries[entries++] = (struct journal_entry){entry.batch_seq, lines, identities};
        lines += line_end - entry.lines;
        identities += identity_end - entry.identities;
    }
    journal->entry_count = entries;
    journal->line_count = lines;
    journal->identity_count = identities;
}

#endif /* ONECARD_JOURNAL_H */
