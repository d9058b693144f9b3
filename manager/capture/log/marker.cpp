#include "capture/log/marker.hpp"

#include "capture/log/chunk.hpp"
#include "capture/source/inheritance.hpp"

extern "C" {
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

void mark_all(List *relations, Oid cause, const char *reason)
{
    /* At commit, and where DDL commits in between, there is no active snapshot. */
    const bool needs_snapshot = !HaveRegisteredOrActiveSnapshot();
    if (needs_snapshot)
        PushActiveSnapshot(GetLatestSnapshot());
    ListCell *cell;
    foreach (cell, relations) {
        SourceRow row;
        if (!find_source(lfirst_oid(cell), &row) || !row.is_active)
            continue;
        Target target = {};
        target.source = row.relid;
        target.segment = row.segments[row.current_segment];
        target.version = row.version;
        ChunkWriter *writer = open_chunk_writer(&target);
        append_marker(writer, psprintf("%s: %s", get_rel_name(cause), reason));
        close_chunk_writer(writer);
    }
    if (needs_snapshot)
        PopActiveSnapshot();
}

} // namespace

bool is_of_beginning(const char *marker)
{
    const size_t length = strlen(marker), reason_length = strlen(was_not_logged);
    return length >= reason_length && strcmp(marker + length - reason_length, was_not_logged) == 0;
}

void write_marker(Oid relation, const char *reason)
{
    mark_all(lcons_oid(relation, ancestors_of(relation)), relation, reason);
}

void mark_own(Oid relation, const char *reason)
{
    mark_all(list_make1_oid(relation), relation, reason);
}

void mark_above(Oid relation, const char *reason)
{
    mark_all(ancestors_of(relation), relation, reason);
}

void mark_around(Oid relation, const char *reason)
{
    mark_all(related_relations(relation, NoLock), relation, reason);
}

} // namespace pgtrickle::capture
