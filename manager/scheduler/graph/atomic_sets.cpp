/*
 * Stream tables are visited upstreams first. If all possible inner members of an apex's diamond are one set
 * already, the search only needs to know whether there is a diamond at all: the apex then joins that set, and
 * a walk that ends where the first paths meet suffices. Only otherwise does the walk go to the end.
 */
#include "scheduler/graph/atomic_sets.hpp"

#include "scheduler/graph/diamond.hpp"

#include <algorithm>

namespace pgtrickle::scheduler {

void AtomicSets::add(Ids members)
{
    for (size_t i = 0, count = members.size(); i < count; i++)
        if (auto found = sets_.find(first_of(members[i])); found != sets_.end()) {
            members.insert(members.end(), found->second.begin(), found->second.end());
            sets_.erase(found);
        }
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
    if (members.size() < 2)
        return;
    for (Id member : members)
        first_[member] = members.front();
    sets_[members.front()] = std::move(members);
}

void AtomicSets::add(const AtomicSets &others)
{
    for (const auto &[first, members] : others.all())
        if (of(first) != members)
            add(members);
}

Id AtomicSets::first_of(Id id) const
{
    auto found = first_.find(id);
    return found == first_.end() ? 0 : found->second;
}

const Ids &AtomicSets::of(Id id) const
{
    static const Ids none;
    auto found = sets_.find(first_of(id));
    return found == sets_.end() ? none : found->second;
}

AtomicSets AtomicSets::among(const Ids &ids) const
{
    std::map<Id, Ids> parts;
    for (Id id : ids)
        if (Id first = first_of(id); first != 0)
            parts[first].push_back(id);
    AtomicSets result;
    for (auto &[first, part] : parts)
        result.add(std::move(part));
    return result;
}

bool AtomicSets::cover(const Ids &set) const
{
    if (set.empty())
        return true;
    const Ids &own = of(set.front());
    return std::includes(own.begin(), own.end(), set.begin(), set.end());
}

namespace {

/* Stream tables are identified by their numbers in the search: their places in the graph's order,
 * reversed. */
class Search : DiamondSearch {
  public:
    Search(const Graph &graph, const Ids &ids, const std::function<bool(Id)> &is_atomic,
           const std::function<Id(Id)> &owner_of);

    AtomicSets sets();
    Ids apexes() const { return apexes_; }

  private:
    Number leader(Number stream_table);
    void join(Number one, Number other);
    void join_below(Number apex);
    void join_all_below(Number apex);
    bool may_be_inside(Number source, Number dependent) const;
    std::vector<Number> inside_of(Number apex) const;
    bool is_one_below(Number relation);

    std::vector<bool> may_be_inside_; /* paths meet upstream of it, wherever they part: only then can it be a
                                       * member of a diamond of its owner */
    std::vector<bool> is_single_set_; /* it and all possible inner members upstream of it are one set; false
                                       * if this is not known */
    std::vector<Number> leaders_;
    Ids apexes_;
};

Search::Search(const Graph &graph, const Ids &ids, const std::function<bool(Id)> &is_atomic,
               const std::function<Id(Id)> &owner_of)
    : DiamondSearch(graph, ids, owner_of)
{
    std::vector<Number> dependents(relations_.size());
    for (const Relation &relation : relations_)
        for (Number source : relation.sources)
            dependents[source]++;
    may_be_inside_.resize(relations_.size());
    is_single_set_.resize(relations_.size());
    for (Number i = 0; i < stream_table_count_; i++)
        leaders_.push_back(i);
    for (Number i = stream_table_count_; i-- > 0;) {
        const std::vector<Number> &sources = relations_[i].sources;
        may_be_inside_[i] = std::any_of(sources.begin(), sources.end(), [&](Number source) {
            return dependents[source] > 1 || may_be_inside(source, i);
        });
        if (!inside_of(i).empty() && is_atomic(relations_[i].id))
            join_below(i);
        is_single_set_[i] = is_one_below(i);
    }
}

AtomicSets Search::sets()
{
    std::vector<Ids> members(stream_table_count_);
    for (Number i = 0; i < stream_table_count_; i++)
        members[leader(i)].push_back(relations_[i].id);
    AtomicSets sets;
    for (Ids &set : members)
        sets.add(std::move(set));
    return sets;
}

/* The least number of its set. */
auto Search::leader(Number stream_table) -> Number
{
    while (leaders_[stream_table] != stream_table)
        stream_table = leaders_[stream_table] = leaders_[leaders_[stream_table]];
    return stream_table;
}

void Search::join(Number one, Number other)
{
    const Number mine = leader(one), its = leader(other);
    leaders_[std::max(mine, its)] = std::min(mine, its);
}

bool Search::is_one_below(Number relation)
{
    const std::vector<Number> &sources = relations_[relation].sources;
    return std::all_of(sources.begin(), sources.end(), [&](Number source) {
        return !may_be_inside(source, relation) || (is_single_set_[source] && leader(source) == leader(relation));
    });
}

bool Search::may_be_inside(Number source, Number dependent) const
{
    return may_be_inside_[source] && relations_[source].owner == relations_[dependent].owner;
}

/* The relations read by `apex` that may be inside its diamond. */
auto Search::inside_of(Number apex) const -> std::vector<Number>
{
    std::vector<Number> inside;
    for (Number source : relations_[apex].sources)
        if (may_be_inside(source, apex))
            inside.push_back(source);
    return inside;
}

void Search::join_below(Number apex)
{
    const std::vector<Number> inside = inside_of(apex);
    const bool is_one = std::all_of(inside.begin(), inside.end(), [&](Number source) {
        return is_single_set_[source] && leader(source) == leader(inside.front());
    });
    if (!is_one)
        return join_all_below(apex);
    if (!walk(apex, Until::first_parting))
        return;
    apexes_.push_back(relations_[apex].id);
    join(apex, inside.front());
}

void Search::join_all_below(Number apex)
{
    (void)walk(apex, Until::end);
    collect();
    if (!members_.empty())
        apexes_.push_back(relations_[apex].id);
    for (Number member : members_)
        join(apex, member);
    for (auto below = reached_.rbegin(); below != reached_.rend(); ++below)
        if (*below < stream_table_count_)
            is_single_set_[*below] = is_one_below(*below);
}

} // namespace

AtomicSets find_atomic_sets(const Graph &graph, const Ids &ids, const std::function<bool(Id)> &is_atomic,
                            const std::function<Id(Id)> &owner_of, Ids *apexes)
{
    Search search(graph, ids, is_atomic, owner_of);
    if (apexes != nullptr)
        *apexes = search.apexes();
    return search.sets();
}

} // namespace pgtrickle::scheduler
