/*
 * What a person writes, the operators it is kept by, and what a refresh of it costs: the
 * README's table. A unit test holds the README to it, and the list to the operators' table.
 */
#pragma once

#include <string>
#include <vector>

namespace pgtrickle::engine {

struct Construct {
    const char *written;                /* as a user would name it */
    std::vector<const char *> operators; /* names in operator_table() */
    const char *cost;                   /* what a refresh's work is proportional to */
};
const std::vector<Construct> &construct_table();

/* The table in Markdown, a line for each construct whose operators are in operator_table(),
   with how they keep it. */
std::string construct_markdown();

} // namespace pgtrickle::engine
