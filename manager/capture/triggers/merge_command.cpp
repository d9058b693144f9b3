#include "capture/triggers/merge_command.hpp"

#include "capture/log/marker.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/routing.hpp"
#include "capture/triggers/trigger_setup.hpp"
#include "pg/versions/executor.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "utils/fmgroids.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Whether a statement trigger for one of `events` is not a capture trigger. */
bool has_foreign_statement_trigger(const TriggerDesc *desc, int16 events)
{
    const Oid function = trigger_function();
    for (int i = 0; i < desc->numtriggers; i++) {
        const Trigger *trigger = &desc->triggers[i];
        if (!TRIGGER_FOR_ROW(trigger->tgtype) && (trigger->tgtype & events) != 0 && trigger->tgfoid != function)
            return true;
    }
    return false;
}

/* Whether a statement on the relation may change rows of a source: its own, or those of a partition. */
bool has_any_target(Relation relation)
{
    const Targets *targets = find_targets(relation);
    return targets->count + targets->below_count > 0;
}

/* Has the capture trigger that opens the statement write a marker, by an argument in the statement's own copy of it.
 * All commands on the table get it: only the first one fires the trigger. */
void mark_when_opened(const List *commands, Relation relation, const char *reason)
{
    const Oid function = trigger_function();
    ListCell *cell;
    foreach (cell, commands) {
        ResultRelInfo *root = lfirst_node(ModifyTableState, cell)->rootResultRelInfo;
        if (RelationGetRelid(root->ri_RelationDesc) != RelationGetRelid(relation) || root->ri_TrigDesc == nullptr)
            continue;
        for (int i = 0; i < root->ri_TrigDesc->numtriggers; i++) {
            Trigger *trigger = &root->ri_TrigDesc->triggers[i];
            if (trigger->tgfoid != function || !TRIGGER_FOR_BEFORE(trigger->tgtype))
                continue;
            trigger->tgnargs = 1;
            trigger->tgargs = static_cast<char **>(palloc(sizeof(char *)));
            trigger->tgargs[0] = const_cast<char *>(reason);
        }
    }
}

void watch_merge(ModifyTableState *state, const List *commands)
{
    ResultRelInfo *root = state->rootResultRelInfo;
    Relation relation = root->ri_RelationDesc;
    constexpr int all = MERGE_INSERT | MERGE_UPDATE | MERGE_DELETE;
    if (state->operation != CMD_MERGE || relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE ||
        (state->mt_merge_subcommands & MERGE_UPDATE) == 0 || root->ri_TrigDesc == nullptr || !has_any_target(relation))
        return;
    if ((state->mt_merge_subcommands & MERGE_INSERT) != 0 && repeats_inserted_rows_of_merge())
        mark_when_opened(commands, relation, "a MERGE inserted and updated rows of a partitioned table");
    if ((state->mt_merge_subcommands & all) == all)
        return;
    int16 added = 0;
    added |= (state->mt_merge_subcommands & MERGE_INSERT) == 0 ? TRIGGER_TYPE_INSERT : 0;
    added |= (state->mt_merge_subcommands & MERGE_DELETE) == 0 ? TRIGGER_TYPE_DELETE : 0;
    if (!has_foreign_statement_trigger(root->ri_TrigDesc, added))
        state->mt_merge_subcommands |= all;
    else
        mark_when_opened(commands, relation, "a MERGE may have moved rows between its partitions");
}

/* Returns the relations that `relid` references by a foreign key with an action on UPDATE, or on DELETE where
 * `has_deletions`. */
List *referenced_with_action(Oid relid, bool has_deletions)
{
    List *referenced = NIL;
    Relation constraints = table_open(ConstraintRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    SysScanDesc scan = systable_beginscan(constraints, ConstraintRelidTypidNameIndexId, true, nullptr, 1, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        const auto *form = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(tuple));
        const auto acts = [](char action) {
            return action != FKCONSTR_ACTION_NOACTION && action != FKCONSTR_ACTION_RESTRICT;
        };
        if (form->contype == CONSTRAINT_FOREIGN &&
            (acts(form->confupdtype) || (has_deletions && acts(form->confdeltype))))
            referenced = list_append_unique_oid(referenced, form->confrelid);
    }
    systable_endscan(scan);
    table_close(constraints, AccessShareLock);
    return referenced;
}

/* Whether actions of foreign keys, which changes of `changed` begin, may change `relid`. */
bool may_cascade_to(Oid relid, const List *changed, bool has_deletions)
{
    List *reached = list_make1_oid(relid);
    for (int i = 0; i < list_length(reached); i++) {
        ListCell *cell;
        foreach (cell, referenced_with_action(list_nth_oid(reached, i), has_deletions)) {
            if (list_member_oid(changed, lfirst_oid(cell)))
                return true;
            reached = list_concat_unique_oid(reached, related_relations(lfirst_oid(cell), NoLock));
        }
    }
    return false;
}

Oid target_of(const ListCell *command)
{
    return RelationGetRelid(lfirst_node(ModifyTableState, command)->rootResultRelInfo->ri_RelationDesc);
}

/* Actions of foreign keys are part of the statement, too. */
void watch_whole_statement(const List *commands)
{
    if (!collects_merge_apart())
        return;
    List *changed = NIL;
    bool has_deletions = false;
    ListCell *merge, *other;
    foreach (other, commands) {
        const auto *state = lfirst_node(ModifyTableState, other);
        changed = list_concat_unique_oid(changed, related_relations(target_of(other), NoLock));
        has_deletions |= state->operation == CMD_DELETE || (state->mt_merge_subcommands & MERGE_DELETE) != 0;
    }
    foreach (merge, commands) {
        const auto *state = lfirst_node(ModifyTableState, merge);
        Relation relation = state->rootResultRelInfo->ri_RelationDesc;
        if (state->operation != CMD_MERGE || !has_any_target(relation))
            continue;
        bool is_changed_twice = may_cascade_to(target_of(merge), changed, has_deletions);
        foreach (other, commands)
            is_changed_twice |= lfirst(other) != state && target_of(other) == target_of(merge);
        if (is_changed_twice)
            mark_when_opened(commands, relation, "a MERGE was part of a statement with other changes of the table");
    }
}

} // namespace

void start_merge(QueryDesc *query, int flags, const Next &next)
{
    next();
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) != 0 || query->planstate == nullptr)
        return;
    const List *within_with = query->estate->es_auxmodifytables;
    PlanState *top = IsA(query->planstate, ModifyTableState) ? query->planstate : nullptr;
    if (within_with == NIL && (top == nullptr || castNode(ModifyTableState, top)->operation != CMD_MERGE))
        return;
    MemoryContext old_context = MemoryContextSwitchTo(query->estate->es_query_cxt);
    const List *commands = top != nullptr ? lappend(list_copy(within_with), top) : within_with;
    ListCell *cell;
    foreach (cell, commands)
        watch_merge(lfirst_node(ModifyTableState, cell), commands);
    watch_whole_statement(commands);
    MemoryContextSwitchTo(old_context);
}

} // namespace pgtrickle::capture
