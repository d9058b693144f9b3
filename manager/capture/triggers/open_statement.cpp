#include "capture/triggers/open_statement.hpp"

#include "capture/log/marker.hpp"
#include "capture/source/routing.hpp"
#include "capture/triggers/applied_rows.hpp"
#include "pg/context.hpp"
#include "pg/versions/statistics.hpp"

extern "C" {
#include "access/relation.h"
#include "access/xact.h"
#include "replication/logicalworker.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

#include <algorithm>

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

SessionStack<OpenStatement> statements;
bool is_leader_applying_rows = false; /* in a parallel worker */

void mark_open_statements()
{
    for (int i = 0; i < statements.count; i++)
        mark_around(statements.items[i].relid, "a statement was stopped before it ended");
    statements.count = 0;
}

} // namespace

void settle_open_statements(XactEvent moment)
{
    switch (moment) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
        if (statements.count > 0)
            mark_open_statements();
        break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE: statements.count = 0; break;
    default: break;
    }
}

void settle_open_statements_of(SubXactEvent moment, SubTransactionId self, SubTransactionId parent)
{
    if (moment == SUBXACT_EVENT_ABORT_SUB)
        while (statements.count > 0 && statements.items[statements.count - 1].subid >= self)
            statements.count--;
    if (moment == SUBXACT_EVENT_COMMIT_SUB)
        for (int i = statements.count - 1; i >= 0 && statements.items[i].subid == self; i--)
            statements.items[i].subid = parent;
}

bool is_statement_open_on(const List *relids)
{
    for (int i = 0; i < statements.count; i++)
        if (list_member_oid(relids, statements.items[i].relid))
            return true;
    return false;
}

namespace {

bool is_open_on(Oid relid)
{
    return std::any_of(statements.items, statements.items + statements.count,
                       [=](const OpenStatement &statement) { return statement.relid == relid; });
}

} // namespace

void open_statement(Relation relation, CmdType command)
{
    /* The active snapshot is the statement's own. The present command id may be greater, because of a user's
     * BEFORE trigger. */
    const CommandId command_id = ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : 0;
    note_begun_statement(RelationGetRelid(relation));
    statements.push(
        {RelationGetRelid(relation), command, GetCurrentSubTransactionId(), command_id, rows_changed_in(relation)});
}

void close_statement(Oid relid, CmdType command)
{
    for (int i = statements.count - 1; i >= 0; i--) {
        if (statements.items[i].relid != relid || statements.items[i].command != command)
            continue;
        memmove(&statements.items[i], &statements.items[i + 1], sizeof(OpenStatement) * (statements.count - i - 1));
        statements.count--;
        if (!is_open_on(relid))
            note_ended_statement(relid);
        return;
    }
}

namespace {

/* A subscription changes row after row, and fires no statement triggers. A user's row trigger may come before that
 * which logs the row. */
bool is_applying_rows()
{
    return is_leader_applying_rows || (IsLogicalWorker() && TransactionIdIsValid(GetTopTransactionIdIfAny()));
}

} // namespace

bool has_open_statement()
{
    return statements.count > 0 || is_applying_rows();
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
    for (int i = 0; i < statements.count; i++) {
        Relation relation = try_relation_open(statements.items[i].relid, NoLock);
        if (relation == nullptr)
            continue;
        const bool is_unlogged =
            has_changed_rows(statements.items[i], relation, reader) &&
            (statements.items[i].relid == source || list_member_oid(find_targets(relation)->touched, source));
        relation_close(relation, NoLock);
        if (is_unlogged)
            return true;
    }
    return false;
}

void print_open_statements(StringInfo text)
{
    if (is_applying_rows())
        appendStringInfo(text, "open %u %d %u;", InvalidOid, CMD_UNKNOWN, InvalidCommandId);
    for (int i = 0; i < statements.count; i++)
        appendStringInfo(text, "open %u %d %u;", statements.items[i].relid, statements.items[i].command,
                         statements.items[i].command_id);
}

/* How many rows a statement has changed since is known to the leader only. */
void add_open_statements(const char *text)
{
    for (const char *at = text; *at != '\0'; at = strchr(at, ';') + 1) {
        OpenStatement open = {InvalidOid, CMD_UNKNOWN, GetCurrentSubTransactionId(), 0, -1};
        int command;
        if (sscanf(at, "open %u %d %u;", &open.relid, &command, &open.command_id) != 3)
            continue;
        open.command = static_cast<CmdType>(command);
        if (OidIsValid(open.relid))
            statements.push(open);
        else
            is_leader_applying_rows = true;
    }
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
