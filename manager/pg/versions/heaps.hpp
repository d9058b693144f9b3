/*
 * Creating heaps and indexes and writing to them. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/attmap.h"
#include "access/genam.h"
#include "access/tableam.h"
#include "access/tupdesc.h"
#include "catalog/index.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "storage/lmgr.h"
}

namespace pgtrickle {

inline int64 live_tuples(const PgStat_StatTabEntry &counted)
{
#if PG_VERSION_NUM < 160000
    return counted.n_live_tuples;
#else
    return counted.live_tuples;
#endif
}

/* Whether the current transaction has created the file of the relation: the relation itself, or its rows, copied. */
inline bool has_own_file(Relation relation)
{
#if PG_VERSION_NUM < 160000
    const SubTransactionId since = relation->rd_firstRelfilenodeSubid;
#else
    const SubTransactionId since = relation->rd_firstRelfilelocatorSubid;
#endif
    return relation->rd_createSubid != InvalidSubTransactionId || since != InvalidSubTransactionId;
}

/* Returns the map of a row's columns to those of `to`, by name; nullptr if they have the same numbers. */
inline AttrMap *column_map(TupleDesc from, TupleDesc to)
{
#if PG_VERSION_NUM < 160000
    return build_attrmap_by_name_if_req(from, to);
#else
    return build_attrmap_by_name_if_req(from, to, false);
#endif
}

/* Describes an index of plain columns, not unique, ready for inserts. */
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

/* Creates an index on one column, in the tablespace of the heap. */
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

/* Raises 23505 if rows have one key in a unique index. */
inline void rebuild_indexes(Oid heap)
{
    ReindexParams params = {};
    reindex_relation(
#if PG_VERSION_NUM >= 170000
        nullptr,
#endif
        heap, REINDEX_REL_PROCESS_TOAST | REINDEX_REL_CHECK_CONSTRAINTS, &params);
}

/* Makes a valid index of one that has not been built. */
inline void rebuild_index(Oid index)
{
    ReindexParams params = {};
    reindex_index(
#if PG_VERSION_NUM >= 170000
        nullptr,
#endif
        index, false, RELPERSISTENCE_PERMANENT, &params);
}

inline void truncate_relation(Relation relation)
{
    ExecuteTruncateGuts(list_make1(relation), list_make1_oid(RelationGetRelid(relation)), NIL, DROP_RESTRICT, false
#if PG_VERSION_NUM >= 160000
                        ,
                        false
#endif
    );
}

/* Begins a scan of the rows that `snapshot` sees, by `keys` keys of the index. */
inline IndexScanDesc begin_index_scan(Relation heap, Relation index, Snapshot snapshot, int keys)
{
#if PG_VERSION_NUM < 180000
    return index_beginscan(heap, index, snapshot, keys, 0);
#else
    return index_beginscan(heap, index, snapshot, nullptr, keys, 0);
#endif
}

/* Indexes that an update must insert into. Since 16, an update may require only those that summarize
 * blocks. */
#if PG_VERSION_NUM < 160000
using IndexesToUpdate = bool;
constexpr IndexesToUpdate all_indexes = true, no_indexes = false;
#else
using IndexesToUpdate = TU_UpdateIndexes;
constexpr IndexesToUpdate all_indexes = TU_All, no_indexes = TU_None;
#endif

/* Inserts the index entries of a row just written to a relation whose indexes are open. Returns the OIDs of the unique
 * indexes in which there may be another row with its key. */
inline List *insert_index_tuples(ResultRelInfo *relation, TupleTableSlot *slot, EState *state, IndexesToUpdate indexes)
{
    bool is_duplicate;
    if (indexes == no_indexes)
        return NIL;
    return ExecInsertIndexTuples(relation, slot, state, false, true, &is_duplicate, NIL
#if PG_VERSION_NUM >= 160000
                                 ,
                                 indexes == TU_Summarizing
#endif
    );
}

/* Must be called after the attribute of a column was changed: forming and deforming of tuples uses data
 * derived from it. */
inline void finish_column([[maybe_unused]] TupleDesc columns, [[maybe_unused]] int index)
{
#if PG_VERSION_NUM < 180000
    TupleDescAttr(columns, index)->attcacheoff = -1;
#else
    populate_compact_attribute(columns, index);
#endif
}

/* Sets a column of a new relation NOT NULL. Since 18 it is also known whether the rows before that have been checked.
 */
inline void set_not_null(TupleDesc columns, AttrNumber column)
{
    TupleDescAttr(columns, column - 1)->attnotnull = true;
    finish_column(columns, column - 1);
#if PG_VERSION_NUM >= 180000
    TupleDescCompactAttr(columns, column - 1)->attnullability = ATTNULLABLE_VALID;
#endif
}

/* Whether no row has a NULL in the column. Since 18, a NOT NULL constraint may be NOT VALID. */
inline bool is_never_null(TupleDesc columns, AttrNumber column)
{
#if PG_VERSION_NUM < 180000
    return TupleDescAttr(columns, column - 1)->attnotnull;
#else
    return TupleDescCompactAttr(columns, column - 1)->attnullability == ATTNULLABLE_VALID;
#endif
}

/* Creates the index of an analyzed statement on `heap`; the caller has checked the privileges. On a partition, it is
 * the part of the index `parent` of the partitioned table. */
inline ObjectAddress define_index(Oid heap, IndexStmt *statement, bool check_not_in_use, Oid parent = InvalidOid)
{
    return DefineIndex(heap, statement, InvalidOid, parent, InvalidOid,
#if PG_VERSION_NUM >= 160000
                       -1,
#endif
                       false, false, check_not_in_use, false, false);
}

/* Returns whether the tuple could be locked without waiting. */
inline bool lock_tuple_at_once(Relation relation, ItemPointer place, LOCKMODE mode)
{
#if PG_VERSION_NUM < 180000
    return ConditionalLockTuple(relation, place, mode);
#else
    return ConditionalLockTuple(relation, place, mode, false);
#endif
}

} // namespace pgtrickle
