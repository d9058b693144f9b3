#include "fdw/sql/ddl_statements.hpp"

#include "fdw/ddl/exact_name.hpp"
#include "pg/boundary.hpp"
#include "pg/versions/names.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "tcop/dest.h"
#include "tcop/utility.h"
#include "utils/regproc.h"
}

namespace pgtrickle {

namespace {

/* Runs `statement` as a part of another statement, through every hook, including the extension's own.
 * PostgreSQL frame. */
void run_statement(::Node *statement, const char *text)
{
    PlannedStmt *planned = makeNode(PlannedStmt);
    planned->commandType = CMD_UTILITY;
    planned->utilityStmt = statement;
    planned->stmt_location = -1;
    ProcessUtility(planned, text, false, PROCESS_UTILITY_QUERY, nullptr, nullptr, None_Receiver, nullptr);
    CommandCounterIncrement();
}

RangeVar *parse_name(const char *name)
{
    return makeRangeVarFromNameList(parse_qualified_name(name));
}

std::string quoted(Oid relid)
{
    return call([=] {
        RangeVar *name = exact_name(relid);
        return quote_qualified_identifier(name->schemaname, name->relname);
    });
}

/* Returns the options as PostgreSQL's parser represents them. */
List *def_elements(const std::vector<options::Option> &options)
{
    List *list = NIL;
    for (const options::Option &option : options)
        list = call([&] {
            ::Node *value = reinterpret_cast<::Node *>(makeString(pstrdup(option.value.c_str())));
            return lappend(list, makeDefElem(pstrdup(option.name.c_str()), value, -1));
        });
    return list;
}

std::string option_text(const options::Option &option)
{
    return call([&] {
        return psprintf("%s %s", quote_identifier(option.name.c_str()), quote_literal_cstr(option.value.c_str()));
    });
}

} // namespace

std::string quoted_name(const std::string &name)
{
    return call([&] {
        RangeVar *parsed = parse_name(name.c_str());
        return quote_qualified_identifier(parsed->schemaname, parsed->relname);
    });
}

std::string create_statement(const std::string &quoted_name, const std::string &columns,
                             const std::string &quoted_server, const std::vector<options::Option> &options)
{
    std::string list;
    for (const options::Option &option : options)
        list += (list.empty() ? "" : ", ") + option_text(option);
    return "CREATE FOREIGN TABLE " + quoted_name + " (" + columns + ") SERVER " + quoted_server + " OPTIONS (" + list +
           ")";
}

void run_create(const std::string &name, const std::vector<options::Option> &options, bool if_not_exists)
{
    std::string text = create_statement(quoted_name(name), "", "pgtrickle", options);
    List *list = def_elements(options);
    call([&] {
        CreateForeignTableStmt *statement = makeNode(CreateForeignTableStmt);
        statement->base.relation = parse_name(name.c_str());
        statement->base.if_not_exists = if_not_exists;
        statement->servername = pstrdup("pgtrickle");
        statement->options = list;
        run_statement(reinterpret_cast<::Node *>(statement), pstrdup(text.c_str()));
    });
}

void run_alter(Oid relid, const std::vector<options::Option> &options)
{
    std::string text = "ALTER FOREIGN TABLE " + quoted(relid) + " OPTIONS (";
    for (size_t i = 0; i < options.size(); i++)
        text += (i > 0 ? ", SET " : "SET ") + option_text(options[i]);
    text += ")";
    List *list = def_elements(options);
    call([&] {
        AlterTableCmd *command = makeNode(AlterTableCmd);
        command->subtype = AT_GenericOptions;
        command->def = reinterpret_cast<::Node *>(list);
        AlterTableStmt *statement = makeNode(AlterTableStmt);
        statement->relation = exact_name(relid);
        statement->cmds = list_make1(command);
        statement->objtype = OBJECT_FOREIGN_TABLE;
        run_statement(reinterpret_cast<::Node *>(statement), pstrdup(text.c_str()));
    });
}

void run_drop(Oid relid, bool cascade)
{
    std::string text = "DROP FOREIGN TABLE " + quoted(relid) + (cascade ? " CASCADE" : "");
    call([&] {
        RangeVar *name = exact_name(relid);
        DropStmt *statement = makeNode(DropStmt);
        statement->removeType = OBJECT_FOREIGN_TABLE;
        statement->objects = list_make1(list_make2(makeString(name->schemaname), makeString(name->relname)));
        statement->behavior = cascade ? DROP_CASCADE : DROP_RESTRICT;
        run_statement(reinterpret_cast<::Node *>(statement), pstrdup(text.c_str()));
    });
}

} // namespace pgtrickle
