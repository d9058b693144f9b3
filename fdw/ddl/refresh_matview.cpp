#include "fdw/ddl/refresh_matview.hpp"

#include "capture/log/log.hpp"
#include "capture/log/marker.hpp"
#include "capture/source/source_rows.hpp"
#include "definition/definition_view.hpp"
#include "definition/restoring.hpp"
#include "definition/stream_table.hpp"
#include "definition/unpopulated_view.hpp"
#include "fdw/definition/first_fill.hpp"
#include "fdw/read/barrier.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/settings.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/run/net_changes.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/tablecmds.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "rewrite/prs2lock.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

Query *query_of_view(Relation view)
{
    const RuleLock *rules = view->rd_rules;
    for (int i = 0; rules != nullptr && i < rules->numLocks; i++)
        if (rules->rules[i]->event == CMD_SELECT)
            return linitial_node(Query, rules->rules[i]->actions);
    return nullptr;
}

namespace {

/* Only PostgreSQL frames, so nothing here has a destructor. */

struct Difference {
    Oid view;
    capture::Format *format; /* the logged columns */
    TupleDesc descriptor;    /* the logged columns, and a weight */
    Tuplestorestate *rows;
    int64 count;
};

/* Copies the columns of a row without external TOAST references, because the TOAST table is dropped with the
 * old heap. */
void take_row(const Difference *difference, TupleTableSlot *slot, Datum *values, bool *nulls)
{
    for (int i = 0; i < difference->format->column_count; i++) {
        const AttrNumber attnum = difference->format->attnums[i];
        values[i] = slot_getattr(slot, attnum, &nulls[i]);
        if (!nulls[i] && TupleDescAttr(difference->descriptor, i)->attlen == -1)
            values[i] = PointerGetDatum(PG_DETOAST_DATUM_PACKED(values[i]));
    }
}

void add_rows(Difference *difference, int weight)
{
    const int count = difference->format->column_count;
    Relation view = table_open(difference->view, NoLock);
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
    auto *nulls = static_cast<bool *>(palloc0(sizeof(bool) * (count + 1)));
    values[count] = Int64GetDatum(weight);
    MemoryContext row_memory = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle row", ALLOCSET_DEFAULT_SIZES);
    PushActiveSnapshot(GetLatestSnapshot());
    TupleTableSlot *slot = table_slot_create(view, nullptr);
    TableScanDesc scan = table_beginscan(view, GetActiveSnapshot(), 0, nullptr);
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        MemoryContext previous = MemoryContextSwitchTo(row_memory);
        take_row(difference, slot, values, nulls);
        tuplestore_putvalues(difference->rows, difference->descriptor, values, nulls);
        MemoryContextSwitchTo(previous);
        MemoryContextReset(row_memory);
        difference->count++;
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    PopActiveSnapshot();
    MemoryContextDelete(row_memory);
    table_close(view, NoLock);
}

void log_rows(Difference *difference, Tuplestorestate *rows)
{
    capture::LogWriter *log = capture::open_log(difference->view);
    if (log == nullptr)
        return;
    Relation view = table_open(difference->view, NoLock);
    const int width = RelationGetNumberOfAttributes(view), count = difference->format->column_count;
    table_close(view, NoLock);
    auto *values = static_cast<Datum *>(palloc0(sizeof(Datum) * (width + 1)));
    auto *nulls = static_cast<bool *>(palloc0(sizeof(bool) * (width + 1)));
    TupleTableSlot *slot = MakeSingleTupleTableSlot(difference->descriptor, &TTSOpsMinimalTuple);
    tuplestore_rescan(rows);
    while (tuplestore_gettupleslot(rows, true, false, slot)) {
        slot_getallattrs(slot);
        for (int i = 0; i < count; i++) {
            values[difference->format->attnums[i] - 1] = slot->tts_values[i];
            nulls[difference->format->attnums[i] - 1] = slot->tts_isnull[i];
        }
        capture::append_to_log(log, values, nulls, DatumGetInt64(slot->tts_values[count]));
    }
    ExecDropSingleTupleTableSlot(slot);
    capture::finish_log(log);
}

Difference begin_difference(Oid view)
{
    capture::SourceRow row;
    Difference difference = {};
    difference.view = view;
    if (!capture::find_source(view, &row) || !row.is_active)
        return difference;
    difference.format = capture::find_format(view, row.version);
    difference.descriptor =
        capture::changes_descriptor(view, difference.format->attnums, difference.format->column_count);
    difference.rows = tuplestore_begin_heap(false, false, work_mem);
    return difference;
}

Oid lock_view(const RefreshMatViewStmt *statement)
{
    return RangeVarGetRelidExtended(statement->relation, statement->concurrent ? ExclusiveLock : AccessExclusiveLock, 0,
                                    may_refresh_matview, nullptr);
}

void run_and_log(const UserStatement &utility, RefreshMatViewStmt *statement)
{
    const Oid view = lock_view(statement);
    Difference difference = begin_difference(view);
    const bool is_logged = difference.format != nullptr && !statement->skipData;
    if (is_logged)
        add_rows(&difference, -1);
    utility.run();
    CommandCounterIncrement();
    if (is_logged) {
        add_rows(&difference, 1);
        refresh::NetChanges net = refresh::net_changes(difference.rows, difference.count, difference.descriptor);
        log_rows(&difference, net.rows);
        tuplestore_end(net.rows);
    } else {
        capture::write_marker(view, "it was emptied by REFRESH MATERIALIZED VIEW WITH NO DATA");
    }
    CommandCounterIncrement();
}

/* ---- the first REFRESH ---------------------------------------------------------------- */

bool is_to_be_filled(const RefreshMatViewStmt *statement, Oid view)
{
    return !statement->skipData && definition::is_unpopulated_view(view);
}

bool may_read(Oid role, Oid relid)
{
    return pg_class_aclcheck(relid, role, ACL_SELECT) == ACLCHECK_OK ||
           pg_attribute_aclcheck_all(relid, role, ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

/* Adds the stream tables that the view reads, also through other views, which are added to `visited`. Each view reads
 * with the rights of its owner; one that it may not read is not refreshed for it. Up to PostgreSQL 15, the rule of a
 * view names the view itself, as OLD and NEW. */
List *add_stream_tables(Oid view, List *found, List **visited)
{
    check_stack_depth();
    *visited = lappend_oid(*visited, view);
    Relation relation = try_table_open(view, AccessShareLock);
    if (relation == nullptr)
        return found;
    Query *query = query_of_view(relation);
    List *named = query == nullptr ? NIL : definition::relations_named(query);
    const Oid owner = relation->rd_rel->relowner;
    table_close(relation, AccessShareLock);
    ListCell *cell;
    foreach (cell, named) {
        const Oid relid = lfirst_oid(cell);
        if (definition::is_stream_table(relid))
            found = may_read(owner, relid) ? list_append_unique_oid(found, relid) : found;
        else if (get_rel_relkind(relid) == RELKIND_VIEW && !list_member_oid(*visited, relid))
            found = add_stream_tables(relid, found, visited);
    }
    return found;
}

/* Brings the stream tables up to date with the rights of the current user, who may be a superuser that restores
 * a dump in one transaction. The view's owner, who reads them, could not refresh them in it. */
void refresh_what_is_read(Oid view)
{
    List *visited = NIL;
    List *stream_tables = add_stream_tables(view, NIL, &visited);
    if (stream_tables == NIL)
        return;
    definition::permit_fills();
    if (IsolationUsesXactSnapshot())
        return; /* no refresh is visible to the statement: it reads exactly */
    const int count = list_length(stream_tables);
    auto *relids = static_cast<Oid *>(palloc(sizeof(Oid) * count));
    for (int i = 0; i < count; i++)
        relids[i] = list_nth_oid(stream_tables, i);
    have_filled(relids, count);
    for (int i = 0; i < count; i++)
        LockRelationOid(relids[i], AccessShareLock);
    (void)pass_barrier(relids, count);
    CommandCounterIncrement();
}

} // namespace

bool is_our_refresh(const RefreshMatViewStmt *statement)
{
    if (XactReadOnly || RecoveryInProgress())
        return false;
    if (is_to_be_filled(statement, RangeVarGetRelid(statement->relation, NoLock, true)))
        return true;
    capture::SourceRow row;
    return capture::find_source(lock_view(statement), &row);
}

void refresh_materialized_view(const UserStatement &utility)
{
    auto *statement = reinterpret_cast<RefreshMatViewStmt *>(utility.statement());
    const Oid view =
        call([=] { return RangeVarGetRelidExtended(statement->relation, NoLock, 0, may_refresh_matview, nullptr); });
    if (!call([=] { return is_to_be_filled(statement, view); })) {
        call([&] { run_and_log(utility, statement); });
        return;
    }
    {
        SettingsLevel level;
        call([=] {
            set_for_now("pg_trickle.max_staleness", "0");
            refresh_what_is_read(view);
        });
    }
    SettingsLevel level;
    call([&] {
        if (IsolationUsesXactSnapshot())
            set_for_now("pg_trickle.read_mode", "exact");
        PushActiveSnapshot(GetTransactionSnapshot());
        run_and_log(utility, statement);
        PopActiveSnapshot();
    });
    /* Stream tables that read the view wait for this fill. */
    mailbox::note_definition_change();
}

} // namespace pgtrickle
