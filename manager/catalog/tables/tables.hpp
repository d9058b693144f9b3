/*
 * The tables of the catalog, a file for each: history_table (and retention), registry, graph, programs,
 * back_off, costs, statistics. These functions run within Database::run() or Database::read(), and throw
 * CatalogError. `database` is the OID of a PostgreSQL database. Pure C++.
 */
#pragma once

#include "catalog/file/database.hpp"
#include "catalog/tables/history.hpp"

#include <compare>
#include <vector>

namespace pgtrickle::catalog {

struct Cluster {
    int64_t system_identifier = 0;
    int64_t timeline = 0;
    std::string database_name = {}; /* name of the database that is registered, for human readers */
};

/* ---- history_table.cpp ---- */
RefreshAction action_named(const std::string &name);
void write_history(Database &catalog, uint32_t database, const Refresh &refresh);
/* Returns rows with a refresh_id below `before`, newest first; relid 0 means all stream tables of the
 * database. */
std::vector<Refresh> history_of(Database &catalog, uint32_t database, uint32_t relid, int64_t max_rows,
                                int64_t before = INT64_MAX);
/* Returns the latest refresh that completed by a delta, or as a full refresh where a delta was possible. */
std::optional<Refresh> last_choice_of(Database &catalog, uint32_t database, uint32_t relid);

/* ---- registry.cpp ---- */
struct Registered {
    uint32_t relid = 0;
    int64_t generation = 0;
    std::string schema_name;
    std::string name;
    std::string schedule;
    std::string status;
    bool operator==(const Registered &) const = default;
};
/* Replaces the registered stream tables of `database`, writing only the differences. Also removes the
 * program, the back-off and the measurements of stream tables that no longer exist; their history and
 * statistics stay. */
void write_registry(Database &catalog, const Cluster &cluster, uint32_t database, const std::vector<Registered> &rows,
                    int64_t now);
std::vector<Registered> registry_of(Database &catalog, uint32_t database);
struct KnownDatabase {
    uint32_t database;
    int64_t stream_tables;
};
/* Returns the databases that have been registered on this cluster and timeline. */
std::vector<KnownDatabase> known_databases(Database &catalog, const Cluster &cluster);

/* ---- graph.cpp ---- */
struct Edge {
    uint32_t relid;
    uint32_t source;
    bool is_stream_table;
    auto operator<=>(const Edge &) const = default;
};
/* Replaces the edges of `database`, writing only the differences. */
void write_graph(Database &catalog, uint32_t database, const std::vector<Edge> &edges);
std::vector<Edge> graph_of(Database &catalog, uint32_t database);

/* ---- programs.cpp ---- */
struct ProgramStatement {
    std::string purpose;
    std::string statement;
    bool operator==(const ProgramStatement &) const = default;
};
void write_program(Database &catalog, uint32_t database, uint32_t relid, int64_t generation,
                   const std::vector<ProgramStatement> &statements);
/* Returns the statements of this generation; empty if none are stored. */
std::vector<ProgramStatement> program_of(Database &catalog, uint32_t database, uint32_t relid, int64_t generation);

/* ---- back_off.cpp ---- */
struct BackOff {
    uint32_t relid;
    int64_t generation;
    int64_t failures;
    int64_t not_before;
};
/* Replaces the row of a stream table; failures = 0 removes it. */
void write_back_off(Database &catalog, uint32_t database, const BackOff &row);
std::vector<BackOff> back_offs_of(Database &catalog, uint32_t database);

/* ---- costs.cpp ---- */
/* Stores the measurements of a refresh. */
void add_measured(Database &catalog, uint32_t database, const Refresh &refresh);
/* Returns the latest measurements of each kind of refresh, oldest first. */
std::vector<scheduler::Measured> measured_of(Database &catalog, uint32_t database, uint32_t relid, int64_t generation);
/* Removes the measurements of stream tables that have no statistics either. */
void prune_measured(Database &catalog, uint32_t database);

/* ---- statistics.cpp ---- */
void add_statistics(Database &catalog, uint32_t database, const Refresh &refresh);
std::vector<Statistics> statistics_of(Database &catalog, uint32_t database);
/* Removes the statistics and programs of stream tables that are not registered, unless something was counted at or
 * after `before`: the registry may be older than the count. */
void prune_statistics(Database &catalog, uint32_t database, int64_t before);

} // namespace pgtrickle::catalog
