#include "refresh/batch/excluded_members.hpp"

#include "definition/stream_table.hpp"
#include "definition/unpopulated_view.hpp"
#include "pg/relation_name.hpp"
#include "refresh/sets/diamond.hpp"
#include "refresh/sets/refresh_sets.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace pgtrickle::refresh {

namespace {

using scheduler::Hold;

/* The reason why `culprit` is not refreshed: a hold or an unpopulated upstream; without either it is
 * suspended. */
struct Stop {
    Oid culprit = InvalidOid;
    std::optional<Hold> hold;
    Oid unpopulated = InvalidOid; /* the stream table or materialized view without rows that it reads */
};

using Stops = std::map<Oid, Stop>;

bool is_named(const BatchRequest &request, Oid relid)
{
    return std::find(request.members.begin(), request.members.end(), relid) != request.members.end();
}

bool is_suspended(const state::StateRow &state)
{
    return state.status == state::Status::suspended;
}

std::string name_of_stream_table(Oid relid)
{
    return call([=] { return quoted_relation_name(relid); });
}

/* ---- texts ---------------------------------------------------------------------------- */

std::string resume_hint(Oid relid)
{
    const std::string argument = call([=] { return quote_literal_cstr(quoted_relation_name(relid)); });
    state::StateRow row;
    /* The history has no entry for a manual suspension. */
    if (state::read(relid, &row) && row.consecutive_errors == 0)
        return "It was suspended manually; call pgtrickle.resume_stream_table(" + argument + ") to resume it.";
    return "See pgtrickle.get_refresh_history(" + argument +
           ") for the error. Remove its cause, then call pgtrickle.resume_stream_table(" + argument + ").";
}

std::string hint_about_unpopulated(Oid relid)
{
    const std::string name = name_of_stream_table(relid);
    return call([=] { return definition::is_unpopulated_view(relid); })
               ? "Execute REFRESH MATERIALIZED VIEW " + name + " first."
               : "Resume or refresh " + name + " first.";
}

std::string words_of(const Stop &stop)
{
    if (stop.hold && stop.hold->kind == scheduler::Hold::Kind::not_advanced)
        return "is held by a watermark group";
    if (stop.hold)
        return std::string("is ") + name_of(stop.hold->kind);
    return stop.unpopulated != InvalidOid ? "cannot be populated" : "is suspended";
}

/* Explains why a stream table is skipped together with the culprit. */
HoldExplanation explain_by_atomic_set(Oid relid, const Stop &stop)
{
    return about({relid, stop.culprit, stop.unpopulated},
                 {"Stream table " + name_of_stream_table(stop.culprit) +
                      ", a member of an atomic diamond that it belongs to or reads, " + words_of(stop) + ".",
                  stop.hold                        ? hint_of(*stop.hold, stop.culprit)
                  : stop.unpopulated != InvalidOid ? hint_about_unpopulated(stop.unpopulated)
                                                   : resume_hint(stop.culprit)});
}

HoldExplanation explain(Oid relid, const Stop &stop)
{
    if (stop.culprit != relid)
        return explain_by_atomic_set(relid, stop);
    if (stop.hold)
        return about({relid}, {sentence_of(*stop.hold), hint_of(*stop.hold, relid)});
    const char *kind = call([&] { return definition::is_unpopulated_view(stop.unpopulated); }) ? "materialized view "
                                                                                               : "stream table ";
    return about({relid, stop.unpopulated},
                 {"It reads " + (kind + name_of_stream_table(stop.unpopulated)) + ", which has not been populated.",
                  hint_about_unpopulated(stop.unpopulated)});
}

[[noreturn]] void raise_stopped(Oid relid, const Stop &stop)
{
    HoldExplanation explanation = explain(relid, stop);
    raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
           .message = "stream table " + name_of_stream_table(relid) + " cannot be refreshed now",
           .detail = explanation.sentence,
           .hint = explanation.hint});
}

/* ---- members to be skipped ------------------------------------------------------------ */

/* For a member of an atomic set, or a member that reads such a set: returns the reason why the set is not
 * refreshed. */
std::optional<Stop> stop_of_set(const Batch &batch, const Member &member, const Stops &stops)
{
    for (Oid other : batch.atomic_sets.of(member.compiled->relid()))
        if (auto found = stops.find(other); found != stops.end())
            return found->second;
    for (const Source &source : member.compiled->definition.sources)
        if (auto found = stops.find(source.relid);
            found != stops.end() && batch.atomic_sets.first_of(source.relid) != 0)
            return found->second;
    return std::nullopt;
}

/* A request for a stream table that has the rows which it may have succeeds. */
void note_up_to_date(Oid relid, const Hold &hold)
{
    const std::string name = name_of_stream_table(relid);
    const std::string group =
        may_show_all(hold.sources) ? "watermark group \"" + hold.group + "\"" : "a watermark group of its sources";
    call([&] {
        ereport(NOTICE, (errmsg("stream table %s was already refreshed after the last advance of %s", name.c_str(),
                                group.c_str())));
    });
}

void remove_members(Batch &batch, const BatchRequest &request, const Stops &stops)
{
    for (const auto &[relid, stop] : stops)
        if (is_named(request, relid)) {
            if (request.requested_by == scheduler::RequestedBy::owner && stop.hold && stop.hold->is_up_to_date())
                note_up_to_date(relid, *stop.hold);
            else if (request.requested_by == scheduler::RequestedBy::owner)
                raise_stopped(relid, stop);
            batch.skipped.held.push_back(relid);
        } else {
            batch.skipped.upstreams.push_back(relid);
        }
    std::erase_if(batch.members, [&](const Member &member) {
        const bool is_out = stops.count(member.compiled->relid()) != 0;
        if (is_out)
            batch.exclude(member.compiled->relid());
        return is_out;
    });
}

/* `own_stop` returns the reason for which a member itself is skipped, given those skipped already. */
template <class OwnStop> void exclude(Batch &batch, const BatchRequest &request, OwnStop own_stop)
{
    Stops stops;
    for (size_t before = 1; before != stops.size();) {
        before = stops.size();
        for (const Member &member : batch.members) {
            const Oid relid = member.compiled->relid();
            if (stops.count(relid) != 0)
                continue;
            std::optional<Stop> stop = own_stop(member, stops);
            const bool is_first_fill = !member.state.is_populated && is_named(request, relid);
            if (!stop && !is_first_fill)
                stop = stop_of_set(batch, member, stops);
            if (stop)
                stops.emplace(relid, *stop);
        }
        if (stops.empty())
            return;
    }
    remove_members(batch, request, stops);
}

/* Returns what the members are computed from, at any depth, as hold_on() does: a hold concerns a member also by way of
 * an upstream that is not refreshed with it, and a member that must be set up again is compiled without sources. */
scheduler::Graph graph_of(const Batch &batch)
{
    scheduler::Graph graph;
    for (const Member &member : batch.members)
        add_upstreams(member.compiled->relid(), graph);
    return graph;
}

/* Returns a stream table that the member reads, and that has no rows yet and does not get any in this
 * refresh; or such a materialized view; or InvalidOid. */
Oid unpopulated_source(const Batch &batch, const Member &member, const Stops &stops)
{
    for (const CompiledSource &source : member.compiled->sources) {
        auto is_it = [&](const Member &other) { return other.compiled->relid() == source.relid; };
        state::StateRow row;
        if (source.is_stream_table &&
            (stops.count(source.relid) != 0 || std::none_of(batch.members.begin(), batch.members.end(), is_it)) &&
            (!state::read(source.relid, &row) || !row.is_populated))
            return source.relid;
        if (!source.is_stream_table && call([&] { return definition::is_unpopulated_view(source.relid); }))
            return source.relid;
    }
    return InvalidOid;
}

/* Returns the members that a refresh of the named ones includes without refresh groups: they, what they read, and, but
 * for a reader, the atomic sets of these. */
std::set<Oid> required_members(const Batch &batch, const BatchRequest &request)
{
    std::set<Oid> required(request.members.begin(), request.members.end());
    for (size_t before = 0; before != required.size();) {
        before = required.size();
        for (const Member &member : batch.members) {
            if (required.count(member.compiled->relid()) == 0)
                continue;
            for (const CompiledSource &source : member.compiled->sources)
                required.insert(source.relid);
            if (request.requested_by != scheduler::RequestedBy::reader)
                for (const Oid other : batch.atomic_sets.of(member.compiled->relid()))
                    required.insert(other);
        }
    }
    return required;
}

/* As exclude() does, for one stream table. `is_stopped` says which stream tables are skipped for reasons of their own.
 */
template <class IsStopped> bool is_skipped(Oid relid, IsStopped is_stopped, std::set<Oid> *known)
{
    if (!known->insert(relid).second)
        return false;
    if (is_stopped(relid))
        return true;
    std::vector<Oid> others;
    for (const Source &source : definition::sources_of(relid))
        if (source.kind == SourceKind::stream_table)
            others.push_back(source.relid);
    refresh_sets().read_sets_around({relid});
    refresh_sets().read_sets_around(others);
    std::erase_if(others, [](Oid source) { return refresh_sets().atomic_set_of(source).empty(); });
    const std::vector<Oid> &set = refresh_sets().atomic_set_of(relid);
    others.insert(others.end(), set.begin(), set.end());
    return std::any_of(others.begin(), others.end(), [=](Oid other) { return is_skipped(other, is_stopped, known); });
}

/* A hold may have been lifted between is_left_out() and the snapshot. */
void require_left_out(const Batch &batch)
{
    for (const Member &member : batch.members)
        if (member.is_left_out)
            raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
                   .message = "stream table \"" + member.compiled->definition.name +
                              "\" was resumed while it was being left out of a refresh",
                   .hint = "Try again."});
}

} // namespace

void exclude_suspended(Batch &batch, const BatchRequest &request)
{
    exclude(batch, request, [&](const Member &member, const Stops &) -> std::optional<Stop> {
        const Oid relid = member.compiled->relid();
        if (!is_suspended(member.state) ||
            (request.requested_by == scheduler::RequestedBy::owner && is_named(request, relid)))
            return std::nullopt;
        return Stop{relid, {}, InvalidOid};
    });
}

HoldsOfBatch exclude_held(Batch &batch, const BatchRequest &request)
{
    const Snapshot snapshot = call([] { return GetActiveSnapshot(); });
    std::optional<scheduler::Graph> known; /* it is read from catalogs, if there is any hold */
    auto graph_once = [&] { return known ? *known : known.emplace(graph_of(batch)); };
    scheduler::Holds holds = read_holds_on(graph_once, snapshot);
    /* Definitions are read one by one: between two of them, all may have got another tier. */
    const bool has_frozen = std::any_of(batch.members.begin(), batch.members.end(),
                                        [](const Member &member) { return member.compiled->definition.is_frozen(); });
    for (const Member &member : batch.members)
        if (const Oid relid = member.compiled->relid(); has_frozen && call([=] { return is_frozen(relid, snapshot); }))
            holds.frozen.insert(relid);
    const bool has_holds = !holds.is_empty();
    scheduler::Graph graph = has_holds ? graph_once() : scheduler::Graph();
    exclude(batch, request, [&](const Member &member, const Stops &stops) -> std::optional<Stop> {
        const Oid relid = member.compiled->relid();
        std::optional<Hold> hold;
        if (has_holds)
            hold = scheduler::hold_of(holds, graph, relid);
        if (hold && scheduler::stops(*hold, request.requested_by, is_named(request, relid)))
            return Stop{relid, hold, InvalidOid};
        if (Oid unpopulated = unpopulated_source(batch, member, stops); unpopulated != InvalidOid)
            return Stop{relid, {}, unpopulated};
        return std::nullopt;
    });
    require_left_out(batch);
    return {std::move(holds), std::move(graph)};
}

bool exclude_failed(Batch &batch, const BatchRequest &request, Oid relid)
{
    if (required_members(batch, request).count(relid) != 0)
        return false;
    std::vector<Oid> &held = batch.skipped.held;
    const auto held_before = static_cast<std::ptrdiff_t>(held.size());
    exclude(batch, request, [=](const Member &member, const Stops &) -> std::optional<Stop> {
        if (member.compiled->relid() != relid)
            return std::nullopt;
        return Stop{relid, {}, InvalidOid};
    });
    std::copy(held.begin() + held_before, held.end(), std::back_inserter(batch.skipped.beside_failed));
    held.resize(held_before);
    return true;
}

bool is_left_out(Oid relid, const BatchRequest &request)
{
    refresh_sets().process_invalidations();
    std::set<Oid> known;
    auto is_stopped = [&](Oid each) {
        state::StateRow row;
        const bool is_by_name = is_named(request, each);
        if (state::read(each, &row) && is_suspended(row))
            return request.requested_by != scheduler::RequestedBy::owner || !is_by_name;
        const std::optional<Hold> hold = hold_on(each);
        return hold && scheduler::stops(*hold, request.requested_by, is_by_name);
    };
    return is_skipped(relid, is_stopped, &known);
}

bool keeps_its_rows(Oid relid, Snapshot snapshot, Oid left_out)
{
    refresh_sets().process_invalidations();
    std::set<Oid> known;
    auto is_stopped = [=](Oid each) {
        state::StateRow row;
        return each == left_out || (state::read(each, &row, snapshot) && is_suspended(row)) || hold_on(each, snapshot);
    };
    return is_skipped(relid, is_stopped, &known);
}

HoldExplanation explain_inactive(Oid relid)
{
    state::StateRow row;
    if (state::read(relid, &row) && is_suspended(row))
        return about({relid}, {"It is suspended.", resume_hint(relid)});
    for (Oid upstream : definition::upstreams_of(relid))
        if (state::read(upstream, &row) && is_suspended(row))
            return about({relid, upstream}, {"It reads " + name_of_stream_table(upstream) + ", which is suspended.",
                                             resume_hint(upstream)});
    for (Oid other : members_of_needed_sets(relid)) {
        if (state::read(other, &row) && is_suspended(row))
            return explain_by_atomic_set(relid, {other, {}, InvalidOid});
        if (std::optional<Hold> hold = hold_on(other))
            return explain_by_atomic_set(relid, {other, hold, InvalidOid});
    }
    return {};
}

std::vector<Oid> members_of_needed_sets(Oid relid)
{
    std::vector<Oid> involved = definition::upstreams_of(relid);
    involved.insert(involved.begin(), relid);
    refresh_sets().process_invalidations();
    refresh_sets().read_sets_around(involved);
    std::vector<Oid> members;
    for (Oid one : involved) {
        const std::vector<Oid> &set = refresh_sets().atomic_set_of(one);
        members.insert(members.end(), set.begin(), set.end());
    }
    return members;
}

} // namespace pgtrickle::refresh
