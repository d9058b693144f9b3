#include "pg/settings.hpp"

#include "pg/database_settings.hpp"
#include "pg/versions/settings.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/rls.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

bool is_placeholder(const config_generic *setting)
{
    return (setting->flags & GUC_CUSTOM_PLACEHOLDER) != 0;
}

/* Sets a placeholder that the session, its role or its client has set to the value that all sessions of the database
 * have. */
void share_placeholder(const config_generic *setting)
{
    const char *value = value_of_all_sessions(setting);
    const char *present = *reinterpret_cast<const config_string *>(setting)->variable;
    if (present == nullptr || strcmp(present, value) != 0)
        set_for_now(setting->name, value);
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
    if (!is_shared(setting))
        return;
    const char *value = value_of_all_sessions(setting);
    if (strcmp(value, present_value(setting)) == 0)
        return;
    if (!set_shared(setting->name, value, DEBUG1) && !set_shared(setting->name, value_of_server(setting), DEBUG1))
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
