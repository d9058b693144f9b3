#include "fdw/monitor/limit_clause.hpp"

#include "pg/attempt.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

struct Found {
    bool has_limit, has_offset;
    int64 limit, offset;
    int order_from, order_to; /* positions of ORDER BY's first expression and the first number; -1: none */
};

/* Reads 10, or '10'::bigint as PostgreSQL prints it. Returns false if the number is computed, or ALL.
 * PostgreSQL frames from here on. */
bool read_number(Node *node, int64 *number)
{
    if (node != nullptr && IsA(node, TypeCast))
        node = castNode(TypeCast, node)->arg;
    if (node == nullptr || !IsA(node, A_Const) || castNode(A_Const, node)->isnull)
        return false;
    const auto &value = castNode(A_Const, node)->val;
    if (IsA(&value.node, Integer))
        *number = value.ival.ival;
    else if (IsA(&value.node, String))
        *number = strtoll(value.sval.sval, nullptr, 10);
    else
        return false;
    return true;
}

void shorten(int *to, Node *node)
{
    int location = node != nullptr ? exprLocation(node) : -1;
    if (location >= 0 && (*to < 0 || location < *to))
        *to = location;
}

Found find(const char *text)
{
    Found found = {false, false, 0, 0, -1, -1};
    List *statements = raw_parser(text, RAW_PARSE_DEFAULT);
    Node *statement = linitial_node(RawStmt, statements)->stmt;
    if (!IsA(statement, SelectStmt))
        return found;
    const auto *select = castNode(SelectStmt, statement);
    if (select->limitCount == nullptr && select->limitOffset == nullptr)
        return found;
    found.has_limit = read_number(select->limitCount, &found.limit);
    found.has_offset = read_number(select->limitOffset, &found.offset);
    if (select->sortClause == NIL)
        return found;
    found.order_from = exprLocation(linitial_node(SortBy, select->sortClause)->node);
    shorten(&found.order_to, select->limitCount);
    shorten(&found.order_to, select->limitOffset);
    return found;
}

} // namespace

/* The list extends from the words ORDER BY before its first expression to the keyword before the first
 * number. */
FirstRows first_rows_of(const std::string &query)
{
    auto has = [&](const char *word) { return query.find(word) != std::string::npos; };
    if (!has("LIMIT") && !has("OFFSET") && !has("FETCH FIRST"))
        return {};
    TextSettings text_settings;
    Found found = {false, false, 0, 0, -1, -1};
    if (attempt([&] { found = call([&] { return find(query.c_str()); }); }))
        return {};
    FirstRows rows;
    if (found.has_limit)
        rows.limit = found.limit;
    if (found.has_offset)
        rows.offset = found.offset;
    if (found.order_from < 0)
        return rows;
    constexpr std::string_view words = "ORDER BY ";
    size_t from = query.rfind(words, found.order_from);
    if (from == std::string::npos)
        return rows;
    from += words.size();
    size_t to = 0;
    for (const char *word : {"LIMIT", "OFFSET", "FETCH FIRST"})
        if (size_t at = query.rfind(word, found.order_to); at != std::string::npos)
            to = std::max(to, at);
    if (found.order_to < 0 || to < from)
        return rows;
    while (to > from && isspace(static_cast<unsigned char>(query[to - 1])))
        to--;
    rows.order_by = query.substr(from, to - from);
    return rows;
}

} // namespace pgtrickle
