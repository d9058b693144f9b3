/*
 * LOCK TABLE … IN ACCESS SHARE MODE on a stream table passes the barrier. As the first statement of a
 * REPEATABLE READ transaction it does so before a snapshot exists, so that everything that the transaction
 * reads is fresh as of its start. PostgreSQL refuses LOCK on foreign tables, and still refuses the stronger
 * modes.
 *
 * COPY … FROM on a stream table is refused like other direct DML.
 */
#include "fdw/read/lock_table.hpp"

#include "definition/stream_table.hpp"
#include "fdw/read/barrier.hpp"
#include "fdw/scan/write_rejection.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

/* Raises 42501 unless the current user has one of the privileges. */
void require_one_of(Oid relid, AclMode privileges)
{
    if (AclResult allowed = pg_class_aclcheck(relid, GetUserId(), privileges); allowed != ACLCHECK_OK)
        aclcheck_error(allowed, get_relkind_objtype(get_rel_relkind(relid)), get_rel_name(relid));
}

void check_may_lock(const RangeVar *, Oid relid, Oid, void *)
{
    if (OidIsValid(relid))
        require_one_of(relid, ACL_SELECT);
}

bool names_stream_table(RangeVar *name)
{
    return definition::is_stream_table(RangeVarGetRelid(name, NoLock, true));
}

/* Locks the stream tables of the statement, and returns the other relations. Until the lock is had, the name may become
 * that of another relation. */
List *lock_stream_tables(LockStmt *statement, Oid *relids, int *count)
{
    List *others = NIL;
    ListCell *cell;
    foreach (cell, statement->relations) {
        auto *name = lfirst_node(RangeVar, cell);
        const int options = statement->nowait ? RVR_NOWAIT : 0;
        const Oid relid = names_stream_table(name)
                              ? RangeVarGetRelidExtended(name, AccessShareLock, options, check_may_lock, nullptr)
                              : InvalidOid;
        if (definition::is_stream_table(relid))
            relids[(*count)++] = relid;
        else
            others = lappend(others, name);
    }
    return others;
}

/* PostgreSQL would refuse it, too, because a stream table is a foreign table. A role that could lock a table in some
 * mode gets the reason. */
void refuse_other_modes(const LockStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->relations)
        if (auto *name = lfirst_node(RangeVar, cell); names_stream_table(name)) {
            require_one_of(RangeVarGetRelid(name, NoLock, false),
                           ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE);
            ereport(ERROR,
                    (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot lock stream table \"%s\"", name->relname),
                     errdetail("Only refreshes change its rows."),
                     errhint("Use IN ACCESS SHARE MODE, which refreshes it first; to keep its rows from changing, lock "
                             "its sources.")));
        }
}

/* Returns whether PostgreSQL has relations left to lock. */
bool lock(LockStmt *statement, bool is_top_level)
{
    if (statement->mode != AccessShareLock) {
        refuse_other_modes(statement);
        return true;
    }
    auto *relids = static_cast<Oid *>(palloc(sizeof(Oid) * list_length(statement->relations)));
    int count = 0;
    List *others = lock_stream_tables(statement, relids, &count);
    if (count == 0)
        return true;
    RequireTransactionBlock(is_top_level, "LOCK TABLE");
    bool has_fixed_snapshot = IsolationUsesXactSnapshot() && FirstSnapshotSet;
    if (is_reader() && !has_fixed_snapshot && !RecoveryInProgress())
        pass_barrier(relids, count);
    statement->relations = others;
    return others != NIL;
}

} // namespace

void refuse_copy_to_stream_table(const UtilityCall &call)
{
    auto *statement = castNode(CopyStmt, call.statement());
    if (!statement->is_from || statement->relation == nullptr)
        return;
    Oid relid = RangeVarGetRelid(statement->relation, NoLock, true);
    if (definition::is_stream_table(relid))
        refuse_copy_from(relid, statement->attlist);
}

void lock_table(const UtilityCall &call)
{
    UtilityCall rest = call;
    if (call.is_read_only) {
        rest.planned = static_cast<PlannedStmt *>(copyObjectImpl(call.planned));
        rest.is_read_only = false;
    }
    if (lock(castNode(LockStmt, rest.statement()), call.context == PROCESS_UTILITY_TOPLEVEL))
        rest.run();
    else if (call.completion != nullptr)
        SetQueryCompletion(call.completion, CMDTAG_LOCK_TABLE, 0);
}

} // namespace pgtrickle
