/*
 * Settings. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/guc_tables.h"
}

namespace pgtrickle {

/* What a setting's check hook leaves for its assign hook, freed by the server. Null if there is no memory. */
inline void *allocate_for_setting(size_t bytes)
{
#if PG_VERSION_NUM < 160000
    return malloc(bytes);
#else
    return guc_malloc(LOG, bytes);
#endif
}

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
