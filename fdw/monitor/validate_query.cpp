/*
 * validate_query: how a query would be maintained, without creating anything.
 */
#include "capture/source/source_kind.hpp"
#include "definition/definition_view.hpp"
#include "definition/options.hpp"
#include "definition/query/altered_columns.hpp"
#include "definition/query/output_columns.hpp"
#include "definition/query/rewritten_query.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/result_rows.hpp"
#include "pg/attempt.hpp"
#include "refresh/program/missing_index.hpp"
#include "setup/capture_objection.hpp"
#include "translate/check/dependence.hpp"
#include "translate/check/rejection.hpp"
#include "translate/expression/constants.hpp"

extern "C" {
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

void add(Rows &rows, const char *check, const std::string &result, const char *severity)
{
    rows.text(check).text(result).text(severity).add();
}

/* Reports an error as it would be raised: message and detail as sentences, and the hint. */
void report_error(Rows &rows, const char *check, const std::string &message, const std::string &detail,
                  const std::string &hint)
{
    add(rows, check, detail.empty() ? message : message + ". " + detail, "ERROR");
    if (!hint.empty())
        add(rows, "hint", hint, "ERROR");
}

void report_source(Rows &rows, const translate::SourceRef &source)
{
    std::string columns;
    for (AttrNumber column : source.columns)
        columns +=
            (columns.empty() ? "" : ", ") + std::string(call([&] { return get_attname(source.relid, column, false); }));
    std::string name = call([&] { return definition::qualified_name(source.relid); });
    const char *refusal = call([&] { return capture::refusal(source.relid); });
    if (refusal != nullptr)
        add(rows, "source", name + " cannot be captured: " + refusal, "ERROR");
    else
        add(rows, "source", name + " (" + columns + ")", "OK");
}

void report_maintenance(Rows &rows, const Query *query)
{
    auto translated = translate::translate(query, GetUserId());
    if (const auto *objection = std::get_if<translate::Objection>(&translated)) {
        add(rows, "maintenance", "FULL: " + objection->construct + ". " + objection->why, "WARN");
        if (!objection->hint.empty())
            add(rows, "hint", objection->hint, "WARN");
        return;
    }
    const translate::Translation &translation = std::get<translate::Translation>(translated);
    if (const auto denied = setup::capture_objection(translation.sources, GetUserId())) {
        add(rows, "maintenance", "FULL: " + denied->construct + ". " + denied->why, "WARN");
        add(rows, "hint", denied->hint, "WARN");
    } else {
        add(rows, "maintenance", "DIFFERENTIAL", "OK");
    }
    std::vector<std::string> names;
    for (const translate::SourceRef &source : translation.sources)
        names.push_back(call([&] { return definition::qualified_name(source.relid); }));
    add(rows, "operators", translate::with_literals(translation.program.explain(names), translation.parts.constants),
        "OK");
    for (const translate::SourceRef &source : translation.sources)
        report_source(rows, source);
    for (const refresh::MissingIndex &missing : refresh::missing_indexes(translation, GetUserId()))
        add(rows, "missing index", missing.statement, "WARN");
}

/* Raises the errors of a statement that creates a stream table of the query's columns. PostgreSQL frame. */
void check_creation(Query *query)
{
    List *columns = definition::column_definitions(query);
    ListCell *cell;
    foreach (cell, columns)
        definition::check_column_name(lfirst_node(ColumnDef, cell)->colname);
    CheckAttributeNamesTypes(BuildDescForRelation(columns), RELKIND_FOREIGN_TABLE, 0);
    (void)definition::canonical_text(query);
}

void report_query(Rows &rows, Query *query)
{
    if (std::optional<translate::Rejection> rejection = translate::find_rejection(query)) {
        report_error(rows, "query", rejection->message, rejection->detail, rejection->hint);
        return;
    }
    call([=] { check_creation(query); });
    add(rows, "query", "one SELECT statement", "OK");
    std::optional<Failure> denied = attempt([=] { call([=] { definition::check_read_privileges(query); }); });
    add(rows, "privileges", denied ? denied->message : "may read all sources", denied ? "ERROR" : "OK");
    for (const std::string &setting : translate::settings_of(query))
        add(rows, "recorded setting", setting, "OK");
    report_maintenance(rows, query);
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_validate_query)
{
    using namespace pgtrickle;
    std::string text = required_text(fcinfo, 0, "query");
    Rows rows(fcinfo);
    std::optional<Failure> failure = attempt([&] {
        options::check_value("query", text);
        report_query(rows, definition::parse_query(text).query);
    });
    if (failure)
        report_error(rows, "query", failure->message, failure->detail, failure->hint);
    return 0;
}
