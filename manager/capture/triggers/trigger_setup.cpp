#include "capture/triggers/trigger_setup.hpp"

#include "capture/source/inheritance.hpp"
#include "capture/source/routing.hpp"
#include "capture/source/source_kind.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

struct TriggerKind {
    const char *name;
    const char *event;
    int16 timing;
    int16 events;
    bool reads_old;
    bool reads_new;
};

constexpr TriggerKind kinds[] = {
    {"pg_trickle_before", "BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE", TRIGGER_TYPE_BEFORE,
     TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_TRUNCATE, false, false},
    {"pg_trickle_insert", "AFTER INSERT", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT, false, true},
    {"pg_trickle_update", "AFTER UPDATE", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_UPDATE, true, true},
    {"pg_trickle_delete", "AFTER DELETE", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_DELETE, true, false},
    {"pg_trickle_truncate", "AFTER TRUNCATE", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_TRUNCATE, false, false},
    {"pg_trickle_row", "AFTER INSERT OR UPDATE OR DELETE", TRIGGER_TYPE_AFTER | TRIGGER_TYPE_ROW,
     TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE, false, false},
};

bool is_for_rows(const TriggerKind &kind)
{
    return (kind.timing & TRIGGER_TYPE_ROW) != 0;
}

TriggerTransition *transition(const char *name, bool is_new)
{
    TriggerTransition *node = makeNode(TriggerTransition);
    node->name = const_cast<char *>(name);
    node->isNew = is_new;
    node->isTable = true;
    return node;
}

const Trigger *find_trigger(Relation relation, const TriggerKind &kind, Oid function)
{
    const TriggerDesc *desc = relation->trigdesc;
    for (int i = 0; desc != nullptr && i < desc->numtriggers; i++) {
        const Trigger *trigger = &desc->triggers[i];
        if (trigger->tgfoid == function && trigger->tgtype == (kind.timing | kind.events) &&
            (trigger->tgoldtable != nullptr) == kind.reads_old && (trigger->tgnewtable != nullptr) == kind.reads_new)
            return trigger;
    }
    return nullptr;
}

void create_trigger(Oid relid, const TriggerKind &kind, Oid function)
{
    CreateTrigStmt *statement = makeNode(CreateTrigStmt);
    statement->trigname = const_cast<char *>(kind.name);
    statement->funcname =
        list_make2(makeString(const_cast<char *>("pgtrickle")), makeString(const_cast<char *>("pgt_capture")));
    statement->row = is_for_rows(kind);
    statement->timing = kind.timing & ~TRIGGER_TYPE_ROW;
    statement->events = kind.events;
    if (kind.reads_old)
        statement->transitionRels = lappend(statement->transitionRels, transition("pgt_old", false));
    if (kind.reads_new)
        statement->transitionRels = lappend(statement->transitionRels, transition("pgt_new", true));
    ObjectAddress trigger = CreateTriggerFiringOn(statement, nullptr, relid, InvalidOid, InvalidOid, InvalidOid,
                                                  function, InvalidOid, nullptr, true, false, TRIGGER_FIRES_ALWAYS);
    ObjectAddress referenced;
    ObjectAddressSet(referenced, ProcedureRelationId, function);
    CommandCounterIncrement();
    deleteDependencyRecordsForSpecific(TriggerRelationId, trigger.objectId, DEPENDENCY_NORMAL, ProcedureRelationId,
                                       function);
    recordDependencyOn(&trigger, &referenced, DEPENDENCY_AUTO);
    CommandCounterIncrement();
}

/* Updates pg_trigger directly rather than by ALTER TABLE, whose hook would regard it as a user's command. */
void enable_always(Relation relation, Oid trigger_oid)
{
    Relation table = table_open(TriggerRelationId, RowExclusiveLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger_oid));
    SysScanDesc scan = systable_beginscan(table, TriggerOidIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        HeapTuple copy = heap_copytuple(tuple);
        reinterpret_cast<Form_pg_trigger>(GETSTRUCT(copy))->tgenabled = TRIGGER_FIRES_ALWAYS;
        CatalogTupleUpdate(table, &copy->t_self, copy);
    }
    systable_endscan(scan);
    table_close(table, RowExclusiveLock);
    CacheInvalidateRelcache(relation);
    CommandCounterIncrement();
}

/* Whether statement triggers do not see all changes of `relid`: the relation or an ancestor is a source captured by
 * rows, or a subscription writes to it. */
bool needs_row_trigger(Oid relid)
{
    if (get_rel_relkind(relid) != RELKIND_RELATION)
        return false;
    ListCell *cell;
    foreach (cell, lcons_oid(relid, ancestors_of(relid)))
        if (is_captured_by_rows(lfirst_oid(cell)) || is_subscribed(lfirst_oid(cell)))
            return true;
    return false;
}

} // namespace

void install_triggers(Oid relid)
{
    const Oid function = trigger_function();
    const bool has_rows = needs_row_trigger(relid);
    for (const TriggerKind &kind : kinds) {
        if (is_for_rows(kind) && !has_rows)
            continue;
        Relation relation = relation_open(relid, NoLock);
        const Trigger *found = find_trigger(relation, kind, function);
        Oid trigger_oid = found != nullptr ? found->tgoid : InvalidOid;
        bool is_enabled = found != nullptr && found->tgenabled == TRIGGER_FIRES_ALWAYS;
        if (OidIsValid(trigger_oid) && !is_enabled)
            enable_always(relation, trigger_oid);
        relation_close(relation, NoLock);
        if (!OidIsValid(trigger_oid))
            create_trigger(relid, kind, function);
    }
}

void remove_triggers(Oid relid)
{
    const Oid function = trigger_function();
    for (const TriggerKind &kind : kinds) {
        Relation relation = try_relation_open(relid, NoLock);
        if (relation == nullptr)
            return;
        const Trigger *found = find_trigger(relation, kind, function);
        Oid trigger_oid = found != nullptr ? found->tgoid : InvalidOid;
        relation_close(relation, NoLock);
        if (OidIsValid(trigger_oid)) {
            RemoveTriggerById(trigger_oid);
            deleteDependencyRecordsFor(TriggerRelationId, trigger_oid, false);
            CommandCounterIncrement();
        }
    }
}

namespace {

bool is_of_kind(HeapTuple tuple, TupleDesc descriptor, const TriggerKind &kind, Oid function)
{
    const auto *trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
    return trigger->tgfoid == function && trigger->tgtype == (kind.timing | kind.events) &&
           !heap_attisnull(tuple, Anum_pg_trigger_tgoldtable, descriptor) == kind.reads_old &&
           !heap_attisnull(tuple, Anum_pg_trigger_tgnewtable, descriptor) == kind.reads_new;
}

/* Appends the triggers of one relation, read from pg_trigger: monitoring does not wait for a lock on the
 * relation. */
List *append_triggers(List *triggers, Relation table, Oid relid, Snapshot snapshot)
{
    const Oid function = trigger_function();
    const bool has_rows = needs_row_trigger(relid);
    for (const TriggerKind &kind : kinds) {
        if (is_for_rows(kind) && !has_rows)
            continue;
        auto *seen = static_cast<TriggerStatus *>(palloc(sizeof(TriggerStatus)));
        *seen = {relid, kind.name, kind.event, is_for_rows(kind), false, false};
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
        SysScanDesc scan = systable_beginscan(table, TriggerRelidNameIndexId, true, snapshot, 1, &key);
        HeapTuple tuple;
        while (HeapTupleIsValid(tuple = systable_getnext(scan)))
            if (is_of_kind(tuple, RelationGetDescr(table), kind, function)) {
                seen->is_there = true;
                seen->fires_always =
                    reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple))->tgenabled == TRIGGER_FIRES_ALWAYS;
            }
        systable_endscan(scan);
        triggers = lappend(triggers, seen);
    }
    return triggers;
}

} // namespace

List *triggers_of(Oid source, Snapshot snapshot)
{
    List *triggers = NIL;
    Relation table = table_open(TriggerRelationId, AccessShareLock);
    ListCell *cell;
    foreach (cell, related_relations(source, NoLock)) {
        const char kind = get_rel_relkind(lfirst_oid(cell));
        if (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE)
            triggers = append_triggers(triggers, table, lfirst_oid(cell), snapshot);
    }
    table_close(table, AccessShareLock);
    return triggers;
}

bool has_all_triggers(Oid relid)
{
    const Oid function = trigger_function();
    Relation relation = relation_open(relid, AccessShareLock);
    bool intact = true;
    const bool has_rows = needs_row_trigger(relid);
    for (const TriggerKind &kind : kinds) {
        if (is_for_rows(kind) && !has_rows)
            continue;
        const Trigger *found = find_trigger(relation, kind, function);
        intact = intact && found != nullptr && found->tgenabled == TRIGGER_FIRES_ALWAYS;
    }
    relation_close(relation, NoLock);
    return intact;
}

bool has_any_trigger(Oid relid)
{
    const Oid function = trigger_function();
    Relation relation = relation_open(relid, AccessShareLock);
    bool is_found = false;
    for (const TriggerKind &kind : kinds)
        is_found = is_found || find_trigger(relation, kind, function) != nullptr;
    relation_close(relation, NoLock);
    return is_found;
}

} // namespace pgtrickle::capture
