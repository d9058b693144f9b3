/*
 * The stream tables that the user may see and what they are made from, as a graph to be drawn.
 *
 * Nodes are sorted by what they are and by name, edges by nodes, so that a drawing of the same
 * graph is the same text. An upstream stream table that the user may not see is a node with a name and
 * nothing else, and nothing below it is told. C++ frames; they throw PgError.
 */
#pragma once

#include "fdw/monitor/stream_table_list.hpp"
#include "scheduler/graph/graph.hpp"

#include <optional>

namespace pgtrickle {

struct GraphNode {
    Oid relid = InvalidOid;
    SourceKind kind = SourceKind::table;
    std::string name;                      /* "schema.name", unquoted */
    std::optional<StreamTableInfo> seen;              /* a stream table that the user may see */
    std::vector<size_t> sources;           /* positions among the nodes, ascending */
    bool has_readers = false;              /* that the user may see */

    bool is_stream_table() const { return kind == SourceKind::stream_table; }
};

using VisibleGraph = std::vector<GraphNode>; /* stream tables first, then by name */

VisibleGraph visible_graph();
/* The same as the scheduler has it: by OID. */
scheduler::Graph scheduler_graph(const VisibleGraph &graph);

/* explain_dag. C++ frames; pure. */
std::string as_mermaid(const VisibleGraph &graph);
std::string as_dot(const VisibleGraph &graph);

} // namespace pgtrickle
