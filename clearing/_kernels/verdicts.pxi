# One batch: the context in, the row loop without the GIL, the judgement out.

cdef uint8_t *column_room(list kept, size_t count, size_t row_bytes) except NULL:
    """Bytes to be filled before anyone sees them; ``kept`` owns them."""
    cdef bytes room = PyBytes_FromStringAndSize(NULL, count * row_bytes)
    kept.append(room)
    return <uint8_t *> PyBytes_AS_STRING(room)


cdef list make_columns(columns *to, size_t count):
    """Room for every column of a judgement, in the order in which ``finish`` names them."""
    kept = []
    to.reasons = column_room(kept, count, 1)
    to.flags = column_room(kept, count, 8)
    to.priced_fen = column_room(kept, count, 4)
    to.credited_fen = column_room(kept, count, 4)
    to.subsidy_fen = column_room(kept, count, 4)
    to.issuer_numbers = column_room(kept, count, 2)
    to.shares = column_room(kept, count, 8 * SHARES_MAX)
    to.copy_rows = column_room(kept, count, COPY_ROW_BYTES)
    to.leaves = column_room(kept, count, SHA256_DIGEST_BYTES)
    return kept


cdef int take_context(batch *to, bytes records, object context) except -1:
    """What a batch is judged under. KeyError for an operator that the plan does not have."""
    if len(records) % RECORD_BYTES:
        raise ValueError(f"records have {RECORD_BYTES} bytes each")
    to.batch_seq = number_within(context.batch_seq, 0, SEQUENCE_MAX, "batch_seq")
    to.business_day = number_within(context.business_day, 0, UINT16_BOUND, "business_day")
    to.judged_at_s = number_within(context.judged_at_s, 0, TIME_MAX, "judged_at_s")
    to.source = <source> number_within(
        context.source, SOURCE_OPERATOR, SOURCE_PRESENTMENT, "a source"
    )
    to.acquirer = number_within(context.acquirer, 0, UINT16_BOUND, "an acquirer")
    to.checks = number_within(context.checks, 0, UINT32_BOUND, "checks")
    to.supposed = bool(context.supposed)
    if context.source == SOURCE_OPERATOR:
        if 0 <= context.operator <= UINT32_BOUND:
            to.operator_number = context.operator
            to.operator = plan_operator(to.plan, to.operator_number)
        if to.operator == NULL:
            raise KeyError(context.operator)
    to.records = <const uint8_t *> PyBytes_AS_STRING(records)
    to.count = number_within(len(records) // RECORD_BYTES, 0, SEQUENCE_MAX, "the number of taps")
    return 0


cdef object finish(const batch *judged, list kept):
    """The judgement as Python sees it. Only what is said of a tap beyond its columns is an object."""
    cdef size_t at
    cdef const evidence *reason
    cdef const movement *moved
    evidence_rows, movement_rows = [], []
    for at in range(judged.evidence.count):
        reason = &judged.evidence.items[at]
        evidence_rows.append(Evidence(reason.row, reason.reason, reason.expected, reason.actual))
    for at in range(judged.movements.count):
        moved = &judged.movements.items[at]
        movement_rows.append(
            Movement(moved.debit, moved.credit, moved.purpose, moved.count, moved.amount_fen)
        )
    reasons, flags, priced, credited, subsidy, issuers, shares, copy_rows, leaves = kept
    return Judgement(
        count=judged.count,
        verdict_counts=tuple([judged.verdict_counts[at] for at in range(3)]),
        reason_counts=tuple([judged.reason_counts[at] for at in range(<size_t> REASONS)]),
        gross_fen=judged.gross_fen,
        charged_fen=judged.charged_fen,
        accepted_fen=judged.accepted_fen,
        reasons=reasons,
        flags=flags,
        priced_fen=priced,
        credited_fen=credited,
        subsidy_fen=subsidy,
        issuer_numbers=issuers,
        shares=shares,
        evidence=tuple(evidence_rows),
        movements=tuple(movement_rows),
        copy_rows=copy_rows,
        leaves=leaves,
        root=PyBytes_FromStringAndSize(<const char *> judged.root, SHA256_DIGEST_BYTES),
    )
