#include "capture/triggers/applied_rows.hpp"

#include "capture/log/marker.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/routing.hpp"
#include "pg/context.hpp"
#include "pg/versions/statistics.hpp"

extern "C" {
#include "access/relation.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

SessionStack<Oid> logging; /* relations on which this transaction has run a statement; only in such a worker */

bool is_worker_of_another_module()
{
    if (MyBackendType != B_BG_WORKER || MyBgworkerEntry == nullptr)
        return false;
    const char *library = MyBgworkerEntry->bgw_library_name;
    return strcmp(library, "postgres") != 0 && strcmp(library, "pg_trickle") != 0;
}

bool has_logging_statement(Oid relid)
{
    const List *levels = lcons_oid(relid, ancestors_of(relid));
    for (int i = 0; i < logging.count; i++)
        if (list_member_oid(levels, logging.items[i]))
            return true;
    return false;
}

/* Whether statement triggers capture the rows of the relation. REFRESH alone changes a materialized view. */
bool is_captured_by_statements(Oid relid)
{
    Relation relation = try_relation_open(relid, AccessShareLock);
    if (relation == nullptr)
        return false;
    const bool answer = relation->rd_rel->relkind == RELKIND_RELATION && find_targets(relation)->count > 0;
    relation_close(relation, NoLock);
    return answer;
}

} // namespace

void note_logging_statement(Oid relid)
{
    if (!is_worker_of_another_module())
        return;
    for (int i = logging.count - 1; i >= 0; i--)
        if (logging.items[i] == relid)
            return;
    logging.push(relid);
}

void mark_applied_rows(XactEvent moment)
{
    if (!is_worker_of_another_module())
        return;
    if (moment == XACT_EVENT_PRE_COMMIT || moment == XACT_EVENT_PRE_PREPARE) {
        const bool has_sources =
            OidIsValid(MyDatabaseId) && TransactionIdIsValid(GetTopTransactionIdIfAny()) && OidIsValid(source_table());
        const List *changed = has_sources ? changed_tables() : NIL;
        ListCell *cell;
        foreach (cell, changed)
            if (is_captured_by_statements(lfirst_oid(cell)) && !has_logging_statement(lfirst_oid(cell)))
                write_marker(lfirst_oid(cell), "a background worker has changed rows without a statement");
    } else
        logging.count = 0;
}

/* A statement that was rolled back has logged nothing of what is changed later. */
void forget_statements_of(SubXactEvent moment, SubTransactionId, SubTransactionId)
{
    if (moment == SUBXACT_EVENT_ABORT_SUB)
        logging.count = 0;
}

} // namespace pgtrickle::capture
