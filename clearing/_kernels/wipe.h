/* Overwriting of secrets that the compiler may not leave out. */
#ifndef ONECARD_WIPE_H
#define ONECARD_WIPE_H

#include <stddef.h>
#include <string.h>

/* Set `size` bytes to zero. The empty assembly claims to read them, so the writes are not "dead". */
static inline void wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}

#endif /* ONECARD_WIPE_H */
