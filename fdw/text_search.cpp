/*
 * A query names a configuration by a constant, which it depends on, or means default_text_search_config, which is recorded. Of
 * the latter the last part of the name has to do: a needless new start is less trouble than a path that was another one then.
 */
#include "fdw/text_search.hpp"

#include "definition/definition.hpp"
#include "definition/state.hpp"
#include "definition/view.hpp"
#include "fdw/redefinition.hpp"
#include "pg/versions.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "utils/fmgroids.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* PostgreSQL frames. */

List *configurations_with(Oid dictionary)
{
    List *configurations = NIL;
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(TSDictionaryRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(dictionary));
    Relation depend = table_open(DependRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(depend, DependReferenceIndexId, true, nullptr, 2, keys);
    while (HeapTuple tuple = systable_getnext(scan)) {
        auto *form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (form->classid == TSConfigRelationId)
            configurations = list_append_unique_oid(configurations, form->objid);
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return configurations;
}

const char *name_of(Oid configuration)
{
    HeapTuple tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(configuration));
    if (!HeapTupleIsValid(tuple))
        return "";
    const char *name = pstrdup(NameStr(reinterpret_cast<Form_pg_ts_config>(GETSTRUCT(tuple))->cfgname));
    ReleaseSysCache(tuple);
    return name;
}

bool is_one_of(const char *setting, List *configurations)
{
    const char *name = strVal(llast(parse_qualified_name(setting)));
    ListCell *cell;
    foreach (cell, configurations)
        if (strcmp(name, name_of(lfirst_oid(cell))) == 0)
            return true;
    return false;
}

void mark_users(Oid class_id, Oid object)
{
    mark_for_new_start(definition::users_of(class_id, object, 0, false), "a text search object that it uses was altered");
}

/* Those who use a dictionary by itself are marked at once. */
List *configurations_of(::Node *statement)
{
    if (IsA(statement, AlterTSConfigurationStmt)) {
        Oid configuration = get_ts_config_oid(reinterpret_cast<AlterTSConfigurationStmt *>(statement)->cfgname, true);
        return OidIsValid(configuration) ? list_make1_oid(configuration) : NIL;
    }
    Oid dictionary = get_ts_dict_oid(reinterpret_cast<AlterTSDictionaryStmt *>(statement)->dictname, true);
    if (!OidIsValid(dictionary))
        return NIL;
    mark_users(TSDictionaryRelationId, dictionary);
    return configurations_with(dictionary);
}

/* C++ frame. */
void mark_users_by_default(List *configurations)
{
    int count = 0;
    state::Mark *marks = call([&] { return state::all_marks(&count); });
    for (int i = 0; i < count; i++) {
        const Oid relid = marks[i].relid;
        if (!call([=] { return definition::lock_if_there(relid, AccessShareLock); }))
            continue;
        const Definition definition = definition::load(relid);
        const bool is_user = std::any_of(definition.settings.begin(), definition.settings.end(), [&](const auto &setting) {
            return setting.name == "default_text_search_config" &&
                   call([&] { return is_one_of(setting.value.c_str(), configurations); });
        });
        if (is_user)
            call([=] { mark_for_new_start(list_make1_oid(relid), "the text search configuration that it uses was altered"); });
    }
}

} // namespace

void alter_text_search(const UtilityCall &utility)
{
    List *configurations = call([&] {
        utility.run();
        CommandCounterIncrement();
        List *altered = configurations_of(utility.statement());
        ListCell *cell;
        foreach (cell, altered)
            mark_users(TSConfigRelationId, lfirst_oid(cell));
        return altered;
    });
    mark_users_by_default(configurations);
}

} // namespace pgtrickle
