/*
 * The settings pg_trickle.*: all of them, defined in one place.
 *
 * The variables are PostgreSQL's to write (by SET, the file, the command line) and ours
 * to read. Those that change how a stream table is read are planner decisions: changing
 * one drops the session's cached plans.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::guc {

enum class OnStale : int { serve, error };
/* What the owner of a stream table needs on each relation that receives a capture trigger. */
enum class CapturePrivilege : int { trigger, select };

extern bool enabled;
extern int scan_refresh_timeout_ms;
extern int on_stale; /* an OnStale */
extern bool enable_expansion;
extern int scheduler_interval_ms;
extern int max_concurrent_refreshes;
extern int max_workers_per_owner; /* 0: all but one */
extern int max_refresh_time_ms;   /* 0: no limit */
extern int plan_cache_kb;
extern int max_consecutive_errors;
extern bool auto_backoff;
extern int history_retention_days;
extern int log_min_duration_ms; /* -1: no refresh is told in the log */
extern double differential_max_change_ratio;
extern int stale_alert_after_s;
extern int min_schedule_seconds;
extern bool allow_circular;
extern int capture_privilege; /* a CapturePrivilege */

/* pg_trickle.max_staleness in milliseconds; -1: each stream table's own schedule. */
extern int64_t max_staleness_ms;

/* Defines them all; called once, by _PG_init. A PostgreSQL frame. */
void define_settings();

/* Whether the module was loaded by shared_preload_libraries, so that hooks and shared
 * memory exist. */
bool is_preloaded();
/* Raises 55000 with a HINT unless it was. `what` is the act refused: "create a stream
 * table". A PostgreSQL frame. */
void require_preload(const char *what);
/* The same, and unless pgtrickle.prepare_upgrade() has given up what lies in the reserved schemas. */
void require_stream_tables(const char *what);

} // namespace pgtrickle::guc
