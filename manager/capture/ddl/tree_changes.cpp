#include "capture/ddl/tree_changes.hpp"

#include "capture/ddl/source_ddl.hpp"
#include "capture/log/log_format.hpp"
#include "capture/log/log_state.hpp"
#include "capture/log/marker.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/routed_values.hpp"
#include "capture/source/routing.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/source_locks.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/triggers/open_statement.hpp"
#include "capture/triggers/trigger_setup.hpp"
#include "mailbox/mailbox.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

constexpr const char *changed_within_statement = "its tree was changed within a statement";

struct TreeChange {
    Changed what;
    Oid child;
    Oid parent;
    SubTransactionId made_in;
};
List *tree_changes = NIL; /* in TopTransactionContext */

bool is_captured(Oid relid)
{
    SourceRow row;
    return find_source(relid, &row);
}

bool exists(Oid relid)
{
    return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
}

bool is_child_of(Oid child, Oid parent)
{
    return list_member_oid(ancestors_of(child), parent);
}

} // namespace

bool is_any_captured(List *relids)
{
    ListCell *cell;
    foreach (cell, relids)
        if (is_captured(lfirst_oid(cell)))
            return true;
    return false;
}

namespace {

/* Returns those that are sources, in reverse order, each once. */
List *captured_among(const List *relids)
{
    List *found = NIL;
    ListCell *cell;
    foreach (cell, relids)
        if (is_captured(lfirst_oid(cell)) && !list_member_oid(found, lfirst_oid(cell)))
            found = lcons_oid(lfirst_oid(cell), found);
    return found;
}

} // namespace

List *captured_ancestors(Oid relid)
{
    return captured_among(ancestors_of(relid));
}

bool may_hold_rows(Oid relid)
{
    ListCell *cell;
    foreach (cell, find_all_inheritors(relid, AccessShareLock, nullptr)) {
        Relation relation = try_relation_open(lfirst_oid(cell), NoLock);
        if (relation == nullptr)
            continue;
        bool answer = relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
                      (!RELKIND_HAS_STORAGE(relation->rd_rel->relkind) || RelationGetNumberOfBlocks(relation) > 0);
        relation_close(relation, NoLock);
        if (answer)
            return true;
    }
    return false;
}

void lock_out_writers(const List *levels)
{
    ListCell *cell;
    foreach (cell, levels)
        if (exists(lfirst_oid(cell)))
            LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
}

namespace {

/* Locks out the writers of what `find` returns, until it returns no others: the tree may change while a lock is waited
 * for. Returns all of them. */
List *lock_out_writers_of(List *(*find)(Oid, LOCKMODE), Oid relid)
{
    List *locked = NIL;
    for (;;) {
        List *found = list_difference_oid(find(relid, NoLock), locked);
        if (found == NIL)
            return locked;
        lock_out_writers(found);
        locked = list_concat(locked, found);
    }
}

} // namespace

namespace {

/* Whether this session is executing a statement on one of the relations. */
bool is_any_in_use(const List *relids)
{
    ListCell *cell;
    foreach (cell, relids) {
        Relation relation = try_relation_open(lfirst_oid(cell), NoLock);
        const bool is_in_use = relation != nullptr && relation->rd_refcnt > 1;
        if (relation != nullptr)
            relation_close(relation, NoLock);
        if (is_in_use)
            return true;
    }
    return false;
}

/* Whether this transaction may have changed rows of the relation, by a statement that may be in progress. */
bool may_have_changed(Oid relid)
{
    Relation relation = relation_open(relid, NoLock);
    const bool is_locked = CheckRelationLockedByMe(relation, RowExclusiveLock, false);
    relation_close(relation, NoLock);
    return is_locked;
}

/* A statement in progress that changes a relation without triggers logs none of its rows, and is not known to a refresh
 * within it. One that reads it, as a cursor does, does no harm. */
void require_no_statement(Oid relid)
{
    if (may_have_changed(relid) && !has_any_trigger(relid) && is_any_in_use(list_make1_oid(relid)))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("cannot capture changes of \"%s\" because it is being used by active queries in this "
                               "session",
                               get_rel_name(relid))));
}

} // namespace

void install_missing_triggers(const List *levels)
{
    ListCell *cell;
    begin_own_work();
    foreach (cell, levels)
        if (is_table(lfirst_oid(cell)) && !has_all_triggers(lfirst_oid(cell))) {
            LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
            require_no_statement(lfirst_oid(cell));
            lock_capture(lfirst_oid(cell)); /* a subscription to the table may just be created */
            install_triggers(lfirst_oid(cell));
        }
    end_own_work();
}

namespace {

/* The source may turn from capture by statements to capture by rows, or back, for statements on all relations of its
 * tree. One that this session is executing may log a row in both ways, or in none. */
List *follow_routing(Oid source)
{
    List *levels = lock_out_writers_of(related_relations, source);
    invalidate_targets(source);
    if (is_any_in_use(levels))
        mark_own(source, changed_within_statement);
    return levels;
}

/* Follows those of `child` and its ancestors that are sources and, by the place of `child` below its parents, captured
 * by rows: without `child` they would be captured by statements. Returns the relations through which they are changed.
 */
List *follow_routings_by(Oid child)
{
    List *levels = NIL;
    const List *below = tree_of(child, NoLock);
    ListCell *cell;
    foreach (cell, lcons_oid(child, ancestors_of(child)))
        if (is_captured(lfirst_oid(cell)) && is_written_from_outside(lfirst_oid(cell), NIL) &&
            !is_written_from_outside(lfirst_oid(cell), below))
            levels = list_concat_unique_oid(levels, follow_routing(lfirst_oid(cell)));
    return levels;
}

/* Whether the child may have rows, or get some from a statement that this session is executing: the statement may log
 * them as those of the tree in which it has begun. */
bool may_get_rows(Oid child)
{
    return may_hold_rows(child) || is_any_in_use(find_all_inheritors(child, AccessShareLock, nullptr));
}

void refuse_child(Oid child, Oid parent, Oid source, const char *reason)
{
    const char *relation = get_rel_relispartition(child) ? "become a partition of" : "inherit from";
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("table \"%s\" cannot %s \"%s\"", get_rel_name(child), relation, get_rel_name(parent)),
             errdetail("Changes of \"%s\", a source of stream tables, could not be captured any more, because %s.",
                       get_rel_name(source), reason)));
}

/* Raises an error if one of the relations is a source that can be captured no more. */
void refuse_what_is_not_captured(Oid child, Oid parent, const List *levels)
{
    ListCell *cell;
    foreach (cell, levels) {
        const char *reason = is_captured(lfirst_oid(cell)) ? refusal(lfirst_oid(cell)) : nullptr;
        if (reason != nullptr)
            refuse_child(child, parent, lfirst_oid(cell), reason);
    }
}

/* Has sources captured by rows some of whose values statement triggers do not see any more. */
void capture_by_rows(const List *levels)
{
    ListCell *cell;
    foreach (cell, levels) {
        const Oid source = lfirst_oid(cell);
        SourceRow row;
        const Format *format = find_source(source, &row) && row.is_active ? find_format(source, row.version) : nullptr;
        if (format == nullptr || is_captured_by_rows(source) ||
            !are_routed_values_wrong(source, format->attnums, format->column_count))
            continue;
        require_no_unlogged_changes(source);
        const List *around = lock_out_writers_of(related_relations, source);
        lock_capture(source);
        if (!is_logged(source)) /* its capture was stopped meanwhile */
            continue;
        (void)ensure_log(source, nullptr, 0);
        install_missing_triggers(around);
    }
}

/* Returns the sources among the child, the parent that it gets or leaves, and their ancestors. */
List *captured_around(Oid child, Oid parent)
{
    return captured_among(list_concat(lcons_oid(child, ancestors_of(child)), lcons_oid(parent, ancestors_of(parent))));
}

/* Whether the source is captured by rows because the child, or a relation below it, has another parent outside of the
 * source's tree; or would be without its own parents. */
bool is_written_beside(Oid source, Oid child)
{
    const List *tree = tree_of(source, NoLock), *below = tree_of(child, NoLock), *own = ancestors_of(source);
    ListCell *cell, *above;
    foreach (cell, below)
        foreach (above, ancestors_of(lfirst_oid(cell)))
            if (!list_member_oid(tree, lfirst_oid(above)) && !list_member_oid(below, lfirst_oid(above)) &&
                !list_member_oid(own, lfirst_oid(above)))
                return true;
    return false;
}

/* Whether the parent that the child gets or leaves decides how one of the sources is captured. */
bool may_change_routing(const List *sources, Oid child, Oid parent)
{
    ListCell *cell;
    foreach (cell, sources)
        if (!list_member_oid(tree_of(lfirst_oid(cell), NoLock), parent) || is_written_beside(lfirst_oid(cell), child))
            return true;
    return false;
}

/* A statement in progress has its rows routed at its end, by the bounds of that moment. Those within the bounds of a
 * partition that was attached or detached meanwhile may have been in another one: the default partition, if there is
 * one, or the detached one. */
void mark_rerouted(Oid child, Oid parent, bool is_attached)
{
    const Oid beside = get_default_partition_oid(parent);
    const bool may_differ = !is_attached || (OidIsValid(beside) && beside != child);
    if (!may_differ || !is_statement_open_on(lcons_oid(parent, ancestors_of(parent))))
        return;
    const List *trees = OidIsValid(beside) ? list_concat_unique_oid(tree_of(child, NoLock), tree_of(beside, NoLock))
                                           : tree_of(child, NoLock);
    ListCell *cell;
    foreach (cell, trees)
        mark_own(lfirst_oid(cell), changed_within_statement);
}

void after_attach(Oid child, Oid parent)
{
    List *levels = related_relations(child, NoLock);
    const bool is_partition = get_rel_relispartition(child);
    if (is_partition) {
        invalidate_targets(child); /* the constraint of a default partition beside it has changed */
        mark_rerouted(child, parent, true);
    }
    bool has_rows = may_get_rows(child);
    List *computed = is_partition ? tree_with_computed_key(child) : NIL;
    if (!is_any_captured(levels)) {
        if (has_rows)
            lock_out_refreshes(child);
        capture_by_rows(computed); /* partitions beside it */
        return;
    }
    mailbox::note_definition_change(); /* refresh/at_commit.hpp */
    refuse_what_is_not_captured(child, parent, levels);
    /* Taken before writers are locked out: a transaction that has refreshed holds this lock, and may write
     * afterwards. */
    if (has_rows)
        lock_out_refreshes(child);
    if (!is_partition) {
        /* PostgreSQL has locked the child, and not those below it, whose rows become rows of the parent. */
        const bool may_change = may_change_routing(captured_around(child, parent), child, parent);
        const List *locked = lock_out_writers_of(may_change ? related_relations : tree_of, child);
        levels = list_concat_unique_oid(levels, locked);
        /* Another transaction may have attached a foreign table to one of those below it meanwhile. */
        refuse_what_is_not_captured(child, parent, levels);
        if (!has_rows && may_get_rows(child)) {
            has_rows = true;
            lock_out_refreshes(child);
        }
    }
    if (is_partition || has_rows) /* a child without rows has no short ones */
        capture_by_rows(list_concat_unique_oid(list_copy(levels), computed));
    if (!is_partition)
        levels = list_concat_unique_oid(levels, follow_routings_by(child));
    install_missing_triggers(levels);
    if (has_rows)
        write_marker(parent, is_partition ? "a partition was attached" : "a child was added");
    invalidate_targets(child);
}

/* `is_alone`: the statement has changed the tree at no other place, which may have decided the way as well. */
void after_detach(Oid child, Oid parent, bool is_alone)
{
    const bool is_inherited = exists(parent) && get_rel_relkind(parent) == RELKIND_RELATION;
    List *sources = is_inherited ? captured_around(child, parent) : NIL;
    const bool may_change = sources != NIL && (!is_alone || may_change_routing(sources, child, parent));
    if (may_change)
        (void)lock_out_writers_of(related_relations, parent);
    lock_out_writers(sources);
    if (sources != NIL) /* with those below the child, whose rows cease to be rows of the parent */
        (void)lock_out_writers_of(may_change ? related_relations : tree_of, child);
    if (exists(parent)) {
        if (is_any_captured(lcons_oid(parent, ancestors_of(parent))) && may_get_rows(child))
            write_marker(parent, get_rel_relkind(parent) == RELKIND_PARTITIONED_TABLE ? "a partition was detached"
                                                                                      : "a child was removed");
        if (get_rel_relkind(parent) == RELKIND_PARTITIONED_TABLE)
            mark_rerouted(child, parent, false);
        invalidate_targets(parent);
    }
    invalidate_targets(child);
    ListCell *cell;
    foreach (cell, may_change ? sources : NIL)
        if (!is_written_from_outside(lfirst_oid(cell), NIL))
            (void)follow_routing(lfirst_oid(cell));
}

} // namespace

void before_drop_of_child(Oid child)
{
    ListCell *cell;
    foreach (cell, ancestors_of(child))
        if (is_captured(lfirst_oid(cell)) && is_written_beside(lfirst_oid(cell), child)) {
            (void)lock_out_writers_of(related_relations, child);
            (void)follow_routings_by(child);
            return;
        }
}

namespace {

void after_column_change(Oid relid, Changed what)
{
    if (what == Changed::column && is_captured(relid))
        refit(relid);
    capture_by_rows(related_relations(relid, NoLock));
}

} // namespace

void note_tree_change(Changed what, Oid child, Oid parent)
{
    MemoryContext old_context = MemoryContextSwitchTo(TopTransactionContext);
    auto *change = static_cast<TreeChange *>(palloc(sizeof(TreeChange)));
    *change = {what, child, parent, GetCurrentSubTransactionId()};
    tree_changes = lappend(tree_changes, change);
    MemoryContextSwitchTo(old_context);
}

void settle_tree_changes()
{
    if (tree_changes == NIL)
        return;
    List *changes = tree_changes;
    tree_changes = NIL;
    CommandCounterIncrement();
    const bool needs_snapshot = !HaveRegisteredOrActiveSnapshot();
    if (needs_snapshot)
        PushActiveSnapshot(GetLatestSnapshot());
    ListCell *cell;
    foreach (cell, changes) {
        auto *change = static_cast<TreeChange *>(lfirst(cell));
        if (!OidIsValid(source_table()) || !exists(change->child))
            continue;
        if (change->what == Changed::triggers)
            mark_around(change->child, "a capture trigger was dropped");
        else if (change->what != Changed::parent)
            after_column_change(change->child, change->what);
        else if (is_child_of(change->child, change->parent))
            after_attach(change->child, change->parent);
        else
            after_detach(change->child, change->parent, list_length(changes) == 1);
    }
    if (needs_snapshot)
        PopActiveSnapshot();
    CommandCounterIncrement();
}

void forget_tree_changes()
{
    tree_changes = NIL;
}

void forget_tree_changes_of(SubTransactionId aborted)
{
    ListCell *cell;
    foreach (cell, tree_changes)
        if (static_cast<TreeChange *>(lfirst(cell))->made_in >= aborted)
            tree_changes = foreach_delete_current(tree_changes, cell);
}

} // namespace pgtrickle::capture
