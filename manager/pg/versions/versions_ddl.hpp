/*
 * What differs between the versions of PostgreSQL in making heaps and indexes, and in locks; see versions.hpp. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/versions.hpp"

extern "C" {
#include "access/tupdesc.h"
#include "commands/defrem.h"
#include "parser/parse_type.h"
#include "storage/lock.h"
#include "utils/acl.h"
}

namespace pgtrickle {

/* A type as SQL writes it, parsed and not yet looked up. */
inline TypeName *parse_type_name(const char *text)
{
#if PG_VERSION_NUM < 160000
    return typeStringToTypeName(text);
#else
    return typeStringToTypeName(text, nullptr);
#endif
}

/* The column of a new relation holds no NULL. */
inline void set_not_null(TupleDesc columns, AttrNumber column)
{
    TupleDescAttr(columns, column - 1)->attnotnull = true;
#if PG_VERSION_NUM >= 180000
    populate_compact_attribute(columns, column - 1);
#endif
}

/* Makes the index of an analyzed statement on `heap`; the caller has checked the privileges. */
inline ObjectAddress define_index(Oid heap, IndexStmt *statement, bool check_not_in_use)
{
    return DefineIndex(heap, statement, InvalidOid, InvalidOid, InvalidOid,
#if PG_VERSION_NUM >= 160000
                       -1,
#endif
                       false, false, check_not_in_use, false, false);
}

/* The privileges of a storage's owner: none. Since 17 ANALYZE and VACUUM need one. */
inline Acl *acl_of_storage([[maybe_unused]] Oid owner)
{
    Acl *acl = make_empty_acl();
#if PG_VERSION_NUM >= 170000
    AclItem item;
    item.ai_grantee = owner;
    item.ai_grantor = owner;
    ACLITEM_SET_PRIVS_GOPTIONS(item, ACL_MAINTAIN, ACL_NO_RIGHTS);
    acl = aclupdate(acl, &item, ACL_MODECHG_ADD, owner, DROP_CASCADE);
#endif
    return acl;
}

/* Whether this process holds the lock, in this mode. */
inline bool holds_lock(const LOCKTAG &tag, LOCKMODE mode)
{
#if PG_VERSION_NUM < 170000
    return LockHeldByMe(&tag, mode);
#else
    return LockHeldByMe(&tag, mode, false);
#endif
}

inline AclResult right_to_create_in(Oid tablespace, Oid role)
{
    return object_aclcheck(TableSpaceRelationId, tablespace, role, ACL_CREATE);
}

} // namespace pgtrickle
