# The tariffs and splits of a plan, compiled to the arrays of fares.h.

cdef int compile_numbers(clearing_plan *plan, numbers *to, object rows, str what) except -1:
    """Numbers in ascending order, each once."""
    ordered = sorted(set(rows))
    cdef uint32_t *items = <uint32_t *> plan_room(plan, len(ordered), sizeof(uint32_t))
    for at, number in enumerate(ordered):
        items[at] = number_within(number, 0, UINT32_BOUND, what)
    to.items, to.count = items, len(ordered)
    return 0


cdef int compile_hours(clearing_plan *plan, hours_list *to, tuple rows) except -1:
    cdef hours *items = <hours *> plan_room(plan, len(rows), sizeof(hours))
    for at, row in enumerate(rows):
        items[at].days = number_within(row.days, 0, 255, "the days of hours")
        items[at].from_s = number_within(row.from_s, 0, DAY_END_S, "hours' from_s")
        items[at].to_s = number_within(row.to_s, 0, DAY_END_S, "hours' to_s")
        items[at].basis = number_within(row.basis, 0, BASIS_ENTRY, "a basis")
    to.items, to.count = items, len(rows)
    return 0


cdef int compile_calendar(clearing_plan *plan, day_calendar *to, object row) except -1:
    cdef bytes days = row.calendar
    cdef uint8_t *kinds = <uint8_t *> plan_room(plan, len(days), 1)
    for day in days:
        number_within(day, 0, DAY_HOLIDAY, "a day kind")
    memcpy(kinds, PyBytes_AS_STRING(days), len(days))
    to.kinds, to.count = kinds, len(days)
    to.from_day = number_within(row.calendar_from, 0, UINT32_BOUND, "a calendar's first day")
    return 0


cdef int compile_class(clearing_plan *plan, fare_class *to, object row) except -1:
    cdef fare_band *bands = <fare_band *> plan_room(plan, len(row.bands), sizeof(fare_band))
    cdef int64_t lower = 0
    for at, (upper_fen, permille) in enumerate(row.bands):
        bands[at].upper_fen = number_within(upper_fen, lower, UINT32_BOUND, "a band's upper bound")
        bands[at].permille = number_within(permille, 0, FARE_PERMILLE_MAX, "a band's per mille")
        lower = bands[at].upper_fen
    to.bands = bands
    to.band_count = len(row.bands)
    to.card_kind = number_within(row.card_kind, 0, 255, "a card kind")
    to.rounding = number_within(row.rounding, 0, ROUNDING_UP, "a rounding")
    to.bearer = number_within(row.bearer, 0, BEARER_BUDGET, "a bearer")
    compile_hours(plan, &to.hours, row.hours)
    return compile_numbers(plan, &to.stations, row.stations, "a station of entry")


cdef int compile_classes(clearing_plan *plan, tariff *to, object row) except -1:
    cdef tuple rows = row.classes
    cdef fare_class *classes = <fare_class *> plan_room(plan, len(rows), sizeof(fare_class))
    for at, part in enumerate(rows):
        compile_class(plan, &classes[at], part)
    to.plain_classes = not any(part.hours or part.stations for part in rows)
    # The first class that names the kind; else the first of kind 0, which stands for all others.
    kinds = [part.card_kind for part in rows]
    others = kinds.index(0) if 0 in kinds else -1
    for kind in range(256):
        to.class_of_kind[kind] = kinds.index(kind) if kind in kinds else others
    to.classes = classes
    to.class_count = number_within(len(rows), 0, 0x7FFF, "the number of fare classes")
    to.foreign_class = number_within(row.foreign_class, -1, len(rows) - 1, "a foreign class")
    return 0


cdef int compile_flat(clearing_plan *plan, tariff *to, tuple rows) except -1:
    fares = sorted(dict(rows).items())
    cdef flat_fare *flat = <flat_fare *> plan_room(plan, len(fares), sizeof(flat_fare))
    for at, (line, fen) in enumerate(fares):
        flat[at].line = number_within(line, 0, UINT32_BOUND, "a line")
        flat[at].fen = number_within(fen, 0, FARE_FEN_MAX, "a flat fare")
    to.flat = flat
    to.flat_count = len(fares)
    return 0


cdef int compile_stations(clearing_plan *plan, numbers *to, tuple stations) except -1:
    """The stations of a matrix, whose order is that of its rows."""
    cdef int64_t before = -1
    cdef uint32_t *items = <uint32_t *> plan_room(plan, len(stations), sizeof(uint32_t))
    for at, station in enumerate(stations):
        before = number_within(station, before + 1, UINT32_BOUND, "a station, in ascending order,")
        items[at] = before
    to.items, to.count = items, len(stations)
    return 0


cdef int compile_matrix(clearing_plan *plan, tariff *to, tuple stations, bytes cells) except -1:
    cdef size_t count = len(stations), origin, destination
    cdef int32_t fen
    cdef int32_t *fares = <int32_t *> plan_room(plan, count * count, sizeof(int32_t))
    cdef od_bounds *bounds = <od_bounds *> plan_room(plan, count, sizeof(od_bounds))
    compile_stations(plan, &to.stations, stations)
    memcpy(fares, bytes_of(cells, 4 * count * count, "a fare matrix"), 4 * count * count)
    for destination in range(count):
        bounds[destination].lowest, bounds[destination].highest = FARE_FEN_MAX, -1
        for origin in range(count):
            fen = fares[origin * count + destination]
            if fen >= 0:
                bounds[destination].lowest = min(bounds[destination].lowest, fen)
                bounds[destination].highest = max(bounds[destination].highest, fen)
    to.od_fen, to.od_to = fares, bounds
    return 0


cdef int compile_meter(meter *to, object row) except -1:
    to.start_fen = number_within(row.start_fen, 0, FARE_FEN_MAX, "a meter's start_fen")
    to.start_m = number_within(row.start_m, 0, UINT32_BOUND, "a meter's start_m")
    to.step_fen = number_within(row.step_fen, 0, FARE_FEN_MAX, "a meter's step_fen")
    to.step_m = number_within(row.step_m, 1, UINT32_BOUND, "a meter's step_m")
    to.wait_fen = number_within(row.wait_fen, 0, FARE_FEN_MAX, "a meter's wait_fen")
    to.wait_s = number_within(row.wait_s, 0, UINT32_BOUND, "a meter's wait_s")
    to.tolerance_fen = number_within(row.tolerance_fen, 0, FARE_FEN_MAX, "a meter's tolerance_fen")
    return 0


cdef int compile_surcharges(clearing_plan *plan, tariff *to, tuple rows) except -1:
    cdef surcharge *items = <surcharge *> plan_room(plan, len(rows), sizeof(surcharge))
    for at, row in enumerate(rows):
        compile_numbers(plan, &items[at].lines, row.lines, "a line")
        compile_hours(plan, &items[at].hours, row.hours)
        items[at].add_fen = number_within(row.add_fen, 0, FARE_FEN_MAX, "a surcharge's add_fen")
        items[at].permille = number_within(
            row.per_mille, 0, SURCHARGE_PERMILLE_MAX, "a surcharge's per_mille"
        )
    to.surcharges, to.surcharge_count = items, len(rows)
    return 0


cdef int compile_stays(tariff *to, object row) except -1:
    """What long stays, entries that nobody knows and degraded mode cost."""
    to.overstay_s = number_within(row.overstay_s, 0, TIME_MAX, "overstay_s")
    to.overstay_fen = number_within(row.overstay_fen, 0, FARE_FEN_MAX, "overstay_fen")
    to.same_station_s = number_within(row.same_station_s, 0, TIME_MAX, "same_station_s")
    to.same_station_late_fen = number_within(
        row.same_station_late_fen, 0, FARE_FEN_MAX, "same_station_late_fen"
    )
    to.degraded = number_within(row.degraded, 0, DEGRADED_FLAT, "a degraded mode")
    to.degraded_fen = number_within(row.degraded_fen, 0, FARE_FEN_MAX, "degraded_fen")
    to.missing_entry = number_within(
        row.missing_entry, 0, MISSING_ENTRY_MINIMUM, "what a missing entry costs"
    )
    return 0


cdef int compile_transfer(clearing_plan *plan, transfer *to, object row) except -1:
    to.type = number_within(row.type, 0, TRANSFER_FREE, "a transfer type")
    to.rounding = number_within(row.rounding, 0, ROUNDING_UP, "a rounding")
    to.bearer = number_within(row.bearer, 0, BEARER_BUDGET, "a bearer")
    to.by_mark, to.without_mark = bool(row.by_mark), bool(row.without_mark)
    highest = FARE_PERMILLE_MAX if to.type == TRANSFER_PER_MILLE else FARE_FEN_MAX
    to.value_fen = number_within(row.value_fen, 0, highest, "a transfer's value_fen")
    to.window_s = number_within(row.window_s, 0, TIME_MAX, "a transfer's window_s")
    to.count_max = number_within(row.count_max, 0, UINT32_BOUND, "a transfer's count_max")
    return compile_numbers(plan, &to.from_operators, row.from_operators, "an operator's number")


cdef int compile_accumulation(clearing_plan *plan, accumulation *to, object row) except -1:
    cdef tier *tiers = <tier *> plan_room(plan, len(row.tiers), sizeof(tier))
    cdef int64_t before = -1
    for at, (from_fen, permille) in enumerate(row.tiers):
        before = number_within(from_fen, before + 1, UINT32_BOUND, "a tier, in ascending order,")
        tiers[at].from_fen = before
        tiers[at].permille = number_within(permille, 0, FARE_PERMILLE_MAX, "a tier's per mille")
    to.tiers, to.tier_count = tiers, len(row.tiers)
    to.period = number_within(row.period, 0, PERIOD_MONTH, "a period")
    to.rounding = number_within(row.rounding, 0, ROUNDING_UP, "a rounding")
    to.bearer = number_within(row.bearer, 0, BEARER_BUDGET, "a bearer")
    to.cap_fen = number_within(row.cap_fen, 0, UINT32_BOUND, "a cap")
    return 0


cdef int compile_tariff(clearing_plan *plan, tariff *to, object row) except -1:
    to.since_s = number_within(row.since_s, 0, TIME_MAX, "a tariff's since_s")
    to.until_s = number_within(row.until_s, 0, TIME_MAX, "a tariff's until_s")
    to.kinds = row.kinds
    to.type = number_within(row.type, TARIFF_FLAT, TARIFF_DECLARED, "a tariff type")
    to.min_fen = number_within(row.min_fen, 0, FARE_FEN_MAX, "a tariff's min_fen")
    to.max_fen = number_within(row.max_fen, 0, FARE_FEN_MAX, "a tariff's max_fen")
    to.step_fen = number_within(row.step_fen, 1, FARE_FEN_MAX, "a tariff's step_fen")
    to.by_amount = bool(row.by_amount)
    compile_flat(plan, to, row.flat_fen)
    if to.type == TARIFF_OD:
        compile_matrix(plan, to, row.stations, row.od_fen)
    if to.type == TARIFF_METERED:
        if row.meter is None:
            raise ValueError("a metered tariff has a meter")
        compile_meter(&to.meter, row.meter)
    compile_calendar(plan, &to.calendar, row)
    compile_surcharges(plan, to, row.surcharges)
    compile_stays(to, row)
    compile_classes(plan, to, row)
    to.accumulates = row.accumulation is not None
    if to.accumulates:
        compile_accumulation(plan, &to.accumulation, row.accumulation)
    return compile_transfer(plan, &to.transfer, row.transfer)


cdef int compile_pairs(clearing_plan *plan, split *to, object row) except -1:
    """The weights of pairs of stations."""
    cdef size_t size = 4 * len(row.stations) ** 2 * to.count
    cdef uint32_t *weights = <uint32_t *> plan_room(plan, size, 1)
    compile_stations(plan, &to.stations, row.stations)
    memcpy(weights, bytes_of(row.weights, size, "a table of weights"), size)
    to.pair_weights = weights
    return 0


cdef int compile_split(clearing_plan *plan, split *to, object row) except -1:
    cdef uint64_t weight_sum = 0
    to.since_s = number_within(row.since_s, 0, TIME_MAX, "a split's since_s")
    to.until_s = number_within(row.until_s, 0, TIME_MAX, "a split's until_s")
    to.count = number_within(len(row.shares), 0, SHARES_MAX, "the number of shares")
    for at, (account, weight) in enumerate(row.shares):
        to.accounts[at] = number_within(account, 0, UINT32_BOUND, "a share's account")
        to.weights[at] = number_within(weight, 0, UINT32_BOUND, "a share's weight")
        weight_sum += to.weights[at]
    if to.count and not weight_sum:
        raise ValueError("the weights of a split's shares are all 0")
    return compile_pairs(plan, to, row)
