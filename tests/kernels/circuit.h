/* A circuit that grows gate by gate: what circuit_search.c, which explains the search, works on. */
#ifndef CIRCUIT_H
#define CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS 6
#define OUTPUTS 4
#define GATES_MAX 96
#define NONE (-1)

typedef uint64_t table;

enum kind { NOT, AND, OR, XOR, ANDNOT, THREE };

static const char *const kind_names[] = {"not", "and", "or", "xor", "andnot", "three"};

struct gate {
    enum kind kind;
    int a, b, c;
    unsigned cells; /* of THREE: bit 4a + 2b + c is what it gives */
};

struct circuit {
    int count; /* inputs included */
    table tables[GATES_MAX];
    struct gate gates[GATES_MAX];
};

/* A function that is wanted, where it matters. */
struct wanted {
    table on, off;
};

static uint64_t random_state;

static int below(int bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (int)((random_state >> 20) % (uint64_t)bound);
}

static void shuffle(int *items, int count)
{
    for (int last = count - 1; last > 0; last--) {
        int other = below(last + 1), item = items[last];

        items[last] = items[other];
        items[other] = item;
    }
}

static bool gives(table given, struct wanted wanted)
{
    return (wanted.on & ~given) == 0 && (wanted.off & given) == 0;
}

static int add(struct circuit *circuit, struct gate gate, table given, int bound)
{
    if (circuit->count >= bound)
        return NONE;
    circuit->gates[circuit->count] = gate;
    circuit->tables[circuit->count] = given;
    return circuit->count++;
}

static table two_table(enum kind kind, table x, table y)
{
    switch (kind) {
    case NOT: return ~x;
    case AND: return x & y;
    case OR: return x | y;
    case XOR: return x ^ y;
    default: return x & ~y;
    }
}

static int add_two(struct circuit *circuit, enum kind kind, int a, int b, int bound)
{
    return add(circuit, (struct gate){kind, a, b, 0, 0}, two_table(kind, circuit->tables[a], circuit->tables[b]), bound);
}

/* The inputs for which gates a, b, c give the bits of `cell`. */
static table cell_table(const struct circuit *circuit, const int *abc, int cell)
{
    table a = circuit->tables[abc[0]], b = circuit->tables[abc[1]], c = circuit->tables[abc[2]];

    return (cell & 4 ? a : ~a) & (cell & 2 ? b : ~b) & (cell & 1 ? c : ~c);
}

static int add_cells(struct circuit *circuit, const int *abc, unsigned cells, int bound)
{
    table given = 0;

    for (int cell = 0; cell < 8; cell++)
        if (cells >> cell & 1)
            given |= cell_table(circuit, abc, cell);
    return add(circuit, (struct gate){THREE, abc[0], abc[1], abc[2], cells}, given, bound);
}

/* A gate of three that gives what is wanted; the caller knows that one exists. */
static int add_three(struct circuit *circuit, const int *abc, struct wanted wanted, int bound)
{
    unsigned cells = 0;

    for (int cell = 0; cell < 8; cell++) {
        table inside = cell_table(circuit, abc, cell);
        bool matters = (inside & (wanted.on | wanted.off)) != 0;

        if (matters ? (inside & wanted.on) != 0 : below(2))
            cells |= 1u << cell;
    }
    return add_cells(circuit, abc, cells, bound);
}

static int find(const struct circuit *circuit, struct wanted wanted)
{
    for (int at = circuit->count - 1; at >= 0; at--)
        if (gives(circuit->tables[at], wanted))
            return at;
    return NONE;
}

#endif /* CIRCUIT_H */
