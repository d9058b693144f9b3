/*
 * What differs between the versions of PostgreSQL in looking at its settings; see versions.hpp. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/guc_tables.h"
}

namespace pgtrickle {

/* All settings of the process; do not change or free them. */
inline config_generic **all_settings_of_process(int *count)
{
#if PG_VERSION_NUM < 160000
    *count = GetNumConfigOptions();
    return get_guc_variables();
#else
    return get_guc_variables(count);
#endif
}

} // namespace pgtrickle
