#include "fdw/ddl/altered_object.hpp"

#include "definition/definition_view.hpp"
#include "definition/indirect_users.hpp"
#include "fdw/definition/redefinition.hpp"
#include "fdw/definition/stream_table_named.hpp"
#include "refresh/program/scope.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <iterator>
#include <utility>

namespace pgtrickle {

namespace {

/* A kind of objects that stream tables compute with. */
struct Kind {
    Oid class_id;
    Oid oid_index;
    AttrNumber name, schema, owner; /* columns that do not affect what it computes */
    const char *reason;
};

constexpr Kind kinds[] = {
    {ProcedureRelationId, ProcedureOidIndexId, Anum_pg_proc_proname, Anum_pg_proc_pronamespace, Anum_pg_proc_proowner,
     "a function that it uses was replaced"},
    {TSConfigRelationId, TSConfigOidIndexId, Anum_pg_ts_config_cfgname, Anum_pg_ts_config_cfgnamespace,
     Anum_pg_ts_config_cfgowner, "a text search object that it uses was altered"},
    {TSDictionaryRelationId, TSDictionaryOidIndexId, Anum_pg_ts_dict_dictname, Anum_pg_ts_dict_dictnamespace,
     Anum_pg_ts_dict_dictowner, "a text search object that it uses was altered"},
};

constexpr AttrNumber oid_column = 1; /* in all catalogs */

/* Returns a copy of the object's row in `catalog`, or NULL. */
HeapTuple row_of(Relation catalog, Oid oid_index, Oid object, Snapshot snapshot)
{
    ScanKeyData key;
    ScanKeyInit(&key, oid_column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
    SysScanDesc scan = systable_beginscan(catalog, oid_index, true, snapshot, 1, &key);
    HeapTuple found = systable_getnext(scan);
    HeapTuple copy = HeapTupleIsValid(found) ? heap_copytuple(found) : nullptr;
    systable_endscan(scan);
    return copy;
}

bool is_same(TupleDesc descriptor, AttrNumber column, HeapTuple a, HeapTuple b)
{
    bool is_null_a, is_null_b;
    Datum of_a = heap_getattr(a, column, descriptor, &is_null_a),
          of_b = heap_getattr(b, column, descriptor, &is_null_b);
    if (is_null_a || is_null_b)
        return is_null_a == is_null_b;
    Form_pg_attribute attribute = TupleDescAttr(descriptor, column - 1);
    return datum_image_eq(of_a, of_b, attribute->attbyval, attribute->attlen);
}

/* A SECURITY DEFINER function computes as its owner, so its owner matters. */
bool runs_as_owner(const Kind &kind, HeapTuple row)
{
    return kind.class_id == ProcedureRelationId && reinterpret_cast<Form_pg_proc>(GETSTRUCT(row))->prosecdef;
}

bool differs_only_in_name_or_owner(const Kind &kind, TupleDesc descriptor, HeapTuple before, HeapTuple now)
{
    for (AttrNumber column = 1; column <= descriptor->natts; column++) {
        const bool says_nothing = column == kind.name || column == kind.schema ||
                                  (column == kind.owner && !runs_as_owner(kind, now)) ||
                                  (kind.class_id == ProcedureRelationId && column == Anum_pg_proc_proacl);
        if (!says_nothing && !is_same(descriptor, column, before, now))
            return false;
    }
    return true;
}

/* Returns whether the object may compute something else now. If its row was not replaced, the statement wrote
 * to another catalog, as ALTER MAPPING does, and the answer is yes. A new object has no earlier meaning. */
bool may_compute_otherwise(ObjectAccessType access, const Kind &kind, Oid object)
{
    Relation catalog = table_open(kind.class_id, AccessShareLock);
    HeapTuple before = row_of(catalog, kind.oid_index, object, nullptr);
    HeapTuple now = row_of(catalog, kind.oid_index, object, SnapshotSelf);
    const bool is_new = before == nullptr;
    const bool has_both = !is_new && now != nullptr && !ItemPointerEquals(&before->t_self, &now->t_self);
    const bool answer = !is_new && (access == OAT_POST_CREATE || !has_both ||
                                    !differs_only_in_name_or_owner(kind, RelationGetDescr(catalog), before, now));
    table_close(catalog, AccessShareLock);
    return answer;
}

/* Uses SnapshotSelf, because a rule that is being created is not visible to other snapshots. */
Oid relation_of_rule(Oid rule)
{
    Relation rules = table_open(RewriteRelationId, AccessShareLock);
    HeapTuple row = row_of(rules, RewriteOidIndexId, rule, SnapshotSelf);
    table_close(rules, AccessShareLock);
    return row != nullptr ? reinterpret_cast<Form_pg_rewrite>(GETSTRUCT(row))->ev_class : InvalidOid;
}

NotedRelations *collecting[] = {nullptr, nullptr}; /* the innermost object of each kind */

NotedRelations *&innermost(Noted kind)
{
    return collecting[static_cast<int>(kind)];
}

} // namespace

void note_altered_object(ObjectAccessType access, Oid class_id, Oid object_id)
{
    if (class_id == RewriteRelationId && innermost(Noted::rule) != nullptr)
        note_relation(Noted::rule, relation_of_rule(object_id));
    auto kind =
        std::find_if(std::begin(kinds), std::end(kinds), [=](const Kind &each) { return each.class_id == class_id; });
    if (kind == std::end(kinds))
        return;
    if (!may_compute_otherwise(access, *kind, object_id))
        return;
    List *users = definition::indirect_users_of(class_id, object_id);
    if (users == NIL)
        return;
    refresh::require_none_running();
    mark_for_new_start(users, kind->reason);
}

NotedRelations::NotedRelations(Noted kind) : kind_(kind), previous_(innermost(kind)), context_(CurrentMemoryContext)
{
    innermost(kind) = this;
}

NotedRelations::~NotedRelations()
{
    innermost(kind_) = previous_;
}

void NotedRelations::add(Oid relation)
{
    MemoryContext previous = MemoryContextSwitchTo(context_);
    relations_ = list_append_unique_oid(relations_, relation);
    MemoryContextSwitchTo(previous);
}

List *NotedRelations::take()
{
    return std::exchange(relations_, NIL);
}

void note_relation(Noted kind, Oid relation)
{
    if (innermost(kind) != nullptr)
        innermost(kind)->add(relation);
}

void note_lost_column(Oid relation)
{
    if (innermost(Noted::columns) != nullptr)
        return note_relation(Noted::columns, relation);
    if (!is_definition_followed())
        return;
    ListCell *cell;
    foreach (cell, definition::users_of(RelationRelationId, relation, 0, false))
        mark_for_new_setup(lfirst_oid(cell), "a source has lost a column with its temporary type");
}

List *take_noted(Noted kind)
{
    return innermost(kind) != nullptr ? innermost(kind)->take() : NIL;
}

} // namespace pgtrickle
