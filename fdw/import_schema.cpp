#include "fdw/import_schema.hpp"

#include "definition/definition_view.hpp"
#include "definition/options.hpp"
#include "fdw/ddl/refresh_matview.hpp"
#include "fdw/definition/imported_queries.hpp"
#include "fdw/sql/ddl_statements.hpp"
#include "pg/relation_name.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
}

namespace pgtrickle {

namespace {

/* A relation to import. */
struct View {
    char *name;
    char *query;
};

/* PostgreSQL frame. */
char *query_of(Form_pg_class form)
{
    if (form->relkind == RELKIND_VIEW)
        return psprintf("SELECT * FROM %s", quoted_relation_name(form->oid));
    Relation view = table_open(form->oid, AccessShareLock);
    Query *query = query_of_view(view);
    char *text = definition::canonical_text(query);
    keep_what_is_meant(NameStr(form->relname), text, query);
    table_close(view, AccessShareLock);
    return text;
}

/* Returns the views of the schema, ordered by name: the index is on name and schema. PostgreSQL frame. */
List *views_of(Oid schema)
{
    List *views = NIL;
    Relation classes = table_open(RelationRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_relnamespace, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(schema));
    SysScanDesc scan = systable_beginscan(classes, ClassNameNspIndexId, true, nullptr, 1, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        if (form->relkind != RELKIND_VIEW && form->relkind != RELKIND_MATVIEW)
            continue;
        auto *view = static_cast<View *>(palloc(sizeof(View)));
        *view = {pstrdup(NameStr(form->relname)), query_of(form)};
        views = lappend(views, view);
    }
    systable_endscan(scan);
    table_close(classes, AccessShareLock);
    return views;
}

/* Raises a NOTICE for each name in LIMIT TO or EXCEPT that is none of the views. PostgreSQL frame. */
void report_missing(const ImportForeignSchemaStmt *statement, const List *views)
{
    ListCell *named;
    foreach (named, statement->table_list) {
        const char *name = static_cast<const RangeVar *>(lfirst(named))->relname;
        bool is_found = false;
        ListCell *cell;
        foreach (cell, views)
            is_found = is_found || strcmp(static_cast<const View *>(lfirst(cell))->name, name) == 0;
        if (!is_found)
            ereport(NOTICE,
                    (errmsg("schema \"%s\" has no view or materialized view \"%s\"", statement->remote_schema, name)));
    }
}

List *statements_for(const ImportForeignSchemaStmt *statement)
{
    const std::vector<options::Option> given = options::from_list(statement->options);
    for (const options::Option &option : given)
        if (option.name == "query")
            raise({.sqlstate = ERRCODE_FDW_INVALID_OPTION_NAME,
                   .message = "invalid option \"query\"",
                   .detail = "IMPORT FOREIGN SCHEMA takes the queries from the views of the schema."});
    List *views;
    {
        TextSettings text_settings;
        views = call([=] { return views_of(get_namespace_oid(statement->remote_schema, false)); });
    }
    call([=] { report_missing(statement, views); });
    const std::string server = call([=] { return quote_identifier(statement->server_name); });
    List *statements = NIL;
    for (int i = 0; i < list_length(views); i++) {
        const auto *view = static_cast<const View *>(list_nth(views, i));
        std::vector<options::Option> options = given;
        options.push_back({"query", view->query});
        options.push_back({"canonical", "true"});
        const std::string name = call([=] { return quote_identifier(view->name); });
        const std::string text = create_statement(name, "", server, options);
        statements = call([&] { return lappend(statements, pstrdup(text.c_str())); });
    }
    return statements;
}

} // namespace

List *import_schema(ImportForeignSchemaStmt *statement, Oid)
{
    return enter([=] { return statements_for(statement); });
}

} // namespace pgtrickle
