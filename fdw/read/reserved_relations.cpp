#include "fdw/read/reserved_relations.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle {

namespace {

constexpr AclMode writing = ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE;

bool is_in_schema(Oid relation, const char *prefix, bool is_whole)
{
    const char *schema = get_namespace_name(get_rel_namespace(relation));
    return schema != nullptr && (is_whole ? strcmp(schema, prefix) == 0 : strncmp(schema, prefix, strlen(prefix)) == 0);
}

/* Whether the privileges were granted on the relation itself. */
bool are_granted(Oid relation, AclMode privileges, Oid role)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool is_null;
    const Datum stored = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &is_null);
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    const bool answer = !is_null && aclmask(DatumGetAclP(stored), role, owner, privileges, ACLMASK_ALL) == privileges;
    ReleaseSysCache(tuple);
    return answer;
}

bool may_use(Oid relation, AclMode privileges, Oid role)
{
    if (relation < FirstNormalObjectId || superuser_arg(role))
        return true;
    const bool may_write_all = has_privs_of_role(role, ROLE_PG_WRITE_ALL_DATA);
    if (!may_write_all && !has_privs_of_role(role, ROLE_PG_READ_ALL_DATA))
        return true;
    if (is_in_schema(relation, "pg_trickle_", false))
        return false;
    return !may_write_all || (privileges & writing) == 0 || !is_in_schema(relation, "pgtrickle", true) ||
           are_granted(relation, privileges & writing, role);
}

} // namespace

bool check_reserved_relations(const RequiredRights &rights, bool raises)
{
    return for_required(rights, [=](Oid relation, AclMode privileges, Oid role) {
        const bool may = may_use(relation, privileges, role);
        if (!may && raises)
            aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relation));
        return may;
    });
}

} // namespace pgtrickle
