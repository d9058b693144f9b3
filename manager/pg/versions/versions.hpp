/*
 * What differs between the versions of PostgreSQL, called alike in all: the only place that asks PG_VERSION_NUM.
 *
 * Each function has the name of what it does here; where a version has more to say than the others, it says what the others do
 * anyway. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/genam.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_tablespace.h"
#include "commands/explain.h"
#include "commands/tablecmds.h"
#include "commands/vacuum.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "parser/parse_relation.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/regproc.h"
#include "utils/sampling.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "storage/read_stream.h"
#endif
}

namespace pgtrickle {

/* ---- walkers and mutators of expression trees ---------------------------------------- */

using Walker = bool (*)(::Node *, void *);
using Mutator = ::Node *(*)(::Node *, void *);

/* Until 15 the callback is declared without parameters, which C++ reads as none. */
#if PG_VERSION_NUM < 160000
using CoreWalker = bool (*)();
using CoreMutator = ::Node *(*)();
#else
using CoreWalker = Walker;
using CoreMutator = Mutator;
#endif

/* The way over void (*)() tells the compiler that this is meant. */
inline CoreWalker for_core(Walker walker)
{
    return reinterpret_cast<CoreWalker>(reinterpret_cast<void (*)()>(walker));
}
inline CoreMutator for_core(Mutator mutator)
{
    return reinterpret_cast<CoreMutator>(reinterpret_cast<void (*)()>(mutator));
}

/* Since 16 a column tells which outer joins may have made it null, so that it is another one above such a join than below.
 * Takes that from all of the query, which the planner must not see any more. */
inline bool forget_nulling_joins_of(::Node *node, void *)
{
    if (node == nullptr)
        return false;
#if PG_VERSION_NUM >= 160000
    if (IsA(node, Var))
        castNode(Var, node)->varnullingrels = nullptr;
#endif
    if (IsA(node, Query))
        return query_tree_walker(castNode(Query, node), for_core(forget_nulling_joins_of), nullptr, 0);
    return expression_tree_walker(node, for_core(forget_nulling_joins_of), nullptr);
}
inline void forget_nulling_joins(Query *query)
{
    if (PG_VERSION_NUM >= 160000)
        (void)forget_nulling_joins_of(reinterpret_cast<::Node *>(query), nullptr);
}

/* ---- rights that a query asks for ---------------------------------------------------- */

/* Of an entry of a range table: until 15 it has them itself, since 16 its query has, in a list of their own. */
struct EntryRights {
    AclMode required = 0;
    Oid read_as = InvalidOid;      /* the owner of a view; else the current user */
    Bitmapset *columns = nullptr;  /* offset by FirstLowInvalidHeapAttributeNumber */
};

/* Of all entries of one range table. */
struct AskedRights {
    List *entries = NIL;
    List *infos = NIL;
};

inline EntryRights rights_of([[maybe_unused]] const Query *query, const RangeTblEntry *entry)
{
#if PG_VERSION_NUM < 160000
    return {entry->requiredPerms, entry->checkAsUser, entry->selectedCols};
#else
    if (entry->perminfoindex == 0)
        return {};
    const RTEPermissionInfo *info = getRTEPermissionInfo(query->rteperminfos, const_cast<RangeTblEntry *>(entry));
    return {info->requiredPerms, info->checkAsUser, info->selectedCols};
#endif
}

inline void set_rights([[maybe_unused]] Query *query, RangeTblEntry *entry, const EntryRights &rights)
{
#if PG_VERSION_NUM < 160000
    RangeTblEntry *info = entry;
#else
    entry->perminfoindex = 0;
    RTEPermissionInfo *info = addRTEPermissionInfo(&query->rteperminfos, entry);
#endif
    info->requiredPerms = rights.required;
    info->checkAsUser = rights.read_as;
    info->selectedCols = rights.columns;
}

/* For an entry whose relation is read by a subquery in its place, which asks for the rights. Since 16 a cached plan locks
 * also the relation of a subquery, so that the lock's mode stays. */
inline void leave_rights_to_subquery(RangeTblEntry *entry)
{
#if PG_VERSION_NUM < 160000
    entry->rellockmode = 0;
    set_rights(nullptr, entry, {});
#else
    entry->perminfoindex = 0;
#endif
}

inline AskedRights asked_rights(const Query *query)
{
#if PG_VERSION_NUM < 160000
    return {query->rtable, NIL};
#else
    return {query->rtable, query->rteperminfos};
#endif
}

inline AskedRights asked_rights(const PlannedStmt *statement)
{
#if PG_VERSION_NUM < 160000
    return {statement->rtable, NIL};
#else
    return {statement->rtable, statement->permInfos};
#endif
}

/* Copies the relations of the query's range table, with their rights, to the end of `kept`. Since 16 a view is a subquery
 * with rights. */
inline void keep_rights(AskedRights *kept, const Query *query)
{
    ListCell *cell;
    foreach (cell, query->rtable) {
        auto entry = *lfirst_node(RangeTblEntry, cell);
        bool is_kept = entry.rtekind == RTE_RELATION;
#if PG_VERSION_NUM >= 160000
        is_kept = is_kept || entry.perminfoindex != 0;
        entry.subquery = nullptr;
        if (entry.perminfoindex != 0) {
            void *info = list_nth(query->rteperminfos, static_cast<int>(entry.perminfoindex) - 1);
            kept->infos = lappend(kept->infos, copyObjectImpl(info));
            entry.perminfoindex = static_cast<Index>(list_length(kept->infos));
        }
#endif
        if (is_kept)
            kept->entries = lappend(kept->entries, copyObjectImpl(&entry));
    }
}

/* Raises 42501 unless the current user, or who is named, has them. */
inline void check_rights(const AskedRights &rights)
{
#if PG_VERSION_NUM < 160000
    ExecCheckRTPerms(rights.entries, true);
#else
    ExecCheckPermissions(rights.entries, rights.infos, true);
#endif
}

/* Entries for OLD and NEW that a view's rule keeps ahead of the query's own. */
constexpr int rule_entries = PG_VERSION_NUM < 160000 ? 2 : 0;

/* ---- owners and privileges ----------------------------------------------------------- */

#if PG_VERSION_NUM < 160000
#define object_ownercheck(class_id, object, user)                              \
    ((class_id) == RelationRelationId     ? pg_class_ownercheck(object, user)  \
     : (class_id) == ExtensionRelationId  ? pg_extension_ownercheck(object, user) \
                                          : pg_database_ownercheck(object, user))
#define object_aclcheck(class_id, object, user, mode)                          \
    ((class_id) == NamespaceRelationId ? pg_namespace_aclcheck(object, user, mode) \
                                       : pg_tablespace_aclcheck(object, user, mode))
#endif

/* Whether the current user does. */
inline bool owns_relation(Oid relid)
{
    return object_ownercheck(RelationRelationId, relid, GetUserId());
}
inline bool owns_database(Oid database)
{
    return object_ownercheck(DatabaseRelationId, database, GetUserId());
}
inline bool owns_extension(Oid extension)
{
    return object_ownercheck(ExtensionRelationId, extension, GetUserId());
}
inline AclResult right_to_create_in(Oid tablespace)
{
    return object_aclcheck(TableSpaceRelationId, tablespace, GetUserId(), ACL_CREATE);
}

inline bool may_use_schema(Oid schema, Oid user)
{
    return object_aclcheck(NamespaceRelationId, schema, user, ACL_USAGE) == ACLCHECK_OK;
}

/* For RangeVarGetRelidExtended(): who may refresh a materialized view. */
#if PG_VERSION_NUM < 170000
constexpr RangeVarGetRelidCallback may_refresh_matview = RangeVarCallbackOwnsTable;
#else
constexpr RangeVarGetRelidCallback may_refresh_matview = RangeVarCallbackMaintainsTable;
#endif

/* ---- processes and transactions ------------------------------------------------------ */

inline LocalTransactionId own_local_xid()
{
#if PG_VERSION_NUM < 170000
    return MyProc->lxid;
#else
    return MyProc->vxid.lxid;
#endif
}

/* In ProcGlobal->allProcs. */
inline int own_process_number() noexcept
{
#if PG_VERSION_NUM < 170000
    return MyProc->pgprocno;
#else
    return GetNumberFromPGProc(MyProc);
#endif
}

/* Of the pgstat_fetch_stat_numbackends() there are, from 1; null if it has gone. */
inline const LocalPgBackendStatus *backend_status(int number)
{
#if PG_VERSION_NUM < 160000
    return pgstat_fetch_stat_local_beentry(number);
#else
    return pgstat_get_local_beentry_by_index(number);
#endif
}

/* snapshot_too_old went with old_snapshot_threshold, in 17. */
constexpr int errcode_snapshot_too_old = MAKE_SQLSTATE('7', '2', '0', '0', '0');

/* ---- names --------------------------------------------------------------------------- */

/* Raises 42602 for what is none. */
inline List *parse_qualified_name(const char *text)
{
#if PG_VERSION_NUM < 160000
    return stringToQualifiedNameList(text);
#else
    return stringToQualifiedNameList(text, nullptr);
#endif
}

/* ---- heaps and indexes --------------------------------------------------------------- */

inline int64 live_tuples(const PgStat_StatTabEntry &counted)
{
#if PG_VERSION_NUM < 160000
    return counted.n_live_tuples;
#else
    return counted.live_tuples;
#endif
}

/* Of an index of plain columns, not unique, complete. */
inline IndexInfo *plain_index_info(int columns, Oid access_method)
{
#if PG_VERSION_NUM < 160000
    return makeIndexInfo(columns, columns, access_method, NIL, NIL, false, false, true, false);
#elif PG_VERSION_NUM < 180000
    return makeIndexInfo(columns, columns, access_method, NIL, NIL, false, false, true, false, false);
#else
    return makeIndexInfo(columns, columns, access_method, NIL, NIL, false, false, true, false, false, false);
#endif
}

/* On one column, in the tablespace of the heap. */
inline void create_plain_index(Relation heap, const char *name, IndexInfo *info, const char *column, Oid operator_class)
{
    List *columns = list_make1(const_cast<char *>(column));
    Oid collation = InvalidOid;
    int16 option = 0;
    index_create(heap, name, InvalidOid, InvalidOid, InvalidOid, InvalidOid, info, columns, info->ii_Am,
                 heap->rd_rel->reltablespace, &collation, &operator_class,
#if PG_VERSION_NUM < 170000
                 &option, static_cast<Datum>(0),
#else
                 nullptr, &option, nullptr, static_cast<Datum>(0),
#endif
                 0, 0, true, true, nullptr);
}

inline void rebuild_indexes(Oid heap)
{
    ReindexParams params = {};
    reindex_relation(
#if PG_VERSION_NUM >= 170000
        nullptr,
#endif
        heap, REINDEX_REL_PROCESS_TOAST, &params);
}

inline void truncate_relation(Relation relation)
{
    ExecuteTruncateGuts(list_make1(relation), list_make1_oid(RelationGetRelid(relation)), NIL, DROP_RESTRICT, false
#if PG_VERSION_NUM >= 160000
                        , false
#endif
    );
}

/* Since 16, an update may have left all indexes alone but those that summarize blocks. */
#if PG_VERSION_NUM < 160000
using IndexesToUpdate = bool;
constexpr IndexesToUpdate all_indexes = true, no_indexes = false;
#else
using IndexesToUpdate = TU_UpdateIndexes;
constexpr IndexesToUpdate all_indexes = TU_All, no_indexes = TU_None;
#endif

/* For a row just written, of a relation whose indexes are open. */
inline void insert_index_tuples(ResultRelInfo *relation, TupleTableSlot *slot, EState *state, IndexesToUpdate indexes)
{
    if (indexes == no_indexes)
        return;
#if PG_VERSION_NUM < 160000
    list_free(ExecInsertIndexTuples(relation, slot, state, false, false, nullptr, NIL));
#else
    list_free(ExecInsertIndexTuples(relation, slot, state, false, false, nullptr, NIL, indexes == TU_Summarizing));
#endif
}

/* ---- ANALYZE ------------------------------------------------------------------------- */

inline void vacuum_relation(Oid relid, VacuumParams *params)
{
    List *relations = list_make1(makeVacuumRelation(nullptr, relid, NIL));
#if PG_VERSION_NUM < 160000
    vacuum(relations, params, nullptr, false);
#else
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle vacuum", ALLOCSET_DEFAULT_SIZES);
    vacuum(relations, params, nullptr, context, false);
    MemoryContextDelete(context);
#endif
}

/* The blocks that `sampler` chooses, one after the other. */
struct SampledBlocks {
    TableScanDesc scan;
    BlockSamplerData *sampler;
#if PG_VERSION_NUM >= 170000
    ReadStream *stream =
        read_stream_begin_relation(READ_STREAM_MAINTENANCE, nullptr, scan->rs_rd, MAIN_FORKNUM, next, sampler, 0);

    static BlockNumber next(ReadStream *, void *sampler, void *)
    {
        auto *chosen = static_cast<BlockSamplerData *>(sampler);
        return BlockSampler_HasMore(chosen) ? BlockSampler_Next(chosen) : InvalidBlockNumber;
    }
#endif
};

/* False if there are no more. */
inline bool to_next_block(SampledBlocks *blocks)
{
#if PG_VERSION_NUM < 170000
    while (BlockSampler_HasMore(blocks->sampler))
        if (table_scan_analyze_next_block(blocks->scan, BlockSampler_Next(blocks->sampler), nullptr))
            return true;
    return false;
#else
    return table_scan_analyze_next_block(blocks->scan, blocks->stream);
#endif
}

inline void end_sampled_blocks([[maybe_unused]] SampledBlocks *blocks)
{
#if PG_VERSION_NUM >= 170000
    read_stream_end(blocks->stream);
#endif
}

inline void analyze_delay_point()
{
#if PG_VERSION_NUM < 180000
    vacuum_delay_point();
#else
    vacuum_delay_point(true);
#endif
}

/* ---- planner ------------------------------------------------------------------------- */

/* `node` of `query`, its columns those of relations, not of joins. */
inline ::Node *without_join_aliases(Query *query, ::Node *node)
{
#if PG_VERSION_NUM < 160000
    return flatten_join_alias_vars(query, node);
#else
    return flatten_join_alias_vars(nullptr, query, node);
#endif
}

inline Path *foreign_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup, Cost total, List *pathkeys,
                          Relids outer, List *kept)
{
    ForeignPath *path = create_foreignscan_path(root, rel, nullptr, rows,
#if PG_VERSION_NUM >= 180000
                                                0,
#endif
                                                startup, total, pathkeys, outer, nullptr,
#if PG_VERSION_NUM >= 170000
                                                NIL,
#endif
                                                kept);
    return &path->path;
}

/* The pathkeys of one relation's expression, sorted by `operation`; NIL if no query asks for such an order. */
inline List *known_pathkeys(PlannerInfo *root, Expr *expression, Oid operation, Relids relids)
{
#if PG_VERSION_NUM < 160000
    return build_expression_pathkey(root, expression, nullptr, operation, relids, false);
#else
    return build_expression_pathkey(root, expression, operation, relids, false);
#endif
}

/* `node` of the topmost parent of `child`, as the child has it. */
inline ::Node *adjust_to_child(PlannerInfo *root, ::Node *node, RelOptInfo *child)
{
#if PG_VERSION_NUM < 160000
    return adjust_appendrel_attrs_multilevel(root, node, child->relids, child->top_parent_relids);
#else
    return adjust_appendrel_attrs_multilevel(root, node, child, child->top_parent);
#endif
}

/* ---- settings ------------------------------------------------------------------------ */

/* What a setting's check hook leaves for its assign hook, freed by the server. Null if there is no memory. */
inline void *allocate_for_setting(size_t bytes)
{
#if PG_VERSION_NUM < 160000
    return malloc(bytes);
#else
    return guc_malloc(LOG, bytes);
#endif
}

/* ---- EXPLAIN ------------------------------------------------------------------------- */

inline void explain_plan(PlannedStmt *plan, IntoClause *into, ExplainState *es, const char *text, ParamListInfo parameters,
                         QueryEnvironment *environment, const instr_time *planning, const BufferUsage *buffers)
{
    ExplainOnePlan(plan, into, es, text, parameters, environment, planning, buffers
#if PG_VERSION_NUM >= 170000
                   , nullptr
#endif
    );
}

} // namespace pgtrickle
