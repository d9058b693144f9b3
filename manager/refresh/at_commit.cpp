#include "refresh/at_commit.hpp"

#include "definition/definition.hpp"
#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/attempt.hpp"
#include "pg/relation_row.hpp"
#include "refresh/batch/refresh_right.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/history.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/refresh.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
}

#include <algorithm>
#include <exception>
#include <map>
#include <new>

namespace pgtrickle::refresh {

namespace {

/* That of many commits in turn, and less than deadlock_timeout usually is. Where statement_timeout is short, most of
 * its time is left for what a commit does: that another transaction has a lock fails no statement. */
int longest_wait_ms()
{
    constexpr int longest = 200;
    return StatementTimeout > 0 ? std::min(longest, 1 + StatementTimeout / 5) : longest;
}

/* Limits how long each lock is waited for, also below the session's own limit. */
class LockLimit {
  public:
    explicit LockLimit(int wait_ms) : before_(LockTimeout)
    {
        LockTimeout = before_ > 0 ? std::min(before_, wait_ms) : wait_ms;
    }
    ~LockLimit() { LockTimeout = before_; }
    LockLimit(const LockLimit &) = delete;
    LockLimit &operator=(const LockLimit &) = delete;

  private:
    const int before_;
};

/* PostgreSQL has disabled statement_timeout when a client's statement commits. */
class StatementLimit {
  public:
    StatementLimit() : is_own_(StatementTimeout > 0 && !get_timeout_active(STATEMENT_TIMEOUT))
    {
        if (is_own_)
            enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
    }
    ~StatementLimit()
    {
        if (is_own_)
            disable_timeout(STATEMENT_TIMEOUT, false);
    }
    StatementLimit(const StatementLimit &) = delete;
    StatementLimit &operator=(const StatementLimit &) = delete;

  private:
    const bool is_own_;
};

/* Whether the query cannot be computed, or its rows not be stored, for what the sources contain, which the transaction
 * has changed. Nothing else that is wrong with a stream table keeps a transaction from committing. */
bool is_fault_of_rows(const PgError &error)
{
    const int category = ERRCODE_TO_CATEGORY(error.data->sqlerrcode);
    return category == ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION) ||
           category == ERRCODE_TO_CATEGORY(ERRCODE_CARDINALITY_VIOLATION) ||
           category == ERRCODE_TO_CATEGORY(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION);
}

/* Whether the transaction must end for what the refresh has met: what it reads, the transaction reads. */
bool ends_transaction(const PgError &error)
{
    return is_interrupt(error) ||
           (error.data->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE && IsolationIsSerializable());
}

/* A stream table that has to be filled was left so by others. */
bool is_left_to_manager(Oid relid)
{
    const mailbox::State state = mailbox::status_of(relid).state;
    return !state.is_populated || state.is_suspended;
}

/* Whether the owner may add to what writers of the table do, as by a trigger. With pg_trickle.capture_privilege =
 * 'select', changes are captured for other owners, too. */
bool may_burden_writers(Oid owner, const Source &source)
{
    return source.kind != SourceKind::table ||
           call([&] { return pg_class_aclcheck(source.relid, owner, ACL_TRIGGER) == ACLCHECK_OK; });
}

/* Locks the stream table and what it is computed from, at any depth. A transaction that has locked one of its sources
 * exclusively may come to its commit, too: it must not wait for the stream table while this one waits for the source.
 * Returns false if the stream table is not there any more, or is left to the manager. */
bool lock_to_refresh(Oid relid)
{
    if (!call([=] { return definition::lock_if_exists(relid, RowExclusiveLock); }) ||
        !call([=] { return definition::is_stream_table(relid); }) || is_left_to_manager(relid) ||
        !may_refresh_at_commit(relid))
        return false;
    const Compiled &compiled = compiled_beside_heaps(relid);
    const Definition &definition = compiled.definition;
    const std::vector<Source> sources = definition::all_sources_of(relid);
    if (!rules_of(definition.mode).is_immediate || !compiled.has_current_layout ||
        !std::all_of(sources.begin(), sources.end(),
                     [&](const Source &source) { return may_burden_writers(definition.owner, source); }))
        return false;
    for (const Source &source : sources)
        call([&] { LockRelationOid(source.relid, AccessShareLock); });
    return true;
}

void refresh(std::vector<Oid> relids)
{
    std::erase_if(relids, [](Oid relid) { return !lock_to_refresh(relid); });
    if (relids.empty())
        return;
    const std::vector<Outcome> outcomes =
        refresh_batch({.members = relids, .requested_by = scheduler::RequestedBy::reader, .is_at_commit = true});
    /* A row for each commit of each writer would say nothing, and keep the writers waiting for each other. What has
     * failed is reported to the writer, or fails again in the manager. */
    for (const Outcome &outcome : outcomes)
        if (outcome.action == Action::full || outcome.action == Action::reinitialize)
            record_in_history(outcome, catalog::InitiatedBy::manual);
}

/* A stream table that has failed before fails no transaction, which may end that, but need not have caused it. */
bool may_fail_transaction(Oid relid)
{
    return guc::on_error == static_cast<int>(guc::OnError::fail) && !mailbox::status_of(relid).state.is_failing;
}

void log_left(const PgError &error)
{
    const char *why = error.data->message;
    call([=] { ereport(DEBUG1, (errmsg_internal("changes of this transaction are left to the manager: %s", why))); });
}

struct Tried {
    bool is_done;
    Oid failed; /* for its rows, so that the others can be refreshed without it; InvalidOid: for another reason */
};

/* Refreshes all or none of them. */
Tried try_to_refresh(const std::vector<Oid> &relids)
{
    try {
        in_subtransaction([&] { refresh(relids); });
    } catch (const PgError &error) {
        if (ends_transaction(error))
            throw;
        log_left(error);
        if (!is_fault_of_rows(error))
            return {false, InvalidOid};
        const auto *of_member = dynamic_cast<const MemberError *>(&error);
        const Oid failed = of_member != nullptr ? of_member->relid : relids.front();
        if (may_fail_transaction(failed))
            throw;
        return {false, failed};
    }
    return {true, InvalidOid};
}

bool depends_on(Oid relid, Oid upstream)
{
    const std::vector<Oid> all = definition::with_upstreams(relid);
    return std::find(all.begin(), all.end(), upstream) != all.end();
}

/* Removes those that depend on the one that has failed. Returns false if none does, or something cannot be read now. */
bool leave_out(std::vector<Oid> *relids, Oid failed)
{
    size_t count = 0;
    const auto failure =
        attempt([&] { count = std::erase_if(*relids, [=](Oid relid) { return depends_on(relid, failed); }); });
    return !failure && count > 0;
}

/* Refreshes them but for those that fail for their rows. Returns false if the others are not refreshed either. Each
 * lock is waited for no longer than `wait_ms`. */
bool refresh_without_failing(std::vector<Oid> relids, int wait_ms)
{
    const LockLimit lock_limit(wait_ms);
    while (!relids.empty()) {
        const Tried tried = try_to_refresh(relids);
        if (tried.is_done)
            return true;
        /* Where none of them depends on it, it is refreshed together with one that does not. */
        if (!OidIsValid(tried.failed) || !leave_out(&relids, tried.failed))
            return false;
    }
    return true;
}

/* Their changes stay pending, and the next commits do not try: each would wait for the lock. */
void leave_to_manager(const std::vector<Oid> &relids)
{
    for (const Oid relid : relids)
        mailbox::leave_to_manager(relid);
}

/* The stream tables of all owners are refreshed together, which costs least. If that fails, those of each owner are on
 * their own: nothing that an owner does keeps a transaction from refreshing those of others. */
void refresh_by_owners(const std::vector<Oid> &relids)
{
    std::map<Oid, std::vector<Oid>> of_owners;
    for (const Oid relid : relids)
        of_owners[call([=] { return owner_of_relation(relid, true); })].push_back(relid);
    const int wait_ms = longest_wait_ms();
    if (refresh_without_failing(relids, wait_ms))
        return;
    if (of_owners.size() == 1)
        return leave_to_manager(relids);
    for (const auto &[owner, own] : of_owners)
        if (!refresh_without_failing(own, 1 + wait_ms / static_cast<int>(of_owners.size())))
            leave_to_manager(own);
}

/* In the state of COMMIT, PostgreSQL lets a subtransaction begin and be released, and asserts that none is rolled back.
 * Those of `act` begin in another one, which is released, and so are in the state of any other. */
template <class Act> void below_state_of_commit(Act act)
{
    std::exception_ptr failure;
    in_subtransaction([&] {
        try {
            act();
        } catch (...) {
            failure = std::current_exception();
        }
    });
    if (failure)
        std::rethrow_exception(failure);
}

void refresh_changed()
{
    Oid found[mailbox::most_immediates];
    const int count = mailbox::changed_immediates(found);
    if (count == 0 || mailbox::has_definition_change())
        return;
    const KnownCodeOnly known_code_only;
    const StatementLimit statement_limit;
    below_state_of_commit([&] { refresh_by_owners(std::vector<Oid>(found, found + count)); });
}

} // namespace

void refresh_at_commit(XactEvent event)
{
    if (event != XACT_EVENT_PRE_COMMIT || !guc::enabled || MyBackendType != B_BACKEND || XactReadOnly)
        return;
    MemoryContext memory = AllocSetContextCreate(TopTransactionContext, "pg_trickle commit", ALLOCSET_DEFAULT_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(memory);
    enter([] {
        try {
            refresh_changed();
        } catch (const std::bad_alloc &) { /* NOLINT(bugprone-empty-catch): left to the manager, as other lacks are */
        }
    });
    MemoryContextSwitchTo(previous);
    MemoryContextDelete(memory);
}

} // namespace pgtrickle::refresh
