/*
 * Dependencies of PostgreSQL's own functions besides their arguments.
 */
#pragma once

#include "pg/settings.hpp"
#include "pg/versions/functions.hpp"

namespace pgtrickle::translate {

/* Bits of a set of settings; recorded_settings[i] belongs to bit i. */
enum SettingBit : unsigned {
    on_time_zone = 1u << 0,
    on_date_style = 1u << 1,
    on_interval_style = 1u << 2,
    on_float_digits = 1u << 3,
    on_lc_monetary = 1u << 4,
    on_lc_numeric = 1u << 5,
    on_lc_time = 1u << 6,
    on_text_search = 1u << 7,
    on_bytea_output = 1u << 8,
    on_xml_binary = 1u << 9,
    on_xml_option = 1u << 10,
    on_array_nulls = 1u << 11,
    on_quoting = 1u << 12,
    on_abbreviations = 1u << 13,
};
inline constexpr unsigned all_settings = (1u << lengthof(recorded_settings)) - 1;

/* The meaning of the name of a time zone, which may be an abbreviation: in a text, read as a value or by a template,
 * and the methods of a JSON path that read times. */
inline constexpr unsigned on_zone_name = on_abbreviations | (abbreviations_follow_time_zone ? +on_time_zone : 0u);
inline constexpr unsigned on_template = on_lc_time | (templates_read_zone_names ? on_zone_name : 0u);
/* Settings of PostgreSQL's own output functions, which those of other types may call. */
inline constexpr unsigned on_printing =
    on_time_zone | on_date_style | on_interval_style | on_float_digits | on_lc_monetary | on_bytea_output;

enum class Beyond {
    nothing,   /* the value depends on arguments and settings only */
    arguments, /* also on the output functions of the arguments' types */
    contents,  /* for an input or output function: also on those of the contained types */
    now,       /* the time of the transaction or statement */
    columns,   /* also on the input functions of the types of the columns returned */
    words,     /* an input function that accepts 'now', 'today' … */
};

struct KnownFunction {
    Oid function;
    unsigned settings;
    Beyond beyond;
};

/* Returns nullptr for a function that is not in the list: an IMMUTABLE one depends on nothing, and the
 * dependencies of a STABLE one are unknown. */
const KnownFunction *known_function(Oid function);

} // namespace pgtrickle::translate
