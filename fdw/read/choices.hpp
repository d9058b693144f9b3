/*
 * How stream tables are read under a snapshot that is fixed, because it is that of a transaction in REPEATABLE READ, or
 * of a statement whose STABLE functions read under it: the stored rows, or exactly.
 *
 * Invariant: under one fixed snapshot, a stream table, and others that are refreshed to the same state, are read in the
 * way in which the first of them was. The snapshot would seem to change otherwise: when a hold ends, or when stored
 * rows become too old meanwhile. A statement that fails, and is rolled back to a savepoint, has chosen nothing.
 *
 * The choices of a statement are in its memory. Those of a transaction are in the memory of that. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/execdesc.h"
}

namespace pgtrickle {

struct Choice {
    Oid relid;
    bool is_exact;
    bool is_stale;        /* it was reported, and keeps its rows */
    bool is_for_others;   /* it counts for those that are refreshed to the same state */
    int64_t staleness_ms; /* pg_trickle.max_staleness: a choice under other settings does not count */
    bool is_consistent;   /* pg_trickle.consistent_reads */
    int nest_level;       /* of transactions, when the statement began; 0: it has returned */
};

/* Those under one snapshot. */
struct Choices;

/* Returns the choices that bind a statement that is about to start, or null if its snapshot is its own and not fixed.
 */
Choices *choices_for_statement(const QueryDesc *query);

bool has_any_choice(const Choices *choices);
/* Return the choice for the stream table; or that for one of the set, an exact one if there is one; or null. Other
 * settings than those in force have other choices. */
const Choice *choice_for(const Choices *choices, Oid relid);
const Choice *choice_among(const Choices *choices, const List *set);

/* Returns a choice under the settings in force, for add_choice() or keep_choices(). */
Choice *make_choice(Oid relid, bool is_exact, bool is_stale, bool is_for_others);
/* Adds a copy of the choice, of a statement that is about to start. */
void add_choice(Choices *choices, const Choice *choice);
/* Lets the choices, a List of Choice, bind the STABLE functions of a statement that has started. Stream tables of the
 * statement for which there is none are read as stored, and are not reported. */
void keep_choices(const QueryDesc *query, const List *made);

/* Makes the choices final: a statement has returned. */
void confirm_choices();
void forget_unconfirmed_choices(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

} // namespace pgtrickle
