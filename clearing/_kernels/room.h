/* Room at the end of an array that grows. */
#ifndef ONECARD_ROOM_H
#define ONECARD_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Make `*items`, which has room for `*room` items of `size` bytes, hold `count`. False without memory, and
 * then nothing has changed. */
static inline bool room_for(void **items, size_t *room, size_t count, size_t size)
{
    size_t wanted = *room < 16 ? 16 : *room;
    void *larger;

    if (count <= *room)
        return true;
    while (wanted < count)
        wanted *= 2;
    if (wanted > SIZE_MAX / size)
        return false;
    larger = realloc(*items, wanted * size);
    if (larger == NULL)
        return false;
    *items = larger;
    *room = wanted;
    return true;
}

#endif /* ONECARD_ROOM_H */
