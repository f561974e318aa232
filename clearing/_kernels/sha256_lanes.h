/* SHA-256 of many messages of one length, side by side in the words of a vector. A template, included once for each
 * width.
 *
 * Before it is included:
 *   SHA256_LANES(name)         the name of a function or type at this width
 *   SHA256_LANES_COUNT         8 or 16: how many messages
 *   SHA256_LANES_THREE         optional: SHA256_LANES_THREE(a, b, c, cells), any function of three words (VPTERNLOG)
 *
 * Word w of vector n is word n of message w. The rounds are those of FIPS 180-4, 6.2.2, on vectors. A block's words
 * come row by row, a message in a vector (or in two), and are turned by exchanging halves: words apart by 8, by 4, by
 * 2 and by 1 change places with those of the vector so far away.
 */
#define SHA256_LANES_APART __attribute__((noinline)) /* one copy of a long function, so that it stays in the cache */

typedef uint32_t SHA256_LANES(words) __attribute__((vector_size(4 * SHA256_LANES_COUNT)));
typedef uint8_t SHA256_LANES(bytes) __attribute__((vector_size(4 * SHA256_LANES_COUNT)));

static inline SHA256_LANES(words) SHA256_LANES(turn)(SHA256_LANES(words) word, unsigned by)
{
    return word >> by | word << (32 - by);
}

#ifdef SHA256_LANES_THREE
#define SHA256_LANES_XOR(a, b, c) SHA256_LANES_THREE(a, b, c, 0x96)
#define SHA256_LANES_CHOICE(a, b, c) SHA256_LANES_THREE(a, b, c, 0xca)
#define SHA256_LANES_MAJORITY(a, b, c) SHA256_LANES_THREE(a, b, c, 0xe8)
#else
#define SHA256_LANES_XOR(a, b, c) ((a) ^ (b) ^ (c))
#define SHA256_LANES_CHOICE(a, b, c) ((c) ^ ((a) & ((b) ^ (c))))
#define SHA256_LANES_MAJORITY(a, b, c) (((a) & (b)) | ((c) & ((a) | (b))))
#endif

/* Exchange the words of *low at odd multiples of `by` with those of *high at even ones. */
static inline void SHA256_LANES(exchange)(SHA256_LANES(words) *low, SHA256_LANES(words) *high, unsigned by)
{
    SHA256_LANES(words) to_low, to_high;
    SHA256_LANES(words) one = *low, other = *high;

    for (unsigned at = 0; at < SHA256_LANES_COUNT; at++) {
        to_low[at] = (at & by) == 0 ? at : SHA256_LANES_COUNT + at - by;
        to_high[at] = (at & by) == 0 ? at + by : SHA256_LANES_COUNT + at;
    }
    *low = __builtin_shuffle(one, other, to_low);
    *high = __builtin_shuffle(one, other, to_high);
}

/* A square of words, rows to columns. */
static inline void SHA256_LANES(transpose)(SHA256_LANES(words) square[SHA256_LANES_COUNT])
{
#pragma GCC unroll 4
    for (unsigned by = SHA256_LANES_COUNT / 2; by > 0; by /= 2)
#pragma GCC unroll 16
        for (unsigned at = 0; at < SHA256_LANES_COUNT; at++)
            if ((at & by) == 0)
                SHA256_LANES(exchange)(&square[at], &square[at + by], by);
}

/* Sixteen words of one block of each message, the words turned from big-endian. */
static inline void SHA256_LANES(load)(SHA256_LANES(words) w[16], const uint8_t *const blocks[SHA256_LANES_COUNT])
{
    SHA256_LANES(bytes) order;

    for (unsigned at = 0; at < 4 * SHA256_LANES_COUNT; at++)
        order[at] = (uint8_t)(at ^ 3);
#pragma GCC unroll 2
    for (unsigned half = 0; half < 16 / SHA256_LANES_COUNT; half++) {
        SHA256_LANES(words) *square = w + half * SHA256_LANES_COUNT;

#pragma GCC unroll 16
        for (unsigned lane = 0; lane < SHA256_LANES_COUNT; lane++) {
            SHA256_LANES(bytes) row;

            memcpy(&row, blocks[lane] + half * sizeof row, sizeof row);
            square[lane] = (SHA256_LANES(words))__builtin_shuffle(row, order);
        }
        SHA256_LANES(transpose)(square);
    }
}

/* One block of each message. */
static SHA256_LANES_APART void SHA256_LANES(compress)(SHA256_LANES(words) state[8],
                                                     const uint8_t *const blocks[SHA256_LANES_COUNT])
{
    SHA256_LANES(words) w[16];
    SHA256_LANES(words) a = state[0], b = state[1], c = state[2], d = state[3];
    SHA256_LANES(words) e = state[4], f = state[5], g = state[6], h = state[7];

    SHA256_LANES(load)(w, blocks);
#pragma GCC unroll 64
    for (unsigned round = 0; round < 64; round++) {
        SHA256_LANES(words) sum;

        if (round >= 16) {
            SHA256_LANES(words) near = w[(round + 14) & 15], far = w[(round + 1) & 15];

            w[round & 15] += w[(round + 9) & 15]
                + SHA256_LANES_XOR(SHA256_LANES(turn)(far, 7), SHA256_LANES(turn)(far, 18), far >> 3)
                + SHA256_LANES_XOR(SHA256_LANES(turn)(near, 17), SHA256_LANES(turn)(near, 19), near >> 10);
        }
        sum = h + sha256_constant[round] + w[round & 15] + SHA256_LANES_CHOICE(e, f, g)
            + SHA256_LANES_XOR(SHA256_LANES(turn)(e, 6), SHA256_LANES(turn)(e, 11), SHA256_LANES(turn)(e, 25));
        h = g;
        g = f;
        f = e;
        e = d + sum;
        sum += SHA256_LANES_MAJORITY(a, b, c)
            + SHA256_LANES_XOR(SHA256_LANES(turn)(a, 2), SHA256_LANES(turn)(a, 13), SHA256_LANES(turn)(a, 22));
        d = c;
        c = b;
        b = a;
        a = sum;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

/* As many messages of `size` bytes as there are lanes, one every `stride` bytes, each behind a prefix. */
static void SHA256_LANES(group)(const uint8_t *prefixes, size_t prefix_stride, size_t prefix_size,
                                const uint8_t *messages, size_t stride, size_t size, uint8_t *digests)
{
    struct sha256_parts parts[SHA256_LANES_COUNT];
    const uint8_t *blocks[SHA256_LANES_COUNT];
    SHA256_LANES(words) state[8];
    uint32_t words[8][SHA256_LANES_COUNT];

    for (unsigned lane = 0; lane < SHA256_LANES_COUNT; lane++)
        sha256_cut(&parts[lane], prefix_size > 0 ? prefixes + lane * prefix_stride : NULL, prefix_size,
                   messages + lane * stride, size);
    for (unsigned word = 0; word < 8; word++)
        state[word] = (SHA256_LANES(words)){0} + sha256_start[word];
    if (parts[0].head_blocks > 0) {
        for (unsigned lane = 0; lane < SHA256_LANES_COUNT; lane++)
            blocks[lane] = parts[lane].head;
        SHA256_LANES(compress)(state, blocks);
    }
    for (size_t block = 0; block < parts[0].middle_blocks; block++) {
        for (unsigned lane = 0; lane < SHA256_LANES_COUNT; lane++)
            blocks[lane] = parts[lane].middle + block * SHA256_BLOCK_BYTES;
        SHA256_LANES(compress)(state, blocks);
    }
    for (size_t block = 0; block < parts[0].tail_blocks; block++) {
        for (unsigned lane = 0; lane < SHA256_LANES_COUNT; lane++)
            blocks[lane] = parts[lane].tail + block * SHA256_BLOCK_BYTES;
        SHA256_LANES(compress)(state, blocks);
    }
    memcpy(words, state, sizeof words);
    for (unsigned lane = 0; lane < SHA256_LANES_COUNT; lane++)
        for (unsigned word = 0; word < 8; word++) {
            uint32_t big = __builtin_bswap32(words[word][lane]);

            memcpy(digests + SHA256_DIGEST_BYTES * lane + 4 * word, &big, sizeof big);
        }
}

#undef SHA256_LANES
#undef SHA256_LANES_COUNT
#undef SHA256_LANES_THREE
#undef SHA256_LANES_XOR
#undef SHA256_LANES_CHOICE
#undef SHA256_LANES_MAJORITY
#undef SHA256_LANES_APART
