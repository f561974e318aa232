/* The kernel's C parts alone, against a naive model of each, to be built under sanitizers with asserts on.
 *
 *   kernel_driver tables SEED ROUNDS    card and identity tables and the journal against plain arrays
 *   kernel_driver judge SEED ROUNDS     batches of damaged records: nothing but a verdict may come of them
 *   kernel_driver sums SEED ROUNDS      calendar, splits, movements, evidence
 *
 * Nothing is printed where all is well.
 */
#undef NDEBUG
#include "judge.h"

#include <stdio.h>

#define CHECK(what)                                                                                        \
    do {                                                                                                   \
        if (!(what)) {                                                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                                     \
            exit(1);                                                                                       \
        }                                                                                                  \
    } while (0)

static uint64_t random_state;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dULL;
}

static size_t random_below(size_t bound)
{
    return (size_t)((random_word() >> 33) % bound);
}

/* -- tables ---------------------------------------------------------------------------------------- */

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

/* -- judge ----------------------------------------------------------------------------------------- */

static void *room(struct clearing_plan *plan, size_t count, size_t size)
{
    void *memory = plan_alloc(plan, count, size);

    CHECK(memory != NULL);
    return memory;
}

static void plan_tariffs(struct clearing_plan *plan, struct clearing_operator *operator)
{
    struct tariff *tariffs = room(plan, 4, sizeof *tariffs);
    struct fare_band *band = room(plan, 1, sizeof *band);
    struct fare_class *class = room(plan, 1, sizeof *class);
    struct flat_fare *flat = room(plan, 1, sizeof *flat);
    uint32_t *stations = room(plan, 2, sizeof *stations);
    int32_t *cells = room(plan, 4, sizeof *cells);
    struct od_bounds *bounds = room(plan, 2, sizeof *bounds);

    *band = (struct fare_band){UINT32_MAX, 500};
    *class = (struct fare_class){band, 1, ROUNDING_HALF_UP, BEARER_BUDGET};
    *flat = (struct flat_fare){0, 200};
    for (uint32_t at = 0; at < 2; at++) {
        stations[at] = at + 1;
        bounds[at] = (struct od_bounds){200, 300};
        cells[3 * at] = 200;
        cells[1 + at] = 300;
    }
    for (uint8_t type = TARIFF_FLAT; type <= TARIFF_DECLARED; type++) {
        struct tariff *tariff = &tariffs[type - TARIFF_FLAT];

        *tariff = (struct tariff){
            .until_s = UINT32_MAX, .kinds = 0x4eULL << (type % 2), .min_fen = 100, .max_fen = 1000,
            .step_fen = 50, .type = type, .flat_count = 1, .station_count = 2, .class_count = 1, .flat = flat,
            .stations = stations, .od_fen = cells, .od_to = bounds, .classes = class,
            .meter = {1000, 3000, 115, 500, 50, 60, 10}, .transfer = {TRANSFER_AMOUNT_OFF, false, 20, 5400, 3},
            .by_amount = type == TARIFF_DECLARED,
        };
    }
    operator->tariffs = tariffs;
    operator->tariff_count = 4;
}

static void plan_make(struct clearing_plan *plan)
{
    static const uint8_t level_key[16] = {1, 2, 3};
    struct split *split;
    struct issuer *issuers;

    memset(plan, 0, sizeof *plan);
    plan->amount_max_fen = 50000;
    plan->balance_max_fen = 100000;
    plan->clock_tolerance_s = 600;
    plan->presentment_window_days = 30;
    plan->operators = room(plan, 1, sizeof *plan->operators);
    plan->operator_count = 1;
    plan->operators[0].number = 7;
    plan_tariffs(plan, &plan->operators[0]);
    split = room(plan, 1, sizeof *split);
    *split = (struct split){0, UINT32_MAX, 3, {10, 11, 12}, {1, 2, UINT32_MAX}, 3 + (uint64_t)UINT32_MAX};
    plan->operators[0].splits = split;
    plan->operators[0].split_count = 1;
    issuers = plan->issuers = room(plan, 3, sizeof *issuers);
    plan->issuer_count = 3;
    for (uint8_t at = 0; at < 3; at++) {
        uint8_t code[8] = {0, 0, 0, 0, 0, 0, 0x71, at};

        issuers[at] = (struct issuer){.code = load_raw64(code), .until_s = UINT32_MAX, .account = at + 1u,
                                      .number = (uint16_t)(at + 1), .family = 1, .own = at < 2,
                                      .open_registry = at == 1};
    }
    plan->key_names = room(plan, 2, sizeof *plan->key_names);
    plan->key_sets = locked_alloc(2 * sizeof *plan->key_sets);
    CHECK(plan->key_sets != NULL);
    plan->key_count = 2;
    for (uint8_t algorithm = 0; algorithm < 2; algorithm++) {
        plan->key_names[algorithm].packed = key_name_pack(1, 1, 1, algorithm);
        CHECK(tac_key_set_init(&plan->key_sets[algorithm], algorithm, 0, 10, level_key) == 0);
    }
    plan->terminals = room(plan, 8, sizeof *plan->terminals);
    plan->terminal_mask = 7;
    plan->denied = room(plan, 8, sizeof *plan->denied);
    plan->denied_mask = 7;
}

static void record_make(uint8_t record[RECORD_BYTES], const struct clearing_plan *plan, uint32_t number)
{
    static const uint8_t moment[7] = {0x20, 0x26, 0x01, 0x05, 0x08, 0x30, 0x15};
    struct tap tap;

    memset(record, 0, RECORD_BYTES);
    record[RECORD_VERSION] = RECORD_LAYOUT;
    record[RECORD_FAMILY] = 1;
    record[RECORD_ISSUER + 6] = 0x71;
    record[RECORD_ISSUER + 7] = (uint8_t)random_below(4);
    record[RECORD_SERIAL + 9] = (uint8_t)(random_below(10) << 4 | random_below(10));
    store_big32(record + RECORD_TERMINAL_NUMBER, number);
    memcpy(record + RECORD_TAPPED_AT, moment, sizeof moment);
    record[RECORD_KIND] = (uint8_t)(1 + random_below(8));
    record[RECORD_TYPE_BYTE] = record[RECORD_KIND] == KIND_TOP_UP ? TYPE_LOAD : TYPE_PURCHASE;
    store_big32(record + RECORD_OPERATOR, 7);
    store_big32(record + RECORD_AMOUNT_FEN, (uint32_t)random_below(400));
    store_big32(record + RECORD_GROSS_FEN, (uint32_t)random_below(400));
    store_big16(record + RECORD_OFFLINE_COUNTER, (uint16_t)random_below(200));
    store_big32(record + RECORD_STATION, (uint32_t)random_below(4));
    store_big32(record + RECORD_ENTRY_STATION, (uint32_t)random_below(4));
    store_big32(record + RECORD_DISTANCE_M, (uint32_t)random_word());
    store_big32(record + RECORD_DURATION_S, (uint32_t)random_word());
    record[RECORD_DISCOUNT_CLAIMED] = (uint8_t)random_below(2);
    record[RECORD_KEY_VERSION] = record[RECORD_KEY_INDEX] = 1;
    record[RECORD_ALGORITHM] = (uint8_t)(random_below(8) == 0 ? ALGORITHM_NONE : random_below(2));
    tap_read(&tap, plan, record, 0, SOURCE_OPERATOR);
    if (record[RECORD_ALGORITHM] < 2)
        tac_store_word(record + RECORD_TAC, tap_tac(&tap, &plan->key_sets[record[RECORD_ALGORITHM]]));
    for (size_t flips = random_below(4) == 0 ? random_below(6) : 0; flips > 0; flips--)
        record[random_below(RECORD_BYTES)] ^= (uint8_t)(1u << random_below(8));
    if (random_below(20) == 0)
        for (size_t byte = 0; byte < RECORD_BYTES; byte++)
            record[byte] = (uint8_t)random_word();
}

static void columns_alloc(struct columns *columns, size_t count)
{
    uint8_t **each[9] = {&columns->reasons, &columns->flags, &columns->priced_fen, &columns->credited_fen,
                         &columns->subsidy_fen, &columns->issuer_numbers, &columns->shares,
                         &columns->copy_rows, &columns->leaves};
    const size_t sizes[9] = {1, 8, 4, 4, 4, 2, 8 * SHARES_MAX, COPY_ROW_BYTES, SHA256_DIGEST_BYTES};

    /* Exactly as much as is needed, so that the sanitizer sees a byte written behind. */
    for (size_t column = 0; column < 9; column++) {
        *each[column] = malloc(count * sizes[column]);
        CHECK(*each[column] != NULL || count == 0);
    }
}

static void columns_free(struct columns *columns)
{
    uint8_t *each[9] = {columns->reasons, columns->flags, columns->priced_fen, columns->credited_fen,
                        columns->subsidy_fen, columns->issuer_numbers, columns->shares, columns->copy_rows,
                        columns->leaves};

    for (size_t column = 0; column < 9; column++)
        free(each[column]);
}

/* Fen that moved for accepted fares and their excess must be what was accepted, whatever came in. */
static void batch_check_sums(const struct batch *batch)
{
    int64_t moved = 0;

    for (size_t at = 0; at < batch->movements.count; at++) {
        const struct movement *item = &batch->movements.items[at];

        CHECK(item->amount_fen > 0 && item->count > 0);
        if (item->purpose == PURPOSE_FARE || item->purpose == PURPOSE_FARE_UNCONFIRMED
            || item->purpose == PURPOSE_EXCESS)
            moved += item->amount_fen;
    }
    if (batch_from_operator(batch))
        CHECK(moved == batch->accepted_fen);
    CHECK(batch->verdict_counts[0] + batch->verdict_counts[1] + batch->verdict_counts[2] == batch->count);
}

static void judge_once(struct clearing_plan *plan, struct kernel_state *state, struct run *run, uint64_t seq)
{
    static struct reason_table reasons;
    size_t count = random_below(3 * RUN_TAPS);
    uint8_t *records = malloc(count * RECORD_BYTES), *salts = calloc(count, LEAF_SALT_BYTES);
    struct batch batch = {.plan = plan, .reasons = &reasons, .state = state, .batch_seq = seq,
                          .business_day = 9501, .judged_at_s = 9501 * (int64_t)CALENDAR_DAY_S,
                          .checks = random_below(4) ? 0x6f : (uint32_t)random_below(128), .count = count};
    uint64_t before = table_digest(state);

    if (reasons.rejecting == 0)
        for (unsigned reason = 1; reason < 48; reason++)
            reason_table_add(&reasons, reason, reason < 20 ? VERDICT_REJECTED : reason < 29, reason);
    CHECK(count == 0 || (records != NULL && salts != NULL));
    batch.source = random_below(5) == 0 ? SOURCE_PRESENTMENT : SOURCE_OPERATOR;
    batch.operator = batch.source == SOURCE_OPERATOR ? &plan->operators[0] : NULL;
    batch.operator_number = 7;
    for (size_t row = 0; row < count; row++)
        record_make(records + row * RECORD_BYTES, plan, (uint32_t)random_below(1000));
    batch.records = records;
    batch.salts = salts;
    columns_alloc(&batch.columns, count);
    CHECK(journal_open(&state->journal, seq));
    CHECK(judge_batch(&batch, run));
    batch_check_sums(&batch);
    if (random_below(2) == 0) {
        journal_undo(&state->journal, (int64_t)seq, &state->cards, &state->identities);
        CHECK(table_digest(state) == before);
    }
    columns_free(&batch.columns);
    batch_free(&batch);
    free(records);
    free(salts);
}

static void check_judge(size_t rounds)
{
    struct clearing_plan plan;
    struct kernel_state state;
    struct run *run = malloc(sizeof *run);

    CHECK(run != NULL);
    plan_make(&plan);
    state_init(&state);
    for (uint8_t serial = 0; serial < 100; serial++) {
        struct card_line line = {.family = 1, .card_kind = 1, .issuer_number = 1, .flags = 3};

        line.serial[9] = (uint8_t)(serial / 10 << 4 | serial % 10);
        CHECK(card_table_put(&state.cards, &line) != NULL);
    }
    for (size_t round = 0; round < rounds; round++)
        judge_once(&plan, &state, run, round);
    CHECK(state.identities.count > 0);
    free(run);
    state_free(&state);
    plan_free(&plan);
}

/* -- sums ------------------------------------------------------------------------------------------ */

static uint8_t bcd(unsigned value)
{
    return (uint8_t)(value / 10 << 4 | value % 10);
}

/* Every day of the century in order, counted one by one. */
static void check_calendar(void)
{
    int64_t day = 0;

    for (unsigned year = 0; year < 100; year++)
        for (unsigned month = 0; month <= 13; month++)
            for (unsigned in_month = 0; in_month <= 32; in_month++) {
                unsigned shorter = month == 4 || month == 6 || month == 9 || month == 11;
                unsigned days = month == 2 ? 28 + (year % 4 == 0) : 31 - shorter;
                uint8_t moment[7] = {0x20, bcd(year), bcd(month), bcd(in_month), 0x23, 0x59, 0x58};

                if (month < 1 || month > 12 || in_month < 1 || in_month > days)
                    CHECK(calendar_seconds(moment) == CALENDAR_NONE);
                else
                    CHECK(calendar_seconds(moment) == day++ * CALENDAR_DAY_S + CALENDAR_DAY_S - 2);
            }
    CHECK(day == 36525);
}

static void check_split(void)
{
    struct split split = {.count = 1 + (uint32_t)random_below(SHARES_MAX)};
    int32_t parts[SHARES_MAX], amount = (int32_t)(random_word() >> (33 + random_below(24)));
    int64_t sum = 0;

    for (uint32_t share = 0; share < split.count; share++) {
        split.weights[share] = (uint32_t)(random_word() >> (32 + random_below(31)));
        split.weight_sum += split.weights[share];
    }
    if (split.weight_sum == 0)
        split.weight_sum = split.weights[0] = 1;
    fare_divide(&split, amount, parts);
    for (uint32_t share = 0; share < split.count; share++) {
        uint64_t floor = (uint64_t)amount * split.weights[share] / split.weight_sum;

        CHECK(parts[share] >= 0 && (uint64_t)parts[share] - floor <= 1);
        sum += parts[share];
    }
    CHECK(sum == amount);
}

static void check_movements(size_t rounds)
{
    struct movements movements = {0};
    struct evidence_list evidence = {0};
    int64_t sums[8][8] = {{0}}, total = 0;

    for (size_t round = 0; round < rounds; round++) {
        uint32_t debit = (uint32_t)random_below(200), credit = (uint32_t)random_below(8);
        int64_t fen = (int64_t)random_below(3);

        CHECK(movements_add(&movements, debit, credit, debit % 8, fen));
        sums[debit % 8][credit] += fen;
    }
    movements_sort(&movements);
    for (size_t at = 0; at < movements.count; at++) {
        const struct movement *item = &movements.items[at];

        CHECK(at == 0 || movement_order(item - 1, item) < 0);
        sums[item->purpose][item->credit] -= item->amount_fen;
    }
    for (size_t at = 0; at < 64; at++)
        total |= sums[at / 8][at % 8];
    CHECK(total == 0);
    for (uint32_t row = 0; row < rounds / 10; row++)
        for (uint32_t reason = 1 + (uint32_t)random_below(5), step = 7; reason < 60; reason = reason * step % 61)
            if (random_below(3) == 0 || !evidence_add(&evidence, (struct evidence){row, reason, 0, 0}))
                break;
    for (size_t at = 1; at < evidence.count; at++)
        CHECK(evidence.items[at - 1].row < evidence.items[at].row
              || evidence.items[at - 1].reason < evidence.items[at].reason);
    movements_free(&movements);
    evidence_free(&evidence);
}

int main(int count, char **arguments)
{
    size_t rounds;

    CHECK(count == 4);
    random_state = strtoull(arguments[2], NULL, 10) * 0x9e3779b97f4a7c15ULL | 1;
    rounds = strtoull(arguments[3], NULL, 10);
    if (strcmp(arguments[1], "tables") == 0) {
        check_card_table(rounds);
        check_identity_table(rounds);
        check_journal(rounds / 100);
    } else if (strcmp(arguments[1], "judge") == 0) {
        check_judge(rounds);
    } else {
        CHECK(strcmp(arguments[1], "sums") == 0);
        check_calendar();
        check_movements(rounds);
        for (size_t round = 0; round < rounds; round++)
            check_split();
    }
    return 0;
}
