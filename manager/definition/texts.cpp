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

bool may_user_see_state(Oid relid, Oid user)
{
    return may_user_see_texts(relid, user) || pg_class_aclcheck(relid, user, ACL_SELECT) == ACLCHECK_OK ||
           pg_attribute_aclcheck_all(relid, user, ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

bool may_show(Oid relid, bool (*may_user_see)(Oid relid, Oid user))
{
    const Oid asking = statement_user();
    if (superuser() && superuser_arg(asking))
        return true;
    return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) && may_user_see(relid, GetUserId()) &&
           (asking == GetUserId() || may_user_see(relid, asking));
}

} // namespace

bool may_see_texts(Oid relid)
{
    return may_user_see_texts(relid, GetUserId());
}

bool may_see_state(Oid relid)
{
    return may_user_see_state(relid, GetUserId());
}

bool may_show_texts(Oid relid)
{
    return may_show(relid, may_user_see_texts);
}

bool may_show_state(Oid relid)
{
    return may_show(relid, may_user_see_state);
}

} // namespace pgtrickle::definition
