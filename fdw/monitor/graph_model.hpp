/*
 * The stream tables that the user may see and the relations that they read, as a graph to be drawn.
 *
 * Nodes are sorted by kind and name, edges by nodes, so that the same graph is always drawn as the same text.
 * An upstream stream table that the user may not see is a node with only a name, without its upstreams. C++
 * frames; they throw PgError.
 */
#pragma once

#include "fdw/monitor/stream_table_list.hpp"

#include <optional>

namespace pgtrickle {

struct GraphNode {
    Oid relid = InvalidOid;
    SourceKind kind = SourceKind::table;
    std::string name;                    /* "schema.name", unquoted */
    std::optional<StreamTableInfo> seen; /* for a stream table that the user may see */
    std::vector<size_t> sources;         /* positions among the nodes, ascending */
    bool has_readers = false;            /* whether it has dependents that the user may see */

    bool is_stream_table() const { return kind == SourceKind::stream_table; }
};

using VisibleGraph = std::vector<GraphNode>; /* stream tables first, then by name */

VisibleGraph visible_graph();

/* Drawings for explain_dag. C++ frames; pure functions. */
std::string as_mermaid(const VisibleGraph &graph);
std::string as_dot(const VisibleGraph &graph);

} // namespace pgtrickle
