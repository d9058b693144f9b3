/*
 * The groups that pending changes concern, as a refresh would store them, for a reader who stores nothing.
 *
 * Invariant: let the program of a stream table have one step, which keeps groups of rows of captured tables, and let R
 * be a snapshot that sees rows and logs of these tables alike. The storage as R sees it, with the frontier that R sees,
 * and the logged changes that R sees beyond that frontier, give the groups as of R: the statements of the step read
 * the tables in their new state, which is that of R. They are the statements of a refresh, run under R, and what
 * they give is merged with the stored rows as a refresh merges it (storage/apply/apply_groups.hpp).
 *
 * C++ frames.
 */
#pragma once

#include "refresh/run/run.hpp"

namespace pgtrickle::refresh {

struct ReadGroups {
    storage::MergedGroups merged;
    int output_count; /* of the physical columns of a row; the outputs of the query in their order */
    int key_count;    /* 0: there is only one group */
    const int *key;   /* positions of the key's columns among the physical ones, until the next refresh */
};

/* Reads the groups of `relid` that the changes pending under the snapshot concern, in memory below the current context.
 * The reader has locks on the stream table and its tables, which the snapshot shows as their logs do, and runs neither
 * a refresh nor the query of an exact read. Returns false if there is no such program, if the changes or the rows of
 * their groups are many or large, if the changes are not all in a log, or if a statement fails on values that the query
 * itself might not evaluate. */
bool read_groups(Oid relid, Snapshot snapshot, ReadGroups *groups);

} // namespace pgtrickle::refresh
