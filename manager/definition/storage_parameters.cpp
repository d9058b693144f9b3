#include "definition/storage_parameters.hpp"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_class.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
}

namespace pgtrickle::definition {

namespace {

constexpr const char *form = "Write name = value, ..., as in ALTER TABLE ... SET (...).";

/* The text is parsed as a part of a statement that is never run. */
List *parse(const char *text)
{
    if (text[strspn(text, " \t\n")] == '\0')
        return NIL;
    List *statements = raw_parser(psprintf("ALTER TABLE t SET (%s)", text), RAW_PARSE_DEFAULT);
    auto *statement = linitial_node(RawStmt, statements)->stmt;
    List *commands = list_length(statements) == 1 ? castNode(AlterTableStmt, statement)->cmds : NIL;
    if (list_length(commands) != 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("invalid argument: storage_parameters \"%s\"", text), errhint("%s", form)));
    return reinterpret_cast<List *>(linitial_node(AlterTableCmd, commands)->def);
}

} // namespace

Datum with_storage_parameters(Datum defaults, const char *text)
{
    return transformRelOptions(defaults, parse(text), nullptr, nullptr, false, false);
}

void check_storage_parameters(const std::string &text)
{
    try {
        call([&] {
            (void)heap_reloptions(RELKIND_RELATION, with_storage_parameters(static_cast<Datum>(0), text.c_str()), true);
        });
    } catch (const PgError &error) {
        error.data->cursorpos = 0; /* it counts in the text of parse() */
        if (error.data->hint == nullptr)
            error.data->hint = pstrdup(form);
        throw;
    }
}

} // namespace pgtrickle::definition
