/*
 * How the values of window calls follow from the rows near them: what a window must say so that a change is followed
 * from its position on (operators/keyed/window_spans.hpp), and the rows before it are not read.
 *
 * All calls of such a window have one order. It begins with a column, by whose values the rows are found.
 */
#pragma once

#include "engine/plan/expression.hpp"

#include <cstdint>

namespace pgtrickle::engine {

struct Following {
    /* A column of the window's input by which it is ordered, and the text that follows it in ORDER BY. */
    struct Term {
        int column;
        std::string direction;
        bool is_descending;
    };
    enum class Kind {
        nearby,     /* read from rows that are at most `before` rows before its own and `after` rows after it */
        count,      /* the number of rows up to its own: row_number(), count() from the start of the partition */
        rank,       /* one more than the number of rows before its peers */
        dense_rank, /* the number of groups of peers up to its own */
        sum,        /* the sum of `argument`, an integer or a numeric, from the start of the partition */
    };
    struct Call {
        Kind kind;
        int64_t before = 0;
        int64_t after = 0;
        bool is_of_peers = true;                 /* false: depends on the order of rows that the order leaves equal */
        std::optional<Expression> argument = {}; /* a row counts if this is not NULL … */
        std::optional<Expression> filter = {};   /* … and this is true */
    };

    std::vector<Term> order;
    std::vector<Call> calls; /* one for each call of the window */
};

} // namespace pgtrickle::engine
