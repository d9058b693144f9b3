/*
 * The SQL function that checks, in statements of a refresh, a text that is converted to a date or time.
 */
#include "pg/boundary.hpp"

extern "C" {
#include "utils/builtins.h"

PGDLLEXPORT Datum pgtrickle_time_text(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgtrickle_time_text);
}

/* Returns its argument, or raises 0A000 if the text depends on the current time. The words may stand anywhere
 * among others ('today 10:00'), and are part of no other word of a time. */
extern "C" Datum pgtrickle_time_text(PG_FUNCTION_ARGS)
{
    static const char *const moving[] = {"now", "today", "tomorrow", "yesterday"};
    const char *text = text_to_cstring(PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));

    for (const char *word : moving) {
        for (const char *rest = text; *rest != '\0'; rest++) {
            if (pg_strncasecmp(rest, word, strlen(word)) == 0)
                ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                                errmsg("date/time input \"%s\" depends on the current time", text),
                                errdetail("A stream table in DIFFERENTIAL mode changes only when its sources change."),
                                errhint("Specify a fixed date or time, or use refresh_mode 'FULL'.")));
        }
    }
    PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
