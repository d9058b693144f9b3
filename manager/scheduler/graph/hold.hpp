/*
 * Whether a stream table is held back: not to be refreshed, because somebody said so.
 *
 *   drained, all_paused   nothing of the database is refreshed
 *   paused, frozen        the stream table itself is not; who reads it goes on from its rows as they are
 *   gated                 a source below it, at any depth, is not to be looked at
 *   not_advanced          a watermark group below it has not moved on, as a whole, since it was refreshed last
 *
 * The first four are about work, and an owner who asks for a refresh gets it; the others are about
 * data that would be wrong, and hold everybody.
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

/* Sources that are loaded together. It has advanced to the least of their watermarks, if all have one and none is
 * more than the tolerance behind another. */
struct WatermarkGroup {
    std::string name;
    Ids sources;
    Microseconds tolerance_us = 0;
    Microseconds created_at = 0; /* tells it from one of that name that was dropped */
    bool operator==(const WatermarkGroup &) const = default;
};

struct Hold {
    enum class Kind { drained, all_paused, paused, frozen, gated, not_advanced } kind;
    Id culprit = 0;    /* gated: the source; not_advanced: the source that lags behind, if there is one */
    std::string group; /* not_advanced */
    bool operator==(const Hold &) const = default;
    /* A refresh would take in what nobody is to see. */
    bool is_about_data() const { return kind == Kind::gated || kind == Kind::not_advanced; }
};

/* All that was said in a database. */
struct Holds {
    bool is_draining = false;
    bool is_all_paused = false;
    std::set<Id> paused;
    std::set<Id> frozen;
    std::set<Id> gated;
    std::vector<WatermarkGroup> groups; /* by name */
    std::map<Id, Microseconds> watermarks;
    /* What a group had advanced to when the stream table was last refreshed. */
    std::map<std::pair<Id, std::string>, Microseconds> taken_in;
    /* What is written to the first also reaches the others: partitions and what they are of. */
    std::map<Id, Ids> relatives;

    bool is_empty() const;
    bool operator==(const Holds &) const = default;
};

/* The least of the group's watermarks; nothing while it has not advanced as a whole. `laggard`, if given, is then
 * set to the source that keeps it back. */
std::optional<Microseconds> advanced_to(const Holds &holds, const WatermarkGroup &group, Id *laggard = nullptr);

/* Whether the stream table reads a source of the group, at any depth. */
bool concerns(const Holds &holds, const WatermarkGroup &group, const Graph &graph, Id stream_table);

/* The hold on the stream table, the one that matters most first: data before work, the widest before the narrow. */
std::optional<Hold> hold_of(const Holds &holds, const Graph &graph, Id stream_table);

/* Whether a hold of this kind keeps a refresh from one that was asked for, by name or as something that has to come first. */
bool stops(const Hold &hold, RequestedBy requested_by, bool by_name);

} // namespace pgtrickle::scheduler
