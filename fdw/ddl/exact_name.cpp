#include "fdw/ddl/exact_name.hpp"

#include "pg/relation_name.hpp"

extern "C" {
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
}

#include <algorithm>

namespace pgtrickle {

RangeVar *exact_name(Oid relid)
{
    const RelationName found = name_of_relation(relid);
    if (found.name == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("stream table not found: it was dropped meanwhile"),
                        errdetail("Its OID was %u.", relid)));
    return makeRangeVar(found.schema, found.name, -1);
}

void check_options(Oid relid, std::vector<options::Option> wanted)
{
    std::vector<options::Option> found = options::from_list(call([=] { return GetForeignTable(relid)->options; }));
    const auto by_name = [](const options::Option &one, const options::Option &other) { return one.name < other.name; };
    std::sort(found.begin(), found.end(), by_name);
    std::sort(wanted.begin(), wanted.end(), by_name);
    if (found != wanted)
        raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
               .message = "could not alter stream table: its schema was renamed by a concurrent transaction",
               .hint = "Repeat the statement.",
               .is_public = true});
}

} // namespace pgtrickle
