/*
 * ANALYZE and VACUUM. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/multixact.h"
#include "access/tableam.h"
#include "commands/vacuum.h"
#include "nodes/makefuncs.h"
#include "utils/sampling.h"
#if PG_VERSION_NUM >= 170000
#include "storage/read_stream.h"
#endif
}

namespace pgtrickle {

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

/* Sets the numbers of pages and rows in the relation's row of pg_class, in place and at once. The caller has a lock as
 * ANALYZE has. */
inline void set_relation_size(Relation relation, BlockNumber pages, double rows)
{
    vac_update_relstats(relation, pages, rows, 0,
#if PG_VERSION_NUM >= 180000
                        0,
#endif
                        false, InvalidTransactionId, InvalidMultiXactId, nullptr, nullptr, true);
}

/* Blocks that `sampler` chooses, in order. */
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

/* Advances to the next block. Returns false if there are no more. */
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

} // namespace pgtrickle
