# The tariffs and splits of a plan, compiled to the arrays of fares.h.

cdef int compile_class(clearing_plan *plan, fare_class *to, object row) except -1:
    cdef fare_band *bands = <fare_band *> plan_room(plan, len(row.bands), sizeof(fare_band))
    cdef int64_t lower = 0
    for at, (upper_fen, permille) in enumerate(row.bands):
        bands[at].upper_fen = number_within(upper_fen, lower, UINT32_BOUND, "a band's upper bound")
        bands[at].permille = number_within(permille, 0, FARE_PERMILLE_MAX, "a band's per mille")
        lower = bands[at].upper_fen
    to.bands = bands
    to.band_count = len(row.bands)
    to.rounding = number_within(row.rounding, 0, ROUNDING_UP, "a rounding")
    to.bearer = number_within(row.bearer, 0, BEARER_BUDGET, "a bearer")
    return 0


cdef int compile_classes(clearing_plan *plan, tariff *to, tuple rows) except -1:
    cdef fare_class *classes = <fare_class *> plan_room(plan, len(rows), sizeof(fare_class))
    kinds = [number_within(row.card_kind, 0, 255, "a card kind") for row in rows]
    for at, row in enumerate(rows):
        compile_class(plan, &classes[at], row)
    # The class that names the kind; else the last of kind 0, which stands for all others.
    others = max((at for at, kind in enumerate(kinds) if kind == 0), default=-1)
    for kind in range(256):
        to.class_of_kind[kind] = kinds.index(kind) if kind in kinds else others
    to.classes = classes
    to.class_count = number_within(len(rows), 0, 0x7FFF, "the number of fare classes")
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


cdef int compile_matrix(clearing_plan *plan, tariff *to, tuple stations, bytes cells) except -1:
    cdef size_t count = len(stations), origin, destination
    cdef int64_t before = -1
    cdef int32_t fen
    cdef uint32_t *numbers = <uint32_t *> plan_room(plan, count, sizeof(uint32_t))
    cdef int32_t *fares = <int32_t *> plan_room(plan, count * count, sizeof(int32_t))
    cdef od_bounds *bounds = <od_bounds *> plan_room(plan, count, sizeof(od_bounds))
    for at, station in enumerate(stations):
        before = number_within(station, before + 1, UINT32_BOUND, "a station, in ascending order,")
        numbers[at] = before
    memcpy(fares, bytes_of(cells, 4 * count * count, "a fare matrix"), 4 * count * count)
    for destination in range(count):
        bounds[destination].lowest, bounds[destination].highest = FARE_FEN_MAX, -1
        for origin in range(count):
            fen = fares[origin * count + destination]
            if fen >= 0:
                bounds[destination].lowest = min(bounds[destination].lowest, fen)
                bounds[destination].highest = max(bounds[destination].highest, fen)
    to.stations, to.od_fen, to.od_to = numbers, fares, bounds
    to.station_count = count
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


cdef int compile_transfer(transfer *to, object row) except -1:
    to.type = number_within(row.type, 0, TRANSFER_FIXED_PRICE, "a transfer type")
    to.by_mark = bool(row.by_mark)
    to.value_fen = number_within(row.value_fen, 0, FARE_FEN_MAX, "a transfer's value_fen")
    to.window_s = number_within(row.window_s, 0, TIME_MAX, "a transfer's window_s")
    to.count_max = number_within(row.count_max, 0, UINT32_BOUND, "a transfer's count_max")
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
    compile_classes(plan, to, row.classes)
    return compile_transfer(&to.transfer, row.transfer)


cdef int compile_split(split *to, object row) except -1:
    to.since_s = number_within(row.since_s, 0, TIME_MAX, "a split's since_s")
    to.until_s = number_within(row.until_s, 0, TIME_MAX, "a split's until_s")
    to.count = number_within(len(row.shares), 0, SHARES_MAX, "the number of shares")
    for at, (account, weight) in enumerate(row.shares):
        to.accounts[at] = number_within(account, 0, UINT32_BOUND, "a share's account")
        to.weights[at] = number_within(weight, 0, UINT32_BOUND, "a share's weight")
        to.weight_sum += to.weights[at]
    if to.count and not to.weight_sum:
        raise ValueError("the weights of a split's shares are all 0")
    return 0
