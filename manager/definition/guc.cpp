#include "definition/guc.hpp"

#include "definition/options.hpp"
#include "definition/state/extension_table.hpp"
#include "pg/versions/settings.hpp"
#include "scheduler/time/schedule.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "utils/guc.h"
#include "utils/plancache.h"
}

#include <climits>
#include <cmath>

namespace pgtrickle::guc {

bool enabled = true;
int scan_refresh_timeout_ms = 5000;
int on_stale = static_cast<int>(OnStale::serve);
int read_mode = static_cast<int>(ReadMode::refresh);
bool has_consistent_reads = false;
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
int max_log_mb = 1024;
bool allow_circular = false;
int capture_privilege = static_cast<int>(CapturePrivilege::trigger);
int on_error = static_cast<int>(OnError::fail);
int64_t max_staleness_ms = -1;

namespace {

bool preloaded = false;

const config_enum_entry read_modes[] = {{"refresh", static_cast<int>(ReadMode::refresh), false},
                                        {"exact", static_cast<int>(ReadMode::exact), false},
                                        {nullptr, 0, false}};
const config_enum_entry on_error_values[] = {{"fail", static_cast<int>(OnError::fail), false},
                                             {"defer", static_cast<int>(OnError::defer), false},
                                             {nullptr, 0, false}};

const config_enum_entry capture_privileges[] = {{"trigger", static_cast<int>(CapturePrivilege::trigger), false},
                                                {"select", static_cast<int>(CapturePrivilege::select), false},
                                                {nullptr, 0, false}};

char *max_staleness_text = nullptr;

const config_enum_entry on_stale_values[] = {{"serve", static_cast<int>(OnStale::serve), false},
                                             {"error", static_cast<int>(OnStale::error), false},
                                             {nullptr, 0, false}};

/* Returns the milliseconds of a duration with one of PostgreSQL's units of time, such as 500ms or 1.5min; nothing
 * if `text` is no such duration. */
std::optional<int64_t> parse_with_time_unit(const char *text)
{
    constexpr double longest_ms = 10 * 365.25 * SECS_PER_DAY * 1000;
    double ms = 0;
    const char *hint = nullptr;
    if (strpbrk(text, "smhd") == nullptr || !parse_real(text, &ms, GUC_UNIT_MS, &hint) ||
        !(ms >= 0 && ms <= longest_ms))
        return {};
    return static_cast<int64_t>(std::ceil(ms));
}

/* The assign hook receives the parsed value in memory that guc.c releases with free(). */
extern "C" bool check_max_staleness(char **value, void **extra, GucSource)
{
    return enter([&] {
        int64_t staleness_ms = -1;
        if (strcmp(*value, "-1") != 0) {
            std::string fault;
            std::optional<int64_t> seconds = scheduler::parse_duration_seconds(*value, &fault);
            std::optional<int64_t> ms = seconds ? *seconds * 1000 : parse_with_time_unit(*value);
            if (!ms) {
                call([] {
                    GUC_check_errhint("Use -1, 0, or a duration such as 500ms, 30s, 5min or 1h30m, ten years at most.");
                });
                return false;
            }
            staleness_ms = *ms;
        }
        auto *parsed = static_cast<int64_t *>(allocate_for_setting(sizeof(int64_t)));
        if (parsed == nullptr)
            return false;
        *parsed = staleness_ms;
        *extra = parsed;
        return true;
    });
}

/* Tools of the public extension expect the bare number. */
extern "C" const char *show_scheduler_interval_ms()
{
    return psprintf("%d", scheduler_interval_ms);
}

extern "C" void assign_max_staleness(const char *, void *extra)
{
    max_staleness_ms = *static_cast<int64_t *>(extra);
}

/* Cached plans were made for the other route. The end of a transaction takes values back, too. */
extern "C" void assign_enable_expansion(bool new_value, void *)
{
    if (new_value != enable_expansion)
        ResetPlanCache();
}

void define_reading()
{
    DefineCustomStringVariable(
        "pg_trickle.max_staleness", "Sets the maximum staleness of a stream table when it is read.",
        "-1 applies the schedule of the stream table; 0 requires fresh data; otherwise a duration such as 500ms, "
        "30s, 5min or 1h30m; without a unit, seconds.",
        &max_staleness_text, "-1", PGC_USERSET, 0, check_max_staleness, assign_max_staleness, nullptr);
    DefineCustomIntVariable("pg_trickle.scan_refresh_timeout", "Sets the maximum time that a scan waits for a refresh.",
                            nullptr, &scan_refresh_timeout_ms, 5000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr,
                            nullptr, nullptr);
    DefineCustomEnumVariable(
        "pg_trickle.on_stale", "Selects the action of a scan if the stream table cannot be refreshed.",
        "serve: return the stored rows with a warning; error: raise an error.", &on_stale,
        static_cast<int>(OnStale::serve), on_stale_values, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("pg_trickle.read_mode", "Selects how reads obtain sufficiently fresh data.",
                             "refresh: refresh the stream table before the read; exact: apply pending changes in "
                             "the read itself, under its snapshot.",
                             &read_mode, static_cast<int>(ReadMode::refresh), read_modes, PGC_USERSET, 0, nullptr,
                             nullptr, nullptr);
    DefineCustomBoolVariable(
        "pg_trickle.consistent_reads",
        "Reads all stream tables and tables of a statement as of one state, regardless of schedules.", nullptr,
        &has_consistent_reads, false, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pg_trickle.enable_expansion",
                             "Enables the planner's replacement of a stream table by its storage.",
                             "If off, stream tables are read by foreign scans.", &enable_expansion, true, PGC_USERSET,
                             0, nullptr, assign_enable_expansion, nullptr);
}

void define_refreshing()
{
    DefineCustomBoolVariable("pg_trickle.enabled", "Enables scheduled refreshes and refreshes on read.", nullptr,
                             &enabled, true, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.scheduler_interval_ms",
                            "Sets the maximum pause between refreshes of a stream table that is refreshed on change.",
                            "Also the retry interval for stream tables that could not be locked.",
                            &scheduler_interval_ms, 1000, 10, 3600000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr,
                            show_scheduler_interval_ms);
    DefineCustomIntVariable(
        "pg_trickle.max_concurrent_refreshes",
        "Sets the maximum number of concurrent refreshes by managers, in all databases of the server together.",
        "Each refresh is run by a background worker, so max_worker_processes must leave room for them.",
        &max_concurrent_refreshes, 4, 1, 1024, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_trickle.max_workers_per_owner",
        "Sets the maximum number of concurrent refreshes of stream tables of one owner.",
        "0 means one less than pg_trickle.max_concurrent_refreshes, so that a worker remains for other owners.",
        &max_workers_per_owner, 0, 0, 1024, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_trickle.max_refresh_time",
        "Sets the maximum duration of a refresh run by a manager, including a first fill.",
        "A refresh that takes longer is canceled and counts as a failure. 0 means no limit other than the option "
        "refresh_timeout of the stream table.",
        &max_refresh_time_ms, 0, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.max_consecutive_errors",
                            "Sets the number of consecutive failed refreshes after which a stream table is suspended.",
                            nullptr, &max_consecutive_errors, 3, 1, 1000000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pg_trickle.auto_backoff",
                             "Refreshes a stream table less often while its refreshes fail or take too long.", nullptr,
                             &auto_backoff, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.history_retention_days",
                            "Sets the number of days for which the refresh history is kept.", nullptr,
                            &history_retention_days, 90, 0, 36500, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.log_min_duration",
                            "Sets the minimum duration above which refreshes are logged.",
                            "0 logs all refreshes. -1 turns this feature off.", &log_min_duration_ms, 600000, -1,
                            INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.max_log_size",
                            "Sets the change log size beyond which stream tables that prevent its trimming are "
                            "reinitialized.",
                            "0 means no limit.", &max_log_mb, 1024, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MB, nullptr,
                            nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.stale_alert_after",
                            "Sets the delay after which an overdue refresh raises a stale_data alert.",
                            "0 turns this feature off.", &stale_alert_after_s, 60, 0, 86400, PGC_SUSET, GUC_UNIT_S,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_trickle.plan_cache_size",
        "Sets the memory in which a process keeps the programs and plans of the stream tables it refreshes.",
        "The least recently used are discarded, and compiled again at the next refresh.", &plan_cache_kb, 256 * 1024, 0,
        MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomRealVariable("pg_trickle.differential_max_change_ratio",
                             "Sets the fraction of changed rows at which AUTO assumes that a full refresh costs as "
                             "much as a delta, until this has been measured.",
                             "0 always replaces a large delta by a full refresh; 1 never does.",
                             &differential_max_change_ratio, 0.15, 0.0, 1.0, PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

void define_definitions()
{
    DefineCustomIntVariable("pg_trickle.min_schedule_seconds", "Sets the minimum duration of a schedule.",
                            "The schedule 0s is exempt.", &min_schedule_seconds, 0, 0, 86400, PGC_SUSET, 0, nullptr,
                            nullptr, nullptr);
    DefineCustomEnumVariable("pg_trickle.on_error",
                             "Selects the effect of a maintenance failure on the writer in IMMEDIATE mode.",
                             "fail: the transaction that changed a source fails; defer: it commits, and the manager "
                             "tries again.",
                             &on_error, on_error, on_error_values, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("pg_trickle.capture_privilege",
                             "Selects the privilege that the owner of a stream table needs on each relation whose "
                             "changes are captured for it.",
                             "trigger: TRIGGER, as for a trigger of the owner; select: SELECT is sufficient.",
                             &capture_privilege, static_cast<int>(CapturePrivilege::trigger), capture_privileges,
                             PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pg_trickle.allow_circular", "Accepted for compatibility; has no effect.", nullptr,
                             &allow_circular, false, PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

} // namespace

void define_settings()
{
    preloaded = process_shared_preload_libraries_in_progress;
    define_reading();
    define_refreshing();
    define_definitions();
}

void warn_of_unknown_setting(const UtilityCall &call)
{
    const ::Node *statement = call.statement();
    const VariableSetStmt *set = IsA(statement, VariableSetStmt) ? reinterpret_cast<const VariableSetStmt *>(statement)
                                 : IsA(statement, AlterRoleSetStmt)
                                     ? reinterpret_cast<const AlterRoleSetStmt *>(statement)->setstmt
                                     : reinterpret_cast<const AlterDatabaseSetStmt *>(statement)->setstmt;
    constexpr const char *prefix = "pg_trickle.";
    if (set->kind != VAR_SET_VALUE || pg_strncasecmp(set->name, prefix, strlen(prefix)) != 0)
        return;
    if (GetConfigOption(set->name, true, false) == nullptr ||
        (GetConfigOptionFlags(set->name, true) & GUC_CUSTOM_PLACEHOLDER) != 0)
        ereport(WARNING, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("unrecognized setting \"%s\"", set->name),
                          errdetail("It has no effect.")));
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
    if (OidIsValid(get_namespace_oid("pg_trickle_storage", true)) || !OidIsValid(definition::extension_schema()))
        return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("cannot %s: the stream tables of this database are prepared for pg_upgrade", what),
                    errhint("After pg_upgrade, or instead of it, call pgtrickle.finish_upgrade().")));
}

} // namespace pgtrickle::guc
