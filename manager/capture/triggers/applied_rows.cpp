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

/* A relation on which a subtransaction, or the transaction outside of these, has run a statement; only in such a
 * worker. The innermost one is the last one of its relation. */
struct Logging {
    Oid relid;
    SubTransactionId by;
    int64 rows;       /* those that live_rows_changed_in() counted at the end of the last statement */
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
        return own->has_applied || live_rows_changed_in(relation) != own->rows;
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
    const SubTransactionId by = GetCurrentSubTransactionId();
    const Logging *last = find_logging(relid);
    if (last == nullptr || last->by != by)
        logging.push({relid, by, last == nullptr ? 0 : last->rows, last != nullptr && last->has_applied});
    Logging *own = find_logging(relid);
    own->has_applied = own->has_applied || (!is_nested && live_rows_changed_in(relation) != own->rows);
}

void note_ended_statement(Oid relid)
{
    Logging *own = is_worker_of_another_module() ? find_logging(relid) : nullptr;
    Relation relation = own != nullptr ? try_relation_open(relid, NoLock) : nullptr;
    if (relation == nullptr)
        return;
    own->rows = live_rows_changed_in(relation);
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
