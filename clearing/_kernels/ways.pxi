# The ways of making many TACs (tac_ways.h), by name.

cdef extern from "_kernels/tac_many.h" nogil:
    struct tac_key_set:
        uint8_t algorithm
        uint8_t factor_offset
    struct tac_input:
        pass
    tac_input tac_input_of_purchase(const uint8_t *bytes_)
    tac_input tac_input_of_load(const uint8_t *bytes_)
    struct tac_way:
        const char *name
        bint here()
    struct tac_many:
        pass
    enum:
        TAC_WAYS
    tac_way *tac_ways
    const tac_way *tac_way_best()
    const tac_way *tac_way_named(const char *name)
    tac_many *tac_many_alloc()
    void tac_many_free(tac_many *many)
    void tac_many_begin(tac_many *many, const tac_way *way, uint32_t *tacs)
    void tac_many_add(tac_many *many, uint32_t row, const tac_key_set *keys, const uint8_t *factor,
                      tac_input input, bint longer)
    void tac_many_end(tac_many *many)


def tac_ways_here() -> tuple:
    """The names of the ways that this processor has, the plainest first."""
    cdef size_t at
    return tuple([tac_ways[at].name.decode() for at in range(<size_t> TAC_WAYS) if tac_ways[at].here()])


cdef const tac_way *way_of(object name) except? NULL:
    """The way of that name; NULL, which is the best one, for no name. ValueError if it cannot be had."""
    cdef const tac_way *way
    if not name:
        return NULL
    way = tac_way_named(name.encode())
    if way == NULL:
        raise ValueError(f"There is no way {name!r} of making TACs: {', '.join(tac_ways_here())}.")
    if not way.here():
        raise ValueError(
            f"This processor cannot make TACs the way {name!r}: {', '.join(tac_ways_here())}."
        )
    return way
