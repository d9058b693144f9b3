#include "capture/triggers/applied_rows.hpp"

#include "capture/log/marker.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/routing.hpp"
#include "capture/triggers/open_statement.hpp"
#include "pg/context.hpp"
#include "pg/versions/statistics.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* A table of which a subtransaction, or the transaction outside of these, has changed rows by statements on the table
 * or on one above it; only in such a worker. The innermost one is the last one of its table. */
struct Logging {
    Oid relid;
    SubTransactionId by;
    int64 rows;       /* those that for_changed_tables() counted at the end of the last statement */
    bool has_applied; /* the number has grown between two statements */
};

SessionStack<Logging> logging;

/* Returns the last one of the first `count`. */
Logging *find_logging(Oid relid, int count)
{
    for (int i = count - 1; i >= 0; i--)
        if (logging.items[i].relid == relid)
            return &logging.items[i];
    return nullptr;
}

Logging *find_logging(Oid relid)
{
    return find_logging(relid, logging.count);
}

/* As find_logging(), for the tables of for_changed_tables(): outside of subtransactions each table has one entry,
 * mostly beside that of the table before, which is at `place`. */
const Logging *find_logging_beside(int *place, Oid relid)
{
    for (const int beside : {*place - 1, *place + 1})
        if (GetCurrentTransactionNestLevel() == 1 && beside >= 0 && beside < logging.count &&
            logging.items[beside].relid == relid) {
            *place = beside;
            return &logging.items[beside];
        }
    const Logging *found = find_logging(relid);
    if (found != nullptr)
        *place = static_cast<int>(found - logging.items);
    return found;
}

/* Returns the entry of this subtransaction, which is made if there is none. */
Logging *own_logging(Oid relid)
{
    const SubTransactionId by = GetCurrentSubTransactionId();
    const Logging *last = find_logging(relid);
    if (last == nullptr || last->by != by)
        logging.push({relid, by, last == nullptr ? 0 : last->rows, last != nullptr && last->has_applied});
    return find_logging(relid);
}

/* Notes the rows that a statement on `target` finds changed, as it begins or ends, on this table and on those below it.
 * While another statement on them is in progress, rows are changed by that. */
void note_changed_rows(Oid target, bool is_begun)
{
    int place = logging.count;
    const bool has_children = has_subclass(target);
    for_changed_tables([&](Oid relid, int64 rows) {
        if (relid != target && !has_children)
            return;
        const Logging *last = find_logging_beside(&place, relid);
        if (rows == (last == nullptr ? 0 : last->rows))
            return;
        const List *tree = lcons_oid(relid, ancestors_of(relid));
        if (!list_member_oid(tree, target) || (is_begun && is_statement_open_on(tree)))
            return;
        Logging *own = own_logging(relid);
        own->rows = rows;
        own->has_applied = own->has_applied || is_begun;
    });
}

bool is_worker_of_another_module()
{
    if (MyBackendType != B_BG_WORKER || MyBgworkerEntry == nullptr)
        return false;
    const char *library = MyBgworkerEntry->bgw_library_name;
    return strcmp(library, "postgres") != 0 && strcmp(library, "pg_trickle") != 0;
}

/* Whether the relation is captured by statement triggers. REFRESH alone changes a materialized view. */
bool is_captured_by_statements(Oid relid)
{
    Relation relation = try_relation_open(relid, AccessShareLock);
    if (relation == nullptr)
        return false;
    const bool answer = relation->rd_rel->relkind == RELKIND_RELATION && find_targets(relation)->count > 0;
    relation_close(relation, NoLock);
    return answer;
}

/* Returns the tables of which rows were changed by no statement. */
List *tables_with_applied_rows()
{
    List *relids = NIL;
    for_changed_tables([&](Oid relid, int64 rows) {
        const Logging *own = find_logging(relid);
        if (rows != 0 && (own == nullptr || own->has_applied || own->rows != rows))
            relids = lappend_oid(relids, relid);
    });
    return relids;
}

} // namespace

void note_begun_statement(Oid relid)
{
    if (is_worker_of_another_module())
        note_changed_rows(relid, true);
}

void note_ended_statement(Oid relid)
{
    if (is_worker_of_another_module())
        note_changed_rows(relid, false);
}

void mark_applied_rows(XactEvent moment)
{
    if (!is_worker_of_another_module())
        return;
    if (moment == XACT_EVENT_PRE_COMMIT || moment == XACT_EVENT_PRE_PREPARE) {
        const bool has_sources =
            OidIsValid(MyDatabaseId) && TransactionIdIsValid(GetTopTransactionIdIfAny()) && OidIsValid(source_table());
        const List *changed = has_sources ? tables_with_applied_rows() : NIL;
        ListCell *cell;
        foreach (cell, changed)
            if (is_captured_by_statements(lfirst_oid(cell)))
                write_marker(lfirst_oid(cell), "a background worker has changed rows without a statement");
    } else
        logging.count = 0;
}

/* A statement that was rolled back has logged nothing, and what it has changed is not counted any more. */
void leave_subtransaction(SubXactEvent moment, SubTransactionId self, SubTransactionId parent)
{
    if (moment != SUBXACT_EVENT_ABORT_SUB && moment != SUBXACT_EVENT_COMMIT_SUB)
        return;
    int kept = 0;
    for (int i = 0; i < logging.count; i++) {
        Logging one = logging.items[i];
        if (one.by == self && moment == SUBXACT_EVENT_ABORT_SUB)
            continue;
        Logging *before = one.by == self ? find_logging(one.relid, kept) : nullptr;
        one.by = one.by == self ? parent : one.by;
        if (before != nullptr && before->by == parent)
            *before = one;
        else
            logging.items[kept++] = one;
    }
    logging.count = kept;
}

} // namespace pgtrickle::capture
