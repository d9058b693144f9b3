/*
 * The list holds every STABLE built-in whose value is a function of its arguments and of
 * settings (the catalogs' look-ups are not: they change without notice), and those IMMUTABLE
 * ones that read a setting all the same: the output functions of floats, bytea and
 * geometric types, and age(), which computes in the session's time zone.
 */
#include "translate/check/known_function.hpp"

extern "C" {
#include "utils/fmgroids.h"
}

namespace pgtrickle::translate {

namespace {

constexpr unsigned on_number_format = on_lc_numeric | on_lc_monetary;

constexpr KnownFunction known_functions[] = {
    /* Time and its kin. */
    {F_NOW, 0, Beyond::now},
    {F_TRANSACTION_TIMESTAMP, 0, Beyond::now},
    {F_STATEMENT_TIMESTAMP, 0, Beyond::now},
    {F_AGE_TIMESTAMPTZ, on_time_zone, Beyond::now},
    {F_AGE_TIMESTAMP, on_time_zone, Beyond::now},
    {F_AGE_XID, 0, Beyond::now},
    {F_TIMETZ_TIME, on_time_zone, Beyond::now},
    {F_TIMEZONE_TEXT_TIMETZ, 0, Beyond::now},
    {F_DATE_IN, on_date_style, Beyond::words},
    {F_TIME_IN, on_date_style, Beyond::words},
    {F_TIMETZ_IN, on_date_style | on_time_zone, Beyond::words},
    {F_TIMESTAMP_IN, on_date_style, Beyond::words},
    {F_TIMESTAMPTZ_IN, on_date_style | on_time_zone, Beyond::words},

    /* Output of values as text. */
    {F_DATE_OUT, on_date_style, Beyond::nothing},
    {F_TIMESTAMP_OUT, on_date_style, Beyond::nothing},
    {F_TIMESTAMPTZ_OUT, on_date_style | on_time_zone, Beyond::nothing},
    {F_INTERVAL_OUT, on_interval_style, Beyond::nothing},
    {F_INTERVAL_IN, on_interval_style, Beyond::nothing},
    {F_FLOAT4OUT, on_float_digits, Beyond::nothing},
    {F_FLOAT8OUT, on_float_digits, Beyond::nothing},
    {F_POINT_OUT, on_float_digits, Beyond::nothing},
    {F_LSEG_OUT, on_float_digits, Beyond::nothing},
    {F_PATH_OUT, on_float_digits, Beyond::nothing},
    {F_BOX_OUT, on_float_digits, Beyond::nothing},
    {F_POLY_OUT, on_float_digits, Beyond::nothing},
    {F_LINE_OUT, on_float_digits, Beyond::nothing},
    {F_CIRCLE_OUT, on_float_digits, Beyond::nothing},
    {F_BYTEAOUT, on_bytea_output, Beyond::nothing},
    {F_CASH_OUT, on_lc_monetary, Beyond::nothing},
    {F_CASH_IN, on_lc_monetary, Beyond::nothing},
    {F_ENUM_IN, 0, Beyond::nothing},
    {F_ENUM_OUT, 0, Beyond::nothing},
    {F_ARRAY_IN, 0, Beyond::contents},
    {F_ARRAY_OUT, 0, Beyond::contents},
    {F_RECORD_IN, 0, Beyond::contents},
    {F_RECORD_OUT, 0, Beyond::contents},
    {F_RANGE_IN, 0, Beyond::contents},
    {F_RANGE_OUT, 0, Beyond::contents},
    {F_MULTIRANGE_IN, 0, Beyond::contents},
    {F_MULTIRANGE_OUT, 0, Beyond::contents},
    {F_DOMAIN_IN, 0, Beyond::contents},
    {F_TEXTANYCAT, 0, Beyond::arguments},
    {F_ANYTEXTCAT, 0, Beyond::arguments},
    {F_CONCAT, 0, Beyond::arguments},
    {F_CONCAT_WS, 0, Beyond::arguments},
    {F_FORMAT_TEXT, 0, Beyond::nothing},
    {F_FORMAT_TEXT_ANY, 0, Beyond::arguments},
    {F_QUOTE_LITERAL_ANYELEMENT, 0, Beyond::arguments},
    {F_QUOTE_NULLABLE_ANYELEMENT, 0, Beyond::arguments},
    {F_ARRAY_TO_STRING_ANYARRAY_TEXT, 0, Beyond::arguments},
    {F_ARRAY_TO_STRING_ANYARRAY_TEXT_TEXT, 0, Beyond::arguments},
    {F_ARRAY_TO_JSON_ANYARRAY, 0, Beyond::arguments},
    {F_ARRAY_TO_JSON_ANYARRAY_BOOL, 0, Beyond::arguments},
    {F_ROW_TO_JSON_RECORD, 0, Beyond::arguments},
    {F_ROW_TO_JSON_RECORD_BOOL, 0, Beyond::arguments},
    {F_TO_JSON, 0, Beyond::arguments},
    {F_TO_JSONB, 0, Beyond::arguments},
    {F_JSON_TO_RECORD, 0, Beyond::columns},
    {F_JSON_TO_RECORDSET, 0, Beyond::columns},
    {F_JSONB_TO_RECORD, 0, Beyond::columns},
    {F_JSONB_TO_RECORDSET, 0, Beyond::columns},
    {F_JSON_POPULATE_RECORD, 0, Beyond::columns},
    {F_JSON_POPULATE_RECORDSET, 0, Beyond::columns},
    {F_JSONB_POPULATE_RECORD, 0, Beyond::columns},
    {F_JSONB_POPULATE_RECORDSET, 0, Beyond::columns},
    {F_JSON_BUILD_ARRAY_, 0, Beyond::nothing},
    {F_JSON_BUILD_ARRAY_ANY, 0, Beyond::arguments},
    {F_JSON_BUILD_OBJECT_, 0, Beyond::nothing},
    {F_JSON_BUILD_OBJECT_ANY, 0, Beyond::arguments},
    {F_JSONB_BUILD_ARRAY_, 0, Beyond::nothing},
    {F_JSONB_BUILD_ARRAY_ANY, 0, Beyond::arguments},
    {F_JSONB_BUILD_OBJECT_, 0, Beyond::nothing},
    {F_JSONB_BUILD_OBJECT_ANY, 0, Beyond::arguments},
    {F_JSON_AGG, 0, Beyond::arguments},
    {F_JSON_OBJECT_AGG, 0, Beyond::arguments},
    {F_JSONB_AGG, 0, Beyond::arguments},
    {F_JSONB_OBJECT_AGG, 0, Beyond::arguments},

    /* Points in time and their fields in the session's time zone. */
    {F_AGE_TIMESTAMPTZ_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIME_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMETZ_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMP_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_DATE, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_DATE_TIME, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_TIMESTAMP, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_PL_INTERVAL, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_MI_INTERVAL, on_time_zone, Beyond::nothing},
    {F_INTERVAL_PL_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_PART_TEXT_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_EXTRACT_TEXT_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_TRUNC_TEXT_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT, 0, Beyond::nothing},
    {F_MAKE_TIMESTAMPTZ_INT4_INT4_INT4_INT4_INT4_FLOAT8, on_time_zone, Beyond::nothing},
    {F_MAKE_TIMESTAMPTZ_INT4_INT4_INT4_INT4_INT4_FLOAT8_TEXT, 0, Beyond::nothing},
    {F_IN_RANGE_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL_BOOL_BOOL, on_time_zone, Beyond::nothing},
    {F_GENERATE_SERIES_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL, on_time_zone, Beyond::nothing},
    {F_OVERLAPS_TIMESTAMPTZ_INTERVAL_TIMESTAMPTZ_INTERVAL, on_time_zone, Beyond::nothing},
    {F_OVERLAPS_TIMESTAMPTZ_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL, on_time_zone, Beyond::nothing},
    {F_OVERLAPS_TIMESTAMPTZ_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_CMP_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_LT_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_LE_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_EQ_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_GE_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_GT_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_DATE_NE_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_CMP_DATE, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_LT_DATE, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_LE_DATE, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_EQ_DATE, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_GE_DATE, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_GT_DATE, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_NE_DATE, on_time_zone, Beyond::nothing},
    {F_TIMESTAMP_CMP_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMP_LT_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMP_LE_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMP_EQ_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMP_GE_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMP_GT_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMP_NE_TIMESTAMPTZ, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_CMP_TIMESTAMP, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_LT_TIMESTAMP, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_LE_TIMESTAMP, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_EQ_TIMESTAMP, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_GE_TIMESTAMP, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_GT_TIMESTAMP, on_time_zone, Beyond::nothing},
    {F_TIMESTAMPTZ_NE_TIMESTAMP, on_time_zone, Beyond::nothing},
    {F_JSONB_PATH_EXISTS_TZ, on_time_zone, Beyond::nothing},
    {F_JSONB_PATH_MATCH_TZ, on_time_zone, Beyond::nothing},
    {F_JSONB_PATH_QUERY_TZ, on_time_zone, Beyond::nothing},
    {F_JSONB_PATH_QUERY_ARRAY_TZ, on_time_zone, Beyond::nothing},
    {F_JSONB_PATH_QUERY_FIRST_TZ, on_time_zone, Beyond::nothing},

    /* Formats and locales. */
    {F_TO_CHAR_TIMESTAMPTZ_TEXT, on_time_zone | on_lc_time, Beyond::nothing},
    {F_TO_CHAR_TIMESTAMP_TEXT, on_lc_time, Beyond::nothing},
    {F_TO_CHAR_INTERVAL_TEXT, on_lc_time, Beyond::nothing},
    {F_TO_CHAR_NUMERIC_TEXT, on_number_format, Beyond::nothing},
    {F_TO_CHAR_INT4_TEXT, on_number_format, Beyond::nothing},
    {F_TO_CHAR_INT8_TEXT, on_number_format, Beyond::nothing},
    {F_TO_CHAR_FLOAT4_TEXT, on_number_format, Beyond::nothing},
    {F_TO_CHAR_FLOAT8_TEXT, on_number_format, Beyond::nothing},
    {F_TO_NUMBER, on_number_format, Beyond::nothing},
    {F_TO_DATE, on_lc_time, Beyond::nothing},
    {F_TO_TIMESTAMP_TEXT_TEXT, on_time_zone | on_lc_time, Beyond::nothing},
    {F_MONEY_INT4, on_lc_monetary, Beyond::nothing},
    {F_MONEY_INT8, on_lc_monetary, Beyond::nothing},
    {F_MONEY_NUMERIC, on_lc_monetary, Beyond::nothing},
    {F_NUMERIC_MONEY, on_lc_monetary, Beyond::nothing},

    /* The database's encoding does not change. */
    {F_CONVERT, 0, Beyond::nothing},
    {F_CONVERT_FROM, 0, Beyond::nothing},
    {F_CONVERT_TO, 0, Beyond::nothing},
    {F_LENGTH_BYTEA_NAME, 0, Beyond::nothing},
    {F_ENUM_FIRST, 0, Beyond::nothing},
    {F_ENUM_LAST, 0, Beyond::nothing},
    {F_ENUM_RANGE_ANYENUM, 0, Beyond::nothing},
    {F_ENUM_RANGE_ANYENUM_ANYENUM, 0, Beyond::nothing},

    /* Text search, XML. */
    {F_GET_CURRENT_TS_CONFIG, on_text_search, Beyond::nothing},
    {F_TO_TSVECTOR_TEXT, on_text_search, Beyond::nothing},
    {F_TO_TSVECTOR_JSON, on_text_search, Beyond::nothing},
    {F_TO_TSVECTOR_JSONB, on_text_search, Beyond::nothing},
    {F_JSON_TO_TSVECTOR_JSON_JSONB, on_text_search, Beyond::nothing},
    {F_JSONB_TO_TSVECTOR_JSONB_JSONB, on_text_search, Beyond::nothing},
    {F_TO_TSQUERY_TEXT, on_text_search, Beyond::nothing},
    {F_PLAINTO_TSQUERY_TEXT, on_text_search, Beyond::nothing},
    {F_PHRASETO_TSQUERY_TEXT, on_text_search, Beyond::nothing},
    {F_WEBSEARCH_TO_TSQUERY_TEXT, on_text_search, Beyond::nothing},
    {F_TS_HEADLINE_TEXT_TSQUERY, on_text_search, Beyond::nothing},
    {F_TS_HEADLINE_TEXT_TSQUERY_TEXT, on_text_search, Beyond::nothing},
    {F_TS_HEADLINE_JSON_TSQUERY, on_text_search, Beyond::nothing},
    {F_TS_HEADLINE_JSON_TSQUERY_TEXT, on_text_search, Beyond::nothing},
    {F_TS_HEADLINE_JSONB_TSQUERY, on_text_search, Beyond::nothing},
    {F_TS_HEADLINE_JSONB_TSQUERY_TEXT, on_text_search, Beyond::nothing},
    {F_TS_MATCH_TQ, on_text_search, Beyond::nothing},
    {F_TS_MATCH_TT, on_text_search, Beyond::nothing},
    {F_XML, on_xml_option, Beyond::nothing},
    {F_XML_IN, on_xml_option, Beyond::nothing},
    {F_XML_IS_WELL_FORMED, on_xml_option, Beyond::nothing},
};

} // namespace

const KnownFunction *known_function(Oid function)
{
    for (const KnownFunction &known : known_functions) {
        if (known.function == function)
            return &known;
    }
    return nullptr;
}

} // namespace pgtrickle::translate
