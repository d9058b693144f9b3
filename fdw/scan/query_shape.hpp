/*
 * The parts of a defining query by which touched values are found (touched_values.hpp): the tables in FROM, the
 * conditions on them, and the column by which the query is cut. C++ frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <vector>

namespace pgtrickle {

/* One reference to a table in FROM. `sides` are the LEFT JOINs on whose NULL side it is, outermost first. */
struct Reference {
    Index number; /* in the range table */
    Oid relid;
    std::vector<int> sides;
};

struct Condition {
    ::Node *clause;
    std::vector<int> sides; /* of the place where it is evaluated */
};

/* Conditions are leakproof, and refer to columns of tables. */
struct Shape {
    Query *query;
    std::vector<Reference> references;
    std::vector<Condition> conditions;
    bool is_supported = true; /* false: nothing else is complete */
    int left_joins = 0;
};

/* The column k, and the equality of its values. */
struct Column {
    Var *var;
    int output;      /* its number among the outputs of the query */
    bool is_indexed; /* it is the first column of an index of its table */
    Oid equals;
    Oid compared_as; /* the type of the operands of `equals` */
};

/* Whether the place of `one` includes the place of `of`, both given by their sides. */
bool is_prefix(const std::vector<int> &one, const std::vector<int> &of);

/* `query` is the analysed defining query. Reads catalogs about its tables, which are locked. */
Shape shape_of(const Query *query);

/* Returns the reference with this number in the range table; null if it is none. */
const Reference *reference_of(const Shape &shape, Index number);

/* Finds the best column by which the query can be cut: one that an index begins with. It is one of `outputs`; null:
 * any.
 */
bool find_column(const Shape &shape, const Bitmapset *outputs, Column *found);

} // namespace pgtrickle
