#include "pg/settings.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace pgtrickle {

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
        {"row_security", "on"}, /* off: an error where a policy would apply */
    };
    for (const auto &setting : settings)
        set_for_now(setting[0], setting[1]);
}

SettingsLevel::SettingsLevel() : level_(NewGUCNestLevel()) {}

SettingsLevel::~SettingsLevel()
{
    AtEOXact_GUC(false, level_);
}

TextSettings::TextSettings()
{
    call([] { set_text_settings(); });
}

} // namespace pgtrickle
