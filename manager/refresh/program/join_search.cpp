#include "refresh/program/join_search.hpp"

extern "C" {
#include "optimizer/geqo.h"
#include "optimizer/joininfo.h"
#include "optimizer/pathnode.h"
}

namespace pgtrickle::refresh {

namespace {

/* Largest number of joinable sets of the same number of relations. A chain of relations has at most its
 * length of them, a star of eleven relations 330. */
constexpr int most_sets = 200;

/* standard_join_search() with a limit: returns NULL if there are more sets than most_sets. PostgreSQL
 * frame. */
RelOptInfo *search_while_few(PlannerInfo *root, int levels_needed, List *initial_rels)
{
    root->join_rel_level = static_cast<List **>(palloc0(sizeof(List *) * (levels_needed + 1)));
    root->join_rel_level[1] = initial_rels;
    for (int level = 2; level <= levels_needed; level++) {
        join_search_one_level(root, level);
        if (list_length(root->join_rel_level[level]) > most_sets)
            return nullptr;
        ListCell *cell;
        foreach (cell, root->join_rel_level[level]) {
            auto *joined = static_cast<RelOptInfo *>(lfirst(cell));
            generate_partitionwise_join_paths(root, joined);
            if (level < levels_needed)
                generate_useful_gather_paths(root, joined, false);
            set_cheapest(joined);
        }
    }
    return static_cast<RelOptInfo *>(linitial(root->join_rel_level[levels_needed]));
}

/* The join of two sets of relations that have been joined already; NULL if it is not possible. PostgreSQL
 * frame. */
RelOptInfo *join_of(PlannerInfo *root, RelOptInfo *one, RelOptInfo *other, bool is_last)
{
    RelOptInfo *joined = make_join_rel(root, one, other);
    if (joined == nullptr)
        return nullptr;
    generate_partitionwise_join_paths(root, joined);
    if (!is_last)
        generate_useful_gather_paths(root, joined, false);
    set_cheapest(joined);
    return joined;
}

/* Two of the sets that remain, and their join; without `is_any` only if a clause or an outer join connects
 * them. */
struct Candidate {
    RelOptInfo *one, *other, *joined;
};

bool is_connected(PlannerInfo *root, RelOptInfo *one, RelOptInfo *other)
{
    return have_relevant_joinclause(root, one, other) || have_join_order_restriction(root, one, other);
}

/* Joins, again and again, the two sets whose join costs least, so that the few rows of a delta are joined
 * first. Considers each pair once: as many joins as the square of the number of relations. Returns NULL if no
 * two sets that remain can be joined. PostgreSQL frame. */
RelOptInfo *search_greedily(PlannerInfo *root, List *initial_rels)
{
    List *sets = list_copy(initial_rels), *candidates = NIL;
    auto consider = [&](RelOptInfo *one, RelOptInfo *other, bool is_any) {
        if (!is_any && !is_connected(root, one, other))
            return;
        RelOptInfo *joined = join_of(root, one, other, list_length(sets) == 2);
        if (joined == nullptr)
            return;
        auto *candidate = static_cast<Candidate *>(palloc(sizeof(Candidate)));
        *candidate = {one, other, joined};
        candidates = lappend(candidates, candidate);
    };
    auto consider_all = [&](bool is_any) {
        for (int i = 0; i < list_length(sets); i++)
            for (int k = i + 1; k < list_length(sets); k++)
                consider(static_cast<RelOptInfo *>(list_nth(sets, i)), static_cast<RelOptInfo *>(list_nth(sets, k)),
                         is_any);
    };
    consider_all(false);
    while (list_length(sets) > 1) {
        if (candidates == NIL)
            consider_all(true);
        if (candidates == NIL)
            return nullptr;
        auto *best = static_cast<Candidate *>(linitial(candidates));
        ListCell *cell;
        foreach (cell, candidates) {
            auto *candidate = static_cast<Candidate *>(lfirst(cell));
            if (candidate->joined->cheapest_total_path->total_cost < best->joined->cheapest_total_path->total_cost)
                best = candidate;
        }
        foreach (cell, candidates) {
            auto *candidate = static_cast<Candidate *>(lfirst(cell));
            if (bms_overlap(candidate->joined->relids, best->joined->relids))
                candidates = foreach_delete_current(candidates, cell);
        }
        sets = list_delete_ptr(list_delete_ptr(sets, best->one), best->other);
        List *others = list_copy(sets);
        sets = lappend(sets, best->joined);
        foreach (cell, others)
            consider(best->joined, static_cast<RelOptInfo *>(lfirst(cell)), false);
    }
    return static_cast<RelOptInfo *>(linitial(sets));
}

/* PostgreSQL frame. Discards what a search has built in the same way as the genetic search does. */
extern "C" RelOptInfo *search_join_order(PlannerInfo *root, int levels_needed, List *initial_rels)
{
    if (levels_needed < geqo_threshold)
        return standard_join_search(root, levels_needed, initial_rels);
    const int length = list_length(root->join_rel_list);
    HTAB *hash = root->join_rel_hash;
    auto search = [&](auto with) {
        root->join_rel_hash = nullptr;
        RelOptInfo *found = with();
        root->join_rel_level = nullptr;
        if (found == nullptr) {
            root->join_rel_list = list_truncate(root->join_rel_list, length);
            root->join_rel_hash = hash;
        }
        return found;
    };
    RelOptInfo *found = search([&] { return search_while_few(root, levels_needed, initial_rels); });
    if (found == nullptr)
        found = search([&] { return search_greedily(root, initial_rels); });
    return found != nullptr ? found : geqo(root, levels_needed, initial_rels);
}

} // namespace

JoinSearch::JoinSearch() : previous_(join_search_hook)
{
    join_search_hook = search_join_order;
}

} // namespace pgtrickle::refresh
