/*
 * Configuration settings (GUC). PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/guc_tables.h"
}

namespace pgtrickle {

/* The group of settings for other platforms and clients. */
#if PG_VERSION_NUM < 170000
inline constexpr config_group other_clients = COMPAT_OPTIONS_CLIENT;
#else
inline constexpr config_group other_clients = COMPAT_OPTIONS_OTHER;
#endif

/* Allocates the `extra` value that the check hook of a setting passes to its assign hook; the server frees
 * it. Returns null if out of memory. */
inline void *allocate_for_setting(size_t bytes)
{
#if PG_VERSION_NUM < 160000
    return malloc(bytes);
#else
    return guc_malloc(LOG, bytes);
#endif
}

/* Returns all settings of the process; the caller must not change or free them. */
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
