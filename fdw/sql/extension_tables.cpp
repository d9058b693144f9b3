#include "fdw/sql/extension_tables.hpp"

#include "definition/guc.hpp"
#include "fdw/sql/arguments.hpp"
#include "pg/relation_name.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "pg/versions/names.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* The superuser as which the extension's own statements run; no code of a user runs under it (see the
 * header). */
class AsSuperuser : public UserSwitch {
  public:
    AsSuperuser() : UserSwitch(BOOTSTRAP_SUPERUSERID, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION) {}
};

/* Returns a value of a row of SPI's result as text, in the context of SPI. PostgreSQL frame. */
const char *value_at(uint64 row, int column)
{
    return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

void execute(const char *sql, const std::vector<Text> &parameters)
{
    const int count = static_cast<int>(parameters.size());
    call([&] {
        auto *types = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
        auto *values = static_cast<Datum *>(palloc0(sizeof(Datum) * (count + 1)));
        auto *nulls = static_cast<char *>(palloc(count + 1));
        for (int i = 0; i < count; i++) {
            types[i] = TEXTOID;
            nulls[i] = parameters[i] ? ' ' : 'n';
            if (parameters[i])
                values[i] = CStringGetTextDatum(parameters[i]->c_str());
        }
        int result = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
        if (result < 0)
            elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(result));
    });
}

} // namespace

std::vector<std::vector<Text>> run_extension_sql(ExtensionSql sql, const std::vector<Text> &parameters)
{
    AsSuperuser as_superuser;
    TextSettings settings;
    call([] { SPI_connect(); });
    execute(sql.text(), parameters);
    std::vector<std::vector<Text>> rows;
    if (SPI_tuptable != nullptr)
        for (uint64 row = 0; row < SPI_processed; row++) {
            rows.emplace_back();
            for (int column = 1; column <= SPI_tuptable->tupdesc->natts; column++) {
                const char *value = call([=] { return value_at(row, column); });
                rows.back().push_back(value == nullptr ? Text() : Text(value));
            }
        }
    call([] { SPI_finish(); });
    return rows;
}

std::vector<Oid> delete_group(const char *kind, const std::string &name, ExtensionSql of_group, ExtensionSql of_members)
{
    run_extension_sql(of_group, {name});
    std::vector<Oid> members;
    for (const std::vector<Text> &row : run_extension_sql(of_members, {name}))
        members.push_back(static_cast<Oid>(std::stoul(*row[0])));
    if (members.empty())
        raise({.sqlstate = ERRCODE_UNDEFINED_OBJECT, .message = kind + (" group \"" + name) + "\" does not exist"});
    call([] { AcceptInvalidationMessages(); }); /* members may be newer than what the catalog caches contain */
    return members;
}

std::string current_role()
{
    return call([] { return GetUserNameFromId(GetUserId(), false); });
}

namespace {

/* PostgreSQL frames. */

void require_own_relation_with_data(Oid relid)
{
    const char kind = get_rel_relkind(relid);
    switch (kind) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE:
    case RELKIND_FOREIGN_TABLE:
    case RELKIND_MATVIEW: break;
    default:
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", get_rel_name(relid)),
                        errhint("Specify tables that stream tables read, not views on them.")));
    }
    if (!owns_relation(relid))
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(kind), get_rel_name(relid));
}

/* A RangeVarGetRelidCallback. A relation that is being dropped is looked up again once it is locked. */
void check_before_lock(const RangeVar *, Oid relid, Oid, void *)
{
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
        require_own_relation_with_data(relid);
}

} // namespace

Oid own_relation_with_data(const std::string &name)
{
    return call([&] {
        const RangeVar *relation = makeRangeVarFromNameList(parse_qualified_name(name.c_str()));
        return RangeVarGetRelidExtended(relation, AccessShareLock, 0, check_before_lock, nullptr);
    });
}

void require_writable(const char *what)
{
    call([=] {
        guc::require_preload(what);
        PreventCommandIfReadOnly(what);
    });
}

Oid own_source(FunctionCallInfo fcinfo, const char *what)
{
    require_writable(what);
    return own_relation_with_data(required_text(fcinfo, 0, "source"));
}

std::vector<std::string> text_array(FunctionCallInfo fcinfo, int number, const char *what)
{
    if (!has_argument(fcinfo, number))
        refuse_argument(std::string(what) + " must not be NULL");
    struct Elements {
        Datum *values;
        bool *nulls;
        int count;
    };
    Elements elements = call([=] {
        Elements found;
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), TEXTOID, -1, false, TYPALIGN_INT, &found.values, &found.nulls,
                          &found.count);
        return found;
    });
    std::vector<std::string> texts;
    for (int i = 0; i < elements.count; i++) {
        if (elements.nulls[i])
            refuse_argument(std::string(what) + " must not contain NULL");
        texts.push_back(call([&] { return TextDatumGetCString(elements.values[i]); }));
    }
    return texts;
}

Datum name_array(const std::vector<Oid> &relids)
{
    std::vector<std::string> names;
    for (Oid relid : relids)
        if (const char *name = call([=] { return quoted_name_if_exists(relid); }); name != nullptr)
            names.emplace_back(name);
    std::sort(names.begin(), names.end());
    return call([&] {
        auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (names.size() + 1)));
        for (size_t i = 0; i < names.size(); i++)
            values[i] = CStringGetTextDatum(names[i].c_str());
        return PointerGetDatum(
            construct_array(values, static_cast<int>(names.size()), TEXTOID, -1, false, TYPALIGN_INT));
    });
}

} // namespace pgtrickle
