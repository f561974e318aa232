/* Card lines, terminal lines, identities and the journal, each against a model in plain arrays. */
#ifndef DRIVER_TABLES_H
#define DRIVER_TABLES_H

#include "driver_checks.h"

#define MODEL_CARDS 700

/* A table of few possible cards in plain view: `lines[n].family` is 0 where card n is not there. */
struct model {
    struct card_line lines[MODEL_CARDS];
    size_t count;
};

static struct card_line model_line(size_t number)
{
    struct card_line line = {.family = (uint8_t)(1 + number % 4), .issuer_number = (uint16_t)(number % 3)};

    line.serial[0] = (uint8_t)(number >> 8);
    line.serial[9] = (uint8_t)number;
    line.stated_balance_fen = (int32_t)random_word();
    line.card_kind = (uint8_t)random_word();
    return line;
}

static void model_compare(const struct model *model, const struct card_table *table)
{
    struct card_line *sorted = malloc((table->count + 1) * sizeof *sorted);

    CHECK(sorted != NULL && table->count == model->count);
    for (size_t number = 0; number < MODEL_CARDS; number++) {
        struct card_line name = model_line(number);
        const struct card_line *found = card_table_find(table, card_key_of_line(&name));

        CHECK((found != NULL) == (model->lines[number].family != 0));
        CHECK(found == NULL || memcmp(found, &model->lines[number], sizeof *found) == 0);
    }
    card_table_sorted(table, sorted);
    for (size_t at = 1; at < table->count; at++)
        CHECK(card_line_order(&sorted[at - 1], &sorted[at]) < 0);
    free(sorted);
}

static void model_put(struct model *model, size_t number, struct card_line line)
{
    model->count += model->lines[number].family == 0;
    model->lines[number] = line;
}

static void model_remove(struct model *model, size_t number)
{
    model->count -= model->lines[number].family != 0;
    memset(&model->lines[number], 0, sizeof model->lines[number]);
}

static void check_card_table(size_t rounds)
{
    struct card_table table;
    struct model *model = calloc(1, sizeof *model);

    CHECK(model != NULL && card_table_init(&table, random_word(), random_word()));
    for (size_t round = 0; round < rounds; round++) {
        size_t number = random_below(MODEL_CARDS);
        struct card_line line = model_line(number);

        if (random_below(5) < 3) {
            CHECK(card_table_put(&table, &line) != NULL);
            model_put(model, number, line);
        } else {
            card_table_remove(&table, card_key_of_line(&line));
            model_remove(model, number);
        }
        if (round % 97 == 0)
            model_compare(model, &table);
    }
    model_compare(model, &table);
    card_table_free(&table);
    free(model);
}

static struct identity model_identity(uint64_t number, uint32_t business_day)
{
    /* Few buckets, so that probes are long and wrap around the table's end. */
    struct identity identity = {.fingerprint = {{number % 5 * 0x3fffffffffffffffULL, number}},
                                .batch_seq = number & INT32_MAX,
                                .business_day = business_day,
                                .used = 1};

    return identity;
}

static void check_identity_table(size_t rounds)
{
    enum { MODEL_IDENTITIES = 400 };
    uint32_t days[MODEL_IDENTITIES] = {0}; /* 0: not there */
    struct identity_table table;
    size_t count = 0;

    CHECK(identity_table_init(&table, 0));
    for (size_t round = 0; round < rounds; round++) {
        size_t number = random_below(MODEL_IDENTITIES), day = 1 + random_below(9);
        struct identity identity = model_identity(number, (uint32_t)day);

        if (random_below(100) == 0) {
            CHECK(identity_table_forget(&table, (int64_t)day));
            for (size_t at = 0; at < MODEL_IDENTITIES; at++)
                days[at] = days[at] > day ? days[at] : 0;
        } else if (random_below(3) > 0) {
            CHECK(identity_table_put(&table, &identity));
            days[number] = (uint32_t)day;
        } else {
            identity_table_remove(&table, &identity.fingerprint);
            days[number] = 0;
        }
        identity = model_identity(random_below(MODEL_IDENTITIES), 0);
        const struct identity *found = identity_table_find(&table, &identity.fingerprint);
        CHECK((found != NULL) == (days[identity.batch_seq] != 0));
        CHECK(found == NULL || found->business_day == days[identity.batch_seq]);
    }
    for (size_t at = 0; at < MODEL_IDENTITIES; at++)
        count += days[at] != 0;
    CHECK(table.count == count);
    identity_table_free(&table);
}

/* A terminal line against the plain list of numbers that it was given. */
static void check_terminal_line(size_t rounds)
{
    enum { MODEL_NUMBERS = 4096 };
    uint8_t *seen = calloc(1, MODEL_NUMBERS), id[RECORD_TERMINAL_ID_BYTES] = {0x71, 1};
    struct terminal_line line = terminal_line_load(NULL, id);
    struct card_line slot = terminal_line_slot(&line);
    uint32_t highest = 0, base = 1, repeats = 0;

    CHECK(seen != NULL && card_slot_used(&slot));
    CHECK(card_key_equal(card_key_of_line(&slot), terminal_key(id)));
    for (size_t round = 0; round < rounds; round++) {
        uint32_t far = random_below(20) == 0 ? 700 : 40;
        uint32_t number = base + (uint32_t)random_below(far) % (MODEL_NUMBERS - base);
        bool near = number > highest || highest - number < TERMINAL_WINDOW, used = near && seen[number];

        CHECK(terminal_line_used(&line, number) == used);
        terminal_line_move(&line, number, (uint32_t)round);
        seen[number] |= near;
        repeats += used;
        highest = number > highest ? number : highest;
        CHECK(line.number_highest == highest && line.repeats == repeats && line.last_tap_s == round);
        if (random_below(4) == 0 && base < highest)
            base = highest > 300 ? highest - 300 : 1;
        if (highest > MODEL_NUMBERS - 800) {
            memset(seen, 0, MODEL_NUMBERS);
            line = terminal_line_load(NULL, id);
            highest = repeats = 0;
            base = 1;
        }
    }
    free(seen);
}

static uint64_t table_digest(const struct kernel_state *state)
{
    size_t line_bytes = state->cards.count * CARD_LINE_BYTES;
    size_t bytes = line_bytes + state->identities.count * IDENTITY_DUMP_BYTES;
    uint8_t *dump = malloc(bytes + 1), digest[SHA256_DIGEST_BYTES];

    CHECK(dump != NULL);
    card_table_sorted(&state->cards, (struct card_line *)(void *)dump);
    identity_table_dump(&state->identities, dump + line_bytes);
    sha256(dump, bytes, digest);
    free(dump);
    return load_raw64(digest);
}

static void state_init(struct kernel_state *state)
{
    memset(state, 0, sizeof *state);
    CHECK(card_table_init(&state->cards, random_word(), random_word()));
    CHECK(identity_table_init(&state->identities, 0));
}

static void state_free(struct kernel_state *state)
{
    card_table_free(&state->cards);
    identity_table_free(&state->identities);
    journal_free(&state->journal);
}

static void journal_change(struct kernel_state *state)
{
    size_t number = random_below(MODEL_CARDS);
    struct card_line line = model_line(number);
    const struct card_line *before = card_table_find(&state->cards, card_key_of_line(&line));
    struct identity identity = model_identity(random_word(), 1);

    CHECK(journal_note_line(&state->journal, before != NULL ? before : &line, before == NULL));
    CHECK(card_table_put(&state->cards, &line) != NULL);
    CHECK(journal_note_identity(&state->journal, &identity.fingerprint));
    CHECK(identity_table_put(&state->identities, &identity));
}

/* Batches that change cards and identities, taken back to any point, are as if they had never been. */
static void check_journal(size_t rounds)
{
    enum { DEPTH = 6 };
    struct kernel_state state;
    uint64_t digests[DEPTH + 1];

    state_init(&state);
    for (size_t round = 0; round < rounds; round++) {
        size_t kept = random_below(DEPTH), back = kept + random_below(DEPTH + 1 - kept);

        for (size_t depth = 0; depth < DEPTH; depth++) {
            digests[depth] = table_digest(&state);
            CHECK(journal_open(&state.journal, round * DEPTH + depth));
            for (size_t changes = random_below(40); changes > 0; changes--)
                journal_change(&state);
        }
        digests[DEPTH] = table_digest(&state);
        if (kept > 0)
            journal_keep(&state.journal, (int64_t)(round * DEPTH + kept - 1));
        journal_undo(&state.journal, (int64_t)(round * DEPTH + back), &state.cards, &state.identities);
        CHECK(table_digest(&state) == digests[back]);
        journal_undo(&state.journal, 0, &state.cards, &state.identities);
        CHECK(table_digest(&state) == digests[kept]);
        CHECK(state.journal.entry_count == 0 && state.journal.line_count == 0);
    }
    state_free(&state);
}

#endif /* DRIVER_TABLES_H */
