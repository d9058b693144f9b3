/*
 * The meaning of the extension's aggregates for min and max (manager/storage/functions/extremum.cpp).
 */
#include "toy.hpp"

#include <map>

namespace law {

Value extremum(const std::string &name, const std::vector<Row> &arguments)
{
    const bool is_ties = name.ends_with("ties_of_extremum");
    std::map<int64_t, int64_t> counts;
    bool is_maximum = false;
    for (const Row &row : arguments) {
        is_maximum = *row[1] != 0;
        if (row[0])
            counts[*row[0]]++;
    }
    if (counts.empty())
        return is_ties ? Value{0} : Value{};
    const auto &found = is_maximum ? *counts.rbegin() : *counts.begin();
    return is_ties ? found.second : found.first;
}

/* The weights of an inserted extremum that a retracted one beats are those of its own sign, and a retracted one that is
 * beaten is none: the law has to hold without them. */
Value change_of_extremum(const std::string &name, const std::vector<Row> &arguments)
{
    const bool is_inserted = name.starts_with("pgtrickle.inserted_");
    const bool is_weight = name.ends_with("_ties");
    std::map<int64_t, int64_t> inserted, retracted;
    for (const Row &row : arguments)
        if (row[0]) /* in the order of a maximum */
            (*row[1] > 0 ? inserted : retracted)[*row[2] != 0 ? *row[0] : -*row[0]] += *row[1];
    const auto &own = is_inserted ? inserted : retracted, &other = is_inserted ? retracted : inserted;
    if (own.empty() || (!is_inserted && !other.empty() && own.rbegin()->first < other.rbegin()->first))
        return is_weight ? Value{0} : Value{};
    const auto [value, weight] = *own.rbegin();
    if (is_weight)
        return weight + (!other.empty() && other.rbegin()->first == value ? other.rbegin()->second : 0);
    return *arguments.front()[2] != 0 ? value : -value;
}

} // namespace law
