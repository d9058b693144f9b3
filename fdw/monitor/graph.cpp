/*
 * The graph of stream tables, for SQL: as a tree of text and as a drawing.
 */
#include "definition/options.hpp"
#include "fdw/monitor/graph_model.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/result_rows.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
}

#include <set>

namespace pgtrickle {

namespace {

const char *type_of(SourceKind kind)
{
    switch (kind) {
    case SourceKind::stream_table: return "stream_table";
    case SourceKind::materialized_view: return "source_matview";
    case SourceKind::foreign_table: return "source_foreign_table";
    default: return "source_table";
    }
}

/* The lines that join a relation to those it reads. */
struct Lines {
    std::string last;
    std::string other;
    std::string beside;
};

/* Returns UTF-8 text in another encoding; nothing if that lacks a character. */
std::optional<std::string> converted_to(int encoding, std::string text)
{
    unsigned char converted[128];
    const int length = static_cast<int>(text.size());
    auto *bytes = reinterpret_cast<unsigned char *>(text.data());
    if (encoding == PG_UTF8)
        return text;
    const int converted_length = call([&] {
        const Oid conversion = FindDefaultConversionProc(PG_UTF8, encoding);
        return OidIsValid(conversion) ? pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, bytes, length,
                                                                      converted, sizeof(converted), true)
                                      : 0;
    });
    if (converted_length < length)
        return std::nullopt;
    return reinterpret_cast<const char *>(converted);
}

/* Returns UTF-8 text in the database's encoding; nothing if that of the database or of the client lacks a character. A
 * client in SQL_ASCII gets what the database has. */
std::optional<std::string> in_own_encoding(const std::string &text)
{
    const int client = pg_get_client_encoding();
    if (client != PG_SQL_ASCII && !converted_to(client, text))
        return std::nullopt;
    return converted_to(GetDatabaseEncoding(), text);
}

Lines drawn_lines()
{
    const auto last = in_own_encoding("\u2514\u2500\u2500 ");
    const auto other = in_own_encoding("\u251c\u2500\u2500 ");
    const auto beside = in_own_encoding("\u2502   ");
    if (!last || !other || !beside)
        return {"`-- ", "|-- ", "|   "};
    return {*last, *other, *beside};
}

/* A tree of text. Stream tables without dependents are at the left edge, and each stream table is followed by
 * the relations that it reads. A subtree that was shown before is only named, because the number of paths in
 * a graph of diamonds may exceed any useful number of lines. */
class Tree {
  public:
    Tree(Rows &rows, const VisibleGraph &graph) : rows_(rows), graph_(graph) {}

    void add_all()
    {
        for (size_t i = 0; i < graph_.size(); i++)
            if (graph_[i].is_stream_table() && !graph_[i].has_readers)
                add(i, "", "", 0);
    }

  private:
    void add(size_t position, const std::string &before, const std::string &below, int depth)
    {
        const GraphNode &node = graph_[position];
        bool is_repeated = !node.sources.empty() && !shown_.insert(position).second;
        rows_.text(before + node.name + (is_repeated ? " (see above)" : "")).text(node.name);
        rows_.text(type_of(node.kind)).integer(depth);
        if (node.seen)
            rows_.text(node.seen->shown_status()).text(options::name_of(node.seen->definition.mode));
        else
            rows_.null().null();
        rows_.add();
        if (is_repeated)
            return;
        for (size_t i = 0; i < node.sources.size(); i++) {
            bool is_last = i + 1 == node.sources.size();
            add(node.sources[i], below + (is_last ? lines_.last : lines_.other),
                below + (is_last ? "    " : lines_.beside), depth + 1);
        }
    }

    Rows &rows_;
    const VisibleGraph &graph_;
    const Lines lines_ = drawn_lines();
    std::set<size_t> shown_;
};

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_dependency_tree)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    VisibleGraph graph = visible_graph();
    Tree(rows, graph).add_all();
    return 0;
}

SQL_FUNCTION(pgtrickle_explain_dag)
{
    using namespace pgtrickle;
    std::string format = required_text(fcinfo, 0, "format");
    if (format != "mermaid" && format != "dot")
        refuse_argument("format \"" + format + "\"", "Valid values are: mermaid, dot.");
    VisibleGraph graph = visible_graph();
    std::string text = format == "dot" ? as_dot(graph) : as_mermaid(graph);
    return call([&] { return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))); });
}
