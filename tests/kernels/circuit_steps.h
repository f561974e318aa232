/* What one or two more gates can give: step 2 of the search that circuit_search.c explains. */
#ifndef CIRCUIT_STEPS_H
#define CIRCUIT_STEPS_H

#include "circuit.h"

static int one_gate(struct circuit *circuit, struct wanted wanted, int bound)
{
    for (int a = circuit->count - 1; a >= 0; a--)
        if (gives(~circuit->tables[a], wanted))
            return add_two(circuit, NOT, a, a, bound);
    for (int a = circuit->count - 1; a > 0; a--)
        for (int b = a - 1; b >= 0; b--) {
            for (enum kind kind = AND; kind <= ANDNOT; kind++)
                if (gives(two_table(kind, circuit->tables[a], circuit->tables[b]), wanted))
                    return add_two(circuit, kind, a, b, bound);
            if (gives(circuit->tables[b] & ~circuit->tables[a], wanted))
                return add_two(circuit, ANDNOT, b, a, bound);
        }
    return NONE;
}

/* With which gate, by which second kind, a first gate's table `given` makes what is wanted. */
static int partner(const struct circuit *circuit, table given, struct wanted wanted, enum kind *kind, bool *swapped)
{
    bool covers = (wanted.on & ~given) == 0, inside = (wanted.off & given) == 0, apart = (wanted.on & given) == 0;

    *swapped = false;
    for (int at = circuit->count - 1; at >= 0; at--) {
        table other = circuit->tables[at];

        if (gives(given ^ other, wanted))
            return *kind = XOR, at;
        if (covers && gives(given & other, wanted))
            return *kind = AND, at;
        if (covers && gives(given & ~other, wanted))
            return *kind = ANDNOT, at;
        if (inside && gives(given | other, wanted))
            return *kind = OR, at;
        if (apart && gives(other & ~given, wanted))
            return *swapped = true, *kind = ANDNOT, at;
    }
    return NONE;
}

static int two_gates(struct circuit *circuit, struct wanted wanted, int bound)
{
    int count = circuit->count;

    for (int high = count - 1; high >= 0; high--)
        for (int low = high; low >= 0; low--)
            for (int way = (high == low ? NOT : AND); way <= (high == low ? NOT : THREE); way++) {
                bool turned = way == THREE; /* and-not has two directions */
                enum kind first = turned ? ANDNOT : (enum kind)way, second;
                int a = turned ? low : high, b = turned ? high : low, other, made;
                table given = two_table(first, circuit->tables[a], circuit->tables[b]);
                bool swapped;

                if (gives(~given, wanted)) {
                    made = add_two(circuit, first, a, b, bound);
                    return made == NONE ? NONE : add_two(circuit, NOT, made, made, bound);
                }
                other = partner(circuit, given, wanted, &second, &swapped);
                if (other == NONE)
                    continue;
                made = add_two(circuit, first, a, b, bound);
                if (made == NONE)
                    return NONE;
                return swapped ? add_two(circuit, second, other, made, bound)
                               : add_two(circuit, second, made, other, bound);
            }
    return NONE;
}

/* The inputs fall into classes that the gates chosen so far cannot tell apart; a class where all that matters is
 * on, or off, needs no more telling. Splits each class by one more gate. */
static int split_classes(const struct wanted *from, int count, table by, struct wanted *to)
{
    int left = 0;

    for (int at = 0; at < count; at++) {
        struct wanted one = {from[at].on & by, from[at].off & by}, zero = {from[at].on & ~by, from[at].off & ~by};

        if (one.on && one.off)
            to[left++] = one;
        if (zero.on && zero.off)
            to[left++] = zero;
    }
    return left;
}

static int one_three(struct circuit *circuit, struct wanted wanted, int bound)
{
    struct wanted one[2], two[4], three[8];

    for (int a = circuit->count - 1; a > 1; a--) {
        int ones = split_classes(&wanted, 1, circuit->tables[a], one);

        for (int b = a - 1; b > 0; b--) {
            int twos = split_classes(one, ones, circuit->tables[b], two);

            for (int c = b - 1; c >= 0; c--)
                if (split_classes(two, twos, circuit->tables[c], three) == 0)
                    return add_three(circuit, (int[]){a, b, c}, wanted, bound);
        }
    }
    return NONE;
}

/* Two colours for the eight cells of the first gate, such that cells of one colour want the same of the
 * second gate for each of its two other inputs. False if there are none. */
static bool colour_cells(const unsigned on[8], const unsigned off[8], unsigned *cells)
{
    int colour[8], stack[8];

    memset(colour, 0xff, sizeof colour);
    for (int start = 0; start < 8; start++) {
        int top = 0;

        if (colour[start] != NONE)
            continue;
        colour[start] = below(2);
        stack[top++] = start;
        while (top > 0) {
            int cell = stack[--top];

            for (int other = 0; other < 8; other++) {
                if (((on[cell] & off[other]) | (off[cell] & on[other])) == 0)
                    continue;
                if (colour[other] == colour[cell])
                    return false;
                if (colour[other] == NONE) {
                    colour[other] = !colour[cell];
                    stack[top++] = other;
                }
            }
        }
    }
    *cells = 0;
    for (int cell = 0; cell < 8; cell++)
        *cells |= (unsigned)colour[cell] << cell;
    return true;
}

/* Two gates of three on five gates that tell everything apart: three go into the first, two beside it. */
static int five_in_two(struct circuit *circuit, const int five[5], struct wanted wanted, int bound)
{
    for (int d = 0; d < 5; d++)
        for (int e = d + 1; e < 5; e++) {
            unsigned on[8] = {0}, off[8] = {0}, cells;
            int abc[3], count = 0, made;
            table x = circuit->tables[five[d]], y = circuit->tables[five[e]];

            for (int at = 0; at < 5; at++)
                if (at != d && at != e)
                    abc[count++] = five[at];
            for (int cell = 0; cell < 8; cell++)
                for (int row = 0; row < 4; row++) {
                    table inside = cell_table(circuit, abc, cell) & (row & 2 ? x : ~x) & (row & 1 ? y : ~y);

                    on[cell] |= (unsigned)((inside & wanted.on) != 0) << row;
                    off[cell] |= (unsigned)((inside & wanted.off) != 0) << row;
                }
            if (!colour_cells(on, off, &cells))
                continue;
            made = add_cells(circuit, abc, cells, bound);
            return made == NONE ? NONE : add_three(circuit, (int[]){made, five[d], five[e]}, wanted, bound);
        }
    return NONE;
}

static int two_threes(struct circuit *circuit, struct wanted wanted, int bound)
{
    struct wanted one[2], two[4], three[8], four[16], five[32];

    for (int a = circuit->count - 1; a > 3; a--) {
        int ones = split_classes(&wanted, 1, circuit->tables[a], one);

        for (int b = a - 1; b > 2; b--) {
            int twos = split_classes(one, ones, circuit->tables[b], two);

            for (int c = b - 1; c > 1; c--) {
                int threes = split_classes(two, twos, circuit->tables[c], three);

                for (int d = c - 1; d > 0; d--) {
                    int fours = split_classes(three, threes, circuit->tables[d], four);

                    for (int e = d - 1; e >= 0; e--) {
                        int made;

                        if (split_classes(four, fours, circuit->tables[e], five) != 0)
                            continue;
                        made = five_in_two(circuit, (int[]){a, b, c, d, e}, wanted, bound);
                        if (made != NONE)
                            return made;
                    }
                }
            }
        }
    }
    return NONE;
}

#endif /* CIRCUIT_STEPS_H */
