/*
 * Partitions of a storage.
 *
 * A partitioned storage is a partitioned table of PostgreSQL in the place of the heap, so that the planner prunes
 * its partitions, and joins and groups by partition. A partition is a heap like any storage: in the reserved
 * schema, without privileges, INTERNAL to the stream table. It has the columns of the storage in the same order,
 * and a copy of each index. Only these functions create one, and none is detached or dropped alone.
 *
 *     hash    the partitions of the modulus
 *     list    one for each value, one for NULL, and a default partition
 *     range   one for each range that has had rows, and a default partition
 *
 * The default partition has the rows that have no partition of their own: of a list, other
 * values; of ranges, NULLs, infinite times, and the rows of a range whose partition could not be created yet
 * (apply/placement.hpp). So each row has a partition at any time, and routing never fails.
 *
 * The bounds of a partition are in a catalog that every role can read. So values of a list are those that the
 * definition, which is public as well, says, and are never taken from rows; ranges show as much as the sizes of
 * tables do.
 */
#pragma once

#include "engine/program.hpp"
#include "storage/ranges.hpp"

extern "C" {
#include "access/attnum.h"
#include "pg_config_manual.h"
#include "utils/relcache.h"
}

namespace pgtrickle::storage {

/* The partition key of a storage, as PostgreSQL stores it. */
struct PartitionColumns {
    char strategy;
    int count;
    AttrNumber columns[PARTITION_MAX_KEYS];
    Oid types[PARTITION_MAX_KEYS];
    Oid operator_classes[PARTITION_MAX_KEYS];
    Oid collations[PARTITION_MAX_KEYS];
};

/* Finds the columns of `by` among the output columns of the storage. Raises 42703, 42804 or 0A000 if the storage
 * cannot be partitioned so: rows of a group are found by its key, so their partition must follow from it, and user
 * code must not run when a row is routed. C++ frame; throws PgError. */
PartitionColumns partition_columns(const engine::Step &step, const PartitionBy &by);

/* Whether the storage is partitioned, or not, with the strategy and by the columns of `by`. C++ frame. */
bool is_partitioned_by(Oid heap, const PartitionBy &by);

/* PostgreSQL frames from here on. */

/* Makes the new, empty relation `heap`, whose kind is that of a partitioned table, partitioned by the columns, and
 * creates the partitions that exist from the beginning. `options` are those of a heap (pg_class.reloptions). */
void begin_partitions(Oid relid, Oid heap, const PartitionColumns &columns, const PartitionBy &by, Datum options);

/* Creates the partition of a range, with the indexes of the storage and the options of the default partition. The
 * default partition must have no row of the range, or lose them before this transaction ends; the caller holds
 * AccessExclusive on the storage, or has created it in this transaction. */
void create_range_partition(Relation heap, const Range &range);

/* Whether a storage is partitioned; an ordinary heap has its rows itself. */
bool is_partitioned(Oid heap);
/* Returns the labels (List of char *) for which a storage has partitions that is partitioned by a list of an
 * enumeration: the bounds follow when one is renamed. NIL for any other storage. Reads catalogs only. */
List *labels_of_partitions(Oid heap);
/* Returns how many partitions the storage may still get. PostgreSQL frame. */
int room_for_partitions(Relation heap);
/* Writes the storage's row of pg_class again, so that a snapshot older than this transaction does not see it.
 * PostgreSQL frame. */
void mark_as_altered(Relation heap);
/* Returns the relations that have the rows of a storage, or of an arrangement: itself, or its partitions, in
 * AccessShare. */
List *row_heaps(Oid heap);
/* Returns the partition to which a row belongs; `values` and `nulls` are those of the partition columns. */
Oid partition_of(Relation heap, const Datum *values, const bool *nulls);
/* Returns the default partition; InvalidOid if there is none. */
Oid default_partition_of(Relation heap);

} // namespace pgtrickle::storage
