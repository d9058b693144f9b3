/*
 * Whether a stream table is held: a user's statement keeps it from being refreshed.
 *
 *   drained, all_paused   nothing of the database is refreshed
 *   paused, frozen        the stream table itself is not refreshed; its dependents read its rows as they are
 *   gated                 a source upstream of it, at any depth, must not be read
 *   not_advanced          a watermark group, of which at least two sources are upstream of it, has not
 *                         advanced, as a whole, since its last refresh
 *
 * The first four are about work, and do not stop a refresh that an owner requests; the other two are about
 * data that would be wrong, and stop every refresh.
 *
 * Pure C++: values, no clock. Throws bad_alloc only.
 */
#pragma once

#include "scheduler/graph/graph.hpp"
#include "scheduler/graph/requested_by.hpp"
#include "scheduler/time/schedule.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>

namespace pgtrickle::scheduler {

/* Sources that are loaded together. The group has advanced to the least of their watermarks, if all have one
 * and none is more than the tolerance behind another. */
struct WatermarkGroup {
    std::string name;
    Ids sources;
    Microseconds tolerance_us = 0;
    Microseconds created_at = 0; /* distinguishes the group from a dropped one of the same name */
    bool operator==(const WatermarkGroup &) const = default;
};

struct Hold {
    enum class Kind { drained, all_paused, paused, frozen, gated, not_advanced } kind;
    Id culprit = 0;    /* gated: the source; not_advanced: the source that lags behind, if there is one */
    std::string group; /* not_advanced */
    Ids sources = {};  /* that are gated, or in the group: who may not read all of them is not to see which they are */
    bool operator==(const Hold &other) const
    {
        return kind == other.kind && culprit == other.culprit && group == other.group;
    }
    /* A refresh would apply changes that must not be visible yet. */
    bool is_about_data() const { return kind == Kind::gated || kind == Kind::not_advanced; }
    /* Its rows are those of the group's last advance: there is nothing to apply before the next one. */
    bool is_up_to_date() const { return kind == Kind::not_advanced && culprit == 0; }
};

/* All holds of a database. */
struct Holds {
    bool is_draining = false;
    bool is_all_paused = false;
    std::set<Id> paused;
    std::set<Id> frozen;
    std::set<Id> gated;
    std::vector<WatermarkGroup> groups; /* by name */
    std::map<Id, Microseconds> watermarks;
    /* Time to which a group had advanced when the stream table was last refreshed. */
    std::map<std::pair<Id, std::string>, Microseconds> applied_watermarks;
    /* Relations that a write to the key reaches as well: partitions and their partitioned tables. */
    std::map<Id, Ids> relatives;

    bool is_empty() const;
    bool operator==(const Holds &) const = default;
};

/* The least of the group's watermarks; nothing while the group has not advanced as a whole. `laggard`, if
 * given, is then set to the source that prevents it. */
std::optional<Microseconds> advanced_to(const Holds &holds, const WatermarkGroup &group, Id *laggard = nullptr);

/* Whether the stream table reads at least two sources of the group, or its only one, at any depth. */
bool concerns(const Holds &holds, const WatermarkGroup &group, const Graph &graph, Id stream_table);

/* The upstreams of the stream table that lead to sources of the group, ascending. */
std::set<Id> leading_to(const Holds &holds, const WatermarkGroup &group, const Graph &graph, Id stream_table);

/* The hold on the stream table, the most important one if there are several: data before work, wide before
 * narrow. */
std::optional<Hold> hold_of(const Holds &holds, const Graph &graph, Id stream_table);

/* Returns the holds without gates and groups that concern no stream table of the graph: any owner of a table may create
 * such, and the hold on each stream table is looked for among all. */
Holds concerning(Holds holds, const Graph &graph);

/* Whether a hold of this kind stops a refresh that is requested explicitly. `by_name`: the stream table
 * itself was named, and is not only an upstream that must be refreshed before. */
bool stops(const Hold &hold, RequestedBy requested_by, bool by_name);

} // namespace pgtrickle::scheduler
