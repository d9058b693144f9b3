#include "capture/source/routed_values.hpp"

#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

bool is_stored_as_generated(Oid relid, const char *column)
{
    HeapTuple tuple = SearchSysCacheAttName(relid, column);
    if (!HeapTupleIsValid(tuple))
        return false;
    const bool answer =
        reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attgenerated == ATTRIBUTE_GENERATED_STORED;
    ReleaseSysCache(tuple);
    return answer;
}

bool is_any_stored_as_generated(const List *relids, const char *column)
{
    ListCell *cell;
    foreach (cell, relids)
        if (is_stored_as_generated(lfirst_oid(cell), column))
            return true;
    return false;
}

/* Whether PostgreSQL need not convert a row of one relation to a row of the other in this column. */
bool is_same_column(Oid one, Oid other, AttrNumber number)
{
    HeapTuple of_one = SearchSysCache2(ATTNUM, ObjectIdGetDatum(one), Int16GetDatum(number));
    HeapTuple of_other = SearchSysCache2(ATTNUM, ObjectIdGetDatum(other), Int16GetDatum(number));
    bool answer = HeapTupleIsValid(of_one) && HeapTupleIsValid(of_other);
    if (answer) {
        const auto *a = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(of_one));
        const auto *b = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(of_other));
        answer = a->attisdropped == b->attisdropped &&
                 (a->attisdropped ? a->attlen == b->attlen && a->attalign == b->attalign
                                  : strcmp(NameStr(a->attname), NameStr(b->attname)) == 0);
    }
    if (HeapTupleIsValid(of_one))
        ReleaseSysCache(of_one);
    if (HeapTupleIsValid(of_other))
        ReleaseSysCache(of_other);
    return answer;
}

bool has_column(Oid relid, AttrNumber number)
{
    return SearchSysCacheExists2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(number));
}

bool has_same_columns(Oid one, Oid other)
{
    for (AttrNumber number = 1; has_column(one, number) || has_column(other, number); number++)
        if (!is_same_column(one, other, number))
            return false;
    return true;
}

bool has_missing_value(HeapTuple attribute)
{
    return HeapTupleIsValid(attribute) && reinterpret_cast<Form_pg_attribute>(GETSTRUCT(attribute))->atthasmissing;
}

/* Whether rows of the relation may be shorter than its columns, and show a default then. */
bool has_any_missing_value(Oid relid)
{
    bool answer = false;
    for (AttrNumber number = 1; !answer && has_column(relid, number); number++) {
        HeapTuple attribute = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(number));
        answer = has_missing_value(attribute);
        if (HeapTupleIsValid(attribute))
            ReleaseSysCache(attribute);
    }
    return answer;
}

bool has_missing_value(Oid relid, const char *column)
{
    HeapTuple attribute = SearchSysCacheAttName(relid, column);
    const bool answer = has_missing_value(attribute);
    if (HeapTupleIsValid(attribute))
        ReleaseSysCache(attribute);
    return answer;
}

bool are_generated_values_wrong(Oid source, const List *names)
{
    if (get_rel_relkind(source) != RELKIND_PARTITIONED_TABLE && !get_rel_relispartition(source))
        return false;
    const List *levels = related_relations(source, NoLock);
    ListCell *cell;
    bool has_generated = false;
    foreach (cell, names)
        has_generated |= is_any_stored_as_generated(levels, static_cast<const char *>(lfirst(cell)));
    foreach (cell, levels)
        if (has_generated && !has_same_columns(source, lfirst_oid(cell)))
            return true;
    return false;
}

/* Whether rows below a written relation may be shown with its defaults. */
bool are_missing_values_wrong(Oid written, const List *names)
{
    ListCell *cell;
    bool has_missing = false;
    foreach (cell, names)
        has_missing |= has_missing_value(written, static_cast<const char *>(lfirst(cell)));
    foreach (cell, has_missing ? tree_of(written, NoLock) : NIL) {
        const Oid below = lfirst_oid(cell);
        if (below != written && has_same_columns(written, below) && !has_any_missing_value(below))
            return true;
    }
    return false;
}

} // namespace

bool are_routed_values_wrong(Oid source, const AttrNumber *columns, int column_count)
{
    if (!is_table(source)) /* no trigger writes its log */
        return false;
    List *names = NIL;
    for (int i = 0; i < column_count; i++)
        if (char *name = columns[i] > 0 ? get_attname(source, columns[i], true) : nullptr; name != nullptr)
            names = lappend(names, name);
    if (are_generated_values_wrong(source, names))
        return true;
    ListCell *cell;
    foreach (cell, related_relations(source, NoLock))
        if (are_missing_values_wrong(lfirst_oid(cell), names))
            return true;
    return false;
}

} // namespace pgtrickle::capture
