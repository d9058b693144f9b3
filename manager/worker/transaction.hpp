/*
 * A transaction of a worker's own: in_transaction(work) runs `work` and commits, or aborts and returns what
 * failed. This is the only place besides enter() where a PgError ends: the whole transaction is rolled back
 * first, so that no state remains that only an abort cleans up.
 *
 * Its commit is flushed here as the server is configured, and waits for no synchronous standby.
 *
 * C++ frames. Afterwards no memory, snapshot or lock of the transaction is held, and the latch of the process is set:
 * where the transaction waited, as for a lock, it has reset it, whatever else had happened meanwhile.
 */
#pragma once

#include "pg/boundary.hpp"
#include "refresh/request/request.hpp"

#include <optional>
#include <string>

namespace pgtrickle::worker {

struct TransactionFailure {
    int sqlstate = 0;
    std::string message;
    std::string detail;
    Oid culprit = InvalidOid; /* the stream table whose part of a refresh failed, if it is known */
    refresh::Action tried = refresh::Action::skip;
    bool has_timed_out = false; /* it exceeded its own refresh_timeout, or the server's limit */

    /* Whether the cause may pass without intervention: a lock, a deadlock, a serialization failure, a cancel
     * request. */
    bool is_transient() const;
    /* Whether the disk or the memory is full, so that neither the definition nor the data are at fault. The
     * cause may last. */
    bool is_lack_of_resources() const;
};

/* Thrown by the work of a transaction to abort it although nothing has failed. */
struct Abandoned {};

void start_transaction();
void commit_transaction();
void abort_transaction() noexcept;
TransactionFailure failure_of(const PgError &error);

template <class Work> std::optional<TransactionFailure> in_transaction(Work &&work)
{
    std::optional<TransactionFailure> failure;
    try {
        start_transaction();
        work();
        commit_transaction();
        return failure;
    } catch (const Abandoned &) {
        /* no failure */
    } catch (const PgError &error) {
        failure = failure_of(error);
    } catch (const std::bad_alloc &) {
        failure = TransactionFailure{ERRCODE_OUT_OF_MEMORY, "out of memory", {}};
    } catch (const std::exception &exception) {
        failure = TransactionFailure{ERRCODE_INTERNAL_ERROR, exception.what(), {}};
    }
    abort_transaction();
    return failure;
}

} // namespace pgtrickle::worker
