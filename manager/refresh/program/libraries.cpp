#include "refresh/program/libraries.hpp"

#include "definition/definition_view.hpp"
#include "pg/known_objects.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

#include <set>

namespace pgtrickle::refresh {

namespace {

/* Returns the function that the function's calls lead to: the handler of its language, or the transition function of an
 * aggregate. PostgreSQL frame. */
Oid called_by(Oid function, Oid language)
{
    Oid called = InvalidOid;
    if (HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function)); HeapTupleIsValid(tuple)) {
        called = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple))->aggtransfn;
        ReleaseSysCache(tuple);
    } else if (HeapTuple found = SearchSysCache1(LANGOID, ObjectIdGetDatum(language)); HeapTupleIsValid(found)) {
        called = reinterpret_cast<Form_pg_language>(GETSTRUCT(found))->lanplcallfoid;
        ReleaseSysCache(found);
    }
    return called;
}

/* PostgreSQL frame. */
void load_library_of(Oid function)
{
    while (OidIsValid(function)) {
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple))
            return;
        const Oid language = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang;
        bool is_null;
        const Datum library = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_probin, &is_null);
        if (language == ClanguageId && !is_null)
            (void)load_external_function(TextDatumGetCString(library), "", false, nullptr);
        ReleaseSysCache(tuple);
        function = language == ClanguageId ? InvalidOid : called_by(function, language);
    }
}

/* PostgreSQL frame. */
Oid input_function_of(Oid type)
{
    Oid input, parameter;
    getTypeInputInfo(type, &input, &parameter);
    return input;
}

/* Loads those of the query and of the views that it reads. PostgreSQL frame. */
void load_libraries_for(Query *query, Oid view)
{
    check_stack_depth();
    const KnownObjects used = known_objects_of(query);
    ListCell *cell;
    foreach (cell, used.functions)
        load_library_of(lfirst_oid(cell));
    foreach (cell, used.types)
        load_library_of(input_function_of(lfirst_oid(cell)));
    foreach (cell, definition::relations_named(query)) {
        const Oid relid = lfirst_oid(cell);
        if (relid == view || get_rel_relkind(relid) != RELKIND_VIEW)
            continue;
        Relation relation = relation_open(relid, AccessShareLock);
        load_libraries_for(get_view_query(relation), relid);
        relation_close(relation, NoLock);
    }
}

} // namespace

void load_libraries_of(const Definition &definition)
{
    static std::set<Oid> done;
    if (done.insert(definition.relid).second)
        call([&] { load_libraries_for(definition::query_of(definition.relid), InvalidOid); });
}

} // namespace pgtrickle::refresh
