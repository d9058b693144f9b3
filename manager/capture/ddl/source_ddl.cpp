#include "capture/ddl/source_ddl.hpp"

#include "capture/ddl/tree_changes.hpp"
#include "capture/log/marker.hpp"
#include "capture/log/segment.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/routing.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/source_locks.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/triggers/trigger_setup.hpp"
#include "pg/versions/generated_columns.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_subscription_rel.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/tablecmds.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames, which have no destructors, but in around_statement(). */

namespace pgtrickle::capture {

namespace {

int own_work = 0;
uint32 own_work_began_in = InvalidSubTransactionId;

/* Whether the statement is DROP TRIGGER. */
bool is_dropping_triggers = false;

/* ---- during a statement ---------------------------------------------------------------- */

void before_drop_of_relation(Oid relid)
{
    char kind = get_rel_relkind(relid);
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_FOREIGN_TABLE &&
        kind != RELKIND_MATVIEW)
        return;
    List *ancestors = ancestors_of(relid);
    const bool is_partition = ancestors != NIL && get_rel_relispartition(relid);
    if (ancestors != NIL && !is_partition)
        before_drop_of_child(relid);
    if (ancestors != NIL)
        invalidate_targets(relid); /* the constraint of a default partition beside it changes */
    if (ancestors != NIL && is_any_captured(ancestors) && may_hold_rows(relid))
        mark_above(relid, is_partition ? "a partition was dropped" : "a child was dropped");
    remove_source(relid);
}

/* Returns the relation of a capture trigger; InvalidOid for other triggers. */
Oid relation_of_capture_trigger(Oid trigger_oid, NameData *name = nullptr)
{
    Oid relid = InvalidOid;
    Relation table = table_open(TriggerRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger_oid));
    SysScanDesc scan = systable_beginscan(table, TriggerOidIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        auto *form = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
        if (is_capture_trigger(form->tgfoid))
            relid = form->tgrelid;
        if (name != nullptr)
            *name = form->tgname;
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return relid;
}

/* Refuses DROP TRIGGER here rather than before the statement, which finds its table only when it has locked
 * it. A capture trigger is dropped nevertheless with an object that it depends on; if the table remains,
 * changes written from then on are missed, which the tree change records. */
void before_drop_of_trigger(Oid trigger_oid)
{
    NameData name;
    Oid relid = relation_of_capture_trigger(trigger_oid, &name);
    if (!OidIsValid(relid))
        return;
    if (is_dropping_triggers)
        ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                        errmsg("cannot drop trigger \"%s\" of table \"%s\"", NameStr(name), get_rel_name(relid)),
                        errdetail("It captures changes for stream tables."),
                        errhint("Drop the stream tables that read the table; the trigger is dropped with them.")));
    note_tree_change(Changed::triggers, relid);
}

void after_trigger_change(Oid trigger_oid)
{
    Oid relid = relation_of_capture_trigger(trigger_oid);
    if (OidIsValid(relid))
        mark_around(relid, "its capture triggers were disabled or enabled");
}

/* ---- before and after a statement ------------------------------------------------------ */

/* Not to be called for transaction commands: those may run outside of a transaction. */
bool follows_ddl()
{
    return own_work == 0 && OidIsValid(source_table());
}

bool is_capture_trigger_named(Oid relid, const char *name)
{
    Oid trigger = OidIsValid(relid) ? get_trigger_oid(relid, name, true) : InvalidOid;
    return OidIsValid(trigger) && OidIsValid(relation_of_capture_trigger(trigger));
}

/* Refuses to rename a capture trigger, or to make it depend on an extension, with which it would be
 * dropped. */
void refuse_alter_of_trigger(const RangeVar *table, const char *name)
{
    Oid relid = RangeVarGetRelid(table, NoLock, true);
    if (is_capture_trigger_named(relid, name))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot alter trigger \"%s\" of table \"%s\"", name, get_rel_name(relid)),
                        errdetail("It captures changes for stream tables.")));
}

/* An index that REINDEX CONCURRENTLY has left may be dropped: it is not read. */
void refuse_drop_of_log(List *name)
{
    Oid relid = RangeVarGetRelid(makeRangeVarFromNameList(name), NoLock, true);
    const bool is_left = get_rel_relkind(relid) == RELKIND_INDEX && !get_index_isvalid(relid);
    if (OidIsValid(relid) && get_rel_namespace(relid) == log_namespace() && !is_left)
        ereport(ERROR,
                (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST), errmsg("cannot drop \"%s\"", get_rel_name(relid)),
                 errdetail("It is the change log of a source of stream tables."),
                 errhint("Drop the stream tables that read the source; the change log is dropped with them.")));
}

/* Dropping the extension would lock the logs before their sources, while a writer locks the source first,
 * which could end in a deadlock. Each source loses its triggers anyway, so taking its lock now adds no
 * conflict. */
void lock_all_before_drop(const char *extension)
{
    Oid oid = get_extension_oid(extension, true);
    if (strcmp(extension, "pg_trickle") != 0 || !OidIsValid(oid) || !owns_extension(oid))
        return;
    List *sources = captured_sources();
    list_sort(sources, list_oid_cmp);
    ListCell *cell;
    foreach (cell, sources)
        LockRelationOid(lfirst_oid(cell), AccessExclusiveLock);
}

/* Changes that a writer of the partition has logged for the relations above must not become visible after the marker
 * that says that the partition is none of theirs. Those that write to it later log nothing for these (routing.hpp).
 * Before the lock, which new writers queue behind, it waits for the present ones without blocking any: theirs may be
 * long transactions, and PostgreSQL does the same for those that use the parent. */
void lock_out_writers_of_partition(Oid parent, const RangeVar *name)
{
    if (!is_any_captured(lcons_oid(parent, ancestors_of(parent))))
        return;
    LockRelationOid(parent, ShareUpdateExclusiveLock); /* the lock of the statement, which comes first */
    const Oid partition = RangeVarGetRelid(name, NoLock, true);
    if (!OidIsValid(partition) || !list_member_oid(find_inheritance_children(parent, NoLock), partition))
        return;
    wait_for_writers(tree_of(partition, NoLock));
    LockRelationOid(partition, ShareRowExclusiveLock);
    (void)find_all_inheritors(partition, ShareRowExclusiveLock, nullptr);
}

void before_alter_table(const AlterTableStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->cmds) {
        auto *command = lfirst_node(AlterTableCmd, cell);
        if (command->subtype != AT_DetachPartition || !castNode(PartitionCmd, command->def)->concurrent)
            continue;
        Oid relid = RangeVarGetRelid(statement->relation, NoLock, true);
        if (!OidIsValid(relid) || !object_ownercheck(RelationRelationId, relid, GetUserId()))
            return; /* PostgreSQL refuses it */
        lock_out_writers_of_partition(relid, castNode(PartitionCmd, command->def)->name);
        /* The first of the two transactions of DETACH CONCURRENTLY removes the partition's rows from
         * queries. */
        write_marker(relid, "a partition was detached");
        invalidate_targets(relid);
    }
}

/* A stored generated column is rewritten in all rows, by no statement that triggers see. */
void after_alter_table(const AlterTableStmt *statement)
{
    bool sets_any = false;
    ListCell *cell;
    foreach (cell, statement->cmds)
        sets_any |= sets_expression(lfirst_node(AlterTableCmd, cell));
    const Oid relid = sets_any ? RangeVarGetRelid(statement->relation, NoLock, true) : InvalidOid;
    if (OidIsValid(relid)) {
        CommandCounterIncrement();
        mark_around(relid, "the expression of a generated column was changed");
    }
}

/* Returns the relations that this transaction has added to a subscription. */
List *newly_subscribed()
{
    List *relations = NIL;
    Relation subscribed = table_open(SubscriptionRelRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(subscribed, InvalidOid, false, nullptr, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
            relations = lappend_oid(relations, reinterpret_cast<Form_pg_subscription_rel>(GETSTRUCT(tuple))->srrelid);
    systable_endscan(scan);
    table_close(subscribed, AccessShareLock);
    list_sort(relations, list_oid_cmp);
    return relations;
}

/* Locks the capture of all, or of none. Returns the one that another transaction has locked, or InvalidOid. */
Oid try_to_lock_captures(const List *relids)
{
    ListCell *cell, *locked;
    foreach (cell, relids) {
        if (lock_capture_if_free(lfirst_oid(cell)))
            continue;
        foreach (locked, relids) {
            if (lfirst_oid(locked) == lfirst_oid(cell))
                break;
            unlock_capture(lfirst_oid(locked));
        }
        return lfirst_oid(cell);
    }
    return InvalidOid;
}

/* Locks the writers out of those relations whose rows are captured. The capture of others does not begin before the
 * transaction ends: a process that begins it has locked the relations, and then waits for the lock on the capture,
 * which is waited for here without any other such lock. */
void lock_out_captured_writers(const List *relids)
{
    for (;;) {
        List *uncaptured = NIL;
        ListCell *cell;
        foreach (cell, relids) {
            List *levels = related_relations(lfirst_oid(cell), NoLock);
            if (is_any_captured(levels))
                lock_out_writers(list_make1_oid(lfirst_oid(cell)));
            else
                uncaptured = list_concat_unique_oid(uncaptured, levels);
        }
        const Oid busy = try_to_lock_captures(uncaptured);
        if (!OidIsValid(busy) && !is_any_captured(uncaptured))
            return;
        if (OidIsValid(busy))
            lock_capture(busy);
        foreach (cell, OidIsValid(busy) ? list_make1_oid(busy) : uncaptured)
            unlock_capture(lfirst_oid(cell));
    }
}

} // namespace

void before_drop(const UtilityCall &call)
{
    if (!follows_ddl())
        return;
    auto *statement = castNode(DropStmt, call.statement());
    ListCell *cell;
    foreach (cell, statement->objects) {
        if (statement->removeType == OBJECT_EXTENSION)
            lock_all_before_drop(strVal(lfirst(cell)));
        else if (statement->removeType == OBJECT_TABLE || statement->removeType == OBJECT_INDEX)
            refuse_drop_of_log(castNode(List, lfirst(cell)));
    }
}

/* Rows of COPY FREEZE are visible under every snapshot, also of a refresh that has read the tree without the relation,
 * while their log is not. Where the relation joined its tree before, this transaction has truncated it, which refreshes
 * and a marker exclude. */
void before_copy(const UtilityCall &call)
{
    const auto *statement = castNode(CopyStmt, call.statement());
    if (!statement->is_from || !follows_ddl())
        return;
    bool is_frozen = false;
    ListCell *cell;
    foreach (cell, statement->options)
        if (auto *option = lfirst_node(DefElem, cell); strcmp(option->defname, "freeze") == 0)
            is_frozen = defGetBoolean(option);
    const Oid relid = is_frozen ? RangeVarGetRelid(statement->relation, NoLock, true) : InvalidOid;
    if (OidIsValid(relid) && has_joined_a_tree(relid))
        lock_out_refreshes(relid);
}

void around_alter_table(const UtilityCall &call)
{
    if (follows_ddl())
        before_alter_table(castNode(AlterTableStmt, call.statement()));
    call.run();
    if (follows_ddl())
        after_alter_table(castNode(AlterTableStmt, call.statement()));
}

void before_alter_of_trigger(const UtilityCall &call)
{
    Node *statement = call.statement();
    if (!follows_ddl())
        return;
    if (auto *depends = reinterpret_cast<AlterObjectDependsStmt *>(statement);
        IsA(statement, AlterObjectDependsStmt) && depends->objectType == OBJECT_TRIGGER)
        refuse_alter_of_trigger(depends->relation, strVal(llast(castNode(List, depends->object))));
    else if (auto *rename = reinterpret_cast<RenameStmt *>(statement);
             IsA(statement, RenameStmt) && rename->renameType == OBJECT_TRIGGER)
        refuse_alter_of_trigger(rename->relation, rename->subname);
}

/* The workers of the subscription begin when this has committed, and find the row triggers. A capture that is just
 * beginning is waited for, or waits until the subscription is known. Other relations than those that were added, and
 * what is below them, are not locked. */
void after_subscribing(const UtilityCall &)
{
    if (!IsTransactionState() || !OidIsValid(source_table()))
        return;
    CommandCounterIncrement();
    const List *added = newly_subscribed();
    lock_out_captured_writers(added);
    ListCell *cell, *below;
    foreach (cell, added)
        foreach (below, tree_of(lfirst_oid(cell), NoLock))
            if (is_any_captured(related_relations(lfirst_oid(below), NoLock)))
                install_missing_triggers(list_make1_oid(lfirst_oid(below)));
}

/* An error ends the statement, but no statement that contains it: an event trigger may catch the error. */
class DroppingTriggers {
  public:
    explicit DroppingTriggers(bool is_dropping) : was_dropping_(is_dropping_triggers)
    {
        is_dropping_triggers = is_dropping;
    }
    ~DroppingTriggers() { is_dropping_triggers = was_dropping_; }
    DroppingTriggers(const DroppingTriggers &) = delete;
    DroppingTriggers &operator=(const DroppingTriggers &) = delete;

  private:
    bool was_dropping_;
};

void around_statement(const UtilityCall &utility)
{
    Node *statement = utility.statement();
    const bool is_dropping = IsA(statement, DropStmt) && castNode(DropStmt, statement)->removeType == OBJECT_TRIGGER;
    if (is_dropping || is_dropping_triggers)
        enter([&] {
            const DroppingTriggers during(is_dropping);
            call([&] { utility.run(); });
        });
    else
        utility.run();
    settle_tree_changes();
}

void watch_object(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument)
{
    if ((access != OAT_DROP && access != OAT_POST_ALTER && access != OAT_POST_CREATE) || own_work > 0 ||
        IsBootstrapProcessingMode() ||
        (class_id != RelationRelationId && class_id != TriggerRelationId && class_id != InheritsRelationId) ||
        object_id < FirstNormalObjectId || !OidIsValid(source_table()))
        return;
    if (access == OAT_DROP && class_id == RelationRelationId && sub_id == 0)
        before_drop_of_relation(object_id);
    else if (access == OAT_DROP && class_id == TriggerRelationId)
        before_drop_of_trigger(object_id);
    else if (access == OAT_POST_ALTER && class_id == TriggerRelationId)
        after_trigger_change(object_id);
    else if (access == OAT_POST_ALTER && class_id == InheritsRelationId)
        note_tree_change(Changed::parent, object_id, static_cast<ObjectAccessPostAlter *>(argument)->auxiliary_id);
    else if (access == OAT_POST_ALTER && class_id == RelationRelationId && sub_id > 0)
        note_tree_change(Changed::column, object_id);
    else if (access != OAT_POST_ALTER && class_id == RelationRelationId && sub_id > 0)
        note_tree_change(Changed::columns, object_id);
}

void forget_at_end(XactEvent moment)
{
    if (moment == XACT_EVENT_COMMIT || moment == XACT_EVENT_ABORT || moment == XACT_EVENT_PREPARE) {
        forget_tree_changes();
        own_work = 0;
    }
}

void forget_at_subtransaction_abort(SubXactEvent moment, SubTransactionId aborted, SubTransactionId)
{
    if (moment != SUBXACT_EVENT_ABORT_SUB)
        return;
    if (own_work_began_in >= aborted)
        own_work = 0;
    forget_tree_changes_of(aborted);
}

void begin_own_work()
{
    if (own_work++ == 0)
        own_work_began_in = GetCurrentSubTransactionId();
}

void end_own_work()
{
    own_work--;
}

} // namespace pgtrickle::capture
