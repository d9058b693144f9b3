#include "capture/triggers/open_statement.hpp"

#include "capture/log/marker.hpp"
#include "capture/source/routing.hpp"
#include "pg/versions/statistics.hpp"

extern "C" {
#include "access/relation.h"
#include "access/xact.h"
#include "replication/logicalworker.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

struct OpenStatement {
    Oid relid;
    CmdType command;
    SubTransactionId subid;
    CommandId command_id;    /* rows that it changes have this command id or a greater one */
    int64_t rows_at_opening; /* as counted by rows_changed_in() */
};

/* A stack: the statement opened last is at the end. Lives as long as the backend. */
OpenStatement *statements = nullptr;
int count = 0;
int capacity = 0;

void mark_open_statements()
{
    for (int i = 0; i < count; i++)
        mark_around(statements[i].relid, "a statement was stopped before it ended");
    count = 0;
}

} // namespace

void settle_open_statements(XactEvent moment)
{
    switch (moment) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
        if (count > 0)
            mark_open_statements();
        break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE: count = 0; break;
    default: break;
    }
}

void settle_open_statements_of(SubXactEvent moment, SubTransactionId self, SubTransactionId parent)
{
    if (moment == SUBXACT_EVENT_ABORT_SUB)
        while (count > 0 && statements[count - 1].subid >= self)
            count--;
    if (moment == SUBXACT_EVENT_COMMIT_SUB)
        for (int i = count - 1; i >= 0 && statements[i].subid == self; i--)
            statements[i].subid = parent;
}

bool is_statement_open_on(const List *relids)
{
    for (int i = 0; i < count; i++)
        if (list_member_oid(relids, statements[i].relid))
            return true;
    return false;
}

void open_statement(Relation relation, CmdType command)
{
    if (count == capacity) {
        const int wanted = capacity == 0 ? 16 : capacity * 2;
        auto *larger =
            static_cast<OpenStatement *>(MemoryContextAlloc(TopMemoryContext, sizeof(OpenStatement) * wanted));
        if (count > 0)
            memcpy(larger, statements, sizeof(OpenStatement) * count);
        if (statements != nullptr)
            pfree(statements);
        statements = larger;
        capacity = wanted; /* last: memory may have run out */
    }
    /* The active snapshot is the statement's own. The present command id may be greater, because of a user's
     * BEFORE trigger. */
    const CommandId command_id = ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : 0;
    statements[count++] = {RelationGetRelid(relation), command, GetCurrentSubTransactionId(), command_id,
                           rows_changed_in(relation)};
}

void close_statement(Oid relid, CmdType command)
{
    for (int i = count - 1; i >= 0; i--) {
        if (statements[i].relid != relid || statements[i].command != command)
            continue;
        memmove(&statements[i], &statements[i + 1], sizeof(OpenStatement) * (count - i - 1));
        count--;
        return;
    }
}

namespace {

/* A subscription changes row after row, and fires no statement triggers. A user's row trigger may come before that
 * which logs the row. */
bool is_applying_rows()
{
    return IsLogicalWorker() && TransactionIdIsValid(GetTopTransactionIdIfAny());
}

} // namespace

bool has_open_statement()
{
    return count > 0 || is_applying_rows();
}

namespace {

/* Whether the statement has changed rows that a query with the command id `reader` sees. */
bool has_changed_rows(const OpenStatement &statement, Relation relation, CommandId reader)
{
    if (statement.command == CMD_UTILITY)
        return true;
    if (reader <= statement.command_id)
        return false;
    const bool has_all_rows = relation->rd_rel->relkind == RELKIND_RELATION && !relation->rd_rel->relhassubclass;
    return !has_all_rows || statement.rows_at_opening < 0 || rows_changed_in(relation) != statement.rows_at_opening;
}

} // namespace

bool has_unlogged_changes(Oid source, CommandId reader)
{
    if (is_applying_rows())
        return true;
    for (int i = 0; i < count; i++) {
        Relation relation = try_relation_open(statements[i].relid, NoLock);
        if (relation == nullptr)
            continue;
        const bool is_unlogged =
            has_changed_rows(statements[i], relation, reader) &&
            (statements[i].relid == source || list_member_oid(find_targets(relation)->touched, source));
        relation_close(relation, NoLock);
        if (is_unlogged)
            return true;
    }
    return false;
}

void require_no_unlogged_changes(Oid source)
{
    if (!has_unlogged_changes(source, InvalidCommandId))
        return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                    errmsg("cannot refresh while a statement that changes \"%s\" is in progress", get_rel_name(source)),
                    errdetail("The change log of the table is incomplete until the statement ends."),
                    errhint("Refresh after the statement, not in a trigger or function that the statement runs.")));
}

} // namespace pgtrickle::capture
