/*
 * What PostgreSQL's own functions depend on besides their arguments.
 */
#pragma once

#include "definition/query/recorded_settings.hpp"
#include "pg/versions/postgres.hpp"

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
};
inline constexpr unsigned all_settings = (1u << lengthof(recorded_settings)) - 1;

enum class Beyond {
    nothing,   /* arguments and settings decide */
    arguments, /* also what the output functions of the arguments' types depend on */
    contents,  /* an input or output function: what those of the contained types depend on */
    now,       /* the time of the transaction or statement */
    columns,   /* also what the input functions of the types of the columns it returns depend on */
    words,     /* an input function that knows 'now', 'today' … */
};

struct KnownFunction {
    Oid function;
    unsigned settings;
    Beyond beyond;
};

/* nullptr for a function that is not in the list: if it is IMMUTABLE it depends on nothing,
 * if it is STABLE nobody knows on what. */
const KnownFunction *known_function(Oid function);

} // namespace pgtrickle::translate
