#include "definition/texts.hpp"

#include "pg/rights.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace pgtrickle::definition {

namespace {

bool may_user_see_texts(Oid relid, Oid user)
{
    return object_ownercheck(RelationRelationId, relid, user) || has_privs_of_role(user, ROLE_PG_MONITOR);
}

} // namespace

bool may_see_texts(Oid relid)
{
    return may_user_see_texts(relid, GetUserId());
}

bool may_show_texts(Oid relid)
{
    const Oid asking = statement_user();
    if (superuser() && superuser_arg(asking))
        return true;
    return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) && may_see_texts(relid) &&
           (asking == GetUserId() || may_user_see_texts(relid, asking));
}

} // namespace pgtrickle::definition
