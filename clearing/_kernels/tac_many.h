/* Many TACs at once: taps are queued by what is to be done for them, and each full vector is made at once.
 *
 * Issuers, key versions and key indexes mix within a vector, for every lane has its own key. What does not mix is
 * the cipher; and purchases (three DES blocks) wait apart from top-ups (four), which are few: at the end both
 * fill up one vector together, so that only that one does the fourth block.
 */
#ifndef ONECARD_TAC_MANY_H
#define ONECARD_TAC_MANY_H

#include <stdlib.h>

#include "tac_ways.h"

enum tac_kind_of_work { TAC_WORK_DES, TAC_WORK_DES_LONGER, TAC_WORK_SM4, TAC_WORKS };

struct tac_queue {
    struct tac_lanes lanes;
    uint32_t rows[TAC_LANES_MAX];
};

struct tac_many {
    struct tac_queue queues[TAC_WORKS];
    const struct tac_way *way;
    bool forced; /* the way that was asked for does even the last few taps */
    uint32_t *tacs;
};

/* Room to work in, or NULL; it holds no keys. */
static inline struct tac_many *tac_many_alloc(void)
{
    struct tac_many *many = aligned_alloc(_Alignof(struct tac_many), sizeof *many);

    if (many != NULL)
        memset(many, 0, sizeof *many);
    return many;
}

static inline void tac_many_free(struct tac_many *many)
{
    free(many);
}

/* Begin; TACs go to tacs[row]. `way` NULL: the best there is. */
static inline void tac_many_begin(struct tac_many *many, const struct tac_way *way, uint32_t *tacs)
{
    many->forced = way != NULL;
    many->way = way != NULL ? way : tac_way_best();
    many->tacs = tacs;
    for (unsigned work = 0; work < TAC_WORKS; work++)
        many->queues[work].lanes.count = many->queues[work].lanes.longer = 0;
}

static inline const struct tac_cipher *tac_many_cipher(const struct tac_many *many, enum tac_kind_of_work work)
{
    return &many->way->ciphers[work == TAC_WORK_SM4 ? TAC_ALGORITHM_SM4 : TAC_ALGORITHM_DES];
}

/* Make the TACs of a queue, and empty it. */
static inline void tac_many_run(struct tac_many *many, enum tac_kind_of_work work)
{
    const struct tac_cipher *cipher = tac_many_cipher(many, work);
    struct tac_queue *queue = &many->queues[work];
    struct tac_lanes *lanes = &queue->lanes;

    if (lanes->count == 0)
        return;
    tac_lanes_close(lanes, cipher->width);
    if (lanes->count < cipher->least && !many->forced)
        tac_lanes_scalar(lanes);
    else
        cipher->run(lanes);
    for (size_t lane = 0; lane < lanes->count; lane++)
        many->tacs[queue->rows[lane]] = (uint32_t)lanes->tac[lane];
    lanes->count = lanes->longer = 0;
}

static inline void tac_queue_put(struct tac_queue *queue, uint32_t row, const struct tac_key_set *keys,
                                 uint64_t factor, const struct tac_input *input)
{
    size_t lane = queue->lanes.count++;

    queue->rows[lane] = row;
    queue->lanes.keys[lane] = keys;
    queue->lanes.factor[lane] = factor;
    for (unsigned word = 0; word < TAC_INPUT_WORDS; word++)
        queue->lanes.input[word][lane] = input->words[word];
}

/* Queue a tap: its key set, its last factor, its input, and whether that is a top-up's. */
static inline void tac_many_add(struct tac_many *many, uint32_t row, const struct tac_key_set *keys,
                                const uint8_t factor[TAC_FACTOR_BYTES], struct tac_input input, bool longer)
{
    enum tac_kind_of_work work = keys->algorithm == TAC_ALGORITHM_SM4 ? TAC_WORK_SM4
                               : longer                               ? TAC_WORK_DES_LONGER
                                                                      : TAC_WORK_DES;
    struct tac_queue *queue = &many->queues[work];

    tac_queue_put(queue, row, keys, tac_word(factor), &input);
    queue->lanes.longer += work == TAC_WORK_DES_LONGER;
    if (queue->lanes.count == tac_many_cipher(many, work)->width)
        tac_many_run(many, work);
}

/* Make what is still queued: as many purchases as there is room for beside the top-ups, then the rest. */
static inline void tac_many_end(struct tac_many *many)
{
    struct tac_queue *from = &many->queues[TAC_WORK_DES], *to = &many->queues[TAC_WORK_DES_LONGER];
    size_t width = tac_many_cipher(many, TAC_WORK_DES)->width;

    while (to->lanes.count > 0 && to->lanes.count < width && from->lanes.count > 0) {
        size_t lane = --from->lanes.count;
        struct tac_input input;

        for (unsigned word = 0; word < TAC_INPUT_WORDS; word++)
            input.words[word] = from->lanes.input[word][lane];
        tac_queue_put(to, from->rows[lane], from->lanes.keys[lane], from->lanes.factor[lane], &input);
    }
    for (unsigned work = 0; work < TAC_WORKS; work++)
        tac_many_run(many, (enum tac_kind_of_work)work);
}

#endif /* ONECARD_TAC_MANY_H */
