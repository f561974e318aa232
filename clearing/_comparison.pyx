# cython: language_level=3, boundscheck=False, wraparound=False
"""Two judgements of the same taps side by side, in C: ``_kernels/comparison.h`` from Python."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stddef cimport size_t
from libc.stdint cimport SIZE_MAX, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

cdef extern from "_kernels/splits.h" nogil:
    enum:
        SHARES_MAX

cdef extern from "_kernels/comparison.h" nogil:
    enum:
        COPY_ROW_BYTES
        COMPARISON_CREDITED
        COMPARISON_FIGURES
    struct comparison_key:
        # By another name here: operator is a word of C++, which Cython keeps free.
        uint32_t operator_number "operator"
        uint32_t card_kind, number
    struct comparison_sum:
        comparison_key key
        int64_t taps, changed
        int64_t *before
        int64_t *after
    struct comparison_sums:
        comparison_sum *items
        size_t count
    void comparison_free(comparison_sums *sums)
    size_t comparison_add(comparison_sums *lines, comparison_sums *accounts, const uint8_t *before,
                          const uint8_t *before_shares, const uint8_t *after,
                          const uint8_t *after_shares, const uint8_t *kinds,
                          const uint8_t *left_out, size_t count, uint32_t *differing)


cdef const uint8_t *column(bytes values, size_t count, size_t width) except NULL:
    """A column of ``count`` values of ``width`` bytes each."""
    if <size_t> len(values) != count * width:
        raise ValueError(f"a column of {count} rows has {count * width} bytes, not {len(values)}")
    return <const uint8_t *> PyBytes_AS_STRING(values)


cdef class FastComparison:
    """``clearing.comparison.Comparison`` in C. The GIL is released while a batch is added."""

    cdef comparison_sums line_sums, account_sums

    def __dealloc__(self):
        comparison_free(&self.line_sums)
        comparison_free(&self.account_sums)

    def add(self, before, after, bytes kinds not None, bytes left_out=None):
        cdef size_t count = before.count, found, at
        cdef const uint8_t *rows = column(before.copy_rows, count, COPY_ROW_BYTES)
        cdef const uint8_t *shares = column(before.shares, count, 8 * SHARES_MAX)
        cdef const uint8_t *other_rows = column(after.copy_rows, count, COPY_ROW_BYTES)
        cdef const uint8_t *other_shares = column(after.shares, count, 8 * SHARES_MAX)
        cdef const uint8_t *card_kinds = column(kinds, count, 1)
        cdef const uint8_t *stay = NULL if left_out is None else column(left_out, count, 1)
        cdef uint32_t *differing = <uint32_t *> malloc((count + 1) * sizeof(uint32_t))
        if differing == NULL:
            raise MemoryError("no memory to compare a batch")
        try:
            with nogil:
                found = comparison_add(
                    &self.line_sums, &self.account_sums, rows, shares, other_rows, other_shares,
                    card_kinds, stay, count, differing,
                )
            if found == SIZE_MAX:
                raise MemoryError("no memory to compare a batch")
            return [differing[at] for at in range(found)]
        finally:
            free(differing)

    def lines(self):
        cdef size_t at, figure
        cdef comparison_sum *item
        rows = []
        for at in range(self.line_sums.count):
            item = &self.line_sums.items[at]
            rows.append((
                (item.key.operator_number, item.key.card_kind, item.key.number),
                item.taps,
                item.changed,
                tuple([item.before[figure] for figure in range(<size_t> COMPARISON_FIGURES)]),
                tuple([item.after[figure] for figure in range(<size_t> COMPARISON_FIGURES)]),
            ))
        return sorted(rows)

    def accounts(self):
        cdef size_t at
        cdef comparison_sum *item
        rows = []
        for at in range(self.account_sums.count):
            item = &self.account_sums.items[at]
            rows.append((
                (item.key.operator_number, item.key.number),
                item.before[<size_t> COMPARISON_CREDITED],
                item.after[<size_t> COMPARISON_CREDITED],
            ))
        return sorted(rows)
