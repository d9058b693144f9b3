/*
 * ANALYZE of a stream table: its rows are sampled from the blocks of the storage, as PostgreSQL samples a
 * table, and converted to rows of the foreign table. The planner uses the statistics of the storage, so the
 * storage is analysed as well, unless this ANALYZE is of an inheritance parent.
 */
#include "fdw/scan/execution.hpp"

#include "fdw/scan/served_relation.hpp"
#include "pg/versions/analyze.hpp"
#include "storage/partitions.hpp"
#include "storage/statistics.hpp"

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "commands/vacuum.h"
#include "common/pg_prng.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/sampling.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <cmath>

namespace pgtrickle {

namespace {

/* Returns the row of `table` that `stored`, a row of its storage, represents. */
HeapTuple row_of(Relation table, const AttrNumber *columns, TupleTableSlot *stored, Datum *values, bool *nulls)
{
    slot_getallattrs(stored);
    for (int i = 0; i < RelationGetDescr(table)->natts; i++) {
        AttrNumber column = columns[i];
        nulls[i] = column == 0 || stored->tts_isnull[column - 1];
        values[i] = nulls[i] ? Datum{0} : stored->tts_values[column - 1];
    }
    return heap_form_tuple(RelationGetDescr(table), values, nulls);
}

struct Reservoir {
    HeapTuple *rows;
    int size;
    int used;
    double seen;
    double skip; /* rows to skip; negative: to be drawn */
    ReservoirStateData state;
};

/* Implements Vitter's algorithm Z, as PostgreSQL's own sampling does. */
void offer(Reservoir *reservoir, HeapTuple row)
{
    if (reservoir->used < reservoir->size) {
        reservoir->rows[reservoir->used++] = row;
        reservoir->seen += 1;
        return;
    }
    if (reservoir->skip < 0)
        reservoir->skip = reservoir_get_next_S(&reservoir->state, reservoir->seen, reservoir->size);
    if (reservoir->skip <= 0) {
        int replaced = static_cast<int>(reservoir->size * sampler_random_fract(&reservoir->state.randstate));
        heap_freetuple(reservoir->rows[replaced]);
        reservoir->rows[replaced] = row;
    } else
        heap_freetuple(row);
    reservoir->skip -= 1;
    reservoir->seen += 1;
}

struct Sample {
    Relation table;
    AttrNumber *columns;
    Reservoir reservoir;
    double blocks; /* read */
    double dead;
};

/* Offers the rows of up to `wanted` blocks of the storage, or of a partition of it, to the sample. */
void sample_heap(Sample *sample, Relation heap, double wanted)
{
    const int count = RelationGetDescr(sample->table)->natts;
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * (count + 1)));
    BlockSamplerData sampler;
    BlockSampler_Init(&sampler, RelationGetNumberOfBlocks(heap), static_cast<int>(wanted),
                      pg_prng_uint32(&pg_global_prng_state));
    TransactionId oldest = GetOldestNonRemovableTransactionId(heap);
    TableScanDesc scan = table_beginscan_analyze(heap);
    TupleTableSlot *slot = table_slot_create(heap, nullptr);
    double live = 0;
    SampledBlocks sampled = {scan, &sampler};
    while (to_next_block(&sampled)) {
        analyze_delay_point();
        while (table_scan_analyze_next_tuple(scan, oldest, &live, &sample->dead, slot))
            offer(&sample->reservoir, row_of(sample->table, sample->columns, slot, values, nulls));
    }
    end_sampled_blocks(&sampled);
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    sample->blocks += sampler.m;
}

int sample_rows(Relation table, int, HeapTuple *rows, int wanted, double *total_rows, double *total_dead_rows)
{
    const ServedRelation *served = served_relation_to_read(RelationGetRelid(table));
    int count = RelationGetDescr(table)->natts;
    auto *columns = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (count + 1)));
    memcpy(columns, served->columns, sizeof(AttrNumber) * count);
    const Oid storage = served->storage;
    const double blocks = storage::stored_blocks(storage);
    Sample sample = {table, columns, {rows, wanted, 0, 0, -1, {}}, 0, 0};
    reservoir_init_selection_state(&sample.reservoir.state, wanted);
    ListCell *cell;
    foreach (cell, storage::row_heaps(storage)) {
        Relation heap = table_open(lfirst_oid(cell), AccessShareLock);
        sample_heap(&sample, heap, std::ceil(wanted * (RelationGetNumberOfBlocks(heap) / std::max(blocks, 1.0))));
        table_close(heap, NoLock);
    }
    double share = sample.blocks > 0 ? blocks / sample.blocks : 0;
    *total_rows = static_cast<double>(static_cast<int64>(sample.reservoir.seen * share + 0.5));
    *total_dead_rows = static_cast<double>(static_cast<int64>(sample.dead * share + 0.5));
    return sample.reservoir.used;
}

/* Returns true if ANALYZE is processing an inheritance parent that has the stream table as a child. A nested
 * ANALYZE is not possible then, because ANALYZE keeps its memory context in a static variable; that context,
 * the current one or one of its ancestors, is the only sign of it. */
bool is_within_a_sample()
{
    for (MemoryContext context = CurrentMemoryContext; context != nullptr; context = context->parent)
        if (strcmp(context->name, "Analyze") == 0)
            return true;
    return false;
}

} // namespace

bool analyze_stream_table(Relation table, AcquireSampleRowsFunc *sample, BlockNumber *pages)
{
    Oid storage_oid = served_relation_to_read(RelationGetRelid(table))->storage;
    *pages = storage::stored_blocks(storage_oid);
    *sample = sample_rows;
    VacuumParams parameters = {};
    parameters.options = VACOPT_ANALYZE;
    parameters.log_min_duration = -1;
    if (is_within_a_sample())
        return true;
    ListCell *cell;
    foreach (cell, list_append_unique_oid(storage::row_heaps(storage_oid), storage_oid))
        analyze_rel(lfirst_oid(cell), nullptr, &parameters, NIL, IsInTransactionBlock(false), nullptr);
    return true;
}

} // namespace pgtrickle
