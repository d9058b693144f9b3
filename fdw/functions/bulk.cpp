/*
 * bulk_create, bulk_alter_stream_tables and bulk_drop_stream_tables, as SQL functions. The function for a
 * single stream table processes each element, as a statement of the user; an error has the element in its
 * context. The transaction makes it all or nothing.
 */
#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/ddl_statements.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "fdw/sql/json_text.hpp"
#include "pg/relation_name.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <map>

namespace pgtrickle {

namespace {

/* Runs `act`; the context of an error that it throws names the element. */
template <class Act> auto for_element(const char *function, size_t number, const std::string &name, Act act)
{
    try {
        return act();
    } catch (const PgError &error) {
        std::string text =
            std::string(function) + ", element " + std::to_string(number) + (name.empty() ? "" : ": " + name);
        call([&] {
            error.data->context = error.data->context == nullptr
                                      ? pstrdup(text.c_str())
                                      : psprintf("%s\n%s", error.data->context, text.c_str());
        });
        throw;
    }
}

/* The members of an object, as texts, without those that are JSON null. */
using Members = std::map<std::string, std::string>;

std::string text_of(const JsonbValue &value)
{
    switch (value.type) {
    case jbvString: return std::string(value.val.string.val, value.val.string.len);
    case jbvBool: return value.val.boolean ? "true" : "false";
    case jbvNumeric:
        return call(
            [&] { return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric))); });
    default: refuse_argument("a value must be a string, a number or a boolean");
    }
}

Members members_of(JsonbContainer *object)
{
    Members members;
    JsonbIterator *iterator = call([=] { return JsonbIteratorInit(object); });
    JsonbValue value;
    std::string key;
    for (;;) {
        JsonbIteratorToken token = call([&] { return JsonbIteratorNext(&iterator, &value, true); });
        if (token == WJB_DONE)
            return members;
        if (token == WJB_KEY)
            key = std::string(value.val.string.val, value.val.string.len);
        else if (token == WJB_VALUE && value.type != jbvNull)
            members[key] = text_of(value);
    }
}

/* Calls a function of the extension by name, as the user. Its arguments are named, and the parser casts
 * them. */
void call_function(const char *name, const Members &arguments)
{
    std::string sql = std::string("SELECT pgtrickle.") + name + "(";
    bool is_first = true;
    for (const auto &[argument, value] : arguments) {
        sql += (is_first ? "" : ", ");
        sql += call([&] {
            return psprintf("%s => %s", quote_identifier(argument.c_str()), quote_literal_cstr(value.c_str()));
        });
        is_first = false;
    }
    sql += ")";
    call([&] {
        SPI_connect();
        int result = SPI_execute(sql.c_str(), false, 0);
        if (result != SPI_OK_SELECT)
            elog(ERROR, "could not execute \"%s\": %s", sql.c_str(), SPI_result_code_string(result));
        SPI_finish();
    });
}

/* Permits only keys that are arguments of the function, so that the error for a misspelt key names it. */
void check_keys(const Members &members, const std::vector<std::string> &known)
{
    for (const auto &[key, value] : members)
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            std::string list;
            for (const std::string &name : known)
                list += (list.empty() ? "" : ", ") + name;
            refuse_argument("there is no \"" + key + "\"", "Valid keys are: " + list + ".");
        }
}

Oid create_one(const JsonbValue &element, const std::vector<std::string> &keys)
{
    if (element.type != jbvBinary || !JsonContainerIsObject(element.val.binary.data))
        refuse_argument("it is not an object");
    Members members = members_of(element.val.binary.data);
    check_keys(members, keys);
    for (const char *key : {"name", "query"})
        if (members.count(key) == 0)
            refuse_argument(std::string("it has no \"") + key + "\"");
    call_function("create_stream_table", members);
    return call([&] { return definition::relid_of_name(members["name"].c_str()); });
}

std::string name_in(const JsonbValue &element)
{
    if (element.type != jbvBinary || !JsonContainerIsObject(element.val.binary.data))
        return {};
    JsonbValue found;
    const JsonbValue *name =
        call([&] { return getKeyJsonValueFromContainer(element.val.binary.data, "name", 4, &found); });
    return name != nullptr && name->type == jbvString ? std::string(name->val.string.val, name->val.string.len) : "";
}

Datum bulk_create(FunctionCallInfo fcinfo)
{
    call([] { guc::require_stream_tables("create a stream table"); });
    if (!has_argument(fcinfo, 0))
        refuse_argument("definitions must not be NULL");
    Jsonb *definitions = call([=] { return PG_GETARG_JSONB_P(0); });
    if (!JB_ROOT_IS_ARRAY(definitions) || JB_ROOT_IS_SCALAR(definitions))
        refuse_argument("definitions must be an array of objects");
    const std::vector<std::string> keys = argument_names("create_stream_table");
    std::string result;
    for (uint32 i = 0; i < JB_ROOT_COUNT(definitions); i++) {
        JsonbValue *element = call([=] { return getIthJsonbValueFromContainer(&definitions->root, i); });
        Oid relid = for_element("bulk_create", i + 1, name_in(*element), [&] { return create_one(*element, keys); });
        const JsonObject created =
            JsonObject().number("pgt_id", relid).text("status", "created").text("name", call([=] {
                                                                                    return quoted_relation_name(relid);
                                                                                }));
        result += (i > 0 ? ", " : "") + created.written();
    }
    return as_jsonb("[" + result + "]");
}

int bulk_alter(FunctionCallInfo fcinfo)
{
    std::vector<std::string> names = text_array(fcinfo, 0, "names");
    if (!has_argument(fcinfo, 1))
        refuse_argument("params must not be NULL");
    Jsonb *params = call([=] {
        const char *written = text_to_cstring(PG_GETARG_TEXT_PP(1));
        return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(written)));
    });
    if (!JB_ROOT_IS_OBJECT(params))
        refuse_argument("params must be an object");
    Members members = members_of(&params->root);
    std::vector<std::string> keys = argument_names("alter_stream_table");
    std::erase(keys, "name"); /* `names` provides it */
    check_keys(members, keys);
    for (size_t i = 0; i < names.size(); i++)
        for_element("bulk_alter_stream_tables", i + 1, names[i], [&] {
            Members arguments = members;
            arguments["name"] = names[i];
            call_function("alter_stream_table", arguments);
        });
    return static_cast<int>(names.size());
}

/* Sorts dependents before the stream tables that they read, so that RESTRICT finds no dependents. */
void order_for_dropping(std::vector<std::pair<Oid, size_t>> *relids)
{
    std::map<Oid, size_t> level;
    for (auto [relid, number] : *relids)
        level[relid] = definition::upstreams_of(relid).size();
    std::stable_sort(relids->begin(), relids->end(),
                     [&](const auto &a, const auto &b) { return level[a.first] > level[b.first]; });
}

int bulk_drop(FunctionCallInfo fcinfo)
{
    std::vector<std::string> names = text_array(fcinfo, 0, "names");
    std::vector<std::pair<Oid, size_t>> relids;
    for (size_t i = 0; i < names.size(); i++) {
        Oid relid = for_element("bulk_drop_stream_tables", i + 1, names[i],
                                [&] { return call([&] { return definition::relid_of_name(names[i].c_str()); }); });
        if (std::none_of(relids.begin(), relids.end(), [=](const auto &other) { return other.first == relid; }))
            relids.push_back({relid, i});
    }
    order_for_dropping(&relids);
    for (auto [relid, number] : relids)
        for_element("bulk_drop_stream_tables", number + 1, names[number], [&, relid = relid] {
            call_function("drop_stream_table", {{"name", call([=] { return quoted_relation_name(relid); })}});
        });
    return static_cast<int>(relids.size());
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_bulk_create)
{
    return pgtrickle::bulk_create(fcinfo);
}

SQL_FUNCTION(pgtrickle_bulk_alter_stream_tables)
{
    PG_RETURN_INT32(pgtrickle::bulk_alter(fcinfo));
}

SQL_FUNCTION(pgtrickle_bulk_drop_stream_tables)
{
    PG_RETURN_INT32(pgtrickle::bulk_drop(fcinfo));
}
