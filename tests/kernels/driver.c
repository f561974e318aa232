/* Known answers against the C headers alone: no Python, under AddressSanitizer and UBSan.
 *
 * Reads cases from standard input, one a line, words in hexadecimal unless said otherwise ("-" is empty):
 *   des KEY IN OUT | ede2 KEY IN OUT | desmac KEY DATA MAC
 *   sm4 ITERATIONS KEY IN OUT | sm4cbc KEY IV IN OUT     (ITERATIONS decimal)
 *   diversify ALGORITHM KEY FACTOR OUT
 *   tac ALGORITHM FOLD OFFSET LEVELKEY IDENTITY INPUT TAC (22 bytes: purchase, 24: load; numbers decimal)
 *   keyset ALGORITHM FOLD OFFSET RESULT                   (decimal)
 *   equal ONE OTHER RESULT
 *   sha256 WAY PREFIX MESSAGE DIGEST                      (WAY 0 to 3)
 *   many WAY SIZE COUNT DIGEST                            (digest of all digests; decimal)
 *   merkle COUNT ROOT                                     (decimal)
 *   locked SIZE RESULT                                    (1: memory, 0: refused; decimal)
 * Every buffer handed to the headers is a heap block of its exact size, so that a byte too far is seen.
 * Exit status 1 names the lines that failed.
 */
#include "locked.h"
#include "merkle.h"
#include "tac_many.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 8
#define LINE_MAX_BYTES 65536

struct bytes {
    uint8_t *at;
    size_t size;
};

static struct bytes room(size_t size)
{
    struct bytes made = {malloc(size > 0 ? size : 1), size};

    if (made.at == NULL)
        exit(2);
    return made;
}

static struct bytes from_hex(const char *text)
{
    struct bytes made = room(strcmp(text, "-") == 0 ? 0 : strlen(text) / 2);

    for (size_t byte = 0; byte < made.size; byte++) {
        unsigned value;
        if (sscanf(text + 2 * byte, "%2x", &value) != 1)
            exit(2);
        made.at[byte] = (uint8_t)value;
    }
    return made;
}

static int same(struct bytes one, struct bytes other)
{
    return one.size == other.size && (one.size == 0 || memcmp(one.at, other.at, one.size) == 0);
}

static int check_des(char **words)
{
    struct bytes key = from_hex(words[1]), in = from_hex(words[2]), expected = from_hex(words[3]);
    struct bytes out = room(expected.size), back = room(in.size);
    int good;

    if (strcmp(words[0], "ede2") == 0) {
        struct des_ede2_schedule schedule;
        des_ede2_schedule_init(&schedule, key.at);
        des_ede2_encrypt_block(&schedule, in.at, out.at);
        good = same(out, expected);
    } else {
        struct des_schedule schedule;
        des_schedule_init(&schedule, key.at);
        if (strcmp(words[0], "desmac") == 0) {
            des_cbc_mac(&schedule, in.at, in.size / 8, out.at);
            good = same(out, expected);
        } else {
            des_encrypt_block(&schedule, in.at, out.at);
            des_decrypt_block(&schedule, out.at, back.at);
            good = same(out, expected) && same(back, in);
        }
    }
    free(key.at), free(in.at), free(expected.at), free(out.at), free(back.at);
    return good;
}

static int check_sm4(char **words)
{
    unsigned long iterations = strtoul(words[1], NULL, 10);
    struct bytes key = from_hex(words[2]), out = from_hex(words[3]), expected = from_hex(words[4]);
    struct sm4_schedule schedule;
    int good;

    sm4_schedule_init(&schedule, key.at);
    for (size_t block = 0; block < out.size / 16; block++)
        for (unsigned long iteration = 0; iteration < iterations; iteration++)
            sm4_encrypt_block(&schedule, out.at + 16 * block, out.at + 16 * block);
    good = same(out, expected);
    free(key.at), free(out.at), free(expected.at);
    return good;
}

static int check_sm4_cbc(char **words)
{
    struct bytes key = from_hex(words[1]), iv = from_hex(words[2]), in = from_hex(words[3]);
    struct bytes expected = from_hex(words[4]), out = room(in.size), mac = room(16);
    struct sm4_schedule schedule;
    int good;

    sm4_schedule_init(&schedule, key.at);
    sm4_cbc_encrypt(&schedule, iv.at, in.at, out.at, in.size / 16);
    sm4_cbc_mac(&schedule, in.at, in.size / 16, mac.at); /* the IV of every case is zero */
    good = same(out, expected) && memcmp(mac.at, expected.at + expected.size - 16, 16) == 0;
    free(key.at), free(iv.at), free(in.at), free(expected.at), free(out.at), free(mac.at);
    return good;
}

static int check_diversify(char **words)
{
    struct bytes key = from_hex(words[2]), factor = from_hex(words[3]), expected = from_hex(words[4]);
    struct bytes out = room(16);
    int good;

    if (strtoul(words[1], NULL, 10) == TAC_ALGORITHM_DES) {
        struct des_ede2_schedule schedule;
        des_ede2_schedule_init(&schedule, key.at);
        des_diversify(&schedule, factor.at, out.at);
    } else {
        struct sm4_schedule schedule;
        sm4_schedule_init(&schedule, key.at);
        sm4_diversify(&schedule, factor.at, out.at);
    }
    good = same(out, expected);
    free(key.at), free(factor.at), free(expected.at), free(out.at);
    return good;
}

/* The same tap in every lane of a vector and a few more, by every way that this processor has. */
static int check_ways(const struct tac_key_set *keys, const uint8_t *factor, struct bytes in, uint32_t tac)
{
    struct tac_input input = in.size == TAC_PURCHASE_BYTES ? tac_input_of_purchase(in.at) : tac_input_of_load(in.at);
    struct tac_many *many = tac_many_alloc();
    int good = many != NULL;

    for (size_t way = 0; good && way < TAC_WAYS; way++) {
        uint32_t tacs[TAC_LANES_MAX + 3];
        uint32_t count = (uint32_t)tac_ways[way].ciphers[keys->algorithm].width + 3;

        if (!tac_ways[way].here())
            continue;
        if (&tac_ways[way] == &tac_ways[0])
            count = 3;
        tac_many_begin(many, &tac_ways[way], tacs);
        for (uint32_t row = 0; row < count; row++)
            tac_many_add(many, row, keys, factor, input, in.size == TAC_LOAD_BYTES);
        tac_many_end(many);
        for (uint32_t row = 0; row < count; row++)
            good = good && tacs[row] == tac;
    }
    tac_many_free(many);
    return good;
}

static int check_tac(char **words)
{
    struct bytes level_key = from_hex(words[4]), identity = from_hex(words[5]), in = from_hex(words[6]);
    struct bytes expected = from_hex(words[7]), out = room(4);
    struct tac_key_set *keys = locked_alloc(sizeof *keys);
    const uint8_t *at = in.at;
    uint32_t tac;
    int good = 0;

    if (keys == NULL)
        exit(2);
    if (tac_key_set_init(keys, (uint8_t)atoi(words[1]), (uint8_t)atoi(words[2]), (uint8_t)atoi(words[3]),
                         level_key.at) == 0) {
        if (in.size == TAC_PURCHASE_BYTES) {
            struct tac_purchase_fields fields = {at, at + 4, at + 5, at + 11, at + 15, at + 19};
            tac = tac_purchase(keys, tac_factor(keys, identity.at), &fields);
        } else {
            struct tac_load_fields fields = {at, at + 4, at + 6, at + 10, at + 11, at + 17, at + 21};
            tac = tac_load(keys, tac_factor(keys, identity.at), &fields);
        }
        tac_store_word(out.at, tac);
        good = same(out, expected) && tac_equal(tac, tac_load_word(expected.at)) == 1
            && tac_equal(tac, tac_load_word(expected.at) ^ 1) == 0
            && check_ways(keys, tac_factor(keys, identity.at), in, tac);
    }
    tac_key_set_wipe(keys);
    good = good && keys->ready == 0 && keys->level.sm4.words[0] == 0;
    locked_free(keys, sizeof *keys);
    free(level_key.at), free(identity.at), free(in.at), free(expected.at), free(out.at);
    return good;
}

static int check_keyset(char **words)
{
    static const uint8_t level_key[16];
    struct tac_key_set keys;
    int result = tac_key_set_init(&keys, (uint8_t)atoi(words[1]), (uint8_t)atoi(words[2]),
                                  (uint8_t)atoi(words[3]), level_key);

    return result == atoi(words[4]) && keys.ready == (result == 0);
}

static int check_equal(char **words)
{
    uint32_t one = (uint32_t)strtoul(words[1], NULL, 16), other = (uint32_t)strtoul(words[2], NULL, 16);

    return tac_equal(one, other) == (unsigned)atoi(words[3]);
}

static enum sha256_way way_of(const char *word)
{
    enum sha256_way way = (enum sha256_way)atoi(word);

    return sha256_way_here(way) ? way : SHA256_PORTABLE;
}

static int check_sha256(char **words)
{
    struct bytes prefix = from_hex(words[2]), message = from_hex(words[3]), expected = from_hex(words[4]);
    struct bytes out = room(32);
    int good;

    sha256_prefixed_by(way_of(words[1]), prefix.at, prefix.size, message.at, message.size, out.at);
    good = same(out, expected);
    if (prefix.size == 0) {
        sha256(message.size > 0 ? message.at : NULL, message.size, out.at);
        good = good && same(out, expected);
    }
    free(prefix.at), free(message.at), free(expected.at), free(out.at);
    return good;
}

/* Message i of a case has bytes (i * 7 + j) mod 256; the test computes the same. */
static int check_many(char **words)
{
    size_t size = strtoul(words[2], NULL, 10), count = strtoul(words[3], NULL, 10);
    struct bytes messages = room(size * count), digests = room(32 * count), out = room(32);
    struct bytes expected = from_hex(words[4]);
    int good;

    for (size_t index = 0; index < count; index++)
        for (size_t byte = 0; byte < size; byte++)
            messages.at[index * size + byte] = (uint8_t)(index * 7 + byte);
    sha256_many_prefixed_by(way_of(words[1]), NULL, 0, 0, messages.at, size, size, count, digests.at);
    sha256(digests.at, digests.size, out.at);
    good = same(out, expected);
    sha256_many(messages.at, size, size, count, digests.at);
    sha256(digests.at, digests.size, out.at);
    good = good && same(out, expected);
    free(messages.at), free(digests.at), free(out.at), free(expected.at);
    return good;
}

/* Leaves as the messages of `many`. */
static int check_merkle(char **words)
{
    size_t count = strtoul(words[1], NULL, 10);
    struct bytes leaves = room(32 * count), out = room(32), expected = from_hex(words[2]);
    int good;

    for (size_t index = 0; index < count; index++)
        for (size_t byte = 0; byte < 32; byte++)
            leaves.at[index * 32 + byte] = (uint8_t)(index * 7 + byte);
    good = merkle_root(leaves.at, count, out.at) && same(out, expected);
    free(leaves.at), free(out.at), free(expected.at);
    return good;
}

static int check_locked(char **words)
{
    size_t size = strtoull(words[1], NULL, 10);
    uint8_t *memory = locked_alloc(size);
    int good = (memory != NULL) == atoi(words[2]);

    for (size_t byte = 0; memory != NULL && byte < size; byte++) {
        good = good && memory[byte] == 0;
        memory[byte] = 0xa5;
    }
    locked_free(memory, size);
    return good;
}

static const struct {
    const char *name;
    int words;
    int (*check)(char **words);
} checks[] = {
    {"des", 4, check_des},       {"ede2", 4, check_des},      {"desmac", 4, check_des},
    {"sm4", 5, check_sm4},       {"sm4cbc", 5, check_sm4_cbc}, {"diversify", 5, check_diversify},
    {"tac", 8, check_tac},       {"keyset", 5, check_keyset}, {"equal", 4, check_equal},
    {"sha256", 5, check_sha256}, {"many", 5, check_many},     {"merkle", 3, check_merkle},
    {"locked", 3, check_locked},
};

int main(void)
{
    static char line[LINE_MAX_BYTES];
    unsigned long number = 0, failed = 0;

    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[WORDS_MAX];
        int count = 0, good = 0;

        number++;
        for (char *word = strtok(line, " \n"); word != NULL && count < WORDS_MAX; word = strtok(NULL, " \n"))
            words[count++] = word;
        for (size_t index = 0; index < sizeof checks / sizeof checks[0]; index++)
            if (count > 0 && strcmp(words[0], checks[index].name) == 0 && count == checks[index].words)
                good = checks[index].check(words);
        if (!good) {
            printf("line %lu failed (%s)\n", number, count > 0 ? words[0] : "empty");
            failed++;
        }
    }
    printf("%lu cases, %lu failed\n", number, failed);
    return failed > 0 || number == 0;
}
