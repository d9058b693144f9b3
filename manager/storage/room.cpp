#include "storage/room.hpp"

#include "pg/relation_row.hpp"
#include "storage/partitions.hpp"
#include "storage/statistics.hpp"

extern "C" {
#include "access/reloptions.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
}

namespace pgtrickle::storage {

namespace {

constexpr int64 few_rows = 1000;
constexpr double large_part = 0.1;
constexpr int half_filled = 50;

/* Whether the options of pg_class contain one of that name. */
bool has_option(Datum options, const char *name)
{
    ListCell *cell;
    foreach (cell, untransformRelOptions(options))
        if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
            return true;
    return false;
}

Datum options_of(HeapTuple row)
{
    bool is_null;
    const Datum options = SysCacheGetAttr(RELOID, row, Anum_pg_class_reloptions, &is_null);
    return is_null ? static_cast<Datum>(0) : options;
}

bool has_fillfactor(Oid heap)
{
    HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(heap));
    if (!HeapTupleIsValid(row))
        elog(ERROR, "cache lookup failed for relation %u", heap);
    const Datum options = options_of(row);
    const bool has = options != static_cast<Datum>(0) && has_option(options, "fillfactor");
    ReleaseSysCache(row);
    return has;
}

void fill_by_half(Oid heap)
{
    change_relation_row(heap, [](Relation classes, HeapTuple row) {
        DefElem *fillfactor =
            makeDefElem(pstrdup("fillfactor"), reinterpret_cast<::Node *>(makeInteger(half_filled)), -1);
        Datum values[Natts_pg_class] = {};
        bool nulls[Natts_pg_class] = {}, replaces[Natts_pg_class] = {};
        values[Anum_pg_class_reloptions - 1] =
            transformRelOptions(options_of(row), list_make1(fillfactor), nullptr, nullptr, false, false);
        replaces[Anum_pg_class_reloptions - 1] = true;
        return heap_modify_tuple(row, RelationGetDescr(classes), values, nulls, replaces);
    });
}

} // namespace

void leave_room(Oid storage, int64 replaced_rows)
{
    if (replaced_rows < few_rows || static_cast<double>(replaced_rows) < large_part * stored_rows(storage))
        return;
    ListCell *cell;
    foreach (cell, row_heaps(storage)) {
        const Oid heap = lfirst_oid(cell);
        if (!has_fillfactor(heap) && ConditionalLockRelationOid(heap, ShareUpdateExclusiveLock) &&
            !has_fillfactor(heap))
            fill_by_half(heap);
    }
}

} // namespace pgtrickle::storage
