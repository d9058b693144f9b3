#include "fdw/read/unrefreshed.hpp"

#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "fdw/read/exact_reads.hpp"
#include "fdw/read/on_stale.hpp"
#include "fdw/read/session/own_effects.hpp"
#include "fdw/read/session/past_exact_reads.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "mailbox/mailbox.hpp"
#include "refresh/batch/excluded_members.hpp"
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
    StartingStatement statement;
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

bool is_bound(const StartingStatement &statement)
{
    return are_binding(statement.choices, statement.query);
}

/* Returns true if this session has read exactly what the storage of the stream table lacks. */
bool would_go_back(Oid relid, const StartingStatement &statement)
{
    return lacks_what_was_read(relid, mailbox::status_of(relid).stale_since()) ||
           (is_bound(statement) && lacks_what_was_read_as_of(relid, statement.query->snapshot));
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

/* Whether a stream table, or the given one, was noted as one that can be read exactly, or as one that cannot. */
bool is_noted(const List *unrefreshed, bool is_replaceable, Oid relid = InvalidOid)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (noted->is_replaceable == is_replaceable && (!OidIsValid(relid) || noted->relid == relid))
            return true;
    }
    return false;
}

bool is_reported(Oid relid, const List *unrefreshed)
{
    return is_noted(unrefreshed, false, relid);
}

/* Returns those that keep their rows because the stream table was reported: those of its state, but for those that are
 * refreshed without one that is excluded. */
List *kept_with(Oid relid, Obstacle obstacle, Snapshot snapshot)
{
    List *set = of_one_state(relid);
    if (!is_excluded(obstacle))
        return set;
    ListCell *cell;
    foreach (cell, set) {
        const Oid other = lfirst_oid(cell);
        if (!enter([=] { return refresh::keeps_its_rows(other, snapshot, relid); }))
            set = foreach_delete_current(set, cell);
    }
    return set;
}

/* Returns those that keep their rows because one was reported, these included; palloc'ed. */
List *kept_with_reported(const List *unrefreshed, Snapshot snapshot)
{
    List *kept = NIL;
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (!noted->is_replaceable)
            kept = list_concat_unique_oid(kept, kept_with(noted->relid, noted->obstacle, snapshot));
    }
    return kept;
}

/* Whether its rows lack what this session has written or read; if choices bind the statement, what it has read since:
 * the choice for the first one of its state has regarded what was read before. */
bool lacks_what_is_known_here(Oid relid, const StartingStatement &statement)
{
    const bool is_read_before = is_bound(statement) && read_exactly_at(relid) < made_since(statement.choices);
    return own_effects_on(relid).has_changes || (!is_read_before && would_go_back(relid, statement));
}

bool would_any_go_back(const List *set, const StartingStatement &statement)
{
    ListCell *cell;
    foreach (cell, set)
        if (would_go_back(lfirst_oid(cell), statement))
            return true;
    return false;
}

/* Whether what was chosen shows the exact rows, although they are stored ones: others may be read exactly then. */
bool shows_exact_rows(const Choice *choice, const StartingStatement &statement)
{
    return choice->is_exact || (!choice->is_stale && !has_pending_changes(choice->relid, statement.query->snapshot));
}

/* Whether the stream table keeps its stored rows, although they are too old: it has done so before, or has not been
 * read yet, and another one of the same state keeps its own. */
bool keeps_stale_rows(Oid relid, const StartingStatement &statement)
{
    if (statement.choices == nullptr || !has_any_choice(statement.choices))
        return false;
    const Choice *own = choice_for(statement.choices, relid);
    const Choice *found = own != nullptr ? own : choice_among(statement.choices, of_one_state(relid));
    return found != nullptr && !found->is_exact && (own == nullptr || own->is_stale) &&
           !lacks_what_is_known_here(relid, statement) && !shows_exact_rows(found, statement);
}

/* ---- what a statement notes ----------------------------------------------------------- */

bool can_be_replaced(Oid relid, Obstacle obstacle, const StartingStatement &statement)
{
    if (keeps_stale_rows(relid, statement) || !may_all_be_computed(&relid, 1))
        return false;
    /* A lock that excludes a refresh, as another session's own refresh does, need not exclude readers of the sources.
     */
    if (is_overcome(obstacle) || (obstacle == Obstacle::locked && can_be_computed_at_once(relid)))
        return true;
    if (obstacle == Obstacle::failed && fails_to_compute(relid))
        return false;
    if ((guc::has_consistent_reads && !is_excluded(obstacle)) || would_go_back(relid, statement))
        return true;
    const List *set = of_one_state(relid);
    /* A later statement under the same snapshot may read the others. */
    if (statement.choices != nullptr && !is_excluded(obstacle))
        return would_any_go_back(set, statement);
    for (int i = 0; i < statement.count; i++)
        if (would_go_back(statement.relids[i], statement) && list_member_oid(set, statement.relids[i]))
            return true;
    return false;
}

} // namespace

NotingUnrefreshed::NotingUnrefreshed(const StartingStatement &statement)
    : outer_(noting_now), own_(new Noting{statement, NIL})
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
    *noted = {relid, obstacle, can_be_replaced(relid, obstacle, noting_now->statement)};
    noting_now->noted = lappend(noting_now->noted, noted);
    return noted->is_replaceable;
}

namespace {

/* ---- the choice of a statement ---------------------------------------------------------- */

/* Whether a statement that nothing binds, and that reads others exactly, reads the stream table so, too. */
bool is_read_with_them(Oid relid, const StartingStatement &statement, const List *unrefreshed, const List *kept)
{
    return !is_reported(relid, unrefreshed) &&
           (lacks_what_is_known_here(relid, statement) || !list_member_oid(kept, relid));
}

/* Whether a statement that nothing binds, and that reads no other one exactly, reads the stream table so, because the
 * session has read one of the same state exactly, which its functions may read. */
bool is_read_for_functions(Oid relid, const StartingStatement &statement, const List *kept)
{
    return statement.choices != nullptr && has_read_exactly() && !list_member_oid(kept, relid) &&
           would_any_go_back(of_one_state(relid), statement);
}

bool is_exact_by_itself(Oid relid, const List *unrefreshed)
{
    return is_noted(unrefreshed, true, relid) || guc::has_consistent_reads || has_to_be_current(relid);
}

bool is_any_exact_by_itself(const List *set, const StartingStatement &statement, const List *unrefreshed)
{
    for (int i = 0; i < statement.count; i++)
        if (list_member_oid(set, statement.relids[i]) && !is_reported(statement.relids[i], unrefreshed) &&
            is_exact_by_itself(statement.relids[i], unrefreshed))
            return true;
    return false;
}

/* Whether a statement that is bound by choices, but by none for the stream table, reads it exactly. */
bool is_first_read_exact(Oid relid, const StartingStatement &statement, const List *unrefreshed, const List *kept)
{
    if (is_reported(relid, unrefreshed))
        return false;
    const List *set = of_one_state(relid);
    if (list_length(set) == 1)
        return is_exact_by_itself(relid, unrefreshed);
    if (is_noted(unrefreshed, true, relid) && lacks_what_is_known_here(relid, statement))
        return true;
    if (const Choice *other = choice_among(statement.choices, set))
        return shows_exact_rows(other, statement);
    return !list_member_oid(kept, relid) &&
           (is_any_exact_by_itself(set, statement, unrefreshed) || would_any_go_back(set, statement));
}

bool chooses_exact(Oid relid, const StartingStatement &statement, const List *unrefreshed, const List *kept)
{
    const Choice *before = choice_for(statement.choices, relid);
    return before != nullptr
               ? before->is_exact || (is_noted(unrefreshed, true, relid) && lacks_what_is_known_here(relid, statement))
               : is_first_read_exact(relid, statement, unrefreshed, kept);
}

/* Adds the choices of a statement, which reads the `exact` ones exactly, and for those that it does not read the choice
 * to keep their rows. */
void add_choices(const StartingStatement &statement, const List *unrefreshed, const List *kept, const Oid *exact,
                 int exact_count)
{
    for (int i = 0; i < statement.count; i++) {
        const Oid relid = statement.relids[i];
        if (choice_for(statement.choices, relid) != nullptr)
            continue;
        const bool is_exact = std::find(exact, exact + exact_count, relid) != exact + exact_count;
        choose(statement.choices, relid, is_exact, is_reported(relid, unrefreshed));
    }
    ListCell *cell;
    foreach (cell, kept)
        if (choice_for(statement.choices, lfirst_oid(cell)) == nullptr)
            choose(statement.choices, lfirst_oid(cell), false, true);
}

/* Whether the plain tables of the statement may lack rows that its current stream tables have. */
bool is_of_older_plan(const StartingStatement &statement)
{
    return std::any_of(statement.relids, statement.relids + statement.count, has_to_be_current) &&
           is_to_be_planned_again(statement.query->plannedstmt);
}

/* Returns true if the stream tables, other tables of the statement, and functions that it calls may show different
 * states of their sources. */
bool has_several_states(const StartingStatement &statement)
{
    if (statement.choices != nullptr)
        return true;
    ListCell *cell;
    foreach (cell, statement.query->plannedstmt->rtable) {
        const auto *entry = lfirst_node(RangeTblEntry, cell);
        const bool is_table = entry->rtekind == RTE_RELATION && entry->relkind != RELKIND_FOREIGN_TABLE &&
                              entry->relkind != RELKIND_VIEW &&
                              get_rel_namespace(entry->relid) != storage::namespace_oid();
        if (is_table)
            return true;
    }
    return OidIsValid(find_lagging(statement.relids, statement.count, statement.query->snapshot));
}

} // namespace

void note_exact_read(const StartingStatement &statement)
{
    if (statement.choices != nullptr)
        add_choices(statement, NIL, NIL, statement.relids, statement.count);
}

namespace {

/* Reports those that were to be read exactly: one of them may not be, and they are to show one state. */
void report_all(const StartingStatement &statement, const List *unrefreshed, const Oid *exact, int count)
{
    ListCell *cell;
    foreach (cell, unrefreshed) {
        const auto *noted = static_cast<const Unrefreshed *>(lfirst(cell));
        if (noted->is_replaceable)
            apply_on_stale(noted->relid, noted->obstacle);
    }
    for (int i = 0; i < count; i++)
        if (!is_noted(unrefreshed, true, exact[i]) && has_pending_changes(exact[i], statement.query->snapshot))
            apply_on_stale(exact[i], Obstacle::code_of_owner);
}

} // namespace

const Oid *tables_to_read_exactly(const StartingStatement &statement, const List *unrefreshed, int *found)
{
    *found = 0;
    if (!guc::enabled || statement.count == 0)
        return nullptr;
    /* Current rows may lack a change between their refresh and the snapshot, which the functions see. */
    const bool is_of_snapshot = statement.choices != nullptr &&
                                std::any_of(statement.relids, statement.relids + statement.count, has_to_be_current);
    const bool is_any_exact = is_noted(unrefreshed, true) || is_of_snapshot || is_of_older_plan(statement) ||
                              (guc::has_consistent_reads && has_several_states(statement));
    if (statement.choices == nullptr && !is_any_exact)
        return nullptr;
    const List *kept = kept_with_reported(unrefreshed, statement.query->snapshot);
    auto *exact = static_cast<Oid *>(palloc(sizeof(Oid) * statement.count));
    for (int i = 0; i < statement.count; i++) {
        const Oid relid = statement.relids[i];
        if (is_bound(statement) ? chooses_exact(relid, statement, unrefreshed, kept)
            : is_any_exact      ? is_read_with_them(relid, statement, unrefreshed, kept)
                                : is_read_for_functions(relid, statement, kept))
            exact[(*found)++] = relid;
    }
    if (!may_all_be_computed(exact, *found)) {
        report_all(statement, unrefreshed, exact, *found);
        *found = 0;
    }
    if (statement.choices != nullptr)
        add_choices(statement, unrefreshed, kept, exact, *found);
    return exact;
}

} // namespace pgtrickle
