/* Zeroed memory for large tables: whole pages, huge ones where the system gives them. */
#ifndef ONECARD_PAGES_H
#define ONECARD_PAGES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stddef.h>
#include <sys/mman.h>

#define PAGES_HUGE_BYTES ((size_t)2 << 20)

/* `size` bytes of zeros, aligned to a page, or NULL. */
static inline void *pages_alloc(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    /* A table is read at random: without huge pages every look-up misses the TLB as well. Only a hint. */
    if (size >= PAGES_HUGE_BYTES)
        (void)madvise(memory, size, MADV_HUGEPAGE);
#endif
    return memory;
}

/* NULL is allowed. */
static inline void pages_free(void *memory, size_t size)
{
    if (memory != NULL)
        (void)munmap(memory, size);
}

#endif /* ONECARD_PAGES_H */
