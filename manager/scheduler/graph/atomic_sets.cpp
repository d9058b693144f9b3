/*
 * From what is read up to those who read it. Where all that may be inside of an apex's diamond is one bond already, it is
 * enough to know whether it has one at all: the apex is bound to them then, and a walk that ends where the first ways meet
 * says so. Only where that is not so does the walk go to the end.
 */
#include "scheduler/graph/atomic_sets.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

Bonds::Bonds(const Graph &graph, const std::function<bool(Id)> &is_atomic, const std::function<Id(Id)> &owner_of)
    : DiamondSearch(graph, graph.ids())
{
    std::vector<Number> readers(relations_.size());
    for (const Relation &relation : relations_)
        for (Number source : relation.sources)
            readers[source]++;
    may_be_inside_.resize(relations_.size());
    is_one_.resize(relations_.size());
    for (size_t i = 0; i < stream_table_count_; i++) {
        leaders_.push_back(i);
        owners_.push_back(owner_of(relations_[i].id));
    }
    for (Number i = stream_table_count_; i-- > 0;) {
        const std::vector<Number> &sources = relations_[i].sources;
        may_be_inside_[i] = std::any_of(sources.begin(), sources.end(), [&](Number source) {
            return readers[source] > 1 || may_be_inside_[source];
        });
        if (is_atomic(relations_[i].id))
            bind(i);
        is_one_[i] = is_one_below(i);
    }
}

size_t Bonds::leader(size_t stream_table)
{
    while (leaders_[stream_table] != stream_table)
        stream_table = leaders_[stream_table] = leaders_[leaders_[stream_table]];
    return stream_table;
}

void Bonds::join(Number one, Number other)
{
    size_t mine = leader(one), its = leader(other);
    leaders_[std::max(mine, its)] = std::min(mine, its);
}

bool Bonds::is_one_below(Number relation)
{
    const std::vector<Number> &sources = relations_[relation].sources;
    return std::all_of(sources.begin(), sources.end(), [&](Number source) {
        return !may_be_inside_[source] || (is_one_[source] && leader(source) == leader(relation));
    });
}

void Bonds::bind(Number apex)
{
    std::vector<Number> inside;
    for (Number source : relations_[apex].sources)
        if (may_be_inside_[source])
            inside.push_back(source);
    if (inside.empty())
        return;
    const bool is_one = std::all_of(inside.begin(), inside.end(), [&](Number source) {
        return is_one_[source] && leader(source) == leader(inside.front());
    });
    if (!is_one)
        return bind_all_below(apex);
    /* It is one bond, so it has one owner. */
    if (owners_[apex] != owners_[inside.front()])
        return;
    if (!walk(apex, Until::first_parting))
        return;
    apexes_.push_back(apex);
    join(apex, inside.front());
}

void Bonds::bind_all_below(Number apex)
{
    (void)walk(apex, Until::end);
    collect();
    std::erase_if(members_, [&](Number member) { return owners_[member] != owners_[apex]; });
    if (!members_.empty())
        apexes_.push_back(apex);
    for (Number member : members_)
        join(apex, member);
    for (auto below = reached_.rbegin(); below != reached_.rend(); ++below)
        if (*below < stream_table_count_)
            is_one_[*below] = is_one_below(*below);
}

} // namespace pgtrickle::scheduler
