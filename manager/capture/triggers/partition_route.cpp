#include "capture/triggers/partition_route.hpp"

#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/attmap.h"
#include "access/table.h"
#include "access/tupconvert.h"
#include "executor/executor.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/partcache.h"
#include "utils/rel.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* A partitioned level. */
struct Split;

struct Part {
    Part *parent; /* nullptr: directly below the written relation */
    Sink sink;    /* without a target unless it is a source that is captured by statements */
    Split *split; /* nullptr if no source is below it */
};

struct Split {
    Relation relation;
    PartitionKey key;
    PartitionDesc desc;
    List *expressions;   /* ExprStates of the key's expressions */
    AttrMap *map;        /* from the written relation's columns; nullptr if they have the same numbers */
    TupleTableSlot *row; /* the row in this level's columns; nullptr without a map */
    Part **parts;        /* as in desc; nullptr until there is a row */
};

} // namespace

struct Route {
    const Targets *targets;
    Relation written;
    EState *estate;
    MemoryContext memory;
    Split *top;
    List *parts; /* those that have been made */
};

namespace {

Split *make_split(Route *route, Relation relation)
{
    auto *split = static_cast<Split *>(palloc0(sizeof(Split)));
    split->relation = relation;
    split->key = RelationGetPartitionKey(relation);
    split->desc = RelationGetPartitionDesc(relation, true);
    split->expressions = ExecPrepareExprList(split->key->partexprs, route->estate);
    split->parts = static_cast<Part **>(palloc0(sizeof(Part *) * (split->desc->nparts + 1)));
    if (relation == route->written)
        return split;
    split->map = column_map(RelationGetDescr(route->written), RelationGetDescr(relation));
    if (split->map != nullptr)
        split->row = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
    return split;
}

/* Returns the row in the columns of the level. */
TupleTableSlot *row_of(Split *split, TupleTableSlot *written)
{
    return split->map == nullptr ? written : execute_attr_map_slot(split->map, written, split->row);
}

void take_key(Route *route, Split *split, TupleTableSlot *row, Datum *values, bool *nulls)
{
    ExprContext *context = GetPerTupleExprContext(route->estate);
    context->ecxt_scantuple = row;
    const ListCell *expression = list_head(split->expressions);
    for (int i = 0; i < split->key->partnatts; i++) {
        const AttrNumber attnum = split->key->partattrs[i];
        if (attnum != 0) {
            values[i] = row->tts_values[attnum - 1];
            nulls[i] = row->tts_isnull[attnum - 1];
            continue;
        }
        values[i] = ExecEvalExprSwitchContext(static_cast<ExprState *>(lfirst(expression)), context, &nulls[i]);
        expression = lnext(split->expressions, expression);
    }
}

/* Returns the number of the partition that takes the key, as get_partition_for_tuple() does; -1 if there is none. */
int part_for_key(const Split *split, Datum *values, bool *nulls)
{
    const PartitionKey key = split->key;
    const PartitionBoundInfo bounds = split->desc->boundinfo;
    bool has_null = false, is_equal = false;
    for (int i = 0; i < key->partnatts; i++)
        has_null = has_null || nulls[i];
    int found = -1;
    if (split->desc->nparts == 0)
        return -1;
    if (key->strategy == PARTITION_STRATEGY_HASH)
        return bounds->indexes[compute_partition_hash_value(key->partnatts, key->partsupfunc, key->partcollation,
                                                            values, nulls) %
                               bounds->nindexes];
    if (has_null)
        found = key->strategy == PARTITION_STRATEGY_LIST ? bounds->null_index : -1;
    else if (key->strategy == PARTITION_STRATEGY_LIST) {
        const int at = partition_list_bsearch(key->partsupfunc, key->partcollation, bounds, values[0], &is_equal);
        found = at >= 0 && is_equal ? bounds->indexes[at] : -1;
    } else {
        const int at = partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds, key->partnatts,
                                                     values, &is_equal);
        found = bounds->indexes[at + 1];
    }
    return found >= 0 ? found : bounds->default_index;
}

Part *make_part(Route *route, Split *above, Part *parent, int number)
{
    MemoryContext old_context = MemoryContextSwitchTo(route->memory);
    const Oid relid = above->desc->oids[number];
    auto *part = static_cast<Part *>(palloc0(sizeof(Part)));
    part->parent = parent;
    part->sink.target = target_below(route->targets, relid);
    if (!above->desc->is_leaf[number] && has_target_below(route->targets, relid))
        part->split = make_split(route, table_open(relid, RowExclusiveLock));
    above->parts[number] = part;
    route->parts = lappend(route->parts, part);
    MemoryContextSwitchTo(old_context);
    return part;
}

/* Returns the number of the partition that takes the row; -1 if there is none. */
int part_for_row(Route *route, Split *split, TupleTableSlot *written)
{
    Datum values[PARTITION_MAX_KEYS];
    bool nulls[PARTITION_MAX_KEYS];
    /* A support function need not free what it allocates. */
    MemoryContext old_context = MemoryContextSwitchTo(GetPerTupleMemoryContext(route->estate));
    take_key(route, split, row_of(split, written), values, nulls);
    const int number = part_for_key(split, values, nulls);
    MemoryContextSwitchTo(old_context);
    ResetPerTupleExprContext(route->estate);
    return number;
}

/* Returns the lowest partition that has the row, as far as sources are below it; nullptr if there is none. */
Part *find_part(Route *route, TupleTableSlot *written)
{
    Part *part = nullptr;
    for (Split *split = route->top; split != nullptr; split = part->split) {
        const int number = part_for_row(route, split, written);
        if (number < 0)
            return part;
        part = split->parts[number] != nullptr ? split->parts[number] : make_part(route, split, part, number);
    }
    return part;
}

bool is_at_or_above(const Part *part, const Part *other)
{
    while (other != nullptr && other != part)
        other = other->parent;
    return other != nullptr;
}

} // namespace

Route *begin_route(Relation written, const Targets *targets)
{
    auto *route = static_cast<Route *>(palloc0(sizeof(Route)));
    route->targets = targets;
    route->written = written;
    route->estate = CreateExecutorState();
    route->memory = CurrentMemoryContext;
    route->top = make_split(route, written);
    return route;
}

void log_below(Route *route, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
    Part *of_old = old_row == nullptr ? nullptr : find_part(route, old_row);
    Part *of_new = new_row == nullptr ? nullptr : find_part(route, new_row);
    auto is_unchanged = [&](const Part *part, const Part *other) {
        return is_at_or_above(part, other) && is_same_image(part->sink.target, old_row->tts_values, old_row->tts_isnull,
                                                            new_row->tts_values, new_row->tts_isnull);
    };
    for (Part *part = of_old; part != nullptr; part = part->parent)
        if (part->sink.target != nullptr && !is_unchanged(part, of_new))
            log_row(&part->sink, old_row, -1);
    for (Part *part = of_new; part != nullptr; part = part->parent)
        if (part->sink.target != nullptr && !is_unchanged(part, of_old))
            log_row(&part->sink, new_row, 1);
}

void end_route(Route *route)
{
    ListCell *cell;
    foreach (cell, route->parts) {
        auto *part = static_cast<Part *>(lfirst(cell));
        close_sink(&part->sink);
        if (part->split == nullptr)
            continue;
        if (part->split->row != nullptr)
            ExecDropSingleTupleTableSlot(part->split->row);
        table_close(part->split->relation, NoLock);
    }
    FreeExecutorState(route->estate);
}

} // namespace pgtrickle::capture
