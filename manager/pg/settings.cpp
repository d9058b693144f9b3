#include "pg/settings.hpp"

#include "pg/database_settings.hpp"
#include "pg/versions/settings.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rls.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* Returns the value to which the entries "name=value" set `name`, or null. */
const char *value_among(ArrayType *entries, const char *name)
{
    Datum *texts = nullptr;
    int count = 0;
    const char *found = nullptr;
    if (entries != nullptr)
        deconstruct_array(entries, TEXTOID, -1, false, TYPALIGN_INT, &texts, nullptr, &count);
    for (int i = 0; i < count && found == nullptr; i++)
        found = value_of(TextDatumGetCString(texts[i]), name);
    return found;
}

/* Returns the value that ALTER ROLE gives sessions of the role in this database, or, if `role` is invalid, the one that
 * ALTER DATABASE or ALTER ROLE ALL gives; or null. */
const char *given_value(const char *name, Oid role = InvalidOid)
{
    const char *value = value_among(settings_given_in(MyDatabaseId, role), name);
    return value != nullptr ? value : value_among(settings_given_in(InvalidOid, role), name);
}

/* Whether the role or the client has given the session the value that RESET returns to. */
bool is_given_to_session(const config_generic *setting)
{
    return setting->reset_source > PGC_S_DATABASE;
}

bool is_placeholder(const config_generic *setting)
{
    return (setting->flags & GUC_CUSTOM_PLACEHOLDER) != 0;
}

/* Sets a placeholder that the session, its role or its client has set to the value that all sessions of the database
 * have: the one that the session started with, unless a role or a client gave it; otherwise the value of the database
 * or of all databases, or ''. A value of postgresql.conf is missing in the second case, as PostgreSQL has not kept it.
 */
void share_placeholder(const config_generic *setting)
{
    if (!is_given_to_session(setting))
        return set_for_now(setting->name, nullptr);
    const char *given = given_value(setting->name), *value = given != nullptr ? given : "";
    const char *present = *reinterpret_cast<const config_string *>(setting)->variable;
    if (present == nullptr || strcmp(present, value) != 0)
        set_for_now(setting->name, value);
}

enum class Which : uint8_t { built_in, of_reset, present };

template <class Config> auto value_in(const config_generic *setting, Which which)
{
    auto *config = reinterpret_cast<const Config *>(setting);
    return which == Which::built_in   ? config->boot_val
           : which == Which::of_reset ? config->reset_val
                                      : *config->variable;
}

/* Returns an empty text for a setting of type string without a value. PostgreSQL's own functions round numbers, and
 * raise an error where the current user must not see the value. */
const char *text_of(const config_generic *setting, Which which)
{
    switch (setting->vartype) {
    case PGC_BOOL: return value_in<config_bool>(setting, which) ? "on" : "off";
    case PGC_INT: return psprintf("%d", value_in<config_int>(setting, which));
    case PGC_REAL: return psprintf("%.17g", value_in<config_real>(setting, which));
    case PGC_STRING: {
        const char *value = value_in<config_string>(setting, which);
        return value != nullptr ? value : "";
    }
    case PGC_ENUM: {
        auto *choice = reinterpret_cast<config_enum *>(const_cast<config_generic *>(setting));
        return config_enum_lookup_by_value(choice, value_in<config_enum>(setting, which));
    }
    }
    pg_unreachable();
}

const char *built_in_value(const config_generic *setting)
{
    /* PostgreSQL sets these by other means than their built-in values, when it starts. */
    if (strcmp(setting->name, "timezone_abbreviations") == 0)
        return "Default";
    if (strcmp(setting->name, "TimeZone") == 0)
        return "GMT";
    return text_of(setting, Which::built_in);
}

/* Returns the value that all sessions of the database have, of a setting that is no placeholder; where a role or a
 * client gave another one, the built-in value stands for one of postgresql.conf. Found once in a process, which keeps
 * the value that its database gave it. */
const char *value_of_server(const config_generic *setting)
{
    struct Found {
        const config_generic *setting;
        char *value;
    };
    static List *all_found = NIL;
    if (!is_given_to_session(setting))
        return text_of(setting, Which::of_reset);
    ListCell *cell;
    foreach (cell, all_found)
        if (static_cast<Found *>(lfirst(cell))->setting == setting)
            return static_cast<Found *>(lfirst(cell))->value;
    const char *given = given_value(setting->name);
    const char *value = given != nullptr ? given : built_in_value(setting);
    MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
    auto *found = static_cast<Found *>(palloc(sizeof(Found)));
    *found = {setting, pstrdup(value)};
    all_found = lappend(all_found, found);
    MemoryContextSwitchTo(previous);
    return found->value;
}

bool is_any_of(const char *name, const char *const *names, int count)
{
    return std::any_of(names, names + count, [=](const char *one) { return strcmp(name, one) == 0; });
}

bool begins_with_any_of(const char *name, const char *const *prefixes, int count)
{
    return std::any_of(prefixes, prefixes + count,
                       [=](const char *one) { return strncmp(name, one, strlen(one)) == 0; });
}

/* Whether the value of a setting may have a part in what an expression or a query returns, other than by the order of
 * its steps. */
bool may_change_results(const config_generic *setting)
{
    static const char *const of_session[] = {
        "client_encoding",
        "client_min_messages",
        "lc_messages",
        "lock_timeout",
        "statement_timeout",
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
        "transaction_timeout",
        "transaction_isolation",
        "transaction_read_only",
        "transaction_deferrable",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "default_transaction_deferrable",
        "search_path",
        "row_security",
        "session_replication_role", /* rules and triggers */
        "default_tablespace",
        "temp_tablespaces",
    };
    /* The latter two report and count what runs, and a session can have them show its refreshes. */
    static const char *const of_modules[] = {"pg_trickle.", "auto_explain.", "pg_stat_statements."};
    switch (setting->group) {
    case CLIENT_CONN_STATEMENT:
    case CLIENT_CONN_LOCALE:
    case CLIENT_CONN_OTHER:
    case COMPAT_OPTIONS_PREVIOUS:
    case other_clients: return !is_any_of(setting->name, of_session, lengthof(of_session));
    case CUSTOM_OPTIONS: return !begins_with_any_of(setting->name, of_modules, lengthof(of_modules));
    default: return false;
    }
}

/* With an `elevel` below ERROR, a value that is not valid is not set. Returns false then. */
bool set_shared(const char *name, const char *value, int elevel)
{
    return set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, elevel, false) > 0;
}

/* Sets a setting that the session, its role or its client has set, and that any role may set, or one to which that was
 * granted. PostgreSQL ignores a value of the database that is not valid, for a session that starts. */
void share_built_in(const config_generic *setting)
{
    const bool is_of_roles = setting->context == PGC_USERSET || setting->context == PGC_SUSET;
    if (!is_of_roles || !may_change_results(setting))
        return;
    const char *value = value_of_server(setting);
    if (strcmp(value, text_of(setting, Which::present)) == 0)
        return;
    if (!set_shared(setting->name, value, DEBUG1))
        (void)set_shared(setting->name, built_in_value(setting), ERROR);
}

void share(Sharing sharing)
{
    int count;
    config_generic **all = all_settings_of_process(&count);
    for (int i = 0; i < count; i++) {
        if (all[i]->source <= PGC_S_DATABASE)
            continue;
        if (is_placeholder(all[i]))
            share_placeholder(all[i]);
        else if (sharing == Sharing::all)
            share_built_in(all[i]);
    }
}

} // namespace

bool has_set_placeholders()
{
    int count;
    config_generic **all = all_settings_of_process(&count);
    return std::any_of(all, all + count,
                       [](const config_generic *one) { return is_placeholder(one) && one->source > PGC_S_DATABASE; });
}

void set_for_now(const char *name, const char *value)
{
    (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void set_text_settings()
{
    static const char *const settings[][2] = {
        {"search_path", "pg_catalog, pg_temp"},
        {"DateStyle", "ISO, YMD"},
        {"IntervalStyle", "postgres"},
        {"extra_float_digits", "3"},
        {"bytea_output", "hex"},
        {"lc_monetary", "C"},
        {"quote_all_identifiers", "off"},
        {"standard_conforming_strings", "on"},
        {"array_nulls", "on"},
        {"transform_null_equals", "off"},
        {"xmloption", "content"},
        {"row_security", "on"}, /* "off" would raise an error where a policy applies */
    };
    for (const auto &setting : settings)
        set_for_now(setting[0], setting[1]);
    /* They would show a session the queries of others, with what functions in these have returned. */
    if (Debug_print_parse)
        set_for_now("debug_print_parse", "off");
    if (Debug_print_rewritten)
        set_for_now("debug_print_rewritten", "off");
    if (Debug_print_plan)
        set_for_now("debug_print_plan", "off");
}

void take_limits_of(Oid role)
{
    static constexpr char name[] = "temp_file_limit";
    if (const char *value = given_value(name, role))
        (void)set_config_option(name, value, PGC_SUSET, PGC_S_DATABASE_USER, GUC_ACTION_SET, true, WARNING, false);
}

SettingsLevel::SettingsLevel() : level_(NewGUCNestLevel()) {}

SettingsLevel::~SettingsLevel()
{
    AtEOXact_GUC(false, level_);
}

SharedSettings::SharedSettings(Sharing sharing)
{
    if (depth_ == 0 || sharing == Sharing::all)
        call([=] { share(sharing); });
    /* With row_security off, as in a restore, PostgreSQL raises an error where a policy applies. */
    if (sharing == Sharing::all && !row_security)
        call([] { set_for_now("row_security", "on"); });
    depth_++;
}

TextSettings::TextSettings()
{
    call([] { set_text_settings(); });
}

BriefWaits::BriefWaits()
{
    call([] { set_for_now("lock_timeout", "10"); });
}

} // namespace pgtrickle
