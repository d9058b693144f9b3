/*
 * Code that does the same in every session: functions of PostgreSQL, and those in C that a superuser has made.
 *
 * Invariant: what is called known here runs no function in a procedural language and no text, whatever a role that is
 * no superuser does afterwards. What is not on the list of known things is not known.
 *
 * - A function is one of PostgreSQL's own, not volatile, or IMMUTABLE, in C and a superuser's. An aggregate is what its
 *   functions are.
 * - An operator includes its commutator and negator, by which the planner replaces it and estimates.
 * - A type is one of PostgreSQL's own, an array, range or enumeration, or a base type of a superuser, with the
 *   operators and support functions by which it is sorted and hashed. Domains and composite types of users are not
 *   known: their constraints and fields change at any time.
 *
 * PostgreSQL frames. Nothing that is looked at is run.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::refresh {

/* Whether the function is in C, and can be replaced by a superuser only. */
bool is_compiled(Oid function);

/* A function of PostgreSQL that looks for the casts of a type, as those of JSON do, is not known beside a type of a
 * user anywhere in the query. */
struct KnownCode {
    bool has_type_of_user = false;
    bool looks_for_casts = false;
    bool has_code_of_superuser = false; /* some of what is known is none of PostgreSQL's own */

    bool includes_function(Oid function);
    bool includes_operator(Oid operator_id);
    bool includes_operator_class(Oid operator_class);
    bool includes_type(Oid type);
    bool is_unknown_as_a_whole() const { return has_type_of_user && looks_for_casts; }

    bool includes_family(Oid operator_family);

    /* Those that have been looked at: an unknown one ends the search. */
    const List *functions() const { return functions_; }
    const List *types() const { return types_; }

  private:
    static bool is_first_of(List **seen, Oid object);
    bool includes_compiled(Oid function); /* is_compiled() */
    bool includes_aggregate(Oid function);
    bool includes_range(Oid type);

    List *functions_ = NIL, *types_ = NIL, *families_ = NIL;
};

} // namespace pgtrickle::refresh
