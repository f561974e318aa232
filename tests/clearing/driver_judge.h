/* Batches of damaged records through the whole kernel: nothing but a verdict may come of them. */
#ifndef DRIVER_JUDGE_H
#define DRIVER_JUDGE_H

#include "driver_tables.h"

static void *room(struct clearing_plan *plan, size_t count, size_t size)
{
    void *memory = plan_alloc(plan, count, size);

    CHECK(memory != NULL);
    return memory;
}

/* Hours, surcharges, stays and accumulations: all that a tariff may have beside its base. */
static void tariff_extend(struct clearing_plan *plan, struct tariff *tariff)
{
    static const uint8_t days[] = {DAY_HOLIDAY, DAY_WORKDAY};
    struct hours *hours = room(plan, 2, sizeof *hours);
    struct surcharge *surcharges = room(plan, 2, sizeof *surcharges);
    struct tier *tiers = room(plan, 2, sizeof *tiers);
    uint32_t *numbers = room(plan, 1, sizeof *numbers);

    numbers[0] = 7;
    hours[0] = (struct hours){8 * 3600, 9 * 3600, 1 << DAY_HOLIDAY, BASIS_EXIT};
    hours[1] = (struct hours){0, CALENDAR_DAY_S, 7, BASIS_ENTRY};
    surcharges[0] = (struct surcharge){.hours = {hours, 2}, .add_fen = 50, .permille = 333};
    surcharges[1] = (struct surcharge){.lines = {numbers, 1}, .add_fen = FARE_FEN_MAX, .permille = SURCHARGE_PERMILLE_MAX};
    tiers[0] = (struct tier){0, 900};
    tiers[1] = (struct tier){300, 500};
    tariff->calendar = (struct day_calendar){days, 9501, sizeof days};
    tariff->surcharges = surcharges;
    tariff->surcharge_count = 2;
    tariff->overstay_s = 7200;
    tariff->overstay_fen = 900;
    tariff->same_station_s = 600;
    tariff->same_station_late_fen = 700;
    tariff->degraded = tariff->type % 3;
    tariff->degraded_fen = 250;
    tariff->missing_entry = (tariff->type + 1) % 3;
    tariff->foreign_class = tariff->type == TARIFF_OD ? 1 : -1;
    tariff->transfer.from_operators = (struct numbers){numbers, tariff->type == TARIFF_OD};
    tariff->accumulates = true;
    tariff->accumulation = (struct accumulation){
        tiers, 2, tariff->type % 2, ROUNDING_UP, BEARER_BUDGET, tariff->type == TARIFF_FLAT ? 1000 : 0};
}

static void plan_tariffs(struct clearing_plan *plan, struct clearing_operator *operator)
{
    struct tariff *tariffs = room(plan, 4, sizeof *tariffs);
    struct fare_band *band = room(plan, 1, sizeof *band);
    struct fare_class *classes = room(plan, 2, sizeof *classes);
    struct flat_fare *flat = room(plan, 1, sizeof *flat);
    uint32_t *stations = room(plan, 2, sizeof *stations);
    int32_t *cells = room(plan, 4, sizeof *cells);
    struct od_bounds *bounds = room(plan, 2, sizeof *bounds);

    *band = (struct fare_band){UINT32_MAX, 500};
    classes[0] = (struct fare_class){.bands = band, .band_count = 1, .bearer = BEARER_BUDGET, .stations = {stations, 1}};
    classes[1] = (struct fare_class){.bands = band, .band_count = 1, .card_kind = 1, .bearer = BEARER_ISSUER};
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
            .step_fen = 50, .type = type, .flat_count = 1, .stations = {stations, 2}, .class_count = 2, .flat = flat,
            .od_fen = cells, .od_to = bounds, .classes = classes,
            .meter = {1000, 3000, 115, 500, 50, 60, 10},
            .transfer = {.type = type, .value_fen = 20, .window_s = 5400, .count_max = 3, .bearer = BEARER_ISSUER,
                         .without_mark = type != TARIFF_FLAT},
            .by_amount = type == TARIFF_DECLARED,
        };
        tariff_extend(plan, tariff);
    }
    operator->tariffs = tariffs;
    operator->tariff_count = 4;
}

static void plan_split(struct clearing_plan *plan, struct clearing_operator *operator)
{
    static const uint32_t stations[2] = {1, 2};
    static const uint32_t weights[12] = {1, 2, 3, 0, 0, 0, 0, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    struct split *split = room(plan, 1, sizeof *split);

    *split = (struct split){
        .until_s = UINT32_MAX, .count = 3, .accounts = {10, 11, 12}, .weights = {1, 2, UINT32_MAX},
        .stations = {stations, 2}, .pair_weights = weights};
    operator->splits = split;
    operator->split_count = 1;
}

static void plan_make(struct clearing_plan *plan)
{
    static const uint8_t level_key[16] = {1, 2, 3};
    struct issuer *issuers;
    struct fee_time *times;

    memset(plan, 0, sizeof *plan);
    plan->amount_max_fen = 50000;
    plan->balance_max_fen = 100000;
    plan->clock_tolerance_s = 600;
    plan->presentment_window_days = 30;
    plan->journey_max_s = 4 * 3600;
    plan->operators = room(plan, 1, sizeof *plan->operators);
    plan->operator_count = 1;
    plan->operators[0].number = 7;
    plan_tariffs(plan, &plan->operators[0]);
    plan_split(plan, &plan->operators[0]);
    times = room(plan, 1, sizeof *times);
    *times = (struct fee_time){0, UINT32_MAX};
    plan->operators[0].fee_times = times;
    plan->operators[0].fee_time_count = 1;
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
    for (uint8_t at = 0; at < 3; at++) {
        const uint8_t id[RECORD_TERMINAL_ID_BYTES] = {0x71, at};

        *plan_terminal_slot(plan, terminal_id_load(id)) = (struct terminal){
            .id = terminal_id_load(id), .until_s = UINT32_MAX, .operator_number = 7, .device = at, .used = true};
    }
    plan->denied = room(plan, 8, sizeof *plan->denied);
    plan->denied_mask = 7;
}

/* The TAC by the look-up tables, that the judging, by whatever way, must find right. */
static uint32_t record_tac(const uint8_t *record, const struct tac_key_set *keys)
{
    bool load = record[RECORD_TYPE_BYTE] == TYPE_LOAD;
    struct tac_input input = load ? ahead_load(record) : ahead_purchase(record);
    size_t blocks = keys->algorithm == TAC_ALGORITHM_SM4 ? 2 : load ? 4 : 3;

    return tac_of_blocks(keys, tac_factor(keys, record + RECORD_ISSUER), (const uint8_t *)input.words, blocks);
}

static void record_make(uint8_t record[RECORD_BYTES], const struct clearing_plan *plan, uint32_t number)
{
    static const uint8_t moment[7] = {0x20, 0x26, 0x01, 0x05, 0x08, 0x30, 0x15};

    memset(record, 0, RECORD_BYTES);
    record[RECORD_VERSION] = RECORD_LAYOUT;
    record[RECORD_FAMILY] = 1;
    record[RECORD_ISSUER + 6] = 0x71;
    record[RECORD_ISSUER + 7] = (uint8_t)random_below(4);
    record[RECORD_SERIAL + 9] = (uint8_t)(random_below(10) << 4 | random_below(10));
    store_big32(record + RECORD_TERMINAL_NUMBER, number);
    memcpy(record + RECORD_TAPPED_AT, moment, sizeof moment);
    record[RECORD_TAPPED_AT + 2] = (uint8_t)(1 + random_below(2));
    record[RECORD_TAPPED_AT + 3] = (uint8_t)(5 + random_below(3));
    if (random_below(2) == 0) {
        memcpy(record + RECORD_ENTRY_AT, record + RECORD_TAPPED_AT, sizeof moment);
        record[RECORD_ENTRY_AT + 4] = (uint8_t)random_below(10);
    }
    record[RECORD_MODE] = random_below(8) == 0;
    store_big32(record + RECORD_LINE, 5 + (uint32_t)random_below(4));
    store_big32(record + RECORD_ENTRY_LINE, 5 + (uint32_t)random_below(4));
    record[RECORD_TERMINAL_ID] = 0x71;
    record[RECORD_TERMINAL_ID + 1] = (uint8_t)random_below(4);
    record[RECORD_DEVICE + 7] = (uint8_t)random_below(3);
    record[RECORD_KIND] = (uint8_t)(1 + random_below(random_below(10) == 0 ? 11 : 8));
    record[RECORD_TYPE_BYTE] = record[RECORD_KIND] == KIND_TOP_UP ? TYPE_LOAD : TYPE_PURCHASE;
    store_big32(record + RECORD_OPERATOR, 7);
    store_big32(record + RECORD_AMOUNT_FEN, (uint32_t)random_below(400));
    store_big32(record + RECORD_GROSS_FEN, (uint32_t)random_below(400));
    store_big16(record + RECORD_OFFLINE_COUNTER, (uint16_t)random_below(200));
    store_big32(record + RECORD_STATION, (uint32_t)random_below(4));
    store_big32(record + RECORD_ENTRY_STATION, (uint32_t)random_below(4));
    store_big32(record + RECORD_DISTANCE_M, (uint32_t)random_word());
    store_big32(record + RECORD_DURATION_S, (uint32_t)random_word());
    record[RECORD_DISCOUNT_CLAIMED] = (uint8_t)random_below(4);
    record[RECORD_CARD_KIND] = (uint8_t)random_below(10);
    record[RECORD_KEY_VERSION] = record[RECORD_KEY_INDEX] = 1;
    record[RECORD_ALGORITHM] = (uint8_t)(random_below(8) == 0 ? ALGORITHM_NONE : random_below(2));
    if (record[RECORD_ALGORITHM] < 2)
        tac_store_word(record + RECORD_TAC, record_tac(record, &plan->key_sets[record[RECORD_ALGORITHM]]));
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
                          .checks = random_below(4) ? 0x7f : (uint32_t)random_below(128), .count = count};
    uint64_t before = table_digest(state);

    if (reasons.rejecting == 0)
        for (unsigned reason = 1; reason < 59; reason++) {
            bool rejects = reason < 20 || reason == REASON_DUPLICATE_OTHER_DATE || reason == REASON_DUPLICATE_OTHER_CITY;
            bool holds = reason < 29 || reason == REASON_ACCOUNT_MISSING || reason == REASON_FEE_RULE_MISSING;

            reason_table_add(&reasons, reason, rejects ? VERDICT_REJECTED : holds, reason);
        }
    CHECK(count == 0 || (records != NULL && salts != NULL));
    batch.source = random_below(5) == 0 ? SOURCE_PRESENTMENT : SOURCE_OPERATOR;
    batch.operator = batch.source == SOURCE_OPERATOR ? &plan->operators[0] : NULL;
    batch.operator_number = 7;
    batch.acquirer = batch.source == SOURCE_OPERATOR ? 0 : (uint16_t)(7930 + random_below(2));
    for (size_t row = 0; row < count; row++)
        record_make(records + row * RECORD_BYTES, plan, (uint32_t)random_below(1000));
    batch.records = records;
    batch.salts = salts;
    columns_alloc(&batch.columns, count);
    CHECK(journal_open(&state->journal, seq));
    run->way = &tac_ways[random_below(TAC_WAYS)];
    if (!run->way->here())
        run->way = NULL;
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
    struct run *run = run_alloc(NULL);

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
    CHECK(card_table_find(&state.cards, terminal_key((const uint8_t[RECORD_TERMINAL_ID_BYTES]){0x71, 1})) != NULL);
    run_free(run);
    state_free(&state);
    plan_free(&plan);
}

#endif /* DRIVER_JUDGE_H */
