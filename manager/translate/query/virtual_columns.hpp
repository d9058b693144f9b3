/*
 * Virtual generated columns of a source, which neither its rows nor its log contain.
 *
 * The FROM item computes them from the stored columns, so that an outer join pads them as PostgreSQL does:
 * with NULL, whatever the value of the expression for NULLs is.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

struct VirtualColumn {
    Node *var;
    Node *expression;
};
using VirtualColumns = std::map<AttrNumber, VirtualColumn>;

/* Returns the virtual columns among the columns used of entry `number`, a relation. */
VirtualColumns virtual_columns_of(int number, Oid relid, const std::map<AttrNumber, Node *> &used);

/* Returns the columns that their expressions read. */
std::set<AttrNumber> attributes_of(const VirtualColumns &columns);

Input with_virtual_columns(Input input, const VirtualColumns &columns);

} // namespace pgtrickle::translate
