/* What all parts of the kernel driver use: a check that ends the program, and numbers from a seed. */
#ifndef DRIVER_CHECKS_H
#define DRIVER_CHECKS_H

#include "judge.h"
#include <stdio.h>

#define CHECK(what)                                                                                        \
    do {                                                                                                   \
        if (!(what)) {                                                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                                     \
            exit(1);                                                                                       \
        }                                                                                                  \
    } while (0)

static uint64_t random_state;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dULL;
}

static size_t random_below(size_t bound)
{
    return (size_t)((random_word() >> 33) % bound);
}

#endif /* DRIVER_CHECKS_H */
