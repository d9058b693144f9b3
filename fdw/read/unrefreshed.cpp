#include "fdw/read/unrefreshed.hpp"

#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/exact_reads.hpp"
#include "fdw/read/past_exact_reads.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/processes.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
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

/* Whether an exact read gives what a refresh cannot because of the obstacle. */
bool is_overcome(Obstacle obstacle)
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
    return lacks_what_was_read(relid, mailbox::status_of(relid).stale_since()) ||
           (IsolationUsesXactSnapshot() && lacks_what_was_read_as_of(relid, GetTransactionSnapshot()));
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

/* ---- sets that are refreshed to one state ---------------------------------------------- */

bool is_reported(Oid relid, const List *unrefreshed)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (noted->relid == relid && !noted->is_replaceable)
            return true;
    }
    return false;
}

bool is_noted_replaceable(Oid relid, const List *unrefreshed)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (noted->relid == relid && noted->is_replaceable)
            return true;
    }
    return false;
}

/* Whether one of the set was reported, for a reason for which a refresh does not exclude it. */
bool is_any_reported(const List *set, const List *unrefreshed)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (!noted->is_replaceable && !is_excluded(noted->obstacle) && list_member_oid(set, noted->relid))
            return true;
    }
    return false;
}

/* Whether its rows lack what this session has written or read; under a fixed snapshot, what this transaction has: the
 * choice for the first one of its state has regarded what was read before. */
bool lacks_what_is_known_here(Oid relid)
{
    const bool is_read_before =
        IsolationUsesXactSnapshot() && read_exactly_at(relid) < GetCurrentTransactionStartTimestamp();
    return mailbox::own_effects(relid).has_changes || (!is_read_before && would_go_back(relid));
}

bool would_any_go_back(const List *set)
{
    ListCell *cell;
    foreach (cell, set)
        if (would_go_back(lfirst_oid(cell)))
            return true;
    return false;
}

/* ---- the choices of a transaction with a fixed snapshot --------------------------------- */

/* How the transaction has read a stream table first. It reads this, and others of the same state, so again: its
 * snapshot would seem to change when a hold ends, or when the stored rows become too old meanwhile. */
struct Choice {
    Oid relid;
    int64_t staleness_ms; /* pg_trickle.max_staleness: a choice under other settings does not count */
    bool is_consistent;   /* pg_trickle.consistent_reads */
    bool is_exact;
    bool is_stale;      /* it was reported, and keeps its rows */
    bool is_for_others; /* it counts for those that are refreshed together with it */
    int nest_level;     /* of transactions, when the statement began; 0: it has returned */
};

List *choices = NIL;    /* of this transaction, in its memory */
uint32_t chosen_in = 0; /* the local transaction id */

List *choices_now()
{
    if (chosen_in != own_local_xid())
        choices = NIL;
    chosen_in = own_local_xid();
    return choices;
}

bool is_of_these_settings(const Choice *choice)
{
    return choice->staleness_ms == guc::max_staleness_ms && choice->is_consistent == guc::has_consistent_reads;
}

/* Returns the choice for the stream table, or null. */
const Choice *choice_for(Oid relid)
{
    ListCell *cell;
    foreach (cell, choices_now()) {
        const auto *before = static_cast<const Choice *>(lfirst(cell));
        if (before->relid == relid && is_of_these_settings(before))
            return before;
    }
    return nullptr;
}

/* Returns the choice for one of the set, an exact one if there is one, or null. */
const Choice *choice_among(const List *set)
{
    const Choice *found = nullptr;
    ListCell *cell;
    foreach (cell, choices_now()) {
        const auto *before = static_cast<const Choice *>(lfirst(cell));
        if (before->is_for_others && list_member_oid(set, before->relid) && is_of_these_settings(before) &&
            (found == nullptr || before->is_exact))
            found = before;
    }
    return found;
}

void choose(Oid relid, bool is_exact, bool is_stale, bool is_for_others)
{
    MemoryContext previous = MemoryContextSwitchTo(TopTransactionContext);
    auto *choice = static_cast<Choice *>(palloc(sizeof(Choice)));
    *choice = {relid,    guc::max_staleness_ms, guc::has_consistent_reads,       is_exact,
               is_stale, is_for_others,         GetCurrentTransactionNestLevel()};
    choices = lappend(choices_now(), choice);
    MemoryContextSwitchTo(previous);
}

/* Whether the stream table keeps its stored rows under the fixed snapshot although they are too old: it has done so
 * before, or has not been read yet, and another one of the same state keeps its own. */
bool keeps_stale_rows(Oid relid)
{
    if (!IsolationUsesXactSnapshot() || choices_now() == NIL)
        return false;
    const Choice *own = choice_for(relid);
    const Choice *found = own != nullptr ? own : choice_among(of_one_state(relid));
    return found != nullptr && !found->is_exact && (own == nullptr || own->is_stale) &&
           !lacks_what_is_known_here(relid);
}

/* ---- what a statement notes ----------------------------------------------------------- */

bool can_be_replaced(Oid relid, Obstacle obstacle)
{
    if (keeps_stale_rows(relid))
        return false;
    /* A lock that excludes a refresh, as another session's own refresh does, need not exclude readers of the sources.
     */
    if (is_overcome(obstacle) || (obstacle == Obstacle::locked && can_be_computed_at_once(relid)))
        return true;
    if (obstacle == Obstacle::failed && fails_to_compute(relid))
        return false;
    if ((guc::has_consistent_reads && !is_excluded(obstacle)) || would_go_back(relid))
        return true;
    const List *set = of_one_state(relid);
    /* A later statement of a transaction with a fixed snapshot may read the others. */
    if (IsolationUsesXactSnapshot() && !is_excluded(obstacle))
        return would_any_go_back(set);
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
    *noted = {relid, obstacle, can_be_replaced(relid, obstacle)};
    noting_now->noted = lappend(noting_now->noted, noted);
    return noted->is_replaceable;
}

namespace {

/* ---- the choice of a statement ---------------------------------------------------------- */

bool is_any_noted(const List *unrefreshed, bool is_replaceable)
{
    ListCell *cell;
    foreach (cell, unrefreshed)
        if (static_cast<const Unrefreshed *>(lfirst(cell))->is_replaceable == is_replaceable)
            return true;
    return false;
}

/* Whether a statement in READ COMMITTED that reads others exactly reads the stream table so, too. */
bool is_read_with_them(Oid relid, const List *unrefreshed)
{
    if (!is_any_noted(unrefreshed, false))
        return true;
    return !is_reported(relid, unrefreshed) &&
           (lacks_what_is_known_here(relid) || !is_any_reported(of_one_state(relid), unrefreshed));
}

/* A statement under a fixed snapshot, after refreshes have been tried for it. */
struct Statement {
    const Oid *relids;
    int count;
    const List *unrefreshed;
};

bool is_exact_by_itself(Oid relid, const List *unrefreshed)
{
    return is_noted_replaceable(relid, unrefreshed) || guc::has_consistent_reads || has_to_be_current(relid);
}

bool is_any_exact_by_itself(const List *set, const Statement &statement)
{
    for (int i = 0; i < statement.count; i++)
        if (list_member_oid(set, statement.relids[i]) && !is_reported(statement.relids[i], statement.unrefreshed) &&
            is_exact_by_itself(statement.relids[i], statement.unrefreshed))
            return true;
    return false;
}

/* Whether the statement reads the stream table, for which no choice has been made, exactly. */
bool is_first_read_exact(Oid relid, const Statement &statement)
{
    if (is_reported(relid, statement.unrefreshed))
        return false;
    const List *set = of_one_state(relid);
    if (list_length(set) == 1)
        return is_exact_by_itself(relid, statement.unrefreshed);
    if (is_noted_replaceable(relid, statement.unrefreshed) && lacks_what_is_known_here(relid))
        return true;
    if (const Choice *other = choice_among(set))
        return other->is_exact;
    return !is_any_reported(set, statement.unrefreshed) &&
           (is_any_exact_by_itself(set, statement) || would_any_go_back(set));
}

bool chooses_exact(Oid relid, const Statement &statement)
{
    const Choice *before = choice_for(relid);
    return before != nullptr ? before->is_exact || (is_noted_replaceable(relid, statement.unrefreshed) &&
                                                    lacks_what_is_known_here(relid))
                             : is_first_read_exact(relid, statement);
}

/* Records the choices of a statement, which reads the `exact` ones exactly. */
void choose_first(const Statement &statement, const Oid *exact, int exact_count)
{
    for (int i = 0; i < statement.count; i++) {
        const Oid relid = statement.relids[i];
        if (choice_for(relid) != nullptr)
            continue;
        const bool is_exact = std::find(exact, exact + exact_count, relid) != exact + exact_count;
        const bool is_stale = is_reported(relid, statement.unrefreshed);
        choose(relid, is_exact, is_stale, !is_stale || is_any_reported(list_make1_oid(relid), statement.unrefreshed));
    }
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

void note_exact_read(const Oid *relids, int count)
{
    for (int i = 0; IsolationUsesXactSnapshot() && i < count; i++)
        if (choice_for(relids[i]) == nullptr)
            choose(relids[i], true, false, true);
}

void confirm_choices()
{
    ListCell *cell;
    foreach (cell, choices_now())
        static_cast<Choice *>(lfirst(cell))->nest_level = 0;
}

void forget_unconfirmed_choices(SubXactEvent event, SubTransactionId, SubTransactionId)
{
    ListCell *cell;
    foreach (cell, event == SUBXACT_EVENT_ABORT_SUB ? choices_now() : NIL)
        if (static_cast<const Choice *>(lfirst(cell))->nest_level >= GetCurrentTransactionNestLevel())
            choices = foreach_delete_current(choices, cell);
}

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
    const Statement statement = {relids, count, unrefreshed};
    for (int i = 0; i < count; i++)
        if (is_fixed ? chooses_exact(relids[i], statement) : is_read_with_them(relids[i], unrefreshed))
            exact[(*found)++] = relids[i];
    if (is_fixed)
        choose_first(statement, exact, *found);
    return exact;
}

} // namespace pgtrickle
