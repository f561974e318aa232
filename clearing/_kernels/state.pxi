# The door to the state: what goes in from the database, what comes out of it.

cdef int put_cards(card_table *table, bytes lines) except -1:
    cdef const uint8_t *data = <const uint8_t *> PyBytes_AS_STRING(lines)
    cdef size_t count = <size_t> len(lines) // CARD_LINE_BYTES, at
    cdef bint done
    if len(lines) % CARD_LINE_BYTES:
        raise ValueError(f"card lines have {CARD_LINE_BYTES} bytes each")
    for at in range(count):
        if data[at * CARD_LINE_BYTES] == 0:
            raise ValueError("a card line has a family")
    with nogil:
        done = card_table_put_all(table, data, count)
    if not done:
        raise MemoryError("no memory for more cards")
    return 0


cdef identity identity_of(
    bytes name, object batch_seq, object row, bytes head, object business_day, object acquirer
) except *:
    """An identity (37 bytes) and where its tap stands, as the table holds it."""
    cdef identity to
    cdef uint8_t digest[32]
    sha256(
        bytes_of(name, RECORD_IDENTITY_BYTES, "an identity"), RECORD_IDENTITY_BYTES, digest
    )
    to.fingerprint = fingerprint_of_digest(digest)
    to.batch_seq = number_within(batch_seq, 0, SEQUENCE_MAX, "batch_seq")
    to.row = number_within(row, 0, UINT32_BOUND, "row")
    to.head = load_big32(bytes_of(head, 4, "a digest's head"))
    to.business_day = number_within(business_day, 0, UINT16_BOUND, "business_day")
    to.acquirer = number_within(acquirer, 0, UINT16_BOUND, "an acquirer")
    to.used = 1
    return to


cdef int put_identities(identity_table *table, list rows) except -1:
    cdef identity one
    for name, batch_seq, row, head, business_day, acquirer in rows:
        one = identity_of(name, batch_seq, row, head, business_day, acquirer)
        if not identity_table_put(table, &one):
            raise MemoryError("no memory for more identities")
    return 0


cdef int put_known(identity_table *table, dict known) except -1:
    """A table of the identities that the database found in sealed partitions."""
    cdef identity one
    if not identity_table_init(table, len(known)):
        raise MemoryError("no memory for known identities")
    for name, (batch_seq, row, head, business_day, acquirer) in known.items():
        one = identity_of(name, batch_seq, row, head, business_day, acquirer)
        if not identity_table_put(table, &one):
            raise MemoryError("no memory for known identities")
    return 0


cdef bytes sorted_lines(const card_table *table):
    cdef bytes lines = PyBytes_FromStringAndSize(NULL, table.count * CARD_LINE_BYTES)
    cdef card_line *to = <card_line *> PyBytes_AS_STRING(lines)
    with nogil:
        card_table_sorted(table, to)
    return lines


cdef bytes sorted_identities(const identity_table *table):
    cdef bytes rows = PyBytes_FromStringAndSize(NULL, table.count * IDENTITY_DUMP_BYTES)
    cdef uint8_t *to = <uint8_t *> PyBytes_AS_STRING(rows)
    with nogil:
        identity_table_dump(table, to)
    return rows


cdef bytes one_line(const card_table *table, const clearing_plan *plan, bytes card):
    cdef const uint8_t *name = bytes_of(card, RECORD_CARD_BYTES, "a card")
    cdef const issuer *found = plan_issuer(plan, name[0], name + 1)
    cdef const card_line *line
    if name[0] != TERMINAL_FAMILY and found == NULL:
        return None
    # A terminal's line has no issuer; clearing.terminals names it.
    line = card_table_find(
        table, card_key_make(name[0], 0 if found == NULL else found.number, name + 9)
    )
    if line == NULL:
        return None
    return PyBytes_FromStringAndSize(<const char *> line, CARD_LINE_BYTES)


cdef enum:
    FOREIGN_CARD = 255  # as clearing.kernel has it


cdef uint8_t kind_of_card(
    const card_table *table, const clearing_plan *plan, const uint8_t *name
) noexcept nogil:
    cdef const issuer *found = plan_issuer(plan, name[0], name + 1)
    cdef const card_line *line
    if found == NULL:
        return 0
    if not found.own:
        return FOREIGN_CARD
    line = card_table_find(table, card_key_make(name[0], found.number, name + 9))
    return 0 if line == NULL else line.card_kind


cdef bytes kinds_of_cards(const card_table *table, const clearing_plan *plan, bytes records):
    cdef size_t count = <size_t> len(records) // RECORD_BYTES, at
    cdef const uint8_t *data = <const uint8_t *> PyBytes_AS_STRING(records)
    cdef bytes kinds = PyBytes_FromStringAndSize(NULL, count)
    cdef uint8_t *to = <uint8_t *> PyBytes_AS_STRING(kinds)
    with nogil:
        for at in range(count):
            to[at] = kind_of_card(table, plan, data + at * RECORD_BYTES + RECORD_CARD)
    return kinds
