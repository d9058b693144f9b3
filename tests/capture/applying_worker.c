/*
 * A background worker as modules of logical replication have them: it changes rows without a statement, as PostgreSQL's
 * own worker of a subscription does, or runs a statement. `run_in_worker` returns when it has ended.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_relation.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(run_in_worker);
PGDLLEXPORT void apply_main(Datum argument);

typedef struct Task {
    Oid database;
    Oid table; /* InvalidOid: the text is a statement */
    int first, last; /* ids; for a statement, last is the number of transactions that run it, one at least */
    char command; /* I, U or D */
    char text[100];
} Task;

/* Gives the executor the relation by the number 1. */
static void add_relation(EState *estate, Relation relation)
{
    RangeTblEntry *entry = makeNode(RangeTblEntry);

    entry->rtekind = RTE_RELATION;
    entry->relid = RelationGetRelid(relation);
    entry->relkind = relation->rd_rel->relkind;
    entry->rellockmode = AccessShareLock;
#if PG_VERSION_NUM < 160000
    ExecInitRangeTable(estate, list_make1(entry));
#else
    {
        List *rights = NIL;

        addRTEPermissionInfo(&rights, entry);
#if PG_VERSION_NUM < 180000
        ExecInitRangeTable(estate, list_make1(entry), rights);
#else
        ExecInitRangeTable(estate, list_make1(entry), rights, bms_make_singleton(1));
#endif
    }
#endif
}

/* Changes the rows with these ids; the other columns are integers, which get the value of the id + 1. */
static void change_rows(const Task *task)
{
    Relation relation = table_open(task->table, RowExclusiveLock);
    Oid key = RelationGetReplicaIndex(relation);
    EState *estate = CreateExecutorState();
    ResultRelInfo *result = makeNode(ResultRelInfo);
    EPQState epq;
    TupleTableSlot *slot, *found;
    int id, column;

    estate->es_output_cid = GetCurrentCommandId(true);
    add_relation(estate, relation);
    InitResultRelInfo(result, relation, 1, NULL, 0);
    ExecOpenIndices(result, false);
    EvalPlanQualInit(&epq, estate, NULL, NIL, -1
#if PG_VERSION_NUM >= 160000
                     , NIL
#endif
    );
    AfterTriggerBeginQuery();
    slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(relation), &TTSOpsVirtual);
    found = table_slot_create(relation, &estate->es_tupleTable);
    for (id = task->first; id <= task->last; id++) {
        ExecClearTuple(slot);
        for (column = 0; column < RelationGetDescr(relation)->natts; column++) {
            slot->tts_values[column] = Int32GetDatum(column == 0 ? id : id + 1);
            slot->tts_isnull[column] = false;
        }
        ExecStoreVirtualTuple(slot);
        if (task->command == 'I')
            ExecSimpleRelationInsert(result, estate, slot);
        else if (!RelationFindReplTupleByIndex(relation, key, LockTupleExclusive, slot, found))
            elog(ERROR, "no row %d", id);
        else if (task->command == 'U')
            ExecSimpleRelationUpdate(result, estate, &epq, found, slot);
        else
            ExecSimpleRelationDelete(result, estate, &epq, found);
    }
    AfterTriggerEndQuery(estate);
    EvalPlanQualEnd(&epq);
    ExecCloseIndices(result);
    ExecCloseResultRelations(estate); /* those of which triggers have fired */
    ExecResetTupleTable(estate->es_tupleTable, false);
    FreeExecutorState(estate);
    table_close(relation, NoLock);
}

void apply_main(Datum argument)
{
    Task task;

    memcpy(&task, MyBgworkerEntry->bgw_extra, sizeof(task));
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(task.database, InvalidOid, 0);
    SetConfigOption("session_replication_role", "replica", PGC_SUSET, PGC_S_OVERRIDE);
    do {
        StartTransactionCommand();
        PushActiveSnapshot(GetTransactionSnapshot());
        if (OidIsValid(task.table))
            change_rows(&task);
        else {
            SPI_connect();
            SPI_execute(task.text, false, 0);
            SPI_finish();
        }
        PopActiveSnapshot();
        CommitTransactionCommand();
    } while (!OidIsValid(task.table) && --task.last > 0);
}

/* run_in_worker(library text, relation regclass, command "char", first int, last int, statement text) */
Datum run_in_worker(PG_FUNCTION_ARGS)
{
    BackgroundWorker worker = {0};
    BackgroundWorkerHandle *handle;
    Task task = {MyDatabaseId, PG_GETARG_OID(1), PG_GETARG_INT32(3), PG_GETARG_INT32(4), PG_GETARG_CHAR(2), ""};

    StaticAssertStmt(sizeof(Task) <= BGW_EXTRALEN, "too long for a worker");
    strlcpy(task.text, text_to_cstring(PG_GETARG_TEXT_PP(5)), sizeof(task.text));
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    strlcpy(worker.bgw_name, "applies rows", BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, text_to_cstring(PG_GETARG_TEXT_PP(0)), sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "apply_main", BGW_MAXLEN);
    memcpy(worker.bgw_extra, &task, sizeof(task));
    if (!RegisterDynamicBackgroundWorker(&worker, &handle))
        elog(ERROR, "out of background workers");
    if (WaitForBackgroundWorkerShutdown(handle) != BGWH_STOPPED)
        elog(ERROR, "the worker has not stopped");
    PG_RETURN_VOID();
}
