#include "fdw/statistics.hpp"

#include "fdw/serving.hpp"
#include "pg/versions.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "nodes/pathnodes.h"
#include "utils/acl.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

get_relation_stats_hook_type previous_hook = nullptr;

/* Whoever may not read the column must not learn its values by the estimates of a function
 * that leaks them. The privilege that counts is on the stream table. */
bool may_read(const Query *query, const RangeTblEntry *entry, AttrNumber column)
{
    const Oid read_as = rights_of(query, entry).read_as;
    const Oid user = OidIsValid(read_as) ? read_as : GetUserId();
    return entry->securityQuals == NIL &&
           (pg_class_aclcheck(entry->relid, user, ACL_SELECT) == ACLCHECK_OK ||
            pg_attribute_aclcheck(entry->relid, column, user, ACL_SELECT) == ACLCHECK_OK);
}

bool find_statistics(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable)
{
    if (entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_FOREIGN_TABLE && column > 0 &&
        !entry->inh) {
        const Serving *serving = serving_of(entry->relid);
        if (serving != nullptr && OidIsValid(serving->storage) && column <= serving->column_count) {
            variable->statsTuple =
                SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(serving->storage),
                                Int16GetDatum(serving->columns[column - 1]), BoolGetDatum(false));
            variable->freefunc = ReleaseSysCache;
            variable->acl_ok = !HeapTupleIsValid(variable->statsTuple) || may_read(root->parse, entry, column);
            return true;
        }
    }
    return previous_hook != nullptr && previous_hook(root, entry, column, variable);
}

} // namespace

void register_statistics()
{
    previous_hook = get_relation_stats_hook;
    get_relation_stats_hook = find_statistics;
}

} // namespace pgtrickle
