/*
 * All stream tables of this database as they are now, for those who look at them together.
 *
 * State is read as of now, not as of the caller's snapshot, so that what its own transaction did shows.
 * Some 10 us a stream table. C++ frames; they throw PgError.
 */
#pragma once

#include "definition/definition.hpp"
#include "fdw/monitor/age.hpp"

namespace pgtrickle {

struct StreamTableInfo {
    Definition definition;
    state::StateRow state;
    Age age;
    bool may_see = false;       /* the user; else the rest is not to be shown */
    bool may_see_texts = false; /* the user may see queries and error texts */
    std::string hold;           /* why it is not to be refreshed, in a sentence; empty: it is */
    bool is_late = false;       /* it lacks changes for much longer than its schedule allows, and is not held */

    /* Its status; HELD: it would be active, if it were not kept from being refreshed. */
    std::string shown_status() const
    {
        return !hold.empty() && state.status == state::Status::active ? "HELD" : state::name_of(state.status);
    }
    /* "schema.name", unquoted */
    std::string name() const { return definition.schema_name + "." + definition.name; }
};

/* One, without its hold and whether it is late, for which all are looked at. Nothing: it has just been dropped. */
std::optional<StreamTableInfo> look_at(Oid relid);
/* By OID. */
std::vector<StreamTableInfo> all_stream_tables();
/* Those that the user may see, by schema and name. */
std::vector<StreamTableInfo> visible_stream_tables();

} // namespace pgtrickle
