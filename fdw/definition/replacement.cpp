#include "fdw/definition/replacement.hpp"

#include "definition/query/rewritten_query.hpp"
#include "definition/state/frontier.hpp"
#include "definition/state/state.hpp"
#include "fdw/definition/definition_notices.hpp"
#include "fdw/definition/fill.hpp"
#include "fdw/read/refresh_others.hpp"
#include "pg/attempt.hpp"
#include "pg/rights.hpp"
#include "refresh/batch/holds.hpp"
#include "refresh/history.hpp"
#include "refresh/request/audience.hpp"
#include "refresh/sets/refresh_sets.hpp"
#include "setup/heaps.hpp"
#include "setup/maintenance.hpp"
#include "setup/patient_lock.hpp"
#include "setup/setup.hpp"

extern "C" {
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "storage/lmgr.h"
}

namespace pgtrickle {

namespace {

/* Changes that a refresh applies in this time may as well be applied while readers wait. */
constexpr int64_t short_refresh_us = 20'000;
constexpr int max_rounds = 8;

/* PostgreSQL frame. */
bool is_locked_from_readers(Oid relid)
{
    Relation table = table_open(relid, NoLock);
    const bool is_locked = CheckRelationLockedByMe(table, AccessExclusiveLock, false);
    table_close(table, NoLock);
    return is_locked;
}

bool may_be_read(Query *query, Oid owner)
{
    AsOwner as_owner(owner, Sharing::custom);
    auto denied = attempt([=] { call([=] { definition::check_read_privileges(query); }); });
    return !denied;
}

/* Returns the frontier of the latest rows. */
std::optional<Frontier> frontier_of(Oid relid)
{
    state::StateRow row;
    if (!state::read(relid, &row) || row.frontier.empty())
        return {};
    return Frontier::from_text(row.frontier.c_str(), row.own_xid, row.own_seq);
}

/* Whether the rows of `relid` may lack a change that a reader has seen. */
bool is_behind(Oid relid, const std::optional<Frontier> &seen)
{
    const std::optional<Frontier> own = frontier_of(relid);
    return seen && own && !own->includes(*seen);
}

bool is_in_set(Oid relid)
{
    refresh::RefreshSets &sets = refresh::refresh_sets();
    sets.process_invalidations();
    sets.read_sets_around({relid});
    return sets.atomic_set_of(relid).size() > 1 || sets.group_of(relid).size() > 1;
}

} // namespace

bool Replacement::is_possible(Oid relid, Query *query)
{
    state::StateRow before;
    if (IsolationUsesXactSnapshot() || !state::read(relid, &before) || !before.is_populated)
        return false;
    if (call([=] { return is_locked_from_readers(relid); }))
        return false;
    return may_be_read(query, definition::load(relid).owner);
}

Replacement::Replacement(Oid relid, Query *query, const std::string &text, RefreshMode mode,
                         const std::vector<options::Option> &options, const definition::ColumnChanges &changes)
    : relid_(relid), query_(query)
{
    refresh::for_stream_table(relid, "redefine", [&] { fill(text, mode, options, changes); });
}

void Replacement::fill(const std::string &text, RefreshMode mode, const std::vector<options::Option> &options,
                       const definition::ColumnChanges &changes)
{
    const Definition definition = definition::load(relid_);
    AsOwner as_owner(definition.owner, Sharing::custom);
    sources_ = setup::plan_maintenance(definition.name, query_, text, mode, definition.owner,
                                       setup::DeniedCapture::is_refused);
    /* Before the snapshot of the fill: a mark that comes later stays. */
    state::StateRow before;
    (void)state::read(relid_, &before);
    marks_ = before.marks;
    successor_ = setup::create_successor(relid_, query_, sources_, options, changes);
    shown_.emplace(successor_.relid, relid_);
    names_.emplace(storage::shown_names(successor_.relid, successor_.indexes));
    refresh::copy_applied_watermarks(relid_, successor_.relid);
    require_no_hold_on_data(successor_.relid);
    setup::capture_sources(successor_.relid, sources_);
    fill_now();
    catch_up();
}

void Replacement::fill_now()
{
    const Oid successor = successor_.relid;
    call([=] { refresh_others_for(successor); });
    const TimestampTz started_at = GetCurrentTimestamp();
    try {
        filled_ = refresh::initialize_alone(successor);
    } catch (const refresh::MemberError &error) {
        names_->show_in(error.whole);
        names_->show_in(error.data);
        /* The stream table remains as it is. Its owner sees the error. */
        if (error.relid != successor || error.is_hidden())
            record_failure_in_history(relid_, started_at, catalog::InitiatedBy::initial, error);
        throw;
    }
}

bool Replacement::has_program() const
{
    state::StateRow row;
    return state::read(successor_.relid, &row) && row.is_incremental.value_or(false);
}

/* Without a program, each round is a fill. */
void Replacement::catch_up()
{
    const bool is_incremental = has_program();
    if (!is_incremental && !is_behind(successor_.relid, frontier_of(relid_)))
        return;
    for (int round = 0; round < (is_incremental ? max_rounds : 1); round++) {
        const TimestampTz started_at = GetCurrentTimestamp();
        follow_changes();
        if (GetCurrentTimestamp() - started_at < short_refresh_us)
            return;
    }
}

void Replacement::follow_changes()
{
    try {
        refresh::follow_changes_alone(successor_.relid);
    } catch (const PgError &error) {
        names_->show_in(error.data);
        throw;
    }
}

void Replacement::lock()
{
    std::vector<Oid> relations = {relid_};
    for (Oid heap : setup::heaps_of(relid_))
        relations.push_back(heap);
    /* The commit has less to write while readers wait. */
    call([] { XLogFlush(XactLastRecEnd); });
    setup::lock_between_readers(relations, [this] {
        refresh::for_stream_table(relid_, "redefine", [this] {
            AsOwner as_owner(definition::load(relid_).owner, Sharing::custom);
            catch_up();
        });
    });
}

void Replacement::take_over()
{
    refresh::for_stream_table(relid_, "redefine", [this] {
        const Definition definition = definition::load(relid_);
        AsOwner as_owner(definition.owner, Sharing::custom);
        const bool is_incremental = has_program();
        const std::optional<Frontier> seen = frontier_of(relid_);
        refresh::copy_applied_watermarks(successor_.relid, relid_);
        setup::take_over(relid_, successor_, query_, sources_, marks_);
        shown_.reset();
        if (is_incremental || is_in_set(relid_))
            refresh::follow_changes(relid_);
        if (is_behind(relid_, seen)) /* it is held, or has no program */
            refresh::catch_up_alone(relid_);
        state::StateRow row;
        filled_->relid = relid_;
        filled_->generation = state::read(relid_, &row) ? row.generation : 0;
        record_in_history(*filled_, catalog::InitiatedBy::initial);
        note_missing_indexes(relid_);
    });
}

} // namespace pgtrickle
