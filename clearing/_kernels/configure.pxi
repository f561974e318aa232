# A plan (clearing/plan.py), compiled to the flat arrays and tables of plan.h.

cdef int compile_fee_times(clearing_plan *plan, clearing_operator *to, tuple rows) except -1:
    cdef fee_time *times = <fee_time *> plan_room(plan, len(rows), sizeof(fee_time))
    for at, (since_s, until_s) in enumerate(rows):
        times[at].since_s = number_within(since_s, 0, TIME_MAX, "a fee's since_s")
        times[at].until_s = number_within(until_s, 0, TIME_MAX, "a fee's until_s")
    to.fee_times = times
    to.fee_time_count = len(rows)
    return 0


cdef int compile_operator(clearing_plan *plan, clearing_operator *to, object row) except -1:
    cdef tariff *tariffs = <tariff *> plan_room(plan, len(row.tariffs), sizeof(tariff))
    cdef split *splits = <split *> plan_room(plan, len(row.splits), sizeof(split))
    cdef int64_t *effective = <int64_t *> plan_room(
        plan, len(row.denylist_effective_s), sizeof(int64_t)
    )
    to.number = number_within(row.number, 0, UINT32_BOUND, "an operator's number")
    to.load_agent_account = number_within(row.load_agent_account, 0, UINT32_BOUND, "an account")
    to.subsidy_account = number_within(row.subsidy_account, 0, UINT32_BOUND, "an account")
    for at, part in enumerate(row.tariffs):
        compile_tariff(plan, &tariffs[at], part)
    for at, part in enumerate(row.splits):
        compile_split(plan, &splits[at], part)
    for at, moment in enumerate(row.denylist_effective_s):
        effective[at] = number_within(moment, 0, TIME_MAX, "a denylist's effective second")
    to.tariffs, to.splits, to.denylist_effective_s = tariffs, splits, effective
    to.tariff_count, to.split_count = len(row.tariffs), len(row.splits)
    to.version_count = len(row.denylist_effective_s)
    return compile_fee_times(plan, to, row.fee_times)


cdef int compile_operators(clearing_plan *plan, tuple rows) except -1:
    plan.operators = <clearing_operator *> plan_room(plan, len(rows), sizeof(clearing_operator))
    for at, row in enumerate(rows):
        compile_operator(plan, &plan.operators[at], row)
    plan.operator_count = len(rows)
    return 0


cdef int compile_issuers(clearing_plan *plan, tuple rows) except -1:
    cdef issuer *to
    plan.issuers = <issuer *> plan_room(plan, len(rows), sizeof(issuer))
    for at, row in enumerate(rows):
        to = &plan.issuers[at]
        to.number = number_within(row.number, 0, 0xFFFF, "an issuer's number")
        to.family = number_within(row.family, 0, TERMINAL_FAMILY - 1, "a card family")
        to.code = load_raw64(bytes_of(row.issuer, 8, "an issuer code"))
        to.own, to.open_registry = bool(row.own), bool(row.open_registry)
        to.account = number_within(row.account, 0, UINT32_BOUND, "an account")
        to.since_s = number_within(row.since_s, 0, TIME_MAX, "an issuer's since_s")
        to.until_s = number_within(row.until_s, 0, TIME_MAX, "an issuer's until_s")
    plan.issuer_count = len(rows)
    return 0


cdef int compile_key_sets(clearing_plan *plan, tuple rows) except -1:
    """Level keys go from the plan straight into locked memory, as round keys."""
    plan.key_names = <key_name *> plan_room(plan, len(rows), sizeof(key_name))
    if not rows:
        return 0
    plan.key_sets = <tac_key_set *> locked_alloc(len(rows) * sizeof(tac_key_set))
    if plan.key_sets == NULL:
        raise MemoryError(f"no locked memory for keys (error {errno}); raise ulimit -l")
    plan.key_count = len(rows)
    for at, row in enumerate(rows):
        plan.key_names[at].packed = key_name_pack(
            number_within(row.issuer_number, 0, 0xFFFF, "an issuer's number"),
            number_within(row.key_version, 0, 255, "a key version"),
            number_within(row.key_index, 0, 255, "a key index"),
            number_within(row.algorithm, 0, 255, "an algorithm"),
        )
        if tac_key_set_init(
            &plan.key_sets[at],
            row.algorithm,
            number_within(row.fold, 0, 255, "a fold"),
            number_within(row.factor_offset, 0, 255, "a factor offset"),
            bytes_of(row.level_key, 16, "a level key"),
        ):
            raise ValueError(f"{row!r} has no such algorithm, fold or factor offset")
    return 0


cdef int compile_terminals(clearing_plan *plan, tuple rows) except -1:
    cdef size_t slots = plan_slots(len(rows))
    cdef terminal *to
    cdef uint64_t terminal_id
    plan.terminals = <terminal *> plan_room(plan, slots, sizeof(terminal))
    plan.terminal_mask = slots - 1
    for row in rows:
        terminal_id = terminal_id_load(
            bytes_of(row.terminal_id, RECORD_TERMINAL_ID_BYTES, "a terminal id")
        )
        to = plan_terminal_slot(plan, terminal_id)
        to.id, to.used = terminal_id, True
        to.operator_number = number_within(row.operator, 0, UINT32_BOUND, "an operator's number")
        to.line = number_within(row.line, 0, UINT32_BOUND, "a line")
        to.device = number_within(row.device, 0, INT64_BOUND, "a device")
        to.since_s = number_within(row.since_s, 0, TIME_MAX, "a terminal's since_s")
        to.until_s = number_within(row.until_s, 0, TIME_MAX, "a terminal's until_s")
    return 0


cdef int compile_denied(clearing_plan *plan, tuple rows) except -1:
    cdef size_t slots = plan_slots(len(rows))
    cdef denied_card *to
    cdef const uint8_t *card
    plan.denied = <denied_card *> plan_room(plan, slots, sizeof(denied_card))
    plan.denied_mask = slots - 1
    for row in rows:
        card = bytes_of(row.card, RECORD_CARD_BYTES, "a denied card")
        to = plan_denied_slot(plan, card)
        memcpy(to.card, card, RECORD_CARD_BYTES)
        to.used = True
        to.since_s = number_within(row.since_s, 0, TIME_MAX, "a denied card's since_s")
        to.version = number_within(row.version, 0, UINT32_BOUND, "a denylist version")
    return 0


cdef int compile_limits(clearing_plan *plan, object limits) except -1:
    plan.amount_max_fen = number_within(limits.amount_max_fen, 0, FARE_FEN_MAX, "amount_max_fen")
    plan.balance_max_fen = number_within(limits.balance_max_fen, 0, FARE_FEN_MAX, "balance_max_fen")
    plan.clock_tolerance_s = number_within(
        limits.clock_tolerance_s, 0, TIME_MAX, "clock_tolerance_s"
    )
    plan.presentment_window_days = number_within(
        limits.presentment_window_days, 0, SEQUENCE_MAX, "presentment_window_days"
    )
    plan.journey_max_s = number_within(limits.journey_max_s, 0, TIME_MAX, "journey_max_s")
    plan.production = bool(limits.production)
    return 0


cdef int compile_accounts(clearing_plan *plan, object row) except -1:
    if len(row.unclaimed_accounts) != REASONS:
        raise ValueError(f"a plan has {REASONS} unclaimed accounts, one for each reason")
    for at, account in enumerate(row.unclaimed_accounts):
        plan.unclaimed_accounts[at] = number_within(account, 0, UINT32_BOUND, "an account")
    plan.province_account = number_within(row.province_account, 0, UINT32_BOUND, "an account")
    plan.suspense_account = number_within(row.suspense_account, 0, UINT32_BOUND, "an account")
    plan.budget_account = number_within(row.budget_account, 0, UINT32_BOUND, "an account")
    plan.issuer_discount_account = number_within(
        row.issuer_discount_account, 0, UINT32_BOUND, "an account"
    )
    return 0


cdef int compile_plan(clearing_plan *plan, object row) except -1:
    """Fill in a plan that is all zeros. On an error the caller frees what there is."""
    plan.rules_version = number_within(row.rules_version, 0, UINT32_BOUND, "rules_version")
    plan.registry_version = number_within(row.registry_version, 0, UINT32_BOUND, "registry_version")
    plan.denylist_version = number_within(row.denylist_version, 0, UINT32_BOUND, "denylist_version")
    compile_limits(plan, row.limits)
    compile_accounts(plan, row)
    compile_operators(plan, row.operators)
    compile_issuers(plan, row.issuers)
    compile_key_sets(plan, row.key_sets)
    compile_terminals(plan, row.terminals)
    return compile_denied(plan, row.denied)
