/*
 * Constructs that no refresh mode accepts. The query is searched as given, where locations are known, and
 * then with its views expanded.
 */
#include "translate/check/rejection.hpp"
#include "definition/query/sorted_subqueries.hpp"
#include "definition/stream_table.hpp"
#include "engine/program.hpp"
#include "pg/limit.hpp"
#include "pg/relation_name.hpp"
#include "pg/walker.hpp"
#include "translate/check/relation_location.hpp"
#include "translate/check/rewrite.hpp"

extern "C" {
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::translate {

namespace {

enum class Ground {
    none,
    too_many_columns,
    statement,
    row_marks,
    table_sample,
    limit,
    offset,
    system_catalog,
    temporary,
    itself
};

struct Search {
    Oid self;
    Ground ground;
    int location;
    Oid relid;
};

/* The functions from here to search_query() are PostgreSQL frames. */

bool found(Search *search, Ground ground, int location, Oid relid)
{
    search->ground = ground;
    search->location = location;
    search->relid = relid;
    return true;
}

size_t shown_columns(const Query *query)
{
    size_t count = 0;
    ListCell *cell;
    foreach (cell, query->targetList)
        count += lfirst_node(TargetEntry, cell)->resjunk ? 0 : 1;
    return count;
}

bool is_ours_or_system(Oid relid)
{
    const Oid schema = get_rel_namespace(relid);
    return IsCatalogRelationOid(relid) || IsCatalogNamespace(schema) || IsToastNamespace(schema) ||
           definition::is_reserved_schema(schema) || strcmp(get_namespace_name(schema), "information_schema") == 0;
}

bool search_entry(Search *search, const RangeTblEntry *entry)
{
    if (entry->tablesample != nullptr)
        return found(search, Ground::table_sample, exprLocation(reinterpret_cast<Node *>(entry->tablesample->args)),
                     entry->relid);
    if (entry->rtekind != RTE_RELATION)
        return false;
    if (entry->relid == search->self)
        return found(search, Ground::itself, -1, entry->relid);
    if (is_ours_or_system(entry->relid))
        return found(search, Ground::system_catalog, -1, entry->relid);
    if (get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP)
        return found(search, Ground::temporary, -1, entry->relid);
    return false;
}

struct Referenced {
    Search *search;
    const Query *query;
};

/* Only relations in FROM count: the rule of a view has range table entries for the view itself. */
bool search_from(Node *node, void *context)
{
    const auto *referenced = static_cast<const Referenced *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, RangeTblRef))
        return search_entry(referenced->search,
                            rt_fetch(castNode(RangeTblRef, node)->rtindex, referenced->query->rtable));
    if (IsA(node, Query))
        return false;
    return walk_expression(node, search_from, context);
}

bool search_query(Node *node, void *context);

/* `is_counted`: only the existence of rows matters, which does not depend on the choice of rows. */
bool search_level(Query *query, Search *search, bool is_counted)
{
    Referenced referenced = {search, query};
    if (query->commandType != CMD_SELECT || query->utilityStmt != nullptr)
        return found(search, Ground::statement, query->stmt_location, InvalidOid);
    if (query->rowMarks != NIL)
        return found(search, Ground::row_marks, -1, InvalidOid);
    if (!is_counted && leaves_choice_of_rows(query)) {
        const bool has_limit = !is_no_limit(query->limitCount);
        return found(search, has_limit ? Ground::limit : Ground::offset,
                     exprLocation(has_limit ? query->limitCount : query->limitOffset), InvalidOid);
    }
    if (search_from(reinterpret_cast<Node *>(query->jointree), &referenced))
        return true;
    return walk_calls(query, search_query, search);
}

bool search_query(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return search_level(castNode(Query, node), static_cast<Search *>(context), false);
    if (IsA(node, SubLink) && castNode(SubLink, node)->subLinkType == EXISTS_SUBLINK)
        return search_level(castNode(Query, castNode(SubLink, node)->subselect), static_cast<Search *>(context), true);
    return walk_expression(node, search_query, context);
}

Search search_all(const Query *query, Oid self)
{
    Search search = {self, Ground::none, -1, InvalidOid};
    if (search_query(reinterpret_cast<Node *>(const_cast<Query *>(query)), &search))
        return search;
    if (shown_columns(query) > engine::most_columns) {
        (void)found(&search, Ground::too_many_columns, -1, InvalidOid);
        return search;
    }
    Query *expanded = expand_views(query);
    definition::use_order_of_views(expanded);
    (void)search_query(reinterpret_cast<Node *>(expanded), &search);
    return search;
}

/* The functions from here on are C++ frames. */

Rejection rejection_for(const Search &search)
{
    std::string name;
    if (OidIsValid(search.relid))
        name = call([&] {
            return search.ground == Ground::temporary ? quote_identifier(get_rel_name(search.relid))
                                                      : quoted_relation_name(search.relid);
        });
    switch (search.ground) {
    case Ground::too_many_columns:
        return {ERRCODE_TOO_MANY_COLUMNS,
                std::string("a stream table can have at most ") + std::to_string(engine::most_columns) + " columns",
                "Its storage may need a column of its own, and a table has at most 1600.",
                "Select fewer columns, or combine some of them into an array or a composite value.", -1};
    case Ground::statement:
        return {ERRCODE_SYNTAX_ERROR, "query parse error: the defining query must be a SELECT",
                "The defining query of a stream table must not change data.",
                "Remove INSERT, UPDATE, DELETE and utility statements, also from WITH.", search.location};
    case Ground::row_marks:
        return {ERRCODE_FEATURE_NOT_SUPPORTED, "FOR UPDATE and FOR SHARE are not allowed in a defining query",
                "A refresh does not lock rows of its sources.", "Remove the locking clause.", search.location};
    case Ground::table_sample:
        return {ERRCODE_FEATURE_NOT_SUPPORTED, "TABLESAMPLE is not allowed in a defining query",
                "The sample of " + name + " would differ at each refresh.", "Remove TABLESAMPLE.", search.location};
    case Ground::limit:
        return {ERRCODE_FEATURE_NOT_SUPPORTED, "LIMIT without ORDER BY is not allowed in a defining query",
                "The rows within the limit would be unpredictable.", "Add an ORDER BY, or remove LIMIT and OFFSET.",
                search.location};
    case Ground::offset:
        return {ERRCODE_FEATURE_NOT_SUPPORTED, "OFFSET without ORDER BY is not allowed in a defining query",
                "The rows that are skipped would be unpredictable.", "Add an ORDER BY, or remove OFFSET.",
                search.location};
    case Ground::system_catalog:
        return {ERRCODE_FEATURE_NOT_SUPPORTED, "system catalog " + name + " cannot be a source of a stream table",
                "Changes of system catalogs and of this extension's own tables are not captured.",
                "Copy what is needed into a table.", search.location};
    case Ground::temporary:
        return {ERRCODE_FEATURE_NOT_SUPPORTED, "temporary relation " + name + " cannot be a source of a stream table",
                "It is dropped at the end of the session, and its rows are not visible to other sessions.",
                "Use a permanent table.", search.location};
    default:
        return {ERRCODE_INVALID_SCHEMA_DEFINITION, "cycle detected in dependency graph: " + name + " -> " + name,
                "The stream table reads itself.", "Remove it from its own defining query.", search.location};
    }
}

} // namespace

std::optional<Rejection> find_rejection(const Query *query, Oid self)
{
    const Search search = call([&] { return search_all(query, self); });
    if (search.ground == Ground::none)
        return std::nullopt;
    Rejection rejection = rejection_for(search);
    rejection.relid = search.relid;
    return rejection;
}

void check_rejected(const Query *query, const char *query_text, Oid self)
{
    const auto rejection = find_rejection(query, self);
    if (!rejection)
        return;
    int location = rejection->location;
    if (query_text != nullptr && location < 0 && OidIsValid(rejection->relid))
        location = call([&] { return location_of_relation(query_text, rejection->relid); });
    int position = 0;
    if (query_text != nullptr && location >= 0)
        position = call([&] { return pg_mbstrlen_with_len(query_text, location) + 1; });
    raise({.sqlstate = rejection->sqlstate,
           .message = rejection->message,
           .detail = rejection->detail,
           .hint = rejection->hint,
           .position = position});
}

} // namespace pgtrickle::translate
