/*
 * Where the changes of a relation go: its own log, if it is a source, the logs of
 * the sources above it, and those of partitions below it.
 *
 *      root (source)     a row written through `leaf` is a change of leaf, mid and root;
 *       └ mid            one written through `root` is a change of root, and of that mid and
 *          └ leaf        leaf whose partition constraint it meets.
 *
 * A source is captured *by rows*, by row triggers on itself and all below it, where the transition
 * tables of the relation that is written do not say which rows are its own, or lack columns of it:
 *
 *      parent           what is written through `parent` arrives there in the parent's columns, and
 *       └ child         without saying which rows are the child's: a child that is a source is
 *                       captured by rows, a parent (with children) is not;
 *      tableoid         whoever reads it asks for each row where it lies.
 *
 * Its own row triggers then tell its log, and no statement trigger does.
 *
 * Each backend keeps the answer a relation, and drops it with the relation's relcache entry:
 * whoever changes a format, a current segment or the tree invalidates all relations of the tree.
 * An entry is rebuilt only by find_targets(), so a pointer is good until the next call for
 * the same relation. PostgreSQL frames.
 */
#pragma once

#include "capture/source/source_rows.hpp"

extern "C" {
#include "nodes/execnodes.h"
}

namespace pgtrickle::capture {

struct Target {
    Oid source;
    Oid written;            /* the relation written to: the row's tableoid, where rows are seen one by one */
    bool is_by_rows;
    Oid segment;
    int16 version;
    int column_count;
    AttrNumber *attnums;    /* the written relation's numbers of the columns; 0: always NULL;
                               table_oid_column: `written` */
    AttrNumber highest;     /* of attnums */
    TupleDesc packed;
    bool must_mark;         /* the format does not fit the relation as it is now */
    List *constraint;       /* of a partition below: the rows it holds; Vars of `constraint_map` … */
    AttrNumber *constraint_map; /* … by the partition's numbers: the written relation's */
    int constraint_map_length;
};

struct Targets {
    Oid relid;
    bool is_valid;
    int count;
    Target *items;          /* of statements: sources that are captured by them */
    int row_count;
    Target *row_items;      /* of rows that lie in this relation: sources at and above it */
    List *touched;          /* every source that a statement on this relation may change */
    MemoryContext memory;
};

/* Whether `source`, which need not exist, is captured by row triggers. */
bool is_captured_by_rows(Oid source);

/* Never nullptr; `touched` is NIL when nobody reads what `relation` holds. */
const Targets *find_targets(Relation relation);

/* Makes every backend find the targets afresh, for all relations around `relid`, once the
 * transaction has committed. */
void invalidate_targets(Oid relid);

} // namespace pgtrickle::capture
