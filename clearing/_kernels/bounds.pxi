# Numbers that come from Python are taken in here, each within its bounds or not at all.

cdef int64_t TIME_MAX = 0xFFFF_FFFF
cdef int64_t UINT32_BOUND = 0xFFFF_FFFF
cdef int64_t SEQUENCE_MAX = 0x7FFF_FFFF
cdef int64_t UINT16_BOUND = 0xFFFF
cdef int64_t INT64_BOUND = 0x7FFF_FFFF_FFFF_FFFF
cdef int64_t DAY_END_S = 86_400


cdef int64_t number_within(object value, int64_t lowest, int64_t highest, str what) except? -1:
    """A whole number from ``lowest`` to ``highest``; ValueError names what it was to be."""
    if not lowest <= value <= highest:
        raise ValueError(f"{what} is {value!r}; it must be from {lowest} to {highest}")
    return value


cdef const uint8_t *bytes_of(bytes value, Py_ssize_t size, str what) except NULL:
    """The bytes of an object that lives on, exactly ``size`` of them."""
    if value is None or len(value) != size:
        raise ValueError(f"{what} has {size} bytes")
    return <const uint8_t *> PyBytes_AS_STRING(value)


cdef void *plan_room(clearing_plan *plan, size_t count, size_t size) except NULL:
    cdef void *memory = plan_alloc(plan, count, size)
    if memory == NULL:
        raise MemoryError("no memory for the plan")
    return memory
