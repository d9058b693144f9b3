/*
 * The settings on which the value of an expression may depend. The ones on which a defining query depends are
 * recorded with it, and are in force whenever it is parsed or run. A definition can contain no other setting,
 * and in particular not search_path.
 */
#pragma once

namespace pgtrickle {

inline constexpr const char *recorded_settings[] = {
    "TimeZone",     "DateStyle",  "IntervalStyle", "extra_float_digits",
    "lc_monetary",  "lc_numeric", "lc_time",       "default_text_search_config",
    "bytea_output", "xmlbinary",  "xmloption",
};

} // namespace pgtrickle
