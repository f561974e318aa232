/* Memory for keys: never swapped out, never in a core file, empty in a forked child, wiped when freed.
 *
 * Linux. Include it first, or compile with GNU extensions (-std=gnu11), so that madvise is declared.
 */
#ifndef ONECARD_LOCKED_H
#define ONECARD_LOCKED_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wipe.h"

/* The whole pages that hold `size` bytes; 0 if there is no such number. */
static inline size_t locked_pages_bytes(size_t size)
{
    long page = sysconf(_SC_PAGESIZE);
    size_t page_bytes = page > 0 ? (size_t)page : 4096;

    if (size == 0 || size > SIZE_MAX - page_bytes)
        return 0;
    return (size + page_bytes - 1) / page_bytes * page_bytes;
}

/* Wipe and give back what locked_alloc gave for the same size. NULL is allowed. */
static inline void locked_free(void *memory, size_t size)
{
    size_t bytes = locked_pages_bytes(size);

    if (memory == NULL)
        return;
    wipe(memory, bytes);
    (void)munlock(memory, bytes);
    (void)munmap(memory, bytes);
}

/* Zeroed memory of its own pages, or NULL with errno set. EPERM, ENOMEM or EAGAIN most often means that
 * RLIMIT_MEMLOCK is too low. It never hands out memory that is not locked. */
static inline void *locked_alloc(size_t size)
{
    size_t bytes = locked_pages_bytes(size);
    void *memory;
    int error;

    if (bytes == 0) {
        errno = EINVAL;
        return NULL;
    }
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (mlock(memory, bytes) == 0 && madvise(memory, bytes, MADV_DONTDUMP) == 0
        && madvise(memory, bytes, MADV_WIPEONFORK) == 0)
        return memory;
    error = errno;
    (void)munmap(memory, bytes);
    errno = error;
    return NULL;
}

#endif /* ONECARD_LOCKED_H */
