#include "catalog/file/migrations.hpp"

#include <iterator>
#include <string_view>

namespace pgtrickle::catalog {

namespace {

struct Step {
    std::string_view file;
    const char *statements;
};

constexpr Step steps[] = {
#include "build/catalog_migrations.inc"
};

constexpr bool are_numbered_in_order()
{
    int wanted = 0;
    for (const Step &step : steps) {
        int number = 0;
        for (char digit : step.file.substr(0, 3))
            number = number * 10 + (digit - '0');
        if (number != ++wanted)
            return false;
    }
    return true;
}

static_assert(are_numbered_in_order(), "manager/catalog/migrations/ is to hold 001_..., 002_..., each number once");

} // namespace

int schema_version()
{
    return static_cast<int>(std::size(steps));
}

const char *migration_to(int version)
{
    return steps[version - 1].statements;
}

} // namespace pgtrickle::catalog
