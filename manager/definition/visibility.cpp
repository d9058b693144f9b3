#include "definition/visibility.hpp"

#include "definition/stream_table.hpp"
#include "definition/texts.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
}

namespace pgtrickle {

bool may_see(Oid relid)
{
    return definition::may_see_state(relid);
}

RelationName name_if_visible(Oid relation)
{
    const RelationName found = name_of_relation(relation);
    return found.name != nullptr && may_see(relation) ? found : RelationName{};
}

namespace {

[[noreturn]] void refuse(Oid relid)
{
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied for stream table %s", definition::qualified_name(relid))));
}

} // namespace

Oid visible_stream_table(const char *name)
{
    Oid relid = definition::relid_of_name(name);
    if (!may_see(relid))
        refuse(relid);
    return relid;
}

Oid stream_table_with_texts(const char *name)
{
    Oid relid = definition::relid_of_name(name);
    if (!definition::may_see_texts(relid))
        refuse(relid);
    return relid;
}

Oid owned_stream_table(const char *name)
{
    Oid relid = definition::relid_of_name(name);
    definition::require_owner(relid);
    return relid;
}

Oid locked_stream_table(Oid (*find)(const char *name), const char *name, LOCKMODE mode)
{
    Oid relid = find(name);
    for (;;) {
        const bool is_locked = definition::lock_if_exists(relid, mode);
        const Oid found = find(name);
        if (is_locked && found == relid)
            return relid;
        if (is_locked)
            UnlockRelationOid(relid, mode);
        relid = found;
    }
}

} // namespace pgtrickle
