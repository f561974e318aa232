/* The ways of making many TACs at once, and which of them this processor has.
 *
 *   scalar   look-up tables, tap by tap               anywhere
 *   words    bit slices in 64-bit words               anywhere
 *   sse2     the same in 128 bits                     x86-64
 *   neon     the same in 128 bits                     aarch64
 *   avx2     the same in 256 bits
 *   avx512   the same in 512 bits, with gates of three inputs
 *   gfni     DES as avx512, SM4 by the instructions for AES
 *
 * All give the same bytes. The best one that the processor has is taken; CLEARING_TAC names another. Code for a
 * processor that the compiler cannot assume stands behind a target pragma and is called only after a question to the
 * processor, so one build is right everywhere. Clang has no such pragma: there the wider ways are left out.
 */
#ifndef ONECARD_TAC_WAYS_H
#define ONECARD_TAC_WAYS_H

#include <stdbool.h>

#include "sm4_gfni.h"
#include "tac_lanes.h"

#define LANES(name) name##_words
#define LANES_BYTES 8
#include "lanes.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define LANES(name) name##_narrow
#define LANES_BYTES 16
#include "lanes.h"
#endif

#if defined(__x86_64__) && !defined(__clang__)
#define TAC_WIDE_WAYS 1

#pragma GCC push_options
#pragma GCC target("avx2,bmi")
#define LANES(name) name##_avx2
#define LANES_BYTES 32
#include "lanes.h"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,bmi")
#define LANES(name) name##_avx512
#define LANES_BYTES 64
#define LANES_THREE(a, b, c, cells) \
    ((LANES(word))_mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), cells))
#include "lanes.h"
#pragma GCC pop_options

#else
#define TAC_WIDE_WAYS 0
#endif

/* How one cipher is done: `width` lanes at a time, or tap by tap where there are fewer than `least`. */
struct tac_cipher {
    void (*run)(struct tac_lanes *lanes);
    size_t width, least;
};

struct tac_way {
    const char *name;
    bool (*here)(void); /* whether this processor has it */
    struct tac_cipher ciphers[2]; /* by TAC_ALGORITHM_... */
};

static bool tac_anywhere(void)
{
    return true;
}

#if TAC_WIDE_WAYS

static bool tac_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}

static bool tac_has_avx512(void)
{
    return tac_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl");
}

static bool tac_has_gfni(void)
{
    return tac_has_avx512() && __builtin_cpu_supports("gfni");
}

#endif

/* From the plainest to the quickest. `least` is about where a vector costs what its taps cost one by one. */
static const struct tac_way tac_ways[] = {
    {"scalar", tac_anywhere, {{tac_lanes_scalar, TAC_LANES_MAX, 1}, {tac_lanes_scalar, TAC_LANES_MAX, 1}}},
    {"words", tac_anywhere, {{tac_des_words, 64, 20}, {tac_sm4_words, 64, 48}}},
#if defined(__x86_64__)
    {"sse2", tac_anywhere, {{tac_des_narrow, 128, 20}, {tac_sm4_narrow, 128, 48}}},
#elif defined(__aarch64__)
    {"neon", tac_anywhere, {{tac_des_narrow, 128, 20}, {tac_sm4_narrow, 128, 48}}},
#endif
#if TAC_WIDE_WAYS
    {"avx2", tac_has_avx2, {{tac_des_avx2, 256, 20}, {tac_sm4_avx2, 256, 48}}},
    {"avx512", tac_has_avx512, {{tac_des_avx512, 512, 24}, {tac_sm4_avx512, 512, 64}}},
    {"gfni", tac_has_gfni, {{tac_des_avx512, 512, 24}, {tac_sm4_gfni, SM4_GFNI_LANES, 6}}},
#endif
};

#define TAC_WAYS (sizeof tac_ways / sizeof tac_ways[0])

/* The quickest way that this processor has. */
static inline const struct tac_way *tac_way_best(void)
{
    size_t at = TAC_WAYS - 1;

    while (!tac_ways[at].here())
        at--;
    return &tac_ways[at];
}

/* The way of that name, or NULL; whether the processor has it is another question. */
static inline const struct tac_way *tac_way_named(const char *name)
{
    for (size_t at = 0; at < TAC_WAYS; at++)
        if (strcmp(tac_ways[at].name, name) == 0)
            return &tac_ways[at];
    return NULL;
}

#endif /* ONECARD_TAC_WAYS_H */
