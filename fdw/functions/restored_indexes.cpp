#include "fdw/functions/restored_indexes.hpp"

#include "fdw/ddl/index.hpp"
#include "fdw/sql/extension_tables.hpp"

namespace pgtrickle {

void restore_indexes(Oid relid, const std::string &indexes)
{
    for (const std::vector<Text> &row : run_extension_sql(
             "SELECT i.definition, i.comment, i.statistics, i.extensions FROM jsonb_to_recordset($1::jsonb) AS i "
             "(definition text, comment text, statistics text, extensions text)",
             {indexes})) {
        if (!row[0])
            raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE, .message = "invalid indexes in a dump"});
        restore_index(relid, {*row[0], row[1], row[2], row[3]});
    }
}

} // namespace pgtrickle
