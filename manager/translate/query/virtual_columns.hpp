/*
 * Virtual generated columns of a source, which neither its rows nor its log hold.
 *
 * They are columns that the FROM item computes of those that rows hold, so that an outer join pads them as PostgreSQL does:
 * with NULL, whatever the expression makes of NULLs.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

struct VirtualColumn {
    Node *var;
    Node *expression;
};
using VirtualColumns = std::map<AttrNumber, VirtualColumn>;

/* Those among the columns used of entry `number`, a relation. */
VirtualColumns virtual_columns_of(int number, Oid relid, const std::map<AttrNumber, Node *> &used);

/* The columns that their expressions read. */
std::set<AttrNumber> attributes_of(const VirtualColumns &columns);

Input with_virtual_columns(Input input, const VirtualColumns &columns);

} // namespace pgtrickle::translate
