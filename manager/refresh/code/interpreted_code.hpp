/*
 * Whether the query of a stream table may run interpreted code: code whose effect depends on the session in which it
 * runs.
 *
 * A procedural language keeps what it has compiled a function to as long as the process lives, and resolves names when
 * it compiles or runs a function, temporary objects first. So what such a function does depends on the settings and
 * temporary objects of the session, and on those under which another role has called it first. An exact read runs the
 * owner's query in the reader's session: it must not do so if one of the two could use that against the other. Refresh
 * workers need no such test: each serves one owner (worker/refresher/code_of_owners.hpp).
 *
 * The answer is yes unless everything that the query uses, directly or by views, policies, indexes, partitions and
 * constraints of what it reads, is on the list of known code (known_code.hpp). It is found without analyzing the query,
 * which would run code. Code of an index that is created later, whose expression PostgreSQL evaluates when it plans
 * any query over its table, is refused when it is planned or called (refused_code.hpp).
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::refresh {

/* While it exists, the session runs no interpreted code, whosever that is. When a transaction commits, such code must
 * not run: other extensions have ended their parts of the transaction by then (after another statement by postgres_fdw,
 * PostgreSQL cannot end the transaction, and the server restarts), and deferred triggers have fired. Local variables
 * only. */
class KnownCodeOnly {
  public:
    KnownCodeOnly() : outer_(is_in_force_) { is_in_force_ = true; }
    ~KnownCodeOnly() { is_in_force_ = outer_; }
    KnownCodeOnly(const KnownCodeOnly &) = delete;
    KnownCodeOnly &operator=(const KnownCodeOnly &) = delete;

    static bool is_in_force() { return is_in_force_; }

  private:
    static inline bool is_in_force_ = false;
    const bool outer_;
};

/* Whether a statement of this session may run the query of the stream table, and of those that it reads, with the
 * rights of their owners: none runs interpreted code, or the user is its owner, by login or by SET ROLE, also outside
 * of SECURITY DEFINER functions; or both are superusers. Outside of transactions that have written, the answer is kept
 * until the next invalidation. C++ frame. */
bool may_run_here(Oid relid);
/* As above, and `query`, which is to become that of the stream table, may run here as well. C++ frame. */
bool may_run_query_here(Oid relid, ::Query *query);
/* Whether the query of the stream table itself runs interpreted code, those of its upstreams aside. C++ frame. */
bool may_run_interpreted_code(Oid relid);
/* Whether the user is the owner in this sense, whatever code it is. PostgreSQL frame. */
bool is_trusted_here(Oid relid);

} // namespace pgtrickle::refresh
