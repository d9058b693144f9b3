/*
 * The meaning of the extension's aggregates for min and max (manager/storage/functions/extremum.cpp).
 */
#include "toy.hpp"

#include <map>
#include <set>

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

Value change_of_extremum(const std::string &name, const std::vector<Row> &arguments)
{
    const bool is_inserted = name.starts_with("pgtrickle.inserted_");
    const bool is_weight = name.ends_with("_ties");
    std::map<int64_t, int64_t> net;
    std::set<int64_t> of_sign;
    bool is_maximum = false;
    for (const Row &row : arguments) {
        is_maximum = *row[2] != 0;
        if (!row[0])
            continue;
        net[*row[0]] += *row[1];
        if (is_inserted ? *row[1] > 0 : *row[1] < 0)
            of_sign.insert(*row[0]);
    }
    if (of_sign.empty())
        return is_weight ? Value{0} : Value{};
    const int64_t extremum = is_maximum ? *of_sign.rbegin() : *of_sign.begin();
    return is_weight ? net[extremum] : extremum;
}

} // namespace law
