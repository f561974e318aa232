/* The kernel's C parts alone, against a naive model of each, to be built under sanitizers with asserts on.
 *
 *   kernel_driver tables SEED ROUNDS    card, terminal and identity tables and the journal against plain arrays
 *   kernel_driver judge SEED ROUNDS     batches of damaged records: nothing but a verdict may come of them
 *   kernel_driver sums SEED ROUNDS      calendar, splits, movements, evidence
 *
 * Nothing is printed where all is well.
 */
#undef NDEBUG
#include "driver_judge.h"
#include "driver_sums.h"
#include "driver_tables.h"

int main(int count, char **arguments)
{
    size_t rounds;

    CHECK(count == 4);
    random_state = strtoull(arguments[2], NULL, 10) * 0x9e3779b97f4a7c15ULL | 1;
    rounds = strtoull(arguments[3], NULL, 10);
    if (strcmp(arguments[1], "tables") == 0) {
        check_card_table(rounds);
        check_terminal_line(rounds);
        check_identity_table(rounds);
        check_journal(rounds / 100);
    } else if (strcmp(arguments[1], "judge") == 0) {
        check_judge(rounds);
    } else {
        CHECK(strcmp(arguments[1], "sums") == 0);
        check_calendar();
        check_movements(rounds);
        for (size_t round = 0; round < rounds; round++)
            check_split();
    }
    return 0;
}
