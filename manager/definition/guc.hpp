/*
 * The settings pg_trickle.*, but for the two sizes of shared memory (mailbox/shared.cpp).
 *
 * PostgreSQL writes the variables (by SET, the configuration file or the command line), and the extension
 * only reads them. A setting that changes how a stream table is read decides about plans, so a change of it
 * drops the session's cached plans.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/hooks.hpp"

namespace pgtrickle::guc {

enum class OnStale : int { serve, error };
enum class OnError : int { fail, defer };
enum class ReadMode : int { refresh, exact };
/* The privilege that the owner of a stream table needs on each relation that receives a capture trigger. */
enum class CapturePrivilege : int { trigger, select };

extern bool enabled;
extern int scan_refresh_timeout_ms;
extern int on_stale;  /* an OnStale value */
extern int on_error;  /* an OnError value */
extern int read_mode; /* a ReadMode value */
extern bool has_consistent_reads;
extern bool enable_expansion;
extern int scheduler_interval_ms;
extern int max_concurrent_refreshes;
extern int max_workers_per_owner; /* 0: all but one */
extern int max_refresh_time_ms;   /* 0: no limit */
extern int plan_cache_kb;
extern int max_consecutive_errors;
extern bool auto_backoff;
extern int history_retention_days;
extern int log_min_duration_ms; /* -1: refreshes are not logged */
extern double differential_max_change_ratio;
extern int stale_alert_after_s;
extern int max_log_mb; /* 0: no limit */
extern int min_schedule_seconds;
extern bool allow_circular;
extern int capture_privilege; /* a CapturePrivilege value */

/* pg_trickle.max_staleness in milliseconds; -1: each stream table's own schedule. */
extern int64_t max_staleness_ms;

/* Defines all settings. Called once, by _PG_init. Other names with the prefix are accepted, as settings of the public
 * extension are that mean nothing here. PostgreSQL frame. */
void define_settings();
/* Entry of fdw/module.cpp, before SET, ALTER ROLE SET and ALTER DATABASE SET: raises a WARNING if the statement sets
 * such a name, which may be misspelled. PostgreSQL frame. */
void warn_of_unknown_setting(const UtilityCall &call);

/* Returns true if the module was loaded by shared_preload_libraries, so that hooks and shared memory
 * exist. */
bool is_preloaded();
/* Raises 55000 with a HINT unless the module was preloaded. `what` is the refused action, such as "create a
 * stream table". PostgreSQL frame. */
void require_preload(const char *what);
/* Calls require_preload(), and raises an error if pgtrickle.prepare_upgrade() has removed the contents of the
 * reserved schemas. */
void require_stream_tables(const char *what);

} // namespace pgtrickle::guc
