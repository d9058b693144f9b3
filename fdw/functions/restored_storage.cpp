#include "fdw/functions/restored_storage.hpp"

#include "fdw/ddl/heap_statements.hpp"
#include "fdw/ddl/index.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "pg/attempt.hpp"
#include "pg/rights.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

namespace pgtrickle {

/* No code of a user runs when empty heaps are moved. */
void restore_tablespace(Oid relid, const std::string &tablespace, Oid placer)
{
    UserSwitch as_placer(placer, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    if (auto failure = attempt([&] { call([&] { move_heaps_to(relid, tablespace.c_str()); }); }))
        call([&] {
            ereport(WARNING, (errcode(failure->sqlstate),
                              errmsg("could not restore stream table \"%s\" in tablespace \"%s\": %s",
                                     get_rel_name(relid), tablespace.c_str(), failure->message.c_str())));
        });
}

/* A dump may have all names in quotes, as a newer server may need them for words that have become reserved. */
void restore_indexes(Oid relid, const std::string &indexes, Oid placer)
{
    for (const std::vector<Text> &row :
         run_extension_sql("SELECT i.definition, i.tablespace, i.comment, i.statistics, i.extensions FROM "
                           "jsonb_to_recordset($1::jsonb) "
                           "AS i (definition text, tablespace text, comment text, statistics text, extensions text) "
                           "WHERE NOT EXISTS (SELECT FROM pgtrickle.pgt_dumped($2::oid) d, "
                           "jsonb_array_elements(d.indexes) e "
                           "WHERE replace(e ->> 'definition', '\"', '') = replace(i.definition, '\"', ''))",
                           {indexes, std::to_string(relid)})) {
        if (!row[0])
            raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE, .message = "invalid indexes in a dump"});
        restore_index(relid, {*row[0], row[1], row[2], row[3], row[4]}, placer);
    }
}

} // namespace pgtrickle
