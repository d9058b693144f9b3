/*
 * To which logs the changes of a relation are written: its own log if it is a source, the logs of its
 * ancestors that are sources, and those of its partitions.
 *
 *      root (source)     a row written through `leaf` is a change of leaf, mid and root;
 *       └ mid            a row written through `root` is a change of root, and of the mid and the
 *          └ leaf        leaf into whose bounds it falls (partition_route.hpp).
 *
 * A source is captured *by rows*, by row triggers on itself and all its descendants, if the transition tables
 * of the relation that is written do not show which rows are its own, or lack columns of it:
 *
 *      parent           a row written through `parent` is seen in the parent's columns, and without
 *       └ child         its table: a child that is a source is captured by rows, a parent (with
 *                       children) is not;
 *      tableoid         a query that reads it needs the table of each row;
 *      values           those of some columns are not shown as they are stored (routed_values.hpp): the format has
 *                       tableoid for that.
 *
 * The source's row triggers then write its log, and no statement trigger does.
 *
 * Each backend caches the answer per relation, and discards it with the relation's relcache entry: a
 * transaction that changes a format, a current segment or the tree invalidates all relations of the tree.
 * A pointer to an answer is valid until the next call of find_targets() for any relation. Code of users, such as a
 * function in the key of a partitioned table, may contain such a call, so who runs code of users holds the answer.
 * PostgreSQL frames.
 */
#pragma once

#include "capture/source/source_rows.hpp"

extern "C" {
#include "nodes/execnodes.h"
}

namespace pgtrickle::capture {

struct Target {
    Oid source;
    Oid written; /* the relation written to; the tableoid of its rows in row triggers */
    bool is_by_rows;
    Oid segment;
    int16 version;
    int column_count;
    AttrNumber *attnums; /* the written relation's numbers of the columns; 0: always NULL;
                          * table_oid_column: `written` */
    AttrNumber highest;  /* largest of attnums */
    TupleDesc packed;
    const char *obstacle; /* why rows cannot be logged, so that the log gets markers instead; nullptr: they can */
};

struct Targets {
    Oid relid;
    int count;
    Target *items; /* for statement triggers: those of the relation and its ancestors that are captured by statements */
    int below_count;
    Target *below; /* for statement triggers: such sources among the partitions below the relation, by OID */
    List *split;   /* the partitioned relations below which they are, each once */
    int row_count;
    Target *row_items;    /* for row triggers: the relation and its ancestors, as far as they are sources */
    int16 direct_events;  /* TRIGGER_TYPE_INSERT, UPDATE and DELETE: those of which a statement on the relation may log
                           * the rows itself (triggers/direct_capture.hpp), into the logs of `items` */
    TriggerDesc *of_rows; /* what such a statement fires, for actions of foreign keys; nullptr if there is none */
    List *touched;        /* every source that a statement on this relation may change */
    bool is_valid;        /* until something changes around the relation */
    MemoryContext memory; /* of the structure and what it points to */
    int holders;          /* the cache, and calls of hold_targets(); `memory` is deleted with the last one */
};

/* Whether `source`, which need not exist, is captured by row triggers. */
bool is_captured_by_rows(Oid source);

/* Whether `source`, or a descendant that is not in `without`, has a parent outside of the source's tree, through which
 * its rows are written as well. A partition has one parent, whose rows its constraint distinguishes. */
bool is_written_from_outside(Oid source, const List *without);

/* Never returns nullptr; `touched` is NIL if no stream table reads rows of `relation`. */
const Targets *find_targets(Relation relation);

/* Returns the source among the partitions below, unless its log gets markers instead of rows; nullptr if there is none.
 */
const Target *target_below(const Targets *targets, Oid source);
/* Whether a source that target_below() returns may be below the partition. */
bool has_target_below(const Targets *targets, Oid partition);

/* Makes an answer valid until CurrentMemoryContext is reset. */
void hold(const Targets *targets);
/* Makes it valid until release(). */
void keep(const Targets *targets);
void release(const Targets *targets);
/* As find_targets(); the answer is held. */
const Targets *hold_targets(Relation relation);

/* Makes every backend determine the targets of all relations around `relid` again, once the transaction has
 * committed. */
void invalidate_targets(Oid relid);

} // namespace pgtrickle::capture
