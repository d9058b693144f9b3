#include "refresh/interpreted_code.hpp"

#include "definition/definition_view.hpp"
#include "definition/stream_table.hpp"
#include "pg/relation_owner.hpp"
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

enum class Code { none, interpreted };

/* PostgreSQL frame. */
Code code_of(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return Code::none;
    const auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    bool has_no_body;
    (void)SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &has_no_body);
    const bool is_compiled = form->prolang == INTERNALlanguageId || form->prolang == ClanguageId ||
                             (form->prolang == SQLlanguageId && !has_no_body);
    ReleaseSysCache(tuple);
    return is_compiled ? Code::none : Code::interpreted;
}

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
    case TypeRelationId: return class_id == ConstraintRelationId || class_id == OperatorClassRelationId;
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
        const bool is_owned = form->deptype == DEPENDENCY_AUTO || form->deptype == DEPENDENCY_INTERNAL;
        if (of_parts ? !is_owned || !is_part(other_class, class_id) ||
                           (other_class == RelationRelationId && !is_index(other))
                     : !is_evaluated(other_class))
            continue;
        found = lappend_oid(lappend_oid(found, other_class), other);
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return found;
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
    void add_related(const Object &object, bool of_parts);

    std::set<Object> seen_;
    std::vector<Object> left_;
};

void Search::add_related(const Object &object, bool of_parts)
{
    const List *related = call([&] { return related_to(object.first, object.second, of_parts); });
    for (int i = 0; i < list_length(related); i += 2)
        add(list_nth_oid(related, i), list_nth_oid(related, i + 1));
}

bool Search::finds_interpreted_code()
{
    while (!left_.empty()) {
        const Object object = left_.back();
        left_.pop_back();
        const auto [class_id, object_id] = object;
        if (class_id == ProcedureRelationId && call([=] { return code_of(object_id); }) == Code::interpreted)
            return true;
        /* A stream table is read as rows. */
        if (class_id == RelationRelationId && call([=] { return definition::is_stream_table(object_id); }))
            continue;
        add_related(object, false);
        add_related(object, true);
    }
    return false;
}

} // namespace

bool runs_interpreted_code(Oid relid)
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
            return call([=] { return is_trusted(owner_of_relation(one)); }) || !runs_interpreted_code(one);
        });
        *known = {relid, user, invalidations, may_run};
    }
    return known->may_run;
}

} // namespace pgtrickle::refresh
