#include "refresh/code/interpreted_code.hpp"

#include "definition/definition_view.hpp"
#include "definition/stream_table.hpp"
#include "pg/context.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "pg/versions/generated_columns.hpp"
#include "pg/versions/rights.hpp"
#include "refresh/code/known_query.hpp"
#include "refresh/code/known_stream_tables.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/partition.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "miscadmin.h"
#include "rewrite/rewriteSupport.h"
#include "storage/sinval.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <vector>

namespace pgtrickle::refresh {

namespace {

/* ---- what PostgreSQL evaluates with a relation ------------------------------------------- */

/* Where a catalog stores expressions and operator classes of a relation. */
struct StoredCode {
    Oid catalog;
    Oid index;                 /* of the catalog, which begins with the relation */
    AttrNumber relation;       /* the column of the catalog that names it */
    AttrNumber expressions[2]; /* 0: none */
    AttrNumber operator_classes;
};

constexpr StoredCode key_of_partitions = {PartitionedRelationId,
                                          PartitionedRelidIndexId,
                                          Anum_pg_partitioned_table_partrelid,
                                          {Anum_pg_partitioned_table_partexprs, 0},
                                          Anum_pg_partitioned_table_partclass};

constexpr StoredCode stored_code[] = {
    {IndexRelationId,
     IndexIndrelidIndexId,
     Anum_pg_index_indrelid,
     {Anum_pg_index_indexprs, Anum_pg_index_indpred},
     Anum_pg_index_indclass},
    key_of_partitions,
    {StatisticExtRelationId,
     StatisticExtRelidIndexId,
     Anum_pg_statistic_ext_stxrelid,
     {Anum_pg_statistic_ext_stxexprs, 0},
     0},
    {ConstraintRelationId,
     ConstraintRelidTypidNameIndexId,
     Anum_pg_constraint_conrelid,
     {Anum_pg_constraint_conbin, 0},
     0},
    {PolicyRelationId, PolicyPolrelidPolnameIndexId, Anum_pg_policy_polrelid, {Anum_pg_policy_polqual, 0}, 0},
    {AttrDefaultRelationId, AttrDefaultIndexId, Anum_pg_attrdef_adrelid, {Anum_pg_attrdef_adbin, 0}, 0},
};

bool is_known_text(KnownQuery *query, const Datum stored)
{
    return query->includes(static_cast<::Node *>(stringToNode(TextDatumGetCString(stored))));
}

bool are_known_classes(KnownQuery *query, Datum stored)
{
    const auto *classes = reinterpret_cast<const oidvector *>(DatumGetPointer(stored));
    return std::all_of(classes->values, classes->values + classes->dim1,
                       [=](Oid one) { return query->code.includes_operator_class(one); });
}

/* Whether what the row of a catalog stores is evaluated when its relation is read: the default of a column is not. */
bool is_evaluated(const StoredCode &code, HeapTuple row)
{
    if (code.catalog != AttrDefaultRelationId)
        return true;
    const auto *form = reinterpret_cast<Form_pg_attrdef>(GETSTRUCT(row));
    return is_virtual_column(form->adrelid, form->adnum);
}

bool is_known_row(KnownQuery *query, const StoredCode &code, HeapTuple row, TupleDesc descriptor)
{
    if (!is_evaluated(code, row))
        return true;
    bool is_null;
    for (AttrNumber column : code.expressions) {
        if (column == 0)
            continue;
        const Datum stored = heap_getattr(row, column, descriptor, &is_null);
        if (!is_null && !is_known_text(query, stored))
            return false;
    }
    if (code.operator_classes == 0)
        return true;
    return are_known_classes(query, heap_getattr(row, code.operator_classes, descriptor, &is_null));
}

bool is_known_in(KnownQuery *query, const StoredCode &code, Oid relation)
{
    ScanKeyData key;
    ScanKeyInit(&key, code.relation, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    Relation catalog = table_open(code.catalog, AccessShareLock);
    SysScanDesc scan = systable_beginscan(catalog, code.index, true, nullptr, 1, &key);
    bool answer = true;
    for (HeapTuple row; answer && HeapTupleIsValid(row = systable_getnext(scan));)
        answer = is_known_row(query, code, row, RelationGetDescr(catalog));
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return answer;
}

/* A partition is checked by the keys of its ancestors, and excluded by them if the session says so. */
bool are_known_keys(KnownQuery *query, const List *ancestors)
{
    query->others = list_concat_unique_oid(query->others, ancestors);
    for (int i = 0; i < list_length(ancestors); i++)
        if (!is_known_in(query, key_of_partitions, list_nth_oid(ancestors, i)))
            return false;
    return true;
}

/* Whether what belongs to the relation is known. */
bool has_known_parts(KnownQuery *query, Oid relation)
{
    if (relation < FirstNormalObjectId)
        return true;
    return std::all_of(std::begin(stored_code), std::end(stored_code),
                       [=](const StoredCode &code) { return is_known_in(query, code, relation); }) &&
           are_known_keys(query, get_rel_relispartition(relation) ? get_partition_ancestors(relation) : NIL);
}

bool is_known_table(KnownQuery *query, Oid relation)
{
    query->relations = list_concat_unique_oid(query->relations, find_inheritance_children(relation, NoLock));
    return has_known_parts(query, relation);
}

bool is_known_view(KnownQuery *query, Oid view)
{
    HeapTuple row = SearchSysCache2(RULERELNAME, ObjectIdGetDatum(view), PointerGetDatum(ViewSelectRuleName));
    if (!HeapTupleIsValid(row))
        return false;
    bool is_null;
    const Datum stored = SysCacheGetAttr(RULERELNAME, row, Anum_pg_rewrite_ev_action, &is_null);
    const bool answer = !is_null && is_known_text(query, stored);
    ReleaseSysCache(row);
    return answer;
}

bool is_known_relation(KnownQuery *query, Oid relation)
{
    switch (get_rel_relkind(relation)) {
    case RELKIND_VIEW: return is_known_view(query, relation);
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE:
    case RELKIND_MATVIEW: return is_known_table(query, relation);
    /* A stream table is read as rows, with its statistics, and its children. */
    case RELKIND_FOREIGN_TABLE: return definition::is_stream_table(relation) && is_known_table(query, relation);
    default: return false;
    }
}

/* Whether the relations of the query, and what they read in turn, are known. */
bool are_known_relations(KnownQuery *query)
{
    for (int i = 0; i < list_length(query->relations); i++)
        if (!is_known_relation(query, list_nth_oid(query->relations, i)))
            return false;
    return !query->code.is_unknown_as_a_whole();
}

/* The children of the stream table are read by the reader's own plan. PostgreSQL frame. */
bool runs_known_code(KnownQuery *query, Oid relid, Oid rows)
{
    query->relations = list_make2_oid(definition::view_of(relid), rows);
    query->others = list_make1_oid(relid);
    return has_known_parts(query, relid) && are_known_relations(query);
}

void add_rows(UsedObjects *objects, int cache, const List *oids)
{
    for (int i = 0; i < list_length(oids); i++) {
        const Datum oid = ObjectIdGetDatum(list_nth_oid(oids, i));
        objects->push_back({cache, call([=] { return GetSysCacheHashValue1(cache, oid); })});
    }
}

UsedObjects looked_at_by(const KnownQuery &query)
{
    UsedObjects objects;
    add_rows(&objects, PROCOID, query.code.functions());
    add_rows(&objects, TYPEOID, query.code.types());
    add_used(&objects, query.relations, NIL);
    add_used(&objects, query.others, NIL);
    return objects;
}

} // namespace

bool may_run_interpreted_code(Oid relid)
{
    if (is_known_stream_table(relid))
        return false;
    Scratch scratch;
    const uint64 changes = changes_of_code();
    const Oid rows = storage::storage_of(relid);
    KnownQuery query;
    if (!call([&] { return runs_known_code(&query, relid, rows); }))
        return true;
    keep_known(relid, looked_at_by(query), changes);
    return false;
}

namespace {

/* The role of the statement, and the one outside of the SECURITY DEFINER function that runs it. */
struct Roles {
    Oid outer = GetOuterUserId(), current = statement_user();

    bool operator==(const Roles &other) const { return outer == other.outer && current == other.current; }
};

/* Whether neither the role nor the owner gains a right by what the other one leaves in the session. A membership does
 * not count: the owner's administrators grant it without the member's consent. PostgreSQL frame. */
bool trusts(Oid role, Oid owner)
{
    return role == owner || (superuser_arg(role) && superuser_arg(owner));
}

bool are_trusting(const Roles &roles, Oid owner)
{
    return !KnownCodeOnly::is_in_force() && trusts(roles.outer, owner) && trusts(roles.current, owner);
}

bool may_run_for(const Roles &roles, Oid relid)
{
    const std::vector<Oid> all = definition::with_upstreams(relid);
    return std::all_of(all.begin(), all.end(), [&](Oid one) {
        return call([&] { return are_trusting(roles, owner_of_relation(one, true)); }) ||
               !may_run_interpreted_code(one);
    });
}

/* The answer for these roles. */
struct KeptAnswer {
    Oid relid;
    Roles roles;
    uint64 invalidations; /* SharedInvalidMessageCounter then */
    bool may_run;
};

KeptAnswer *kept_answer(Oid relid)
{
    static KeptAnswer *answers = nullptr;
    constexpr int count = 64;
    if (answers == nullptr)
        answers = static_cast<KeptAnswer *>(
            call([] { return MemoryContextAllocZero(TopMemoryContext, sizeof(KeptAnswer) * count); }));
    return &answers[relid % count];
}

} // namespace

bool may_run_here(Oid relid)
{
    const Roles roles;
    /* The counter does not count what this transaction changes, nor that it is rolled back. */
    if (TransactionIdIsValid(GetTopTransactionIdIfAny()) || KnownCodeOnly::is_in_force())
        return may_run_for(roles, relid);
    KeptAnswer *kept = kept_answer(relid);
    if (kept->relid != relid || !(kept->roles == roles) || kept->invalidations != SharedInvalidMessageCounter) {
        const uint64 invalidations = SharedInvalidMessageCounter;
        const bool may_run = may_run_for(roles, relid);
        *kept = {relid, roles, invalidations, may_run};
    }
    return kept->may_run;
}

bool may_run_query_here(Oid relid, ::Query *query)
{
    return may_run_here(relid) && call([=] {
               KnownQuery known;
               return is_trusted_here(relid) ||
                      (known.includes(reinterpret_cast<::Node *>(query)) && are_known_relations(&known));
           });
}

bool is_trusted_here(Oid relid)
{
    return are_trusting(Roles(), owner_of_relation(relid, true));
}

} // namespace pgtrickle::refresh
