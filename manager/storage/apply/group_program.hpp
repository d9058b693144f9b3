/*
 * The arithmetic of an arrangement of layout groups, compiled once per backend.
 *
 * The program provides SQL expressions: how a state column is merged from the stored row `o` and the delta
 * row `d`, when the group must be recomputed from its input instead, and how the final columns follow from
 * the merged row `n`. PostgreSQL's expression evaluator runs them, so overflow, scale and collations are
 * PostgreSQL's.
 *
 * Lives in the memory context in which it was compiled, together with its expression context, whose per-row
 * memory the caller resets.
 */
#pragma once

#include "engine/program.hpp"
#include "pg/internal_query.hpp"
#include "storage/apply/arrangement.hpp"

namespace pgtrickle::storage {

struct GroupProgram {
    TupleDesc delta_descriptor; /* key columns, then state columns, then those of the delta only */
    int state_count;
    int *state_targets;        /* physical position of each merged state */
    ProjectionInfo *states;    /* o, d → states */
    ExprState *must_recompute; /* o, d → boolean; NULL: never */
    int final_count;
    int *final_targets;
    ProjectionInfo *finals; /* n → finals; NULL: there are none */
    ExprContext *context;
    TupleTableSlot *merged; /* n: physical columns and pgt_hash */
    TupleTableSlot *absent; /* o if there is no stored row: all NULL */
};

/* Compiles `step`, whose arrangement is `heap` (named `heap_name`, qualified and quoted), in the current
 * memory context. `parts` are those of the program's query. The current user is the owner of the stream
 * table, in a security-restricted operation. C++ frame; throws PgError. */
GroupProgram *compile_groups(const engine::Step &step, const QueryParts &parts, Oid heap, const std::string &heap_name);

} // namespace pgtrickle::storage
