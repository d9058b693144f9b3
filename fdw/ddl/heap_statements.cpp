#include "fdw/ddl/heap_statements.hpp"

#include "definition/stream_table.hpp"
#include "fdw/definition/altering.hpp"
#include "fdw/definition/stream_table_named.hpp"
#include "pg/boundary.hpp"
#include "pg/versions/heaps.hpp"
#include "pg/versions/rights.hpp"
#include "storage/layout.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"
#include "storage/user_indexes.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "commands/tablecmds.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "storage/lmgr.h"
#include "tcop/dest.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

Oid arrangement_of(Oid relid, int step)
{
    return enter([=] { return storage::arrangement_of(relid, step); });
}

/* Returns the heaps with rows of a stream table, the storage first. */
List *heaps_of(Oid relid)
{
    const Oid storage = enter([=] { return storage::storage_of(relid); });
    List *heaps = OidIsValid(storage) ? storage::row_heaps(storage) : NIL;
    for (int step = 0; OidIsValid(arrangement_of(relid, step)); step++)
        heaps = list_concat(heaps, storage::row_heaps(arrangement_of(relid, step)));
    return heaps;
}

UtilityCall copy_of(const UtilityCall &call)
{
    UtilityCall copied = call;
    copied.planned = static_cast<PlannedStmt *>(copyObjectImpl(call.planned));
    copied.is_read_only = false;
    return copied;
}

/* ---- VACUUM --------------------------------------------------------------------------------- */

bool names_stream_table(const VacuumStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->rels)
        if (OidIsValid(stream_table_named(lfirst_node(VacuumRelation, cell)->relation)))
            return true;
    return false;
}

bool analyzes(const VacuumStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->options)
        if (auto *option = lfirst_node(DefElem, cell); strcmp(option->defname, "analyze") == 0)
            return defGetBoolean(option);
    return false;
}

/* Replaces each stream table that the current user may vacuum by its heaps, and returns these stream tables. The others
 * are left for PostgreSQL to refuse. */
List *replace_by_heaps(VacuumStmt *statement)
{
    List *replaced = NIL;
    List *relations = NIL;
    ListCell *cell, *heap;
    foreach (cell, statement->rels) {
        auto *named = lfirst_node(VacuumRelation, cell);
        const Oid relid = stream_table_named(named->relation);
        if (!OidIsValid(relid) || (!owns_relation(relid) && !owns_database(MyDatabaseId))) {
            relations = lappend(relations, named);
            continue;
        }
        replaced = lappend(replaced, named);
        foreach (heap, heaps_of(relid))
            relations = lappend(relations, makeVacuumRelation(named->relation, lfirst_oid(heap), NIL));
    }
    statement->rels = relations;
    return replaced;
}

/* PostgreSQL checks this of the relations that it is given, which are heaps without a list. */
void check_column_lists(const VacuumStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->rels)
        if (lfirst_node(VacuumRelation, cell)->va_cols != NIL && !analyzes(statement))
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("ANALYZE option must be specified when a column list is provided")));
}

/* Analyzes as the second part of the statement, which other modules have seen already. VACUUM commits, and leaves no
 * snapshot for a command after it. ANALYZE of more than one table pops the one it is given. */
void analyze_under_snapshot(const UtilityCall &call)
{
    const bool is_missing = !ActiveSnapshotSet();
    if (is_missing)
        PushActiveSnapshot(GetTransactionSnapshot());
    ExecVacuum(make_parsestate(nullptr), castNode(VacuumStmt, call.statement()),
               call.context == PROCESS_UTILITY_TOPLEVEL);
    if (is_missing && ActiveSnapshotSet())
        PopActiveSnapshot();
}

/* ---- REINDEX -------------------------------------------------------------------------------- */

/* Excludes an ALTER that fills another storage, as CREATE INDEX does: it keeps the old one as it is, and would wait for
 * this transaction in the end. */
constexpr LOCKMODE lock_of_reindexed = ShareUpdateExclusiveLock;

void check_owner(const RangeVar *, Oid relid, Oid, void *)
{
    if (OidIsValid(relid))
        definition::require_owner(relid);
}

[[noreturn]] void refuse(Oid relid, const char *way, const char *hint)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot %s stream table \"%s\"", way, get_rel_name(relid)), errhint("%s", hint)));
}

void check_options(Oid relid, const ReindexStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->params) {
        auto *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "concurrently") == 0 && defGetBoolean(option))
            refuse(relid, "concurrently reindex", "Use REINDEX INDEX CONCURRENTLY for its indexes.");
        if (strcmp(option->defname, "tablespace") == 0)
            refuse(relid, "move indexes by REINDEX of", "Use ALTER INDEX ... SET TABLESPACE for its indexes.");
    }
}

/* ---- ALTER … SET TABLESPACE ----------------------------------------------------------------- */

/* Checks the privilege on the tablespace. */
void move_heap(Oid relid, Oid heap, const List *commands)
{
    storage::check_not_in_use(relid, heap);
    Relation relation = table_open(heap, AccessExclusiveLock);
    List *moved = list_make1_oid(heap);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation))
        if (storage::is_own_index(lfirst_oid(cell)))
            moved = lappend_oid(moved, lfirst_oid(cell));
    table_close(relation, NoLock);
    foreach (cell, moved)
        altering(lfirst_oid(cell),
                 [&] { AlterTableInternal(lfirst_oid(cell), static_cast<List *>(copyObjectImpl(commands)), false); });
}

void move_all(Oid relid, const List *commands)
{
    definition::require_owner(relid);
    /* Excludes readers and refreshes. */
    LockRelationOid(relid, AccessExclusiveLock);
    const Oid storage = enter([=] { return storage::storage_of(relid); });
    List *heaps = heaps_of(relid);
    if (OidIsValid(storage))
        heaps = list_append_unique_oid(heaps, storage);
    ListCell *cell;
    foreach (cell, heaps)
        move_heap(relid, lfirst_oid(cell), commands);
}

} // namespace

void move_heaps(const UserStatement &utility, Oid relid)
{
    auto *moved = reinterpret_cast<AlterTableStmt *>(utility.statement());
    call([&] {
        move_all(relid, moved->cmds);
        ObjectAddress address;
        ObjectAddressSet(address, RelationRelationId, relid);
        utility.collect([&] {
            EventTriggerCollectSimpleCommand(address, InvalidObjectAddress, reinterpret_cast<::Node *>(moved));
        });
    });
}

void move_heaps_to(Oid relid, const char *tablespace)
{
    AlterTableCmd *command = makeNode(AlterTableCmd);
    command->subtype = AT_SetTableSpace;
    command->name = pstrdup(tablespace);
    move_all(relid, list_make1(command));
}

void vacuum_heaps(const UtilityCall &call)
{
    auto *given = castNode(VacuumStmt, call.statement());
    if (!given->is_vacuumcmd || !names_stream_table(given)) {
        call.run();
        return;
    }
    check_column_lists(given);
    /* Both are made before the first one commits, and with it frees what is allocated then. */
    const MemoryContext memory = CurrentMemoryContext;
    const UtilityCall vacuum = copy_of(call), analyze = copy_of(call);
    auto *first = castNode(VacuumStmt, vacuum.statement()), *second = castNode(VacuumStmt, analyze.statement());
    second->is_vacuumcmd = false;
    second->options = NIL;
    second->rels = replace_by_heaps(first);
    if (first->rels != NIL)
        vacuum.run();
    MemoryContextSwitchTo(memory);
    if (second->rels != NIL && analyzes(first))
        analyze_under_snapshot(analyze);
}

void reindex_heaps(const UtilityCall &call)
{
    auto *statement = castNode(ReindexStmt, call.statement());
    if (statement->kind != REINDEX_OBJECT_TABLE || !OidIsValid(stream_table_named(statement->relation))) {
        call.run();
        return;
    }
    const Oid relid = RangeVarGetRelidExtended(statement->relation, lock_of_reindexed, 0, check_owner, nullptr);
    if (!definition::is_stream_table(relid)) { /* another relation has got the name */
        call.run();
        return;
    }
    check_options(relid, statement);
    ListCell *cell;
    foreach (cell, heaps_of(relid))
        rebuild_indexes(lfirst_oid(cell));
    if (call.completion != nullptr)
        SetQueryCompletion(call.completion, CMDTAG_REINDEX, 0);
}

void refuse_cluster(const UtilityCall &call)
{
    auto *statement = castNode(ClusterStmt, call.statement());
    const Oid relid = stream_table_named(statement->relation);
    if (!OidIsValid(relid))
        return;
    definition::require_owner(relid);
    refuse(relid, "cluster", "Refreshes write rows in the order of changes; VACUUM FULL removes unused space.");
}

} // namespace pgtrickle
