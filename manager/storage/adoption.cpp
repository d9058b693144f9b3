#include "storage/adoption.hpp"

#include "storage/partitions.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

namespace pgtrickle::storage {

namespace {

/* Names begin with st_<oid>, which is followed by _ or nothing. */
void rename_for(Oid relation, Oid from, Oid relid, bool is_index)
{
    const char *name = get_rel_name(relation);
    Oid number;
    int length;
    if (sscanf(name, "st_%u%n", &number, &length) != 1 || number != from)
        return;
    RenameRelationInternal(relation, psprintf("st_%u%s", relid, name + length), true, is_index);
    CommandCounterIncrement();
}

List *indexes_of(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    List *indexes = list_copy(RelationGetIndexList(relation));
    table_close(relation, NoLock);
    return indexes;
}

} // namespace

void adopt_heap(Oid heap, Oid from, Oid relid)
{
    ListCell *cell, *index;
    foreach (cell, list_append_unique_oid(list_copy(row_heaps(heap)), heap)) {
        const Oid one = lfirst_oid(cell);
        if (changeDependencyFor(RelationRelationId, one, RelationRelationId, from, relid) != 1)
            elog(ERROR, "heap %u does not belong to stream table %u", one, from);
        rename_for(one, from, relid, false);
        foreach (index, indexes_of(one))
            rename_for(lfirst_oid(index), from, relid, true);
    }
}

} // namespace pgtrickle::storage
