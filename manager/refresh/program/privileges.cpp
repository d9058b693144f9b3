#include "definition/query/rewritten_query.hpp"
#include "pg/rights.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/program/scope.hpp"

extern "C" {
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::refresh {

namespace {

/* Checks that the owner may read a source below a security_barrier view directly. */
void check_owner_reads(const CompiledSource &source, Oid owner)
{
    call([&] {
        if (pg_class_aclcheck(source.relid, owner, ACL_SELECT) == ACLCHECK_OK)
            return;
        for (size_t i = 0; i < source.columns.size(); i++)
            if ((source.columns[i] > 0 || !source.is_only) && /* otherwise the extension reads tableoid */
                pg_attribute_aclcheck(source.relid, source.columns[i], owner, ACL_SELECT) != ACLCHECK_OK)
                aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(get_rel_relkind(source.relid)),
                               get_rel_name(source.relid));
    });
}

} // namespace

void check_privileges(const Compiled &compiled)
{
    if (compiled.is_full_only()) {
        Scope as_owner(compiled.definition);
        call([&] { definition::check_read_privileges(definition::query_of(compiled.relid())); });
        return;
    }
    AsOwner as_owner(compiled.definition.owner, Sharing::all);
    call([&] { check_rights(compiled.asked); });
    for (const CompiledSource &source : compiled.sources)
        if (source.is_read_by_owner)
            check_owner_reads(source, compiled.definition.owner);
}

} // namespace pgtrickle::refresh
