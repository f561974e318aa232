# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The hot path: the kernel of ``clearing.kernel`` in C, one call per batch and no object per tap.

A table of contents. The row loop is ``_kernels/judge.h``; from there a tap's way goes through

    record.h, calendar.h, tap.h     what the record says
    tac_ahead.h, tac_many.h,        whether the card signed it, many taps at a time:
    tac_ways.h                          lanes.h slices of bits, sm4_gfni.h, tac.h the plain way
    checks.h, card_checks.h         registries, time, denylist; counters, balances
    price.h, fares.h                what the tariff says
    reasons.h                       the verdict
    card_moves.h, journal.h         state, and how it is taken back
    money.h, movements.h            accounts
    postgres_copy.h, leaves.h,      what is stored and proven
    merkle.h, sha256_lanes.h

State is in ``card_table.h`` and ``identity_table.h``, the plan in ``plan.h``. What this file includes
is the way in and out: Python's plan, lines and context to C, and C's columns to Python.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from hashlib import shake_256
from os import urandom

# All that a kernel may know of ours: the shape of its answer, and the published table of reasons.
from clearing.kernel import Evidence, Judgement, Movement
from schemas.reasons import RANK, RECORD_LEVEL

include "_kernels/ways.pxi"
include "_kernels/words.pxi"
include "_kernels/bounds.pxi"
include "_kernels/tariffs.pxi"
include "_kernels/configure.pxi"
include "_kernels/state.pxi"
include "_kernels/verdicts.pxi"

cdef reason_table reason_rows
for _row in RECORD_LEVEL:
    reason_table_add(&reason_rows, _row.reason, _row.outcome, RANK[_row.reason])


cdef class FastKernel:
    """``clearing.kernel.Kernel`` in C. One writer drives it; a second thread is refused, not raced."""

    name = "fastpath"

    cdef kernel_state state
    cdef clearing_plan plan
    cdef run *room
    cdef bint configured, busy

    def __cinit__(self, str tac_way=""):
        # The table's hash is keyed afresh in each process: nobody can choose cards that collide.
        seeds = urandom(16)
        cdef const uint8_t *seed = <const uint8_t *> PyBytes_AS_STRING(seeds)
        self.room = run_alloc(way_of(tac_way))
        if (
            self.room == NULL
            or not card_table_init(&self.state.cards, load_raw64(seed), load_raw64(seed + 8))
            or not identity_table_init(&self.state.identities, 0)
        ):
            raise MemoryError("no memory for a kernel")

    def __dealloc__(self):
        plan_free(&self.plan)
        card_table_free(&self.state.cards)
        identity_table_free(&self.state.identities)
        journal_free(&self.state.journal)
        run_free(self.room)

    cdef int _idle(self) except -1:
        """The GIL is released while a batch is judged, so another thread could come in."""
        if self.busy:
            raise RuntimeError("a kernel is driven by one writer, and it is judging a batch")
        return 0

    def configure(self, plan) -> None:
        cdef clearing_plan fresh
        memset(&fresh, 0, sizeof(fresh))
        self._idle()
        try:
            compile_plan(&fresh, plan)
        except BaseException:
            plan_free(&fresh)
            raise
        plan_free(&self.plan)
        self.plan, self.configured = fresh, True

    def add_cards(self, bytes lines not None) -> None:
        self._idle()
        put_cards(&self.state.cards, lines)

    def add_identities(self, list rows not None) -> None:
        self._idle()
        put_identities(&self.state.identities, rows)

    def judge(self, bytes records not None, context):
        cdef batch judged
        cdef identity_table known
        self._idle()
        if not self.configured:
            raise RuntimeError("a kernel is configured with a plan before it judges")
        memset(&judged, 0, sizeof(judged))
        memset(&known, 0, sizeof(known))
        judged.plan, judged.reasons, judged.state = &self.plan, &reason_rows, &self.state
        take_context(&judged, records, context)
        salts = shake_256(context.salt_key).digest(LEAF_SALT_BYTES * judged.count)
        judged.salts = <const uint8_t *> PyBytes_AS_STRING(salts)
        kept = make_columns(&judged.columns, judged.count)
        try:
            if context.known:
                put_known(&known, context.known)
                judged.known = &known
            return self._judge(&judged, kept)
        finally:
            identity_table_free(&known)
            batch_free(&judged)

    cdef object _judge(self, batch *judged, list kept):
        """A batch is judged as a whole or leaves no trace."""
        cdef bint done
        if not journal_open(&self.state.journal, judged.batch_seq):
            raise MemoryError("no memory for the journal")
        try:
            self.busy = True
            with nogil:
                done = judge_batch(judged, self.room)
            self.busy = False
            if not done:
                raise MemoryError("no memory to judge this batch")
            return finish(judged, kept)
        except BaseException:
            self.busy = False
            journal_undo_newest(&self.state.journal, &self.state.cards, &self.state.identities)
            raise

    def undo(self, int64_t batch_seq) -> None:
        self._idle()
        journal_undo(&self.state.journal, batch_seq, &self.state.cards, &self.state.identities)

    def keep(self, int64_t batch_seq) -> None:
        self._idle()
        journal_keep(&self.state.journal, batch_seq)

    def forget(self, int64_t business_day) -> None:
        self._idle()
        if not identity_table_forget(&self.state.identities, business_day):
            raise MemoryError("no memory to drop identities")

    def dump_state(self) -> bytes:
        self._idle()
        return sorted_lines(&self.state.cards) + sorted_identities(&self.state.identities)

    def card_lines(self) -> bytes:
        self._idle()
        return sorted_lines(&self.state.cards)

    def card_line(self, bytes card not None) -> bytes | None:
        self._idle()
        return one_line(&self.state.cards, &self.plan, card)

    def card_kinds(self, bytes records not None) -> bytes:
        self._idle()
        return kinds_of_cards(&self.state.cards, &self.plan, records)
