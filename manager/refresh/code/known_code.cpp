#include "refresh/code/known_code.hpp"

#include "pg/versions/text_runners.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_language_d.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_range.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle::refresh {

namespace {

/* Made by initdb. Only a superuser can change it. */
bool is_of_postgresql(Oid object)
{
    return object < FirstNormalObjectId;
}

bool is_in_c(const FormData_pg_proc *function)
{
    return function->prolang == INTERNALlanguageId || function->prolang == ClanguageId;
}

/* Whether the function takes what is none of SQL's: the representation of a value, whose type another argument names,
 * or a state. */
bool takes_internals(const FormData_pg_proc *function)
{
    for (int i = 0; i < function->pronargs; i++)
        if (function->proargtypes.values[i] == CSTRINGOID || function->proargtypes.values[i] == INTERNALOID)
            return true;
    return false;
}

/* Whether the function takes the OID of an object, whose expressions it may evaluate, or whose text it may analyze, and
 * is none of those that are known to compare, print or look up. */
bool takes_object(const FormData_pg_proc *function)
{
    const char *name = NameStr(function->proname);
    for (const char *harmless : {"oid", "has_", "format_type", "hashoid", "btoid"})
        if (strncmp(name, harmless, strlen(harmless)) == 0)
            return false;
    for (int i = 0; i < function->pronargs; i++)
        switch (function->proargtypes.values[i]) {
        case OIDOID:
        case REGCLASSOID:
        case REGPROCOID:
        case REGPROCEDUREOID:
        case REGTYPEOID:
        case REGOPEROID:
        case REGOPERATOROID: return true;
        default: break;
        }
    return false;
}

/* Whether a value of any type may be an argument, or the result. */
bool is_of_any_type(HeapTuple function)
{
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(function));
    for (int i = 0; i < form->pronargs; i++)
        if (get_typtype(form->proargtypes.values[i]) == TYPTYPE_PSEUDO)
            return true;
    const bool has_columns = !heap_attisnull(function, Anum_pg_proc_proallargtypes, nullptr);
    return get_typtype(form->prorettype) == TYPTYPE_PSEUDO && !has_columns;
}

/* Whether the function of PostgreSQL looks for casts of the types of its arguments: functions for JSON and XML do, and
 * texts in SQL that convert their arguments. */
bool looks_for_casts_in(HeapTuple function)
{
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(function));
    const char *name = NameStr(form->proname);
    if (!is_of_any_type(function))
        return false;
    return strstr(name, "json") != nullptr || strstr(name, "xml") != nullptr ||
           (form->prolang == SQLlanguageId && heap_attisnull(function, Anum_pg_proc_prosqlbody, nullptr));
}

/* Calls is_known(tuple) for each row with the key in the cache, until one is not. */
template <class IsKnown> bool are_members_known(int cache, Oid key, IsKnown is_known)
{
    CatCList *members = SearchSysCacheList1(cache, ObjectIdGetDatum(key));
    bool answer = true;
    for (int i = 0; answer && i < members->n_members; i++)
        answer = is_known(&members->members[i]->tuple);
    ReleaseCatCacheList(members);
    return answer;
}

} // namespace

bool is_compiled(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool answer = is_in_c(form) && superuser_arg(form->proowner);
    ReleaseSysCache(tuple);
    return answer;
}

/* Adds the object to those that have been looked at; returns false if it is one of them. */
bool KnownCode::is_first_of(List **seen, Oid object)
{
    if (list_member_oid(*seen, object))
        return false;
    *seen = lappend_oid(*seen, object);
    return true;
}

bool KnownCode::includes_compiled(Oid function)
{
    functions_ = list_append_unique_oid(functions_, function);
    return is_compiled(function);
}

bool KnownCode::includes_aggregate(Oid function)
{
    HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    const FormData_pg_aggregate form = *reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple));
    ReleaseSysCache(tuple);
    for (Oid part : {form.aggtransfn, form.aggfinalfn, form.aggcombinefn, form.aggserialfn, form.aggdeserialfn,
                     form.aggmtransfn, form.aggminvtransfn, form.aggmfinalfn})
        if (OidIsValid(part) && !includes_function(part))
            return false;
    for (Oid type : {form.aggtranstype, form.aggmtranstype})
        if (OidIsValid(type) && !includes_type(type))
            return false;
    return !OidIsValid(form.aggsortop) || includes_operator(form.aggsortop);
}

bool KnownCode::includes_function(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    functions_ = list_append_unique_oid(functions_, function);
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool is_aggregate = form->prokind == PROKIND_AGGREGATE;
    bool answer;
    if (is_of_postgresql(function)) {
        answer = form->provolatile != PROVOLATILE_VOLATILE && !takes_internals(form) && !takes_object(form) &&
                 !runs_text(function) && (is_in_c(form) || form->prolang == SQLlanguageId);
        looks_for_casts = looks_for_casts || looks_for_casts_in(tuple);
    } else {
        has_code_of_superuser = true;
        answer =
            superuser_arg(form->proowner) &&
            (is_aggregate || (is_in_c(form) && form->provolatile == PROVOLATILE_IMMUTABLE && !takes_internals(form)));
    }
    ReleaseSysCache(tuple);
    return answer && (!is_aggregate || is_of_postgresql(function) || includes_aggregate(function));
}

bool KnownCode::includes_operator(Oid operator_id)
{
    Oid related[] = {operator_id, get_commutator(operator_id), get_negator(operator_id), InvalidOid};
    if (OidIsValid(related[2]))
        related[3] = get_commutator(related[2]);
    for (Oid one : related) {
        if (!OidIsValid(one))
            continue;
        HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(one));
        if (!HeapTupleIsValid(tuple))
            return false;
        const auto *form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
        const Oid function = form->oprcode;
        const bool is_of_superuser = is_of_postgresql(one) || superuser_arg(form->oprowner);
        has_code_of_superuser = has_code_of_superuser || !is_of_postgresql(one);
        ReleaseSysCache(tuple);
        if (!is_of_superuser || !includes_function(function))
            return false;
        /* The planner and the executor compare, sort and hash by the families to which it belongs. */
        const bool is_in_known_families =
            is_of_postgresql(one) || are_members_known(AMOPOPID, one, [this](HeapTuple member) {
                return includes_family(reinterpret_cast<Form_pg_amop>(GETSTRUCT(member))->amopfamily);
            });
        if (!is_in_known_families)
            return false;
    }
    return true;
}

bool KnownCode::includes_family(Oid family)
{
    if (!OidIsValid(family) || is_of_postgresql(family) || !is_first_of(&families_, family))
        return true;
    has_code_of_superuser = true;
    return are_members_known(AMPROCNUM, family,
                             [this](HeapTuple member) {
                                 return includes_compiled(reinterpret_cast<Form_pg_amproc>(GETSTRUCT(member))->amproc);
                             }) &&
           are_members_known(AMOPSTRATEGY, family, [this](HeapTuple member) {
               return includes_operator(reinterpret_cast<Form_pg_amop>(GETSTRUCT(member))->amopopr);
           });
}

bool KnownCode::includes_operator_class(Oid operator_class)
{
    return is_of_postgresql(operator_class) || includes_family(get_opclass_family(operator_class));
}

bool KnownCode::includes_type(Oid type)
{
    has_type_of_user = has_type_of_user || type == ANYARRAYOID; /* of catalogs: an array of any type */
    if (is_of_postgresql(type) || !is_first_of(&types_, type))
        return true;
    check_stack_depth();
    HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple))
        return false;
    const FormData_pg_type form = *reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
    ReleaseSysCache(tuple);
    if (IsTrueArrayType(&form))
        return includes_type(form.typelem);
    has_type_of_user = true;
    switch (form.typtype) {
    case TYPTYPE_ENUM: return true;
    case TYPTYPE_MULTIRANGE: return includes_type(get_multirange_range(type));
    case TYPTYPE_RANGE: return includes_range(type);
    case TYPTYPE_BASE: {
        has_code_of_superuser = true;
        const TypeCacheEntry *base = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);
        const Oid btree = base->btree_opf, hash = base->hash_opf;
        return superuser_arg(form.typowner) && includes_family(btree) && includes_family(hash);
    }
    default: return false;
    }
}

bool KnownCode::includes_range(Oid type)
{
    has_code_of_superuser = true;
    HeapTuple tuple = SearchSysCache1(RANGETYPE, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple))
        return false;
    const FormData_pg_range form = *reinterpret_cast<Form_pg_range>(GETSTRUCT(tuple));
    ReleaseSysCache(tuple);
    return includes_type(form.rngsubtype) && includes_operator_class(form.rngsubopc) &&
           (!OidIsValid(form.rngcanonical) || includes_compiled(form.rngcanonical)) &&
           (!OidIsValid(form.rngsubdiff) || includes_compiled(form.rngsubdiff));
}

} // namespace pgtrickle::refresh
