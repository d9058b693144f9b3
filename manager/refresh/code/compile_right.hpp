/*
 * Whether this session may compile the query of a stream table. To compile means to analyze, fold and plan what its
 * program consists of: that calls IMMUTABLE functions, input functions and CHECKs of domains, and so code of its owner.
 *
 * Invariant: no interpreted code of an owner (interpreted_code.hpp) runs in a session of another role that has not
 * asked for it. A compiled stream table is handed out (program/compiled.hpp), and a stream table is set up again
 * (fdw/definition/redefinition.hpp), only after this check, which raises an error: what a session does on its own
 * initiative, as for a reader or beside another statement, asks before, and leaves to the manager what it may not do.
 * To compile asks once more when the views of the query are locked: one may have been replaced before that.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::refresh {

/* The user of the session has called a function, or given a statement, that sets up or refreshes the stream table by
 * its query, as docs/security.md says. While it exists, the session may run the code of the stream table's owner:
 * stream tables of one owner are refreshed together. For a relation that has been dropped meanwhile, as no lock is
 * needed, it includes none. Local variables only. */
class AskedFor {
  public:
    explicit AskedFor(Oid relid);
    ~AskedFor();
    AskedFor(const AskedFor &) = delete;
    AskedFor &operator=(const AskedFor &) = delete;

    static bool includes(Oid owner);

  private:
    static inline const AskedFor *innermost_ = nullptr;
    const AskedFor *outer_;
    Oid owner_;
};

/* Whether this transaction has created the relation, which no other process sees yet. */
bool is_created_here(Oid relid);

/* Whether the session may run the query, whatever code that runs: it is of the user's own (is_trusted_here()), or was
 * asked for, or this transaction has created the stream table, such as a restore for other roles. A worker runs the
 * code of the owner that it serves (pg/rights.hpp). */
bool may_run_any_code_of(Oid relid);
/* Whether the session may compile the query: any code of it may run, or it runs no interpreted code. */
bool may_compile_here(Oid relid);
/* Raise 42501 unless may_compile_here(). */
void require_right_to_compile(Oid relid);

} // namespace pgtrickle::refresh
