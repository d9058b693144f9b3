#include "setup/defining_query.hpp"

#include "definition/option_row.hpp"
#include "definition/text_search_setting.hpp"
#include "pg/settings.hpp"
#include "translate/check/dependence.hpp"
#include "translate/check/rejection.hpp"

extern "C" {
#include "access/table.h"
#include "foreign/foreign.h"
#include "tsearch/ts_cache.h"
#include "utils/guc.h"
#include "utils/rel.h"
}

#include <algorithm>

namespace pgtrickle::setup {

namespace {

definition::ParsedQuery parse_checked(const std::string &text, Oid self)
{
    definition::ParsedQuery parsed = definition::parse_query(text);
    definition::TransposedPositions transposed(text);
    translate::check_rejected(parsed.query, text.c_str(), self);
    return parsed;
}

/* Returns the declared columns of a stream table, in the form that fit_columns() expects, with room for `more`. */
definition::WantedColumn *declared_columns(Oid relid, int *count, int more = 0)
{
    Relation relation = table_open(relid, AccessShareLock);
    TupleDesc descriptor = RelationGetDescr(relation);
    *count = descriptor->natts;
    auto *wanted = static_cast<definition::WantedColumn *>(
        palloc0(sizeof(definition::WantedColumn) * (descriptor->natts + more + 1)));
    for (int i = 0; i < descriptor->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        wanted[i] = attribute->attisdropped
                        ? definition::dropped_column(static_cast<AttrNumber>(i + 1))
                        : definition::WantedColumn{pstrdup(NameStr(attribute->attname)), attribute->atttypid,
                                                   attribute->atttypmod, attribute->attcollation, -1};
    }
    table_close(relation, AccessShareLock);
    return wanted;
}

/* Returns the value to record for the setting. A text search configuration is recorded by its qualified name,
 * which names it under any search_path. PostgreSQL frame. */
const char *value_to_record(const char *name)
{
    if (strcmp(name, definition::text_search_setting) == 0)
        if (Oid configuration = getTSCurrentConfig(false); OidIsValid(configuration))
            return definition::configuration_name(configuration);
    return GetConfigOptionByName(name, nullptr, false);
}

} // namespace

definition::ParsedQuery parse_defining_query(const Definition &definition, bool is_canonical, Oid self)
{
    if (!is_canonical)
        return parse_checked(definition.query, self);
    const SettingsLevel recorded;
    for (const Setting &setting : definition.settings)
        call([&] { set_for_now(setting.name.c_str(), setting.value.c_str()); });
    const TextSettings text_settings; /* literals are read as they were printed */
    return parse_checked(definition.query, self);
}

Query *fit_to_declared(Oid relid, const definition::ParsedQuery &parsed)
{
    int count;
    definition::WantedColumn *wanted = declared_columns(relid, &count);
    return definition::fit_columns(parsed, wanted, count, nullptr);
}

Query *fit_to_altered(Oid relid, const definition::ParsedQuery &parsed, definition::ColumnChanges *changes)
{
    int count;
    definition::WantedColumn *wanted = declared_columns(relid, &count, list_length(parsed.query->targetList));
    *changes = definition::altered_columns(parsed, definition::query_of(relid), wanted, count);
    ListCell *cell;
    foreach (cell, changes->appended) {
        auto *column = lfirst_node(ColumnDef, cell);
        definition::check_column_name(column->colname);
        wanted[count++] = {column->colname, column->typeName->typeOid, column->typeName->typemod, column->collOid, -1};
    }
    return definition::fit_columns(parsed, wanted, count, nullptr);
}

std::vector<options::Option> recorded_settings(const Query *query)
{
    std::vector<options::Option> recorded;
    for (const std::string &name : translate::settings_of(query)) {
        const char *value = call([&] { return value_to_record(name.c_str()); });
        recorded.push_back({options::setting_prefix + name, value});
    }
    return recorded;
}

void record_further_settings(Oid relid, const Query *query)
{
    std::vector<options::Option> current = options::from_list(call([=] { return GetForeignTable(relid)->options; }));
    for (const options::Option &setting : recorded_settings(query)) {
        bool is_recorded = std::any_of(current.begin(), current.end(),
                                       [&](const options::Option &option) { return option.name == setting.name; });
        if (!is_recorded)
            call([&] { write_option(relid, setting.name.c_str(), setting.value.c_str(), DEFELEM_ADD); });
    }
}

} // namespace pgtrickle::setup
