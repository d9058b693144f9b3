#include "definition/unpopulated_view.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/syscache.h"
}

namespace pgtrickle::definition {

bool is_unpopulated_view(Oid relid)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return false;
    auto *row = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    const bool is_it = row->relkind == RELKIND_MATVIEW && !row->relispopulated;
    ReleaseSysCache(tuple);
    return is_it;
}

} // namespace pgtrickle::definition
