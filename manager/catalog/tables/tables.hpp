/*
 * The tables of the catalog, one file each: history_table (and retention), registry, graph, programs,
 * back_off, costs, statistics. These functions run within Database::run() and throw CatalogError.
 * `database` is the OID of a PostgreSQL database. Pure C++.
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
    std::string database_name = {}; /* of the database that is being registered, for people */
};

/* ---- history_table.cpp ---- */
void write_history(Database &catalog, uint32_t database, const Refresh &refresh);
/* Newest first, of smaller refresh_id than `before`; relid 0: of all stream tables of the database. */
std::vector<Refresh> history_of(Database &catalog, uint32_t database, uint32_t relid, int64_t max_rows,
                                int64_t before = INT64_MAX);
/* The latest one completed by a delta, or in full where a delta was possible. */
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
/* Replaces what is registered of `database`, writing the differences only, and forgets what is kept of stream tables that
 * are gone, but for their history. */
void write_registry(Database &catalog, const Cluster &cluster, uint32_t database, const std::vector<Registered> &rows,
                    int64_t now);
std::vector<Registered> registry_of(Database &catalog, uint32_t database);
struct KnownDatabase {
    uint32_t database;
    int64_t stream_tables;
};
/* The databases that were looked into on this cluster and timeline. */
std::vector<KnownDatabase> known_databases(Database &catalog, const Cluster &cluster);

/* ---- graph.cpp ---- */
struct Edge {
    uint32_t relid;
    uint32_t source;
    bool is_stream_table;
    auto operator<=>(const Edge &) const = default;
};
/* Writes the differences only. */
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
/* Empty if none is kept of this generation. */
std::vector<ProgramStatement> program_of(Database &catalog, uint32_t database, uint32_t relid, int64_t generation);

/* ---- back_off.cpp ---- */
struct BackOff {
    uint32_t relid;
    int64_t generation;
    int64_t failures;
    int64_t not_before;
};
/* failures = 0 removes the row. */
void write_back_off(Database &catalog, uint32_t database, const BackOff &row);
std::vector<BackOff> back_offs_of(Database &catalog, uint32_t database);

/* ---- costs.cpp ---- */
/* What was measured of it. */
void add_measured(Database &catalog, uint32_t database, const Refresh &refresh);
/* Oldest first, the latest of each way. */
std::vector<scheduler::Measured> measured_of(Database &catalog, uint32_t database, uint32_t relid, int64_t generation);
/* Removes those of stream tables of which nothing is counted either. */
void prune_measured(Database &catalog, uint32_t database);

/* ---- statistics.cpp ---- */
void add_statistics(Database &catalog, uint32_t database, const Refresh &refresh);
std::vector<Statistics> statistics_of(Database &catalog, uint32_t database);
/* Removes those of stream tables that are not registered, unless something was counted after `before`: then
 * the registry may be older. */
void prune_statistics(Database &catalog, uint32_t database, int64_t before);

} // namespace pgtrickle::catalog
