/*
 * export_definition: the statements that create a stream table again in any session. Each ends with a semicolon.
 */
#include "definition/options.hpp"
#include "definition/query/escaped_literals.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/ddl_statements.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "pg/relation_name.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
}

namespace pgtrickle {

namespace {

/* Returns "name type [COLLATE …]" for each column. PostgreSQL frame. */
char *column_list(Oid relid)
{
    StringInfoData list;
    initStringInfo(&list);
    Relation relation = table_open(relid, AccessShareLock);
    TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        if (attribute->attisdropped)
            continue;
        appendStringInfo(&list, "%s%s %s", list.len > 0 ? ", " : "", quote_identifier(NameStr(attribute->attname)),
                         format_type_extended(attribute->atttypid, attribute->atttypmod,
                                              FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
        if (OidIsValid(attribute->attcollation) && attribute->attcollation != get_typcollation(attribute->atttypid))
            appendStringInfo(&list, " COLLATE %s", generate_collation_name(attribute->attcollation));
    }
    table_close(relation, AccessShareLock);
    return list.data;
}

/* Returns CREATE INDEX statements for the indexes that users have created on the stream table. */
std::string index_statements(Oid relid)
{
    std::string statements;
    for (const auto &row : run_extension_sql("SELECT i ->> 'definition' FROM pgtrickle.pgt_dumped($1::oid) d, "
                                             "jsonb_array_elements(d.indexes) i",
                                             {std::to_string(relid)}))
        statements += "\n" + with_escaped_literals(*row[0]) + ";";
    return statements;
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_export_definition)
{
    using namespace pgtrickle;
    std::string name = required_text(fcinfo, 0, "name");
    Oid relid = call([&] { return locked_stream_table(stream_table_with_texts, name.c_str(), AccessShareLock); });
    const ForeignTable *table = call([=] { return GetForeignTable(relid); });
    const std::string server = call([=] { return quote_identifier(GetForeignServer(table->serverid)->servername); });
    std::vector<options::Option> options = options::from_list(call([=] { return table->options; }));
    /* The settings under which it was defined are part of the definition. */
    std::erase_if(options, [](const options::Option &option) {
        return options::is_internal(option.name) && !option.name.starts_with(options::setting_prefix);
    });
    options.push_back({"canonical", "true"});
    const TextSettings text_settings;
    std::string columns = call([=] { return column_list(relid); });
    std::string quoted = call([=] { return quoted_relation_name(relid); });
    std::string statement = create_statement(quoted, columns, server, options) + ";" + index_statements(relid);
    return call([&] { return PointerGetDatum(cstring_to_text(statement.c_str())); });
}
