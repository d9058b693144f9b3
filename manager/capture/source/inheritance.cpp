#include "capture/source/inheritance.hpp"

#include "definition/state/extension_table.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

List *find_ancestors(Oid relid, bool *is_any_own)
{
    List *ancestors = NIL;
    List *todo = list_make1_oid(relid);
    Relation inherits = table_open(InheritsRelationId, AccessShareLock);
    while (todo != NIL) {
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
                    ObjectIdGetDatum(linitial_oid(todo)));
        todo = list_delete_first(todo);
        SysScanDesc scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId,
                                              definition::is_read_by_index(inherits), nullptr, 1, &key);
        HeapTuple tuple;
        while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
            auto *form = reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple));
            if (form->inhdetachpending)
                continue;
            *is_any_own |= TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
            if (list_member_oid(ancestors, form->inhparent))
                continue;
            ancestors = lappend_oid(ancestors, form->inhparent);
            todo = lappend_oid(todo, form->inhparent);
        }
        systable_endscan(scan);
    }
    table_close(inherits, AccessShareLock);
    return ancestors;
}

} // namespace

List *ancestors_of(Oid relid)
{
    bool is_any_own = false;
    return find_ancestors(relid, &is_any_own);
}

bool has_joined_a_tree(Oid relid)
{
    bool is_any_own = false;
    (void)find_ancestors(relid, &is_any_own);
    return is_any_own;
}

namespace {

/* As has_subclass(), which raises an error for a relation that is dropped meanwhile. */
bool may_have_children(Oid relid)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    const bool answer = HeapTupleIsValid(tuple) && reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relhassubclass;
    if (HeapTupleIsValid(tuple))
        ReleaseSysCache(tuple);
    return answer;
}

/* As PostgreSQL decides it for a partition that is being detached concurrently. */
bool is_detached(HeapTuple row)
{
    return reinterpret_cast<Form_pg_inherits>(GETSTRUCT(row))->inhdetachpending && ActiveSnapshotSet() &&
           !XidInMVCCSnapshot(HeapTupleHeaderGetXmin(row->t_data), GetActiveSnapshot());
}

/* Returns `relid` and its descendants, in the order of find_all_inheritors(), as the snapshot shows them; a null one
 * shows the present. `is_child` judges a row of pg_inherits. */
template <class IsChild> List *tree_shown_by(Oid relid, Snapshot snapshot, IsChild is_child)
{
    List *tree = list_make1_oid(relid);
    Relation inherits = table_open(InheritsRelationId, AccessShareLock);
    for (int i = 0; i < list_length(tree); i++) {
        if (snapshot == nullptr && !may_have_children(list_nth_oid(tree, i)))
            continue;
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber, F_OIDEQ,
                    ObjectIdGetDatum(list_nth_oid(tree, i)));
        SysScanDesc scan = systable_beginscan(inherits, InheritsParentIndexId, true, snapshot, 1, &key);
        List *children = NIL;
        HeapTuple tuple;
        while (HeapTupleIsValid(tuple = systable_getnext(scan)))
            if (is_child(tuple))
                children = lappend_oid(children, reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple))->inhrelid);
        systable_endscan(scan);
        list_sort(children, list_oid_cmp);
        tree = list_concat_unique_oid(tree, children);
    }
    table_close(inherits, AccessShareLock);
    return tree;
}

} // namespace

List *tree_of(Oid relid, LOCKMODE mode)
{
    if (mode != NoLock)
        return find_all_inheritors(relid, mode, nullptr);
    /* Without locks, find_all_inheritors() raises an error beside a DROP TABLE. */
    return tree_shown_by(relid, nullptr, [](HeapTuple row) { return !is_detached(row); });
}

List *tree_under(Oid relid, Snapshot snapshot)
{
    SnapshotData with_own_work = *snapshot;
    with_own_work.curcid = InvalidCommandId;
    return tree_shown_by(relid, &with_own_work, [](HeapTuple row) {
        return !reinterpret_cast<Form_pg_inherits>(GETSTRUCT(row))->inhdetachpending;
    });
}

bool has_detaching_partition(Oid relid)
{
    ListCell *cell;
    foreach (cell, tree_of(relid, NoLock)) {
        bool is_any = false;
        if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_PARTITIONED_TABLE && may_have_children(lfirst_oid(cell)))
            (void)find_inheritance_children_extended(lfirst_oid(cell), true, NoLock, &is_any, nullptr);
        if (is_any)
            return true;
    }
    return false;
}

List *related_relations(Oid relid, LOCKMODE mode)
{
    /* From the root down, in the lock order of ALTER TABLE and TRUNCATE. */
    List *levels = NIL;
    ListCell *cell, *below;
    List *ancestors = ancestors_of(relid);
    for (int i = list_length(ancestors) - 1; i >= 0; i--)
        levels = lappend_oid(levels, list_nth_oid(ancestors, i));
    foreach (cell, levels)
        if (mode != NoLock)
            LockRelationOid(lfirst_oid(cell), mode);
    if (mode != NoLock)
        LockRelationOid(relid, mode);
    List *tree = tree_of(relid, mode);
    levels = list_concat_unique_oid(levels, tree);
    /* A child may have parents that are not related to `relid`. */
    foreach (cell, tree)
        foreach (below, ancestors_of(lfirst_oid(cell)))
            if (!list_member_oid(levels, lfirst_oid(below))) {
                if (mode != NoLock)
                    LockRelationOid(lfirst_oid(below), mode);
                levels = lappend_oid(levels, lfirst_oid(below));
            }
    return levels;
}

} // namespace pgtrickle::capture
