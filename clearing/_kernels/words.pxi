# What the Cython side must know of the C side: the fields it fills in and the functions it calls.

cdef extern from "_kernels/record.h" nogil:
    enum:
        RECORD_BYTES
        RECORD_CARD
        RECORD_CARD_BYTES
        RECORD_IDENTITY_BYTES
        RECORD_TERMINAL_ID_BYTES
    uint32_t load_big32(const uint8_t *from_)
    uint64_t load_raw64(const uint8_t *from_)

cdef extern from "_kernels/sha256.h" nogil:
    void sha256(const uint8_t *message, size_t size, uint8_t *digest)

cdef extern from "_kernels/locked.h" nogil:
    void *locked_alloc(size_t size)

cdef extern from "_kernels/reasons.h" nogil:
    enum:
        REASONS
    struct reason_table:
        pass
    void reason_table_add(reason_table *table, unsigned reason, unsigned outcome, unsigned rank)

cdef extern from "_kernels/tariffs.h" nogil:
    enum:
        FARE_FEN_MAX
        FARE_PERMILLE_MAX
        SURCHARGE_PERMILLE_MAX
        TARIFF_FLAT
        TARIFF_OD
        TARIFF_METERED
        TARIFF_DECLARED
        ROUNDING_UP
        BEARER_BUDGET
        TRANSFER_PER_MILLE
        TRANSFER_FREE
        DAY_HOLIDAY
        BASIS_ENTRY
        DEGRADED_FLAT
        MISSING_ENTRY_MINIMUM
        PERIOD_MONTH
    struct day_calendar:
        const uint8_t *kinds
        int64_t from_day, count
    struct hours:
        int32_t from_s, to_s
        uint8_t days, basis
    struct hours_list:
        const hours *items
        uint32_t count
    struct numbers:
        const uint32_t *items
        uint32_t count
    struct fare_band:
        int64_t upper_fen, permille
    struct fare_class:
        const fare_band *bands
        uint32_t band_count
        uint8_t card_kind, rounding, bearer
        hours_list hours
        numbers stations
    struct flat_fare:
        uint32_t line
        int32_t fen
    struct meter:
        int64_t start_fen, start_m, step_fen, step_m, wait_fen, wait_s, tolerance_fen
    struct surcharge:
        numbers lines
        hours_list hours
        int64_t add_fen, permille
    struct transfer:
        uint8_t type, rounding, bearer
        bint by_mark, without_mark
        int32_t value_fen
        int64_t window_s, count_max
        numbers from_operators
    struct tier:
        int64_t from_fen, permille
    struct accumulation:
        const tier *tiers
        uint32_t tier_count
        uint8_t period, rounding, bearer
        int64_t cap_fen
    struct od_bounds:
        int32_t lowest, highest
    struct tariff:
        int64_t since_s, until_s
        uint64_t kinds
        int32_t min_fen, max_fen, step_fen
        uint8_t type, degraded, missing_entry
        bint by_amount, plain_classes, accumulates
        int16_t foreign_class
        uint32_t flat_count, class_count, surcharge_count
        const flat_fare *flat
        numbers stations
        const int32_t *od_fen
        const od_bounds *od_to
        const fare_class *classes
        const surcharge *surcharges
        day_calendar calendar
        int64_t overstay_s, same_station_s
        int32_t overstay_fen, same_station_late_fen, degraded_fen
        meter meter
        transfer transfer
        accumulation accumulation
        int16_t class_of_kind[256]

cdef extern from "_kernels/splits.h" nogil:
    enum:
        SHARES_MAX
    struct split:
        int64_t since_s, until_s
        uint32_t count
        uint32_t accounts[4]
        uint32_t weights[4]
        numbers stations
        const uint32_t *pair_weights

cdef extern from "_kernels/tac.h" nogil:
    struct tac_key_set:
        pass
    int tac_key_set_init(tac_key_set *keys, uint8_t algorithm, uint8_t fold, uint8_t factor_offset,
                         const uint8_t *level_key)

cdef extern from "_kernels/plan.h" nogil:
    struct fee_time:
        int64_t since_s, until_s
    struct clearing_operator:
        uint32_t number, load_agent_account, subsidy_account
        uint32_t tariff_count, split_count, version_count, fee_time_count
        const tariff *tariffs
        const split *splits
        const int64_t *denylist_effective_s
        const fee_time *fee_times
    struct issuer:
        uint64_t code
        int64_t since_s, until_s
        uint32_t account
        uint16_t number
        uint8_t family
        bint own, open_registry
    struct terminal:
        uint64_t id
        uint32_t since_s, until_s
        uint32_t operator_number, line
        uint64_t device
        bint used
    struct denied_card:
        uint8_t card[19]
        bint used
        uint32_t version
        int64_t since_s
    struct key_name:
        uint64_t packed
    struct clearing_plan:
        uint32_t rules_version, registry_version, denylist_version
        int64_t amount_max_fen, balance_max_fen, clock_tolerance_s, presentment_window_days
        int64_t journey_max_s
        bint production
        uint32_t province_account, suspense_account, budget_account, issuer_discount_account
        uint32_t unclaimed_accounts[64]
        size_t operator_count, issuer_count, key_count, terminal_mask, denied_mask
        clearing_operator *operators
        issuer *issuers
        key_name *key_names
        tac_key_set *key_sets
        terminal *terminals
        denied_card *denied
    void *plan_alloc(clearing_plan *plan, size_t count, size_t size)
    void plan_free(clearing_plan *plan)
    size_t plan_slots(size_t count)
    uint64_t terminal_id_load(const uint8_t *data)
    terminal *plan_terminal_slot(const clearing_plan *plan, uint64_t id)
    denied_card *plan_denied_slot(const clearing_plan *plan, const uint8_t *card)
    uint64_t key_name_pack(uint16_t issuer_number, uint8_t version, uint8_t index, uint8_t algorithm)
    const clearing_operator *plan_operator(const clearing_plan *plan, uint32_t number)
    const issuer *plan_issuer(const clearing_plan *plan, uint8_t family, const uint8_t *code)

cdef extern from "_kernels/card_table.h" nogil:
    enum:
        CARD_LINE_BYTES
    struct card_line:
        uint8_t family, card_kind
    struct card_key:
        pass
    struct card_table:
        size_t count
    card_key card_key_make(uint8_t family, uint16_t issuer_number, const uint8_t *serial)
    bint card_table_init(card_table *table, uint64_t seed, uint64_t other_seed)
    void card_table_free(card_table *table)
    card_line *card_table_find(const card_table *table, card_key key)
    bint card_table_put_all(card_table *table, const uint8_t *lines, size_t count)
    void card_table_sorted(const card_table *table, card_line *lines)

cdef extern from "_kernels/terminal_lines.h" nogil:
    enum:
        TERMINAL_FAMILY

cdef extern from "_kernels/identity_table.h" nogil:
    enum:
        IDENTITY_DUMP_BYTES
    struct fingerprint:
        pass
    struct identity:
        fingerprint fingerprint
        uint32_t batch_seq, row, head, used
        uint16_t business_day, acquirer
    struct identity_table:
        size_t count
    fingerprint fingerprint_of_digest(const uint8_t *digest)
    bint identity_table_init(identity_table *table, size_t count)
    void identity_table_free(identity_table *table)
    bint identity_table_reserve(identity_table *table, size_t more)
    bint identity_table_put(identity_table *table, const identity *identity)
    bint identity_table_forget(identity_table *table, int64_t business_day)
    void identity_table_dump(const identity_table *table, uint8_t *out)

cdef extern from "_kernels/journal.h" nogil:
    struct journal:
        pass
    void journal_free(journal *journal)
    bint journal_open(journal *journal, uint64_t batch_seq)
    void journal_undo_newest(journal *journal, card_table *cards, identity_table *identities)
    void journal_undo(journal *journal, int64_t batch_seq, card_table *cards, identity_table *identities)
    void journal_keep(journal *journal, int64_t batch_seq)

cdef extern from "_kernels/movements.h" nogil:
    struct movement:
        uint32_t debit, credit, purpose
        uint64_t count
        int64_t amount_fen
    struct movements:
        movement *items
        size_t count
    struct evidence:
        uint32_t row, reason
        int64_t expected, actual
    struct evidence_list:
        evidence *items
        size_t count

cdef extern from "_kernels/judge.h" nogil:
    enum:
        SOURCE_OPERATOR
        SOURCE_PRESENTMENT
        COPY_ROW_BYTES
        LEAF_SALT_BYTES
        SHA256_DIGEST_BYTES
    enum source:
        pass
    struct kernel_state:
        card_table cards
        identity_table identities
        journal journal
    struct columns:
        uint8_t *reasons
        uint8_t *flags
        uint8_t *priced_fen
        uint8_t *credited_fen
        uint8_t *subsidy_fen
        uint8_t *issuer_numbers
        uint8_t *shares
        uint8_t *copy_rows
        uint8_t *leaves
    struct batch:
        const clearing_plan *plan
        const reason_table *reasons
        kernel_state *state
        const identity_table *known
        const clearing_operator *operator "operator"
        uint64_t batch_seq
        int64_t business_day, judged_at_s
        uint32_t operator_number
        source source
        uint16_t acquirer
        uint32_t checks
        bint supposed
        const uint8_t *records
        size_t count
        const uint8_t *salts
        columns columns
        evidence_list evidence
        movements movements
        uint64_t verdict_counts[3]
        uint64_t reason_counts[64]
        int64_t gross_fen, charged_fen, accepted_fen
        uint8_t root[32]
    struct run:
        pass
    run *run_alloc(const tac_way *way)
    void run_free(run *room)
    void batch_free(batch *batch)
    bint judge_batch(batch *batch, run *run)
