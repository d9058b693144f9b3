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

/* A relation on which this transaction has run a statement; only in such a worker. */
struct Logging {
    Oid relid;
    int64 rows;       /* the counter of changed rows at the end of the last statement */
    bool has_applied; /* it has grown between two statements */
};

SessionStack<Logging> logging;

Logging *find_logging(Oid relid)
{
    for (int i = logging.count - 1; i >= 0; i--)
        if (logging.items[i].relid == relid)
            return &logging.items[i];
    return nullptr;
}

bool is_worker_of_another_module()
{
    if (MyBackendType != B_BG_WORKER || MyBgworkerEntry == nullptr)
        return false;
    const char *library = MyBgworkerEntry->bgw_library_name;
    return strcmp(library, "postgres") != 0 && strcmp(library, "pg_trickle") != 0;
}

/* Whether rows of the relation were changed by no statement on it, or by none on a relation above it. */
bool has_applied_rows(Relation relation)
{
    const Oid relid = RelationGetRelid(relation);
    if (const Logging *own = find_logging(relid); own != nullptr)
        return own->has_applied || rows_changed_in(relation) != own->rows;
    ListCell *cell;
    foreach (cell, ancestors_of(relid))
        if (find_logging(lfirst_oid(cell)) != nullptr)
            return false;
    return true;
}

/* Whether the relation is captured by statement triggers, and they have not seen all changes. REFRESH alone changes a
 * materialized view. */
bool lacks_applied_rows(Oid relid)
{
    Relation relation = try_relation_open(relid, AccessShareLock);
    if (relation == nullptr)
        return false;
    const bool answer = relation->rd_rel->relkind == RELKIND_RELATION && find_targets(relation)->count > 0 &&
                        has_applied_rows(relation);
    relation_close(relation, NoLock);
    return answer;
}

} // namespace

void note_begun_statement(Relation relation, bool is_nested)
{
    if (!is_worker_of_another_module())
        return;
    const Oid relid = RelationGetRelid(relation);
    if (find_logging(relid) == nullptr)
        logging.push({relid, 0, false});
    Logging *own = find_logging(relid);
    own->has_applied = own->has_applied || (!is_nested && rows_changed_in(relation) != own->rows);
}

void note_ended_statement(Oid relid)
{
    Logging *own = is_worker_of_another_module() ? find_logging(relid) : nullptr;
    Relation relation = own != nullptr ? try_relation_open(relid, NoLock) : nullptr;
    if (relation == nullptr)
        return;
    own->rows = rows_changed_in(relation);
    relation_close(relation, NoLock);
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
            if (lacks_applied_rows(lfirst_oid(cell)))
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
