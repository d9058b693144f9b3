/*
 * The list of families of aggregates. Code that enumerates or finds families uses it.
 */
#include "engine/operators/aggregates/family.hpp"

namespace pgtrickle::engine {

extern const Family average_family, min_family, max_family;

std::span<const Family *const> families()
{
    static constexpr const Family *list[] = {
        &count_family, &sum_family, &average_family, &min_family, &max_family, &holistic_family,
    };
    return list;
}

const Family *family_called(const std::string &sql_name)
{
    for (const Family *family : families())
        if (family->sql_name != nullptr && family->sql_name == sql_name)
            return family;
    return nullptr;
}

} // namespace pgtrickle::engine
