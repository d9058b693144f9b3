/*
 * Parse trees as the parser produces and reads them. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "parser/parse_relation.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

/* Returns the names and Vars of the columns of a range table entry whose index is `number`; dropped columns
 * only `with_dropped`. */
inline void columns_of_entry(const RangeTblEntry *entry, int number, bool with_dropped, List **names, List **vars)
{
    auto *same = const_cast<RangeTblEntry *>(entry);
#if PG_VERSION_NUM < 180000
    expandRTE(same, number, 0, -1, with_dropped, names, vars);
#else
    expandRTE(same, number, 0, VAR_RETURNING_DEFAULT, -1, with_dropped, names, vars);
#endif
}

/* Whether the operator belongs to an operator family of an ordered index. */
inline bool is_in_ordered_family(Oid operation)
{
#if PG_VERSION_NUM < 180000
    return get_op_btree_interpretation(operation) != NIL;
#else
    return get_op_index_interpretation(operation) != NIL;
#endif
}

} // namespace pgtrickle
