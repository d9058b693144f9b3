/*
 * The settings that the value of an expression may depend on. Those that a defining query depends on are recorded with it,
 * and are in force whenever it is parsed or run; a definition can bring no other setting, and least of all search_path.
 */
#pragma once

namespace pgtrickle {

inline constexpr const char *recorded_settings[] = {
    "TimeZone",     "DateStyle",  "IntervalStyle", "extra_float_digits",
    "lc_monetary",  "lc_numeric", "lc_time",       "default_text_search_config",
    "bytea_output", "xmlbinary",  "xmloption",
};

} // namespace pgtrickle
