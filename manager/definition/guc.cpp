#include "definition/guc.hpp"

#include "definition/options.hpp"
#include "pg/versions/settings.hpp"
#include "scheduler/time/schedule.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "utils/guc.h"
#include "utils/plancache.h"
}

#include <climits>

namespace pgtrickle::guc {

bool enabled = true;
int scan_refresh_timeout_ms = 5000;
int on_stale = static_cast<int>(OnStale::serve);
bool enable_expansion = true;
int scheduler_interval_ms = 1000;
int max_concurrent_refreshes = 4;
int max_workers_per_owner = 0;
int max_refresh_time_ms = 0;
int plan_cache_kb = 256 * 1024;
int max_consecutive_errors = 3;
bool auto_backoff = true;
int history_retention_days = 90;
int log_min_duration_ms = 600000;
double differential_max_change_ratio = 0.15;
int min_schedule_seconds = 0;
int stale_alert_after_s = 60;
bool allow_circular = false;
int capture_privilege = static_cast<int>(CapturePrivilege::trigger);
int64_t max_staleness_ms = -1;

namespace {

bool preloaded = false;

/* Of what there is one way of so far. */
int read_mode = 0;
bool has_consistent_reads = false;
int on_error = 0;
const config_enum_entry read_modes[] = {{"refresh", 0, false}, {nullptr, 0, false}};
const config_enum_entry on_error_values[] = {{"fail", 0, false}, {nullptr, 0, false}};

const config_enum_entry capture_privileges[] = {{"trigger", static_cast<int>(CapturePrivilege::trigger), false},
                                                {"select", static_cast<int>(CapturePrivilege::select), false},
                                                {nullptr, 0, false}};

char *max_staleness_text = nullptr;

const config_enum_entry on_stale_values[] = {{"serve", static_cast<int>(OnStale::serve), false},
                                             {"error", static_cast<int>(OnStale::error), false},
                                             {nullptr, 0, false}};

/* The parsed value travels to the assign hook in memory that guc.c frees with free(). */
extern "C" bool check_max_staleness(char **value, void **extra, GucSource)
{
    return enter([&] {
        int64_t staleness_ms = -1;
        if (strcmp(*value, "-1") != 0) {
            std::string fault;
            std::optional<int64_t> seconds = scheduler::parse_duration_seconds(*value, &fault);
            if (!seconds) {
                call([&] { GUC_check_errdetail("%s", options::as_sentence(fault).c_str()); });
                call([] { GUC_check_errhint("Use -1, 0, or a duration of whole seconds such as 30s or 5m."); });
                return false;
            }
            staleness_ms = *seconds * 1000;
        }
        auto *parsed = static_cast<int64_t *>(allocate_for_setting(sizeof(int64_t)));
        if (parsed == nullptr)
            return false;
        *parsed = staleness_ms;
        *extra = parsed;
        return true;
    });
}

extern "C" void assign_max_staleness(const char *, void *extra)
{
    max_staleness_ms = *static_cast<int64_t *>(extra);
}

extern "C" bool check_consistent_reads(bool *value, void **, GucSource)
{
    if (!*value)
        return true;
    GUC_check_errcode(ERRCODE_FEATURE_NOT_SUPPORTED);
    GUC_check_errmsg("pg_trickle.consistent_reads is not supported");
    GUC_check_errhint("With pg_trickle.max_staleness = 0 all stream tables of a statement are refreshed to one state.");
    return false;
}

/* Kept plans were made for the other route. */
extern "C" void assign_enable_expansion(bool new_value, void *)
{
    if (new_value != enable_expansion && IsTransactionState())
        ResetPlanCache();
}

void define_reading()
{
    DefineCustomStringVariable("pg_trickle.max_staleness", "How stale a stream table may be when it is read.",
                               "-1: as its own schedule says; 0: always fresh; or a duration.",
                               &max_staleness_text, "-1", PGC_USERSET, 0, check_max_staleness,
                               assign_max_staleness, nullptr);
    DefineCustomIntVariable("pg_trickle.scan_refresh_timeout", "How long a scan waits for a refresh.", nullptr,
                            &scan_refresh_timeout_ms, 5000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr,
                            nullptr, nullptr);
    DefineCustomEnumVariable("pg_trickle.on_stale", "What a scan does when a refresh is not to be had.",
                             "serve: what is there, with a warning; error: raise an error.", &on_stale,
                             static_cast<int>(OnStale::serve), on_stale_values, PGC_USERSET, 0, nullptr, nullptr,
                             nullptr);
    DefineCustomEnumVariable("pg_trickle.read_mode", "How a read comes by rows that are fresh enough.",
                             "refresh: by a refresh before it.", &read_mode, 0, read_modes, PGC_USERSET, 0, nullptr,
                             nullptr, nullptr);
    DefineCustomBoolVariable("pg_trickle.consistent_reads",
                             "All stream tables of a statement are read as of one state, whatever their schedules.", nullptr,
                             &has_consistent_reads, false, PGC_USERSET, 0, check_consistent_reads, nullptr, nullptr);
    DefineCustomBoolVariable("pg_trickle.enable_expansion",
                             "Let the planner put a stream table's storage in its place.",
                             "When off, stream tables are read by foreign scans.", &enable_expansion, true,
                             PGC_USERSET, 0, nullptr, assign_enable_expansion, nullptr);
}

void define_refreshing()
{
    DefineCustomBoolVariable("pg_trickle.enabled", "Scheduled refreshes and refreshes on read take place.",
                             nullptr, &enabled, true, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.scheduler_interval_ms",
                            "How long a stream table that is refreshed on change rests at most.",
                            "So long what is locked waits to be tried again, too.", &scheduler_interval_ms, 1000, 10, 3600000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("pg_trickle.max_concurrent_refreshes",
                            "Number of refreshes that managers run at once, in all databases of the server together.",
                            "Each is run by a background worker: max_worker_processes has to have room for them.",
                            &max_concurrent_refreshes, 4, 1, 1024, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.max_workers_per_owner",
                            "Number of those refreshes that may be of stream tables of one owner.",
                            "0: one less than pg_trickle.max_concurrent_refreshes, so that other owners always have one.",
                            &max_workers_per_owner, 0, 0, 1024, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.max_refresh_time",
                            "Longest time that a refresh run by a manager may take, a first fill included.",
                            "A refresh that takes longer is canceled, and counts as a failure. 0: no limit but the stream table's own, "
                            "refresh_timeout.",
                            &max_refresh_time_ms, 0, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.max_consecutive_errors",
                            "Failed refreshes in a row after which a stream table is suspended.", nullptr,
                            &max_consecutive_errors, 3, 1, 1000000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pg_trickle.auto_backoff",
                             "Refresh a stream table less often while its refreshes fail or take too long.",
                             nullptr, &auto_backoff, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.history_retention_days", "Days that the history of refreshes is kept.",
                            nullptr, &history_retention_days, 90, 0, 36500, PGC_SIGHUP, 0, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("pg_trickle.log_min_duration",
                            "How long a refresh takes at least to be told in the server's log.",
                            "-1: none is told; 0: all are.", &log_min_duration_ms, 600000, -1, INT_MAX, PGC_SUSET,
                            GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.stale_alert_after",
                            "How late a due refresh is when an alert tells that the stream table is stale.",
                            "0: no alert tells.", &stale_alert_after_s, 60, 0, 86400, PGC_SUSET, GUC_UNIT_S, nullptr,
                            nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.plan_cache_size",
                            "Memory in which a process keeps the programs and plans of the stream tables it refreshes.",
                            "Those used longest ago are made anew when they are refreshed next.", &plan_cache_kb,
                            256 * 1024, 0, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomRealVariable("pg_trickle.differential_max_change_ratio",
                             "Share of changed rows at which AUTO takes a full refresh to cost as much as a delta, until that was measured.",
                             "0: large deltas are always computed from nothing; 1: never.",
                             &differential_max_change_ratio, 0.15, 0.0, 1.0, PGC_USERSET, 0, nullptr, nullptr,
                             nullptr);
    DefineCustomIntVariable("pg_trickle.min_schedule_seconds", "Shortest duration that a schedule may have.",
                            "0s is exempt.", &min_schedule_seconds, 0, 0, 86400, PGC_SUSET, 0, nullptr, nullptr,
                            nullptr);
    DefineCustomEnumVariable("pg_trickle.on_error", "What a failing maintenance in mode IMMEDIATE does to the writer.",
                             "Accepted for compatibility: no stream table is kept in that mode.", &on_error, 0,
                             on_error_values, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("pg_trickle.capture_privilege",
                             "Privilege that the owner of a stream table needs on each relation whose changes are captured for it.",
                             "trigger: TRIGGER, as for a trigger of its own; select: SELECT is enough.", &capture_privilege,
                             static_cast<int>(CapturePrivilege::trigger), capture_privileges, PGC_SUSET, 0, nullptr, nullptr,
                             nullptr);
    DefineCustomBoolVariable("pg_trickle.allow_circular", "Accepted for compatibility; has no effect.", nullptr,
                             &allow_circular, false, PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

} // namespace

void define_settings()
{
    preloaded = process_shared_preload_libraries_in_progress;
    define_reading();
    define_refreshing();
    MarkGUCPrefixReserved("pg_trickle");
}

bool is_preloaded()
{
    return preloaded;
}

void require_preload(const char *what)
{
    if (preloaded)
        return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("cannot %s: pg_trickle is not loaded by shared_preload_libraries", what),
                    errhint("Add pg_trickle to shared_preload_libraries in postgresql.conf and restart the server.")));
}

void require_stream_tables(const char *what)
{
    require_preload(what);
    if (OidIsValid(get_namespace_oid("pg_trickle_storage", true)) || !OidIsValid(get_namespace_oid("pgtrickle", true)))
        return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("cannot %s: the stream tables of this database are prepared for pg_upgrade", what),
                    errhint("After pg_upgrade, or instead of it, call pgtrickle.finish_upgrade().")));
}

} // namespace pgtrickle::guc
