/*
 * All stream tables of this database in their present state, for functions that show them together.
 *
 * State is read as of now, not as of the caller's snapshot, so that changes by its own transaction are
 * visible. Costs about 10 us for each stream table. C++ frames; they throw PgError.
 */
#pragma once

#include "definition/definition.hpp"
#include "fdw/monitor/age.hpp"
#include "scheduler/graph/hold.hpp"

namespace pgtrickle {

struct StreamTableInfo {
    Definition definition;
    state::StateRow state;
    Age age;
    bool may_see = false;       /* the user may see it; otherwise the other members must not be shown */
    bool may_see_texts = false; /* the user may see queries and error texts */
    std::optional<scheduler::Hold> hold;
    bool is_late = false; /* it has lacked changes far longer than its schedule permits; not held */

    /* Returns its status, or HELD if it is active, but held. */
    std::string shown_status() const
    {
        return hold && state.status == state::Status::active ? "HELD" : state::name_of(state.status);
    }
    /* "schema.name", unquoted */
    std::string name() const { return definition.schema_name + "." + definition.name; }
};

/* Returns one stream table, without `hold` and `is_late`, which require all stream tables; nothing if it has
 * just been dropped. */
std::optional<StreamTableInfo> look_at(Oid relid);
/* Returns all stream tables, sorted by OID. */
std::vector<StreamTableInfo> all_stream_tables();
/* Returns what they read, as the scheduler represents it. */
scheduler::Graph graph_of(const std::vector<StreamTableInfo> &all);
/* Returns the stream tables that the user may see, sorted by schema and name. */
std::vector<StreamTableInfo> visible_stream_tables();

} // namespace pgtrickle
