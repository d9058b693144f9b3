#include "pg/relation_row.hpp"

extern "C" {
#include "utils/relcache.h"
}

namespace pgtrickle {

Oid owner_of_relation(Oid relation, bool missing_ok)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) {
        if (missing_ok)
            return InvalidOid;
        elog(ERROR, "cache lookup failed for relation %u", relation);
    }
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

void hide_rows(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    List *all = lappend_oid(RelationGetIndexList(relation), heap);
    table_close(relation, NoLock);
    ListCell *cell;
    foreach (cell, all)
        change_relation_row(lfirst_oid(cell), [](Relation, HeapTuple row) {
            reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relrowsecurity = true;
            return row;
        });
}

} // namespace pgtrickle
