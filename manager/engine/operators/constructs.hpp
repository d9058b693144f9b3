/*
 * SQL constructs, the operators by which each is maintained, and the cost of a refresh: the README's table. A
 * unit test checks the README against it, and the list against the operators' table.
 */
#pragma once

#include <string>
#include <vector>

namespace pgtrickle::engine {

struct Construct {
    const char *written;                 /* as a user would write it */
    std::vector<const char *> operators; /* names in operator_table() */
    const char *cost;                    /* the quantity to which a refresh's work is proportional */
};
const std::vector<Construct> &construct_table();

/* Returns the table in Markdown, a line for each construct whose operators are in operator_table(), with how
 * they keep it. */
std::string construct_markdown();

} // namespace pgtrickle::engine
