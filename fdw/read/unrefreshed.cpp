#include "fdw/read/unrefreshed.hpp"

#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/exact_reads.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/processes.hpp"
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

/* Whether a refresh leaves the stream table out, and may refresh others of its state: those are not kept back by it. */
bool is_left_out(Obstacle obstacle)
{
    return obstacle == Obstacle::held || obstacle == Obstacle::suspended || obstacle == Obstacle::failed;
}

bool is_replaced(Oid relid, Obstacle obstacle)
{
    /* A lock that excludes a refresh, as another session's own refresh does, need not exclude readers of the sources.
     */
    if (is_replaceable(obstacle) || (obstacle == Obstacle::locked && can_be_computed_at_once(relid)))
        return true;
    if (obstacle == Obstacle::failed && fails_to_compute(relid))
        return false;
    if ((guc::has_consistent_reads && !is_left_out(obstacle)) || would_go_back(relid))
        return true;
    for (int i = 0; i < noting_now->count; i++)
        if (would_go_back(noting_now->relids[i]) && are_of_one_state(relid, noting_now->relids[i]))
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

/* ---- the choice of a statement -------------------------------------------------------- */

enum class Noted { no, replaceable, reported };

/* Returns how the stream table was noted: one that was reported keeps its rows. */
Noted noted_as(Oid relid, List *unrefreshed)
{
    Noted answer = Noted::no;
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<Unrefreshed *>(lfirst(cell));
        if (noted->relid == relid && !noted->is_replaced)
            return Noted::reported;
        if (noted->relid == relid)
            answer = Noted::replaceable;
    }
    return answer;
}

/* Whether one that is refreshed together with the stream table was reported, and so keeps its rows. */
bool is_beside_reported(Oid relid, List *unrefreshed)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<Unrefreshed *>(lfirst(cell));
        if (!noted->is_replaced && !is_left_out(noted->obstacle) && are_of_one_state(relid, noted->relid))
            return true;
    }
    return false;
}

/* Whether its rows lack what this session has written or read. */
bool lacks_what_is_known_here(Oid relid)
{
    return mailbox::own_effects(relid).has_changes || would_go_back(relid);
}

bool has_replaceable(List *unrefreshed)
{
    ListCell *cell;
    foreach (cell, unrefreshed)
        if (static_cast<Unrefreshed *>(lfirst(cell))->is_replaced)
            return true;
    return false;
}

/* How a transaction with a fixed snapshot reads a stream table: as it has read it first, or the snapshot would seem to
 * change when a hold ends, or when the stored rows become too old meanwhile; and as it has read others of the same
 * state exactly. */
struct Choice {
    Oid relid;
    Oid set;              /* first_of_one_state() */
    int64_t staleness_ms; /* pg_trickle.max_staleness: a choice under another setting does not count */
    bool is_exact;
};

List *choices = NIL;    /* of this transaction, in its memory */
uint32_t chosen_in = 0; /* the local transaction id */

void forget_choices_of_others()
{
    if (chosen_in != own_local_xid())
        choices = NIL;
    chosen_in = own_local_xid();
}

/* Returns whether the transaction reads the stream table exactly. `is_wanted` decides when it reads the set first. */
bool chooses_exact(Oid relid, Oid set, bool is_wanted)
{
    forget_choices_of_others();
    ListCell *cell;
    foreach (cell, choices) {
        const auto *before = static_cast<const Choice *>(lfirst(cell));
        if (before->staleness_ms != guc::max_staleness_ms)
            continue;
        if (before->relid == relid)
            return before->is_exact;
        is_wanted |= before->set == set && before->is_exact;
    }
    MemoryContext previous = MemoryContextSwitchTo(TopTransactionContext);
    auto *choice = static_cast<Choice *>(palloc(sizeof(Choice)));
    *choice = {relid, set, guc::max_staleness_ms, is_wanted};
    choices = lappend(choices, choice);
    MemoryContextSwitchTo(previous);
    return is_wanted;
}

bool is_any_wanted_of(const Oid *sets, const bool *wanted, int count, Oid set)
{
    bool is_any = false;
    for (int i = 0; i < count; i++)
        is_any |= sets[i] == set && wanted[i];
    return is_any;
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

const Oid *tables_to_read_exactly(const QueryDesc *query, const Oid *relids, int count, List *unrefreshed, int *found)
{
    *found = 0;
    if (!guc::enabled)
        return relids;
    const bool is_fixed = IsolationUsesXactSnapshot();
    const bool is_any = has_replaceable(unrefreshed);
    const bool are_all = guc::has_consistent_reads ? is_fixed || is_any || has_several_states(query, relids, count)
                                                   : !is_fixed && is_any;
    if (!are_all && !is_fixed)
        return relids;
    auto *exact = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
    if (!is_fixed) {
        for (int i = 0; i < count; i++)
            if (noted_as(relids[i], unrefreshed) != Noted::reported &&
                (lacks_what_is_known_here(relids[i]) || !is_beside_reported(relids[i], unrefreshed)))
                exact[(*found)++] = relids[i];
        return exact;
    }
    auto *sets = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
    auto *wanted = static_cast<bool *>(palloc(sizeof(bool) * (count + 1)));
    for (int i = 0; i < count; i++) {
        const Noted noted = noted_as(relids[i], unrefreshed);
        sets[i] = first_of_one_state(relids[i]);
        wanted[i] =
            noted != Noted::reported && (are_all || noted == Noted::replaceable || has_to_be_current(relids[i]));
    }
    for (int i = 0; i < count; i++)
        if (chooses_exact(relids[i], sets[i], is_any_wanted_of(sets, wanted, count, sets[i])))
            exact[(*found)++] = relids[i];
    return exact;
}

} // namespace pgtrickle
