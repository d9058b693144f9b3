#include "refresh/interpreted_code.hpp"

#include "definition/definition_view.hpp"
#include "definition/stream_table.hpp"
#include "pg/relation_owner.hpp"
#include "pg/versions/generated_columns.hpp"
#include "pg/versions/text_runners.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language_d.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/sinval.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace pgtrickle::refresh {

namespace {

using Object = std::pair<Oid, Oid>; /* class and object */

/* ---- functions ------------------------------------------------------------------------ */

/* Whether a function of a user is known to be no interpreted code. An aggregate is what its functions are. PostgreSQL
 * frame. */
bool is_harmless(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool answer =
        form->prokind == PROKIND_AGGREGATE || ((form->prolang == INTERNALlanguageId || form->prolang == ClanguageId) &&
                                               form->provolatile == PROVOLATILE_IMMUTABLE);
    ReleaseSysCache(tuple);
    return answer;
}

/* Whether a function of PostgreSQL runs a text, or calls functions of a type that is named when it runs. PostgreSQL
 * frame. */
bool runs_what_it_is_given(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return true;
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    bool answer = runs_text(function);
    for (int i = 0; i < form->pronargs; i++)
        answer = answer || form->proargtypes.values[i] == CSTRINGOID || form->proargtypes.values[i] == INTERNALOID;
    ReleaseSysCache(tuple);
    return answer;
}

/* Whether a function of PostgreSQL takes any type, and may look for casts of that when it runs, as those of JSON do.
 * PostgreSQL frame. */
bool takes_any_type(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return true;
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool answer =
        strstr(NameStr(form->proname), "json") != nullptr || strstr(NameStr(form->proname), "xml") != nullptr;
    ReleaseSysCache(tuple);
    return answer;
}

/* ---- expressions as the catalogs store them --------------------------------------------- */

struct StoredExpressions {
    Oid class_id;
    Oid index;             /* of the catalog, by OID */
    AttrNumber columns[2]; /* 0: none */
};

constexpr StoredExpressions stored_expressions[] = {
    {RelationRelationId, IndexRelidIndexId, {Anum_pg_index_indexprs, Anum_pg_index_indpred}},
    {RewriteRelationId, RewriteOidIndexId, {Anum_pg_rewrite_ev_action, Anum_pg_rewrite_ev_qual}},
    {PolicyRelationId, PolicyOidIndexId, {Anum_pg_policy_polqual, 0}},
    {ConstraintRelationId, ConstraintOidIndexId, {Anum_pg_constraint_conbin, 0}},
    {AttrDefaultRelationId, AttrDefaultOidIndexId, {Anum_pg_attrdef_adbin, 0}},
    {StatisticExtRelationId, StatisticExtOidIndexId, {Anum_pg_statistic_ext_stxexprs, 0}},
};

/* Appends the functions that the stored expression calls. PostgreSQL frame. */
List *functions_in(const char *expression, List *functions)
{
    for (const char *field : {":funcid ", ":opfuncid ", ":aggfnoid ", ":winfnoid "})
        for (const char *at = strstr(expression, field); at != nullptr; at = strstr(at + 1, field))
            functions = list_append_unique_oid(functions, strtoul(at + strlen(field), nullptr, 10));
    return functions;
}

List *functions_in_column(HeapTuple tuple, AttrNumber column, TupleDesc descriptor, List *functions)
{
    bool is_null = true;
    const Datum value = column != 0 ? heap_getattr(tuple, column, descriptor, &is_null) : static_cast<Datum>(0);
    return is_null ? functions : functions_in(TextDatumGetCString(value), functions);
}

/* Returns the functions of expressions of the object, also PostgreSQL's own, on which nothing depends. PostgreSQL
 * frame. */
List *functions_of(Oid class_id, Oid object_id)
{
    List *functions = NIL;
    const auto *found = std::find_if(std::begin(stored_expressions), std::end(stored_expressions),
                                     [=](const StoredExpressions &one) { return one.class_id == class_id; });
    if (found == std::end(stored_expressions))
        return NIL;
    const bool is_relation = class_id == RelationRelationId; /* an index, perhaps */
    ScanKeyData key;
    ScanKeyInit(&key, is_relation ? Anum_pg_index_indexrelid : 1, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(object_id));
    Relation catalog = table_open(is_relation ? IndexRelationId : class_id, AccessShareLock);
    SysScanDesc scan = systable_beginscan(catalog, found->index, true, nullptr, 1, &key);
    if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple))
        for (AttrNumber column : found->columns)
            functions = functions_in_column(tuple, column, RelationGetDescr(catalog), functions);
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return functions;
}

/* ---- what belongs to what --------------------------------------------------------------- */

/* Whether what uses an object of the class may evaluate it. */
bool is_evaluated(Oid class_id)
{
    static constexpr Oid classes[] = {ProcedureRelationId,
                                      OperatorRelationId,
                                      TypeRelationId,
                                      RelationRelationId,
                                      RewriteRelationId,
                                      PolicyRelationId,
                                      ConstraintRelationId,
                                      AttrDefaultRelationId,
                                      StatisticExtRelationId,
                                      CastRelationId,
                                      OperatorClassRelationId,
                                      OperatorFamilyRelationId,
                                      AccessMethodOperatorRelationId,
                                      AccessMethodProcedureRelationId};
    return std::find(std::begin(classes), std::end(classes), class_id) != std::end(classes);
}

/* Whether an object of the class may be a part of one of the other class, which is evaluated with that: the rule of a
 * view, the expression of an index, the CHECK of a domain. */
bool is_part(Oid class_id, Oid whole)
{
    switch (whole) {
    case RelationRelationId:
        return class_id == RewriteRelationId || class_id == PolicyRelationId || class_id == ConstraintRelationId ||
               class_id == AttrDefaultRelationId || class_id == StatisticExtRelationId ||
               class_id == RelationRelationId;
    case TypeRelationId: return class_id == ConstraintRelationId;
    case OperatorClassRelationId:
    case OperatorFamilyRelationId:
        return class_id == AccessMethodOperatorRelationId || class_id == AccessMethodProcedureRelationId;
    default: return false;
    }
}

bool is_index(Oid relation)
{
    const char kind = get_rel_relkind(relation);
    return kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
}

/* Whether the dependency is that of a part that is evaluated when the other object is read. The default of a column is
 * not. */
bool is_part_by(const FormData_pg_depend &dependency)
{
    const bool is_owned = dependency.deptype == DEPENDENCY_AUTO || dependency.deptype == DEPENDENCY_INTERNAL;
    if (!is_owned || !is_part(dependency.classid, dependency.refclassid))
        return false;
    if (dependency.classid == AttrDefaultRelationId)
        return is_virtual_column(dependency.refobjid, static_cast<AttrNumber>(dependency.refobjsubid));
    return dependency.classid != RelationRelationId || is_index(dependency.objid);
}

/* Adds to the List of pairs of Oid what the object uses, or, `of_parts`, its parts. PostgreSQL frame. */
List *related_to(Oid class_id, Oid object_id, bool of_parts)
{
    List *found = NIL;
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], of_parts ? Anum_pg_depend_refclassid : Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(class_id));
    ScanKeyInit(&keys[1], of_parts ? Anum_pg_depend_refobjid : Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(object_id));
    Relation depend = table_open(DependRelationId, AccessShareLock);
    SysScanDesc scan =
        systable_beginscan(depend, of_parts ? DependReferenceIndexId : DependDependerIndexId, true, nullptr, 2, keys);
    while (HeapTuple tuple = systable_getnext(scan)) {
        const auto *form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        const Oid other_class = of_parts ? form->classid : form->refclassid;
        const Oid other = of_parts ? form->objid : form->refobjid;
        if (of_parts ? !is_part_by(*form) : !is_evaluated(other_class))
            continue;
        found = lappend_oid(lappend_oid(found, other_class), other);
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return found;
}

/* Returns the relation of a composite type, or InvalidOid. PostgreSQL frame. */
Oid relation_of_type(Oid type)
{
    return get_typtype(type) == TYPTYPE_COMPOSITE ? get_typ_typrelid(type) : InvalidOid;
}

class Search {
  public:
    void add(Oid class_id, Oid object_id)
    {
        if (object_id >= FirstNormalObjectId && seen_.emplace(class_id, object_id).second)
            left_.emplace_back(class_id, object_id);
    }
    bool finds_interpreted_code();

  private:
    void add_all(Oid class_id, const List *objects);
    void add_related(const Object &object, bool of_parts);
    bool is_code(const Object &object);

    std::set<Object> seen_;
    std::vector<Object> left_;
    bool has_type_of_user_ = false, takes_any_type_ = false;
};

void Search::add_all(Oid class_id, const List *objects)
{
    for (int i = 0; i < list_length(objects); i++)
        add(class_id, list_nth_oid(objects, i));
}

void Search::add_related(const Object &object, bool of_parts)
{
    const List *related = call([&] { return related_to(object.first, object.second, of_parts); });
    for (int i = 0; i < list_length(related); i += 2)
        add(list_nth_oid(related, i), list_nth_oid(related, i + 1));
}

/* Notes what the object consists of, too. */
bool Search::is_code(const Object &object)
{
    const auto [class_id, object_id] = object;
    if (class_id == ProcedureRelationId && !call([=] { return is_harmless(object_id); }))
        return true;
    const List *functions = call([=] { return functions_of(class_id, object_id); });
    add_all(ProcedureRelationId, functions);
    for (int i = 0; i < list_length(functions); i++) {
        const Oid function = list_nth_oid(functions, i);
        if (function >= FirstNormalObjectId)
            continue;
        if (call([=] { return runs_what_it_is_given(function); }))
            return true;
        takes_any_type_ = takes_any_type_ || call([=] { return takes_any_type(function); });
    }
    has_type_of_user_ = has_type_of_user_ || class_id == TypeRelationId;
    return has_type_of_user_ && takes_any_type_;
}

bool Search::finds_interpreted_code()
{
    while (!left_.empty()) {
        const Object object = left_.back();
        left_.pop_back();
        const auto [class_id, object_id] = object;
        /* A stream table is read as rows. */
        if (class_id == RelationRelationId && call([=] { return definition::is_stream_table(object_id); }))
            continue;
        if (is_code(object))
            return true;
        if (class_id == TypeRelationId)
            add(RelationRelationId, call([=] { return relation_of_type(object_id); }));
        if (class_id == RelationRelationId)
            add_all(RelationRelationId, call([=] { return find_inheritance_children(object_id, NoLock); }));
        if (class_id != TypeRelationId || call([=] { return get_typtype(object_id); }) != TYPTYPE_BASE)
            add_related(object, false); /* a base type is in C; an array has an element */
        else
            add(TypeRelationId, call([=] { return get_element_type(object_id); }));
        add_related(object, true);
    }
    return false;
}

} // namespace

bool may_run_interpreted_code(Oid relid)
{
    Search search;
    search.add(RelationRelationId, call([=] { return definition::view_of(relid); }));
    search.add(RelationRelationId, storage::storage_of(relid));
    return search.finds_interpreted_code();
}

namespace {

/* PostgreSQL frame. */
bool is_trusted(Oid owner)
{
    return is_member_of_role_nosuper(GetUserId(), owner) || (superuser() && superuser_arg(owner));
}

/* The answer for a user. */
struct KnownAnswer {
    Oid relid;
    Oid user;
    uint64 invalidations; /* SharedInvalidMessageCounter then */
    bool may_run;
};

KnownAnswer *known_answer(Oid relid)
{
    static KnownAnswer *answers = nullptr;
    constexpr int count = 64;
    if (answers == nullptr)
        answers = static_cast<KnownAnswer *>(
            call([] { return MemoryContextAllocZero(TopMemoryContext, sizeof(KnownAnswer) * count); }));
    return &answers[relid % count];
}

} // namespace

bool may_run_here(Oid relid)
{
    KnownAnswer *known = known_answer(relid);
    const Oid user = GetUserId();
    if (known->relid != relid || known->user != user || known->invalidations != SharedInvalidMessageCounter) {
        const uint64 invalidations = SharedInvalidMessageCounter;
        const std::vector<Oid> all = definition::with_upstreams(relid);
        const bool may_run = std::all_of(all.begin(), all.end(), [](Oid one) {
            return call([=] { return is_trusted(owner_of_relation(one)); }) || !may_run_interpreted_code(one);
        });
        *known = {relid, user, invalidations, may_run};
    }
    return known->may_run;
}

} // namespace pgtrickle::refresh
