#include "capture/source/routed_values.hpp"

#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/source_rows.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_partitioned_table.h"
#include "nodes/bitmapset.h"
#include "nodes/nodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Whether `is_so` holds for the row of pg_attribute, which is released; false if there is none. */
template <class IsSo> bool ask(HeapTuple attribute, IsSo is_so)
{
    if (!HeapTupleIsValid(attribute))
        return false;
    const bool answer = is_so(reinterpret_cast<Form_pg_attribute>(GETSTRUCT(attribute)));
    ReleaseSysCache(attribute);
    return answer;
}

HeapTuple attribute_of(Oid relid, AttrNumber number)
{
    return SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(number));
}

bool is_stored_as_generated(Form_pg_attribute attribute)
{
    return attribute->attgenerated == ATTRIBUTE_GENERATED_STORED;
}

/* Whether rows of the relation may be shorter than its columns, and show a default then. */
bool has_missing_value(Form_pg_attribute attribute)
{
    return attribute->atthasmissing;
}

/* Whether `is_so` holds for one of the columns named. */
bool is_any(Oid relid, const List *names, bool (*is_so)(Form_pg_attribute attribute))
{
    ListCell *cell;
    foreach (cell, names)
        if (ask(SearchSysCacheAttName(relid, static_cast<const char *>(lfirst(cell))), is_so))
            return true;
    return false;
}

/* Whether PostgreSQL need not convert a row of one relation to a row of the other in this column. */
bool is_same_column(Oid one, Oid other, AttrNumber number)
{
    return ask(attribute_of(one, number), [=](Form_pg_attribute a) {
        return ask(attribute_of(other, number), [=](Form_pg_attribute b) {
            return a->attisdropped == b->attisdropped &&
                   (a->attisdropped ? a->attlen == b->attlen && a->attalign == b->attalign
                                    : strcmp(NameStr(a->attname), NameStr(b->attname)) == 0);
        });
    });
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

bool has_any_missing_value(Oid relid)
{
    for (AttrNumber number = 1; has_column(relid, number); number++)
        if (ask(attribute_of(relid, number), has_missing_value))
            return true;
    return false;
}

/* Returns the names of the columns that the partition key of the relation reads; NIL if it has none. */
List *key_columns(Oid relid)
{
    HeapTuple tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return NIL;
    const auto *form = reinterpret_cast<Form_pg_partitioned_table>(GETSTRUCT(tuple));
    Bitmapset *read = nullptr;
    for (int i = 0; i < form->partnatts; i++)
        if (form->partattrs.values[i] != 0)
            read = bms_add_member(read, form->partattrs.values[i] - FirstLowInvalidHeapAttributeNumber);
    bool has_none = true;
    Datum expressions = SysCacheGetAttr(PARTRELID, tuple, Anum_pg_partitioned_table_partexprs, &has_none);
    if (!has_none)
        pull_varattnos(static_cast<Node *>(stringToNode(TextDatumGetCString(expressions))), 1, &read);
    ReleaseSysCache(tuple);
    List *names = NIL;
    for (int i = bms_next_member(read, -1); i >= 0; i = bms_next_member(read, i))
        if (char *name = column_name(relid, static_cast<AttrNumber>(i + FirstLowInvalidHeapAttributeNumber)))
            names = lappend(names, name);
    return names;
}

/* Whether one of the levels computes a column of another one's partition key. */
bool is_any_key_computed(const List *levels)
{
    List *names = NIL;
    ListCell *cell;
    foreach (cell, levels)
        names = list_concat(names, key_columns(lfirst_oid(cell)));
    foreach (cell, levels)
        if (is_any(lfirst_oid(cell), names, is_stored_as_generated))
            return true;
    return false;
}

} // namespace

List *tree_with_computed_key(Oid relid)
{
    const List *above = ancestors_of(relid);
    List *tree = tree_of(above != NIL ? llast_oid(above) : relid, NoLock);
    return is_any_key_computed(tree) ? tree : NIL;
}

namespace {

bool are_generated_values_wrong(Oid source, const List *names, const List *levels)
{
    if (get_rel_relkind(source) != RELKIND_PARTITIONED_TABLE && !get_rel_relispartition(source))
        return false;
    if (tree_with_computed_key(source) != NIL)
        return true;
    ListCell *cell;
    bool has_generated = false;
    foreach (cell, levels)
        has_generated = has_generated || is_any(lfirst_oid(cell), names, is_stored_as_generated);
    foreach (cell, levels)
        if (has_generated && !has_same_columns(source, lfirst_oid(cell)))
            return true;
    return false;
}

/* Whether rows below a written relation may be shown with its defaults. */
bool are_missing_values_wrong(Oid written, const List *names)
{
    if (!is_any(written, names, has_missing_value))
        return false;
    ListCell *cell;
    foreach (cell, tree_of(written, NoLock)) {
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
        if (char *name = columns[i] > 0 ? column_name(source, columns[i]) : nullptr; name != nullptr)
            names = lappend(names, name);
    const List *levels = related_relations(source, NoLock);
    if (are_generated_values_wrong(source, names, levels))
        return true;
    ListCell *cell;
    foreach (cell, levels)
        if (are_missing_values_wrong(lfirst_oid(cell), names))
            return true;
    return false;
}

} // namespace pgtrickle::capture
