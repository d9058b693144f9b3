#include "refresh/program/join_search.hpp"

extern "C" {
#include "optimizer/geqo.h"
#include "optimizer/pathnode.h"
}

namespace pgtrickle::refresh {

namespace {

/* Largest number of joinable sets of the same number of relations. A chain of relations has at most its
 * length of them, a star of eleven relations 330; the genetic search builds a thousand times the length. */
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

/* PostgreSQL frame. Discards what a search has built in the same way as the genetic search does. */
extern "C" RelOptInfo *search_join_order(PlannerInfo *root, int levels_needed, List *initial_rels)
{
    if (levels_needed < geqo_threshold)
        return standard_join_search(root, levels_needed, initial_rels);
    const int length = list_length(root->join_rel_list);
    HTAB *hash = root->join_rel_hash;
    root->join_rel_hash = nullptr;
    RelOptInfo *found = search_while_few(root, levels_needed, initial_rels);
    root->join_rel_level = nullptr;
    if (found != nullptr)
        return found;
    root->join_rel_list = list_truncate(root->join_rel_list, length);
    root->join_rel_hash = hash;
    return geqo(root, levels_needed, initial_rels);
}

} // namespace

JoinSearch::JoinSearch() : previous_(join_search_hook)
{
    join_search_hook = search_join_order;
}

} // namespace pgtrickle::refresh
