#include "capture/triggers/open_statement.hpp"

#include "capture/log/marker.hpp"
#include "capture/source/routing.hpp"

extern "C" {
#include "access/relation.h"
#include "access/xact.h"
#include "utils/lsyscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

struct OpenStatement {
    Oid relid;
    CmdType command;
    SubTransactionId subid;
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

void open_statement(Oid relid, CmdType command)
{
    if (count == capacity) {
        capacity = capacity == 0 ? 16 : capacity * 2;
        auto *larger =
            static_cast<OpenStatement *>(MemoryContextAlloc(TopMemoryContext, sizeof(OpenStatement) * capacity));
        if (count > 0)
            memcpy(larger, statements, sizeof(OpenStatement) * count);
        if (statements != nullptr)
            pfree(statements);
        statements = larger;
    }
    statements[count++] = {relid, command, GetCurrentSubTransactionId()};
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

bool statement_is_open(Oid source)
{
    for (int i = 0; i < count; i++) {
        if (statements[i].relid == source)
            return true;
        Relation relation = try_relation_open(statements[i].relid, NoLock);
        if (relation == nullptr)
            continue;
        const Targets *targets = find_targets(relation);
        relation_close(relation, NoLock);
        if (list_member_oid(targets->touched, source))
            return true;
    }
    return false;
}

void require_no_open_statement(Oid source)
{
    if (!statement_is_open(source))
        return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                    errmsg("cannot refresh while a statement that changes \"%s\" is in progress", get_rel_name(source)),
                    errdetail("The change log of the table is incomplete until the statement ends."),
                    errhint("Refresh after the statement, not in a trigger or function that the statement runs.")));
}

} // namespace pgtrickle::capture
