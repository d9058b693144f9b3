/*
 * The graph as Mermaid and as DOT.
 *
 * Users choose the names, so a name must never be anything but text to the program that shows the graph. In
 * Mermaid, every character that could end a label or begin a directive, a tag or an entity is written as an
 * entity code; in DOT, a label is a quoted string, in which quotes, backslashes and ampersands are special.
 */
#include "definition/options.hpp"
#include "fdw/monitor/graph_model.hpp"

#include <array>

namespace pgtrickle {

namespace {

/* How stream tables are drawn in their states: dark text on light colours, so that it is legible on any
 * background. */
struct Style {
    const char *name;
    const char *fill;
    const char *line;
};
constexpr std::array<Style, 8> styles = {{{"active", "#d7f0dd", "#2e7d4f"},
                                          {"stale", "#fff1c2", "#a87600"},
                                          {"initializing", "#dbe9fb", "#2f6fb5"},
                                          {"held", "#e6e0f3", "#6a4fa3"},
                                          {"error", "#ffdcc2", "#b8500b"},
                                          {"suspended", "#f9d0d0", "#b02a2a"},
                                          {"hidden", "#eeeeee", "#8a8a8a"},
                                          {"source", "#f2f2f2", "#6b6b6b"}}};

const Style &style_named(std::string_view name)
{
    for (const Style &style : styles)
        if (name == style.name)
            return style;
    return styles.back();
}

const Style &style_of(const GraphNode &node)
{
    if (!node.is_stream_table())
        return style_named("source");
    if (!node.seen)
        return style_named("hidden");
    switch (node.seen->state.status) {
    case state::Status::suspended: return style_named("suspended");
    case state::Status::error: return style_named("error");
    case state::Status::initializing: return style_named("initializing");
    case state::Status::active: break;
    }
    if (node.seen->hold)
        return style_named("held");
    return style_named(node.seen->is_late ? "stale" : "active");
}

std::string age_text(const StreamTableInfo &seen)
{
    if (!seen.age.staleness_us)
        return "never filled";
    if (*seen.age.staleness_us == 0)
        return "up to date";
    struct Unit {
        double seconds;
        const char *name;
    };
    double seconds = static_cast<double>(*seen.age.staleness_us) / 1e6;
    for (Unit unit : {Unit{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}})
        if (seconds >= 2 * unit.seconds)
            return std::to_string(static_cast<int64_t>(seconds / unit.seconds)) + " " + unit.name + " behind";
    return std::to_string(static_cast<int64_t>(seconds * 1000)) + " ms behind";
}

/* Returns the lines below the name. */
std::vector<std::string> facts_of(const GraphNode &node)
{
    switch (node.kind) {
    case SourceKind::materialized_view: return {"materialized view"};
    case SourceKind::foreign_table: return {"foreign table"};
    case SourceKind::stream_table: break;
    default: return {};
    }
    if (!node.seen)
        return {};
    return {node.seen->shown_status() + ", " + options::name_of(node.seen->definition.mode) + ", " +
                node.seen->definition.schedule_text,
            age_text(*node.seen)};
}

/* A label has one line for each fact, so line breaks in a name are replaced. */
char without_controls(char c)
{
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
}

std::string mermaid_text(const std::string &text)
{
    std::string escaped;
    for (char c : text) {
        c = without_controls(c);
        if (std::string_view("\"#&<>`\\%{};:$").find(c) != std::string_view::npos)
            escaped += "#" + std::to_string(static_cast<int>(c)) + ";";
        else
            escaped += c;
    }
    return escaped;
}

std::string dot_text(const std::string &text)
{
    std::string escaped;
    for (char c : text) {
        c = without_controls(c);
        if (c == '&') {
            escaped += "&amp;";
            continue;
        }
        if (c == '"' || c == '\\')
            escaped += '\\';
        escaped += c;
    }
    return escaped;
}

std::string label_of(const GraphNode &node, std::string (*escape)(const std::string &), const char *line_break)
{
    std::string label = escape(node.name);
    for (const std::string &fact : facts_of(node))
        label += line_break + escape(fact);
    return label;
}

template <class Visit> void visit_edges(const VisibleGraph &graph, Visit visit)
{
    for (size_t reader = 0; reader < graph.size(); reader++)
        for (size_t source : graph[reader].sources)
            visit(source, reader);
}

std::string id_of(size_t node)
{
    return "n" + std::to_string(node + 1);
}

} // namespace

std::string as_mermaid(const VisibleGraph &graph)
{
    std::string text = "flowchart LR\n";
    for (size_t i = 0; i < graph.size(); i++) {
        bool is_source = !graph[i].is_stream_table();
        text += "  " + id_of(i) + (is_source ? "[(\"" : "[\"") + label_of(graph[i], mermaid_text, "<br/>") +
                (is_source ? "\")]" : "\"]") + ":::" + style_of(graph[i]).name + "\n";
    }
    visit_edges(graph,
                [&](size_t source, size_t reader) { text += "  " + id_of(source) + " --> " + id_of(reader) + "\n"; });
    for (const Style &style : styles)
        text +=
            std::string("  classDef ") + style.name + " fill:" + style.fill + ",stroke:" + style.line + ",color:#111\n";
    return text;
}

std::string as_dot(const VisibleGraph &graph)
{
    std::string text =
        "digraph stream_tables {\n"
        "  rankdir=LR; bgcolor=\"transparent\";\n"
        "  node [style=\"filled,rounded\", shape=box, fontname=\"Helvetica,Arial,sans-serif\", fontsize=11];\n"
        "  edge [color=\"#808080\"];\n";
    for (size_t i = 0; i < graph.size(); i++) {
        const Style &style = style_of(graph[i]);
        text += "  " + id_of(i) + " [label=\"" + label_of(graph[i], dot_text, "\\n") + "\"";
        if (!graph[i].is_stream_table())
            text += ", shape=cylinder, style=filled";
        text +=
            std::string(", fillcolor=\"") + style.fill + "\", color=\"" + style.line + "\", fontcolor=\"#111111\"];\n";
    }
    visit_edges(graph,
                [&](size_t source, size_t reader) { text += "  " + id_of(source) + " -> " + id_of(reader) + ";\n"; });
    return text + "}\n";
}

} // namespace pgtrickle
