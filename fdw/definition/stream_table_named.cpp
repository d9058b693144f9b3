#include "fdw/definition/stream_table_named.hpp"

#include "definition/guc.hpp"
#include "definition/stream_table.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

bool is_definition_followed()
{
    return guc::is_preloaded() && IsTransactionState() && OidIsValid(get_namespace_oid("pg_trickle_storage", true));
}

Oid stream_table_named(const RangeVar *name)
{
    const Oid relid = name != nullptr && is_definition_followed() ? RangeVarGetRelid(name, NoLock, true) : InvalidOid;
    return OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE && definition::is_stream_table(relid)
               ? relid
               : InvalidOid;
}

} // namespace pgtrickle
