#include "pg/settings.hpp"

#include "pg/database_settings.hpp"
#include "pg/versions/settings.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
}

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

/* Returns the value that all sessions of the database have: the value that the session started with, unless a
 * role or a client set it; otherwise the value of the database or of all databases, or ''. A value of
 * postgresql.conf is missing in the second case, as PostgreSQL has not kept it. */
const char *shared_value(const config_string *setting)
{
    const char *value = setting->reset_val;
    if (setting->gen.reset_source > PGC_S_DATABASE) {
        value = value_among(settings_given_in(MyDatabaseId), setting->gen.name);
        if (value == nullptr)
            value = value_among(settings_given_in(InvalidOid), setting->gen.name);
    }
    return value != nullptr ? value : "";
}

/* Sets each custom setting to its shared value. PostgreSQL has only '' for a setting that was created and is
 * not set. */
void share_settings()
{
    int count;
    config_generic **all = all_settings_of_process(&count);
    for (int i = 0; i < count; i++) {
        if ((all[i]->flags & GUC_CUSTOM_PLACEHOLDER) == 0)
            continue;
        auto *setting = reinterpret_cast<config_string *>(all[i]);
        const char *value = shared_value(setting);
        if (*setting->variable == nullptr || strcmp(*setting->variable, value) != 0)
            set_for_now(setting->gen.name, value);
    }
}

} // namespace

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

SettingsLevel::SettingsLevel() : level_(NewGUCNestLevel()) {}

SettingsLevel::~SettingsLevel()
{
    AtEOXact_GUC(false, level_);
}

SharedSettings::SharedSettings()
{
    if (depth_ == 0)
        call([] { share_settings(); });
    depth_++;
}

TextSettings::TextSettings()
{
    call([] { set_text_settings(); });
}

} // namespace pgtrickle
