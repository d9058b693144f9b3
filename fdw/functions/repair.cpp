/*
 * repair_stream_table, as an SQL function: it rebuilds damaged parts, and without such damage it recomputes
 * the rows and compares them with the stored ones, because the caller doubts them. The former takes AccessExclusive
 * (redefine()), the latter is a refresh, which readers do not notice.
 */
#include "capture/capture.hpp"
#include "capture/log/marker.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/trim.hpp"
#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "definition/visibility.hpp"
#include "fdw/ddl/inherited_columns.hpp"
#include "fdw/definition/fill.hpp"
#include "fdw/definition/redefinition.hpp"
#include "fdw/functions/damaged_pages.hpp"
#include "fdw/read/refresh_others.hpp"
#include "fdw/scan/served_relation.hpp"
#include "fdw/sql/arguments.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_name.hpp"
#include "refresh/batch/holds.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/history.hpp"
#include "refresh/program/compiled.hpp"
#include "setup/heaps.hpp"
#include "setup/steps.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/lmgr.h"
}

namespace pgtrickle {

namespace {

Oid stream_table_to_repair(FunctionCallInfo fcinfo)
{
    std::string name = required_text(fcinfo, 0, "name");
    return call([&] {
        guc::require_stream_tables("repair a stream table");
        PreventCommandDuringRecovery("repair_stream_table()");
        PreventCommandIfReadOnly("repair_stream_table()");
        return locked_stream_table(owned_stream_table, name.c_str(), ShareUpdateExclusiveLock);
    });
}

/* Returns a message about the first heap that is missing; empty if none is. */
std::string missing_storage(const Definition &definition)
{
    int last = static_cast<int>(setup::steps_of(definition).list.size()) - 1;
    for (int k = 0; k < last; k++)
        if (!OidIsValid(storage::arrangement_of(definition.relid, k)))
            return "an arrangement was missing";
    return OidIsValid(storage::storage_of(definition.relid)) ? "" : "its storage was missing";
}

/* Returns a message about the first source whose changes may have been lost; empty if there is none. */
std::string damaged_capture(const Definition &definition)
{
    for (const Source &source : definition.sources)
        if (const char *damage = call([&] { return capture::damage_of(source.relid); }))
            return "for source " + std::string(call([&] { return quoted_relation_name(source.relid); })) + ", " +
                   damage;
    return {};
}

/* Returns a message about the first heap with a page that cannot be read; empty if there is none. */
std::string damaged_storage(Oid relid)
{
    for (const Oid heap : setup::heaps_of(relid))
        if (std::string damage = damage_of_pages(heap); !damage.empty())
            return damage;
    return {};
}

/* Empties what cannot be read of the change log of a relation, if it has one. Returns a message about it; empty if all
 * can be read. */
std::string empty_damaged_log(Oid relid)
{
    std::string found;
    capture::SourceRow row;
    if (!call([&] { return capture::find_source(relid, &row); }))
        return {};
    for (const Oid segment : row.segments) {
        const std::string damage = damage_of_pages(segment);
        if (damage.empty())
            continue;
        const std::string log = "the change log of " + std::string(call([=] { return quoted_relation_name(relid); }));
        found = log + " had a damaged page (" + damage + ") and was emptied";
        call([&] { capture::empty_damaged(relid, segment, (log + " was damaged").c_str()); });
    }
    return found;
}

/* Those of its sources, and its own. Returns a message about the first one; empty if all can be read. */
std::string empty_damaged_logs(const Definition &definition)
{
    std::string found = empty_damaged_log(definition.relid);
    for (const Source &source : definition.sources)
        if (std::string damage = empty_damaged_log(source.relid); found.empty())
            found = damage;
    return found;
}

std::string recompute_rows(Oid relid)
{
    call([=] {
        state::mark_needs_reinit(relid, "repair_stream_table() was called");
        /* The dependents have not received the changes that made the rows wrong, so they cannot continue from
         * the correction. */
        capture::write_marker(relid, "a stream table that it reads was repaired");
    });
    mailbox::note_change(relid);
    mailbox::note_definition_change();
    if (std::optional<scheduler::Hold> hold = refresh::hold_on(relid); hold && hold->is_about_data())
        return "its rows will be recomputed when it is no longer held. " + refresh::sentence_of(*hold);
    if (IsolationUsesXactSnapshot()) /* it may lack changes that were not captured either */
        return "its rows will be recomputed by the manager, after this transaction, which is not in READ COMMITTED.";
    call([=] { refresh_others_for(relid); });
    int64_t wrong = 0;
    const TimestampTz started_at = GetCurrentTimestamp();
    try {
        for (const refresh::Outcome &outcome : refresh::refresh_batch({.members = {relid}})) {
            record_in_history(outcome, catalog::InitiatedBy::manual);
            if (outcome.relid == relid)
                wrong = outcome.rows_inserted + outcome.rows_deleted;
        }
    } catch (const PgError &error) {
        record_failure_in_history(relid, started_at, catalog::InitiatedBy::manual, error);
        throw;
    }
    return "its rows were compared with its query: " +
           (wrong == 0 ? std::string("none was changed") : std::to_string(wrong) + " inserted or deleted") + ".";
}

std::string repair(Oid relid)
{
    state::StateRow row;
    bool has_state = state::read(relid, &row);
    if (!has_state)
        call([=] {
            LockRelationOid(relid, AccessExclusiveLock);
            state::insert(relid);
        });
    Definition definition = definition::load(relid);
    std::string found = has_state ? "" : "its state was missing";
    if (found.empty())
        found = missing_storage(definition);
    const bool is_retyped = !call([=] { return has_columns_of_its_query(relid); });
    if (found.empty() && is_retyped)
        found = "its columns do not have the types of its query";
    if (found.empty() && call([=] { return state::marks_of(relid, nullptr).needs_setup; }))
        found = "an object that it reads was redefined";
    if (found.empty() && !(refresh::has_current_layout(relid) && call([=] { return fits_its_storage(relid); })))
        found = "columns of its storage were dropped or altered";
    const std::string damaged_log = empty_damaged_logs(definition);
    if (found.empty())
        found = damaged_storage(relid);
    const bool has_unused_key = found.empty() && refresh::has_unused_key(relid);
    if (!found.empty() || has_unused_key) {
        if (is_retyped)
            redefine_as_declared(relid);
        else
            redefine(relid, call([=] { return definition::query_of(relid); }), definition.original_query,
                     definition.mode);
        mailbox::note_definition_change();
        state::StateRow after;
        if (state::read(relid, &after) && !after.is_populated)
            fill(relid);
        return (has_unused_key ? "No damage found; its sources have a key that was not used"
                               : "Damage found: " + found) +
               "; storage, arrangements and state were rebuilt.";
    }
    found = damaged_log.empty() ? damaged_capture(definition) : damaged_log;
    std::string result =
        (found.empty() ? "No damage found; " : "Damage found: " + found + "; ") + recompute_rows(relid);
    if (row.status == state::Status::suspended)
        result += " It is still suspended; call pgtrickle.resume_stream_table() to resume it.";
    return result;
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_repair_stream_table)
{
    using namespace pgtrickle;
    const Oid relid = stream_table_to_repair(fcinfo);
    const refresh::AskedFor asked(relid);
    std::string result = repair(relid);
    return call([&] { return CStringGetTextDatum(result.c_str()); });
}
