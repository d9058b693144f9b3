#include "refresh/batch/holds.hpp"

#include "definition/option_row.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "definition/texts.hpp"
#include "pg/latest_row.hpp"
#include "pg/relation_name.hpp"
#include "refresh/sets/diamond.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::refresh {

namespace {

using definition::TableRows;
using scheduler::Hold;
using scheduler::Holds;
using scheduler::Ids;
using scheduler::WatermarkGroup;

/* The row stays when the group is dropped, for a transaction that removed it would make a refresh wait.
 * PostgreSQL frame. */
void write_applied_watermark(Oid relid, const char *name, TimestampTz created_at, TimestampTz watermark)
{
    Relation table = table_open(definition::extension_relation("pgt_watermark_taken"), RowExclusiveLock);
    Datum values[taken_column_count] = {ObjectIdGetDatum(relid), CStringGetTextDatum(name),
                                        TimestampTzGetDatum(watermark), TimestampTzGetDatum(created_at)};
    bool nulls[taken_column_count] = {};
    HeapTuple tuple = heap_form_tuple(RelationGetDescr(table), values, nulls);
    HeapTuple found = nullptr;
    ScanKeyData key;
    SysScanDesc scan = definition::begin_scan_by_oid(table, "pgt_watermark_taken_pkey", taken_relid, relid, &key);
    while (HeapTupleIsValid(found = systable_getnext(scan))) {
        bool is_null;
        Datum found_group = heap_getattr(found, taken_group, RelationGetDescr(table), &is_null);
        if (strcmp(TextDatumGetCString(found_group), name) == 0)
            break;
    }
    HeapTuple latest = HeapTupleIsValid(found) ? lock_latest(table, found) : nullptr;
    if (latest != nullptr)
        CatalogTupleUpdate(table, &latest->t_self, tuple);
    else if (!HeapTupleIsValid(found)) /* otherwise the stream table has been dropped meanwhile */
        CatalogTupleInsert(table, tuple);
    systable_endscan(scan);
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

std::string shown_name(Oid relid)
{
    const char *name = call([=] { return quoted_name_if_exists(relid); });
    return name == nullptr ? "a relation that is gone" : name;
}

/* As an argument of a function that a hint proposes. */
std::string name_as_literal(Oid relid)
{
    const std::string name = shown_name(relid);
    return call([&] { return quote_literal_cstr(name.c_str()); });
}

} // namespace

void record_applied_watermarks(const Holds &holds, const scheduler::Graph &graph, Oid relid)
{
    for (const WatermarkGroup &group : holds.groups) {
        std::optional<scheduler::Microseconds> advanced = scheduler::advanced_to(holds, group);
        if (!advanced || !scheduler::concerns(holds, group, graph, relid))
            continue;
        auto before = holds.applied_watermarks.find({relid, group.name});
        if (before == holds.applied_watermarks.end() || before->second != *advanced)
            call([&] { write_applied_watermark(relid, group.name.c_str(), group.created_at, *advanced); });
    }
}

void copy_applied_watermarks(Oid from, Oid to)
{
    call([=] {
        const TableRows rows =
            definition::rows_with("pgt_watermark_taken", "pgt_watermark_taken_pkey", taken_relid, from);
        for (int i = 0; i < rows.count; i++)
            write_applied_watermark(to, TextDatumGetCString(rows.value(i, taken_group)),
                                    DatumGetTimestampTz(rows.value(i, taken_group_created_at)),
                                    DatumGetTimestampTz(rows.value(i, taken_watermark)));
    });
}

bool is_frozen(Oid relid, Snapshot snapshot)
{
    const char *tier = option_of(relid, "tier", snapshot);
    return tier != nullptr && pg_strcasecmp(tier, "frozen") == 0;
}

std::optional<Hold> hold_on(Oid relid, Snapshot snapshot)
{
    const auto upstreams = [=] {
        scheduler::Graph graph;
        add_upstreams(relid, graph);
        return graph;
    };
    Holds holds = read_holds_on(upstreams, snapshot);
    if (call([=] { return is_frozen(relid, snapshot); }))
        holds.frozen.insert(relid);
    if (holds.is_empty())
        return std::nullopt;
    return scheduler::hold_of(holds, upstreams(), relid);
}

std::string explain_hold_to_all(Oid relid)
{
    if (std::optional<Hold> hold = hold_on(relid))
        return sentence_to_all(*hold);
    for (Oid upstream : definition::upstreams_of(relid))
        if (std::optional<Hold> hold = hold_on(upstream))
            return std::string("It reads a stream table that is ") + name_of(hold->kind) + ".";
    return "";
}

HoldExplanation explain_hold(Oid relid)
{
    if (std::optional<Hold> hold = hold_on(relid))
        return about({relid}, {sentence_of(*hold), hint_of(*hold, relid)});
    for (Oid upstream : definition::upstreams_of(relid))
        if (std::optional<Hold> hold = hold_on(upstream))
            return about({relid, upstream},
                         {"It reads " + shown_name(upstream) + ", which is " + name_of(hold->kind) + ".",
                          hint_of(*hold, upstream)});
    return {};
}

const char *name_of(Hold::Kind kind)
{
    switch (kind) {
    case Hold::Kind::drained: return "drained";
    case Hold::Kind::all_paused: return "all paused";
    case Hold::Kind::paused: return "paused";
    case Hold::Kind::frozen: return "frozen";
    case Hold::Kind::gated: return "gated";
    case Hold::Kind::not_advanced: return "watermark";
    }
    return "";
}

bool may_show_all(const Ids &relations)
{
    return call([&] {
        for (const Oid relation : relations)
            if (get_rel_name(relation) != nullptr && !definition::may_show_state(relation))
                return false;
        return true;
    });
}

HoldExplanation about(const Ids &relations, HoldExplanation explanation)
{
    if (may_show_all(relations))
        return explanation;
    return {"It cannot be refreshed at present.",
            "A role that may read the stream tables that its refresh needs can see the reason."};
}

std::string sentence_to_all(const Hold &hold)
{
    switch (hold.kind) {
    case Hold::Kind::drained: return "This database is drained.";
    case Hold::Kind::all_paused: return "All stream tables of this database are paused.";
    case Hold::Kind::paused: return "It is paused.";
    case Hold::Kind::frozen: return "Its tier is frozen.";
    case Hold::Kind::gated: return "One of its sources is gated.";
    case Hold::Kind::not_advanced: return "A watermark group of its sources has not advanced.";
    }
    return "";
}

std::string sentence_of(const Hold &hold)
{
    if (!hold.is_about_data() || !may_show_all(hold.sources))
        return sentence_to_all(hold);
    if (hold.kind == Hold::Kind::gated)
        return "Its source " + shown_name(hold.culprit) + " is gated.";
    if (hold.culprit != InvalidOid)
        return "Watermark group \"" + hold.group + "\" is held back by " + shown_name(hold.culprit) + ".";
    return "Watermark group \"" + hold.group + "\" has not advanced since the last refresh.";
}

std::string hint_of(const Hold &hold, Oid relid)
{
    switch (hold.kind) {
    case Hold::Kind::drained:
    case Hold::Kind::all_paused: return "Call pgtrickle.resume_scheduler() to end this.";
    case Hold::Kind::paused:
        return "Call pgtrickle.resume_scheduler(ARRAY[" + name_as_literal(relid) + "]) to resume it.";
    case Hold::Kind::frozen:
        return "Set another tier, or call pgtrickle.refresh_stream_table(" + name_as_literal(relid) + ").";
    case Hold::Kind::gated:
        return may_show_all(hold.sources)
                   ? "Call pgtrickle.ungate_source(" + name_as_literal(hold.culprit) + ") when its data is ready."
                   : "The owner of the source calls pgtrickle.ungate_source() when its data is ready.";
    case Hold::Kind::not_advanced: break;
    }
    return "Call pgtrickle.advance_watermark() when the sources of the group are complete.";
}

namespace {

/* Removes the watermark groups of the relation whose last source it was. PostgreSQL frame. */
void remove_empty_groups(const TableRows &removed)
{
    for (int i = 0; i < removed.count; i++) {
        const char *name = TextDatumGetCString(removed.value(i, hold_group));
        if (*name != '\0' && definition::rows_named("pgt_hold", "pgt_hold_group", hold_group, name).count == 0)
            definition::remove_rows_named("pgt_watermark_group", group_name, name, "pgt_watermark_group_pkey");
    }
}

} // namespace

bool forget_holds(Oid relation)
{
    const TableRows holds = definition::rows_with("pgt_hold", "pgt_hold_relation", hold_relation, relation);
    int count = definition::remove_rows_of("pgt_hold", hold_relation, relation, "pgt_hold_relation");
    remove_empty_groups(holds);
    count += definition::remove_rows_of("pgt_watermark", watermark_source, relation, "pgt_watermark_pkey");
    definition::remove_rows_of("pgt_watermark_taken", taken_relid, relation, "pgt_watermark_taken_pkey");
    definition::remove_rows_of("pgt_stopped_capture", 1, relation);
    return count > 0;
}

namespace {

LOCKTAG work_lock()
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, state::state_table(), InvalidOid, 1);
    return tag;
}

} // namespace

bool take_work_lock()
{
    LOCKTAG tag = work_lock();
    return LockAcquire(&tag, ShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void wait_for_work()
{
    LOCKTAG tag = work_lock();
    (void)LockAcquire(&tag, ExclusiveLock, false, false);
}

bool is_work_going_on()
{
    LOCKTAG tag = work_lock();
    if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return true;
    LockRelease(&tag, ExclusiveLock, false);
    return false;
}

} // namespace pgtrickle::refresh
