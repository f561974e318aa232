/* Search for a small circuit of one S-box: six inputs, four outputs, gates of two inputs or of three.
 *
 *   circuit_search show INPUTS SEED BOUND              the circuit of one try, a gate a line
 *   circuit_search search INPUTS SEED BOUND SECONDS    tries from SEED on; each circuit that is smaller than all before
 *
 * INPUTS is 0 for gates of two inputs (and, or, xor, and-not, not), 1 for gates of three (any function of
 * three). The box comes as 64 numbers on standard input. The same arguments find the same circuit anywhere.
 *
 * How it works (after M. Kwan, "Reducing the gate count of bitslice DES", 1998). A function of six inputs
 * is a table of 64 bits, and so is what a gate gives. To make a function, where only the inputs under a mask
 * matter, with the gates that there are already:
 *   1. a gate gives it already: nothing to do;
 *   2. one more gate, or two, on gates that there are give it: take them;
 *   3. else split by one of the six inputs: make the half where it is 0 and the half where it is 1, each under half
 *      of the mask (so that more and more gates fit by chance), and choose between them: a multiplexer is
 *      one gate of three inputs, or two gates (and, xor) of two, the second half then being made as a difference.
 * The outputs are made one after another and share gates. Which input splits, which output comes first, what
 * a gate gives where nobody looks: all by chance, so that many tries find few gates; a bound cuts hopeless tries.
 */
#include "circuit_steps.h"

#include <time.h>

static bool three_inputs;
static int breadth; /* how many inputs are tried for a split */

static int make(struct circuit *circuit, struct wanted wanted, int bound, unsigned used);

/* What is wanted, by choosing between two halves that input `by` tells apart. */
static int choose(struct circuit *circuit, struct wanted wanted, int bound, unsigned used, int by, bool first_is_one)
{
    table split = first_is_one ? circuit->tables[by] : ~circuit->tables[by];
    struct wanted half = {wanted.on & split, wanted.off & split}, rest = {wanted.on & ~split, wanted.off & ~split};
    int spare = three_inputs ? 1 : 2, first = make(circuit, half, bound - spare, used | 1u << by), second;

    if (first == NONE)
        return NONE;
    if (!three_inputs) {
        table given = circuit->tables[first];

        rest = (struct wanted){(rest.on & ~given) | (rest.off & given), (rest.off & ~given) | (rest.on & given)};
        second = make(circuit, rest, bound - spare, used | 1u << by);
        if (second != NONE)
            second = add_two(circuit, first_is_one ? ANDNOT : AND, second, by, bound);
        return second == NONE ? NONE : add_two(circuit, XOR, first, second, bound);
    }
    second = make(circuit, rest, bound - spare, used | 1u << by);
    if (second == NONE || first == second || first == by || second == by)
        return NONE; /* one gate of what there was would have done */
    return add_three(circuit, (int[]){by, first, second}, wanted, bound);
}

/* The gate that gives what is wanted; gates are added, and their number stays within `bound`. */
static int make(struct circuit *circuit, struct wanted wanted, int bound, unsigned used)
{
    int order[INPUTS] = {0, 1, 2, 3, 4, 5}, made = find(circuit, wanted), best_made = NONE, tried = 0;
    struct circuit best;

    if (made == NONE && circuit->count + 1 <= bound)
        made = three_inputs ? one_three(circuit, wanted, bound) : one_gate(circuit, wanted, bound);
    if (made == NONE && circuit->count + 2 <= bound)
        made = three_inputs ? two_threes(circuit, wanted, bound) : two_gates(circuit, wanted, bound);
    if (made != NONE || circuit->count + 3 > bound)
        return made;
    shuffle(order, INPUTS);
    for (int at = 0; at < INPUTS && tried < breadth; at++) {
        if (used >> order[at] & 1)
            continue;
        tried++;
        for (int way = 0; way < (three_inputs ? 1 : 2); way++) {
            struct circuit copy = *circuit;

            made = choose(&copy, wanted, bound, used, order[at], three_inputs ? below(2) : way);
            if (made == NONE)
                continue;
            best = copy;
            best_made = made;
            bound = copy.count - 1; /* from now on only fewer will do */
        }
    }
    if (best_made != NONE)
        *circuit = best;
    return best_made;
}

/* One try at a whole box. */
static bool make_box(const uint8_t box[64], uint64_t seed, int bound, struct circuit *circuit, int outputs[OUTPUTS])
{
    int order[OUTPUTS] = {0, 1, 2, 3};

    random_state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
    for (int warm = 0; warm < 8; warm++)
        below(2);
    breadth = 1 + below(three_inputs ? 4 : INPUTS);
    memset(circuit, 0, sizeof *circuit);
    circuit->count = INPUTS;
    for (int value = 0; value < 64; value++)
        for (int bit = 0; bit < INPUTS; bit++)
            circuit->tables[bit] |= (table)(value >> (INPUTS - 1 - bit) & 1) << value;
    shuffle(order, OUTPUTS);
    for (int at = 0; at < OUTPUTS; at++) {
        struct wanted wanted = {0, 0};

        for (int value = 0; value < 64; value++)
            wanted.on |= (table)(box[value] >> (OUTPUTS - 1 - order[at]) & 1) << value;
        wanted.off = ~wanted.on;
        outputs[order[at]] = make(circuit, wanted, INPUTS + bound, 0);
        if (outputs[order[at]] == NONE)
            return false;
    }
    return true;
}

static void show(const struct circuit *circuit, const int outputs[OUTPUTS])
{
    for (int at = INPUTS; at < circuit->count; at++) {
        const struct gate *gate = &circuit->gates[at];

        printf("%s %d %d %d %u\n", kind_names[gate->kind], gate->a, gate->b, gate->c, gate->cells);
    }
    printf("outputs %d %d %d %d\n", outputs[0], outputs[1], outputs[2], outputs[3]);
}

int main(int count, char **words)
{
    uint8_t box[64];
    struct circuit circuit;
    int outputs[OUTPUTS], bound;
    uint64_t seed;
    time_t until;

    if (count < 5)
        return 2;
    for (int at = 0; at < 64; at++)
        if (scanf("%hhu", &box[at]) != 1)
            return 2;
    three_inputs = atoi(words[2]) != 0;
    seed = strtoull(words[3], NULL, 10);
    bound = atoi(words[4]) < GATES_MAX - INPUTS ? atoi(words[4]) : GATES_MAX - INPUTS;
    if (strcmp(words[1], "show") == 0) {
        if (make_box(box, seed, bound, &circuit, outputs))
            show(&circuit, outputs);
        return 0;
    }
    until = time(NULL) + (count > 5 ? atoi(words[5]) : 60);
    for (; time(NULL) < until; seed++)
        if (make_box(box, seed, bound, &circuit, outputs)) {
            printf("%d gates: Found(%llu, %d)\n", circuit.count - INPUTS, (unsigned long long)seed, bound);
            fflush(stdout);
            bound = circuit.count - INPUTS - 1;
        }
    return 0;
}
