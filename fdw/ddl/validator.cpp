/*
 * The validator of the wrapper: PostgreSQL calls it with the complete options of a wrapper, server or foreign
 * table before it stores them.
 */
#include "definition/guc.hpp"
#include "definition/options.hpp"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_foreign_table.h"
}

SQL_FUNCTION(pgtrickle_fdw_validator)
{
    using namespace pgtrickle;
    List *list = call([=] { return untransformRelOptions(PG_GETARG_DATUM(0)); });
    Oid catalog = PG_GETARG_OID(1);
    std::vector<options::Option> given = options::from_list(list);
    if (catalog == ForeignTableRelationId) {
        /* finish_upgrade() completes the stream tables that pg_upgrade transfers. */
        if (!IsBinaryUpgrade)
            call([] { guc::require_stream_tables("create or alter a stream table"); });
        options::check(given);
    } else if (!given.empty()) {
        raise({.sqlstate = ERRCODE_FDW_INVALID_OPTION_NAME,
               .message = "invalid option \"" + given.front().name + "\"",
               .hint = "Options are accepted for stream tables only."});
    }
    PG_RETURN_VOID();
}
