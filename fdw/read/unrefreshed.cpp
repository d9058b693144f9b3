#include "fdw/read/unrefreshed.hpp"

#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/exact_reads.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "fdw/read/transaction_snapshot.hpp"
#include "fdw/scan/served_relation.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/processes.hpp"
#include "refresh/batch/excluded_members.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
}

#include <algorithm>

namespace pgtrickle {

struct Noting {
    const Oid *relids; /* that the statement reads */
    int count;
    List *noted;
};

namespace {

Noting *noting_now = nullptr; /* null: none */

/* ---- what is read exactly instead ----------------------------------------------------- */

/* Returns true if an exact read gives what a refresh cannot because of the obstacle. */
bool is_replaceable(Obstacle obstacle)
{
    switch (obstacle) {
    case Obstacle::none:
    case Obstacle::fixed_snapshot:
    case Obstacle::read_only:
    case Obstacle::standby:
    case Obstacle::own_changes:
    case Obstacle::open_statement: return true;
    default: return false;
    }
}

/* Returns true if this session has read exactly what the storage of the stream table lacks. */
bool would_go_back(Oid relid)
{
    return lacks_what_was_read(relid, mailbox::status_of(relid).stale_since());
}

/* Whether the last refresh of the stream table, or of one that it reads, failed by its query: the exact query would
 * probably fail, too. */
bool fails_to_compute(Oid relid)
{
    return enter([=] {
        const std::vector<Oid> all = definition::with_upstreams(relid);
        return std::any_of(all.begin(), all.end(), [](Oid one) {
            const mailbox::State state = mailbox::status_of(one).state;
            return state.is_failing && !state.has_computed;
        });
    });
}

/* Whether a refresh excludes the stream table, and may refresh others of its state: those are not kept back by it. */
bool is_excluded(Obstacle obstacle)
{
    return obstacle == Obstacle::held || obstacle == Obstacle::suspended || obstacle == Obstacle::failed;
}

/* A statement after refreshes have been tried for it. */
struct Statement {
    const Oid *relids;
    int count;
    const List *unrefreshed;
    Snapshot snapshot;
};

/* ---- sets that are refreshed to one state ---------------------------------------------- */

bool is_reported(Oid relid, const List *unrefreshed)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (noted->relid == relid && !noted->is_replaced)
            return true;
    }
    return false;
}

bool is_any_read_unreported(const List *set, const Statement &statement)
{
    for (int i = 0; i < statement.count; i++)
        if (list_member_oid(set, statement.relids[i]) && !is_reported(statement.relids[i], statement.unrefreshed))
            return true;
    return false;
}

/* Whether one of the set was reported that a refresh does not exclude: it keeps its rows. */
bool is_any_reported(const List *set, const List *unrefreshed)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (!noted->is_replaced && !is_excluded(noted->obstacle) && list_member_oid(set, noted->relid))
            return true;
    }
    return false;
}

bool is_any_replaced(const List *set, const List *unrefreshed)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (noted->is_replaced && list_member_oid(set, noted->relid))
            return true;
    }
    return false;
}

/* Whether its rows lack what this session has written or read. */
bool lacks_what_is_known_here(Oid relid)
{
    return mailbox::own_effects(relid).has_changes || would_go_back(relid);
}

/* Whether one of the set would have to be read exactly under the snapshot of this transaction. */
bool is_any_too_old(const List *set, Snapshot snapshot)
{
    ListCell *cell;
    foreach (cell, set) {
        const Oid relid = lfirst_oid(cell);
        const ServedRelation *served = find_served_relation(relid);
        if (served == nullptr || !storage::is_seen_as_it_is(served->storage, snapshot) ||
            enter([=] { return refresh::keeps_its_rows(relid, snapshot); }))
            continue;
        if (has_to_be_current(relid) ||
            judge_as_of(relid, snapshot, transaction_snapshot_time()).verdict == Verdict::stale)
            return true;
    }
    return false;
}

/* ---- the choices of a transaction with a fixed snapshot --------------------------------- */

/* How the transaction reads a set: as it has read a member first, or the snapshot would seem to change when a hold
 * ends, or when the stored rows become too old meanwhile. */
struct Choice {
    Oid first;            /* of the set */
    int64_t staleness_ms; /* pg_trickle.max_staleness: a choice under another setting does not count */
    bool is_exact;
    bool is_stale; /* it keeps its rows although they are too old */
};

List *choices = NIL;    /* of this transaction, in its memory */
uint32_t chosen_in = 0; /* the local transaction id */

/* Returns the choice for the set, or null. */
const Choice *choice_for(const List *set)
{
    if (chosen_in != own_local_xid())
        choices = NIL;
    chosen_in = own_local_xid();
    ListCell *cell;
    foreach (cell, choices) {
        const auto *before = static_cast<const Choice *>(lfirst(cell));
        if (before->first == linitial_oid(set) && before->staleness_ms == guc::max_staleness_ms)
            return before;
    }
    return nullptr;
}

const Choice *choose(const List *set, const Statement &statement)
{
    const bool is_stale = is_any_reported(set, statement.unrefreshed);
    const bool has_to_align = guc::has_consistent_reads && is_any_read_unreported(set, statement);
    const bool is_exact = !is_stale && (has_to_align || is_any_replaced(set, statement.unrefreshed) ||
                                        is_any_too_old(set, statement.snapshot));
    MemoryContext previous = MemoryContextSwitchTo(TopTransactionContext);
    auto *choice = static_cast<Choice *>(palloc(sizeof(Choice)));
    *choice = {linitial_oid(set), guc::max_staleness_ms, is_exact, is_stale};
    choices = lappend(choices, choice);
    MemoryContextSwitchTo(previous);
    return choice;
}

/* Whether a transaction with a fixed snapshot reads the stream table exactly. */
bool chooses_exact(Oid relid, const Statement &statement)
{
    const List *set = of_one_state(relid);
    const Choice *before = choice_for(set);
    return (before != nullptr ? before : choose(set, statement))->is_exact;
}

bool has_chosen_stale_rows(Oid relid)
{
    const Choice *before = IsolationUsesXactSnapshot() ? choice_for(of_one_state(relid)) : nullptr;
    return before != nullptr && before->is_stale;
}

/* ---- what a statement notes ----------------------------------------------------------- */

bool is_replaced(Oid relid, Obstacle obstacle)
{
    if (has_chosen_stale_rows(relid))
        return false;
    /* A lock that excludes a refresh, as another session's own refresh does, need not exclude readers of the sources.
     */
    if (is_replaceable(obstacle) || (obstacle == Obstacle::locked && can_be_computed_at_once(relid)))
        return true;
    if (obstacle == Obstacle::failed && fails_to_compute(relid))
        return false;
    if ((guc::has_consistent_reads && !is_excluded(obstacle)) || would_go_back(relid))
        return true;
    const List *set = of_one_state(relid);
    for (int i = 0; i < noting_now->count; i++)
        if (would_go_back(noting_now->relids[i]) && list_member_oid(set, noting_now->relids[i]))
            return true;
    return false;
}

} // namespace

NotingUnrefreshed::NotingUnrefreshed(const Oid *relids, int count)
    : outer_(noting_now), own_(new Noting{relids, count, NIL})
{
    noting_now = own_;
}

NotingUnrefreshed::~NotingUnrefreshed()
{
    noting_now = outer_;
    delete own_;
}

List *NotingUnrefreshed::noted() const
{
    return own_->noted;
}

bool note_unrefreshed(Oid relid, Obstacle obstacle)
{
    if (noting_now == nullptr)
        return false;
    auto *noted = static_cast<Unrefreshed *>(palloc(sizeof(Unrefreshed)));
    *noted = {relid, obstacle, is_replaced(relid, obstacle)};
    noting_now->noted = lappend(noting_now->noted, noted);
    return noted->is_replaced;
}

namespace {

/* ---- the choice of a statement ---------------------------------------------------------- */

bool is_any_noted(const List *unrefreshed, bool is_replaced)
{
    ListCell *cell;
    foreach (cell, unrefreshed)
        if (static_cast<const Unrefreshed *>(lfirst(cell))->is_replaced == is_replaced)
            return true;
    return false;
}

/* Whether a statement that reads others exactly reads the stream table so, too. */
bool is_read_with_them(Oid relid, const List *unrefreshed)
{
    return !is_any_noted(unrefreshed, false) ||
           (!is_reported(relid, unrefreshed) &&
            (lacks_what_is_known_here(relid) || !is_any_reported(of_one_state(relid), unrefreshed)));
}

/* Returns true if the stream tables, and other tables of the statement, may show different states of their sources. */
bool has_several_states(const QueryDesc *query, const Oid *relids, int count)
{
    ListCell *cell;
    foreach (cell, query->plannedstmt->rtable) {
        const auto *entry = lfirst_node(RangeTblEntry, cell);
        const bool is_table = entry->rtekind == RTE_RELATION && entry->relkind != RELKIND_FOREIGN_TABLE &&
                              entry->relkind != RELKIND_VIEW &&
                              get_rel_namespace(entry->relid) != storage::namespace_oid();
        if (is_table)
            return true;
    }
    return OidIsValid(find_lagging(relids, count, query->snapshot));
}

} // namespace

const Oid *tables_to_read_exactly(const QueryDesc *query, const Oid *relids, int count, const List *unrefreshed,
                                  int *found)
{
    *found = 0;
    if (!guc::enabled)
        return relids;
    const bool is_fixed = IsolationUsesXactSnapshot();
    if (!is_fixed && !is_any_noted(unrefreshed, true) &&
        !(guc::has_consistent_reads && has_several_states(query, relids, count)))
        return relids;
    auto *exact = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
    const Statement statement = {relids, count, unrefreshed, query->snapshot};
    for (int i = 0; i < count; i++)
        if (is_fixed ? chooses_exact(relids[i], statement) : is_read_with_them(relids[i], unrefreshed))
            exact[(*found)++] = relids[i];
    return exact;
}

} // namespace pgtrickle
