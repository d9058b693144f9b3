/* Seeds of random unit tests: the seed that tests/run gives to all tests, if any, and a number of the test's own. */
#pragma once

#include <cstdlib>

inline unsigned seed_of(unsigned test)
{
    const char *chosen = std::getenv("SEED");
    return test + 1000 * (chosen != nullptr ? static_cast<unsigned>(std::strtoul(chosen, nullptr, 10)) : 1);
}
