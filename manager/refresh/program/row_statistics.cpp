#include "refresh/program/row_statistics.hpp"

#include "refresh/program/statement.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"
}

namespace pgtrickle::refresh {

namespace {

bool may_read(Oid relation, AttrNumber column)
{
    const Oid user = GetUserId();
    return (pg_class_aclcheck(relation, user, ACL_SELECT) == ACLCHECK_OK ||
            pg_attribute_aclcheck(relation, column, user, ACL_SELECT) == ACLCHECK_OK) &&
           check_enable_rls(relation, user, true) != RLS_ENABLED;
}

HeapTuple statistics_of(const Origin *origin, AttrNumber column)
{
    auto look_up = [&](bool with_children) {
        return SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(origin->relation), Int16GetDatum(column),
                               BoolGetDatum(with_children));
    };
    HeapTuple found = !origin->is_only && has_subclass(origin->relation) ? look_up(true) : nullptr;
    return HeapTupleIsValid(found) ? found : look_up(false);
}

} // namespace

/* The type is compared because a relation in memory of another statement may have the same name: that of a function,
 * called while ours is planned. */
bool find_statistics_of_rows(PlannerInfo *, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable)
{
    if (entry->rtekind != RTE_NAMEDTUPLESTORE || column < 1)
        return false;
    const Origin *origin = origin_of_rows(entry->enrname);
    if (origin == nullptr || column > origin->column_count)
        return false;
    const AttrNumber of_origin = origin->columns[column - 1];
    if (of_origin < 1 || get_atttype(origin->relation, of_origin) != list_nth_oid(entry->coltypes, column - 1))
        return false;
    variable->statsTuple = statistics_of(origin, of_origin);
    variable->freefunc = ReleaseSysCache;
    variable->acl_ok = !HeapTupleIsValid(variable->statsTuple) ||
                       (entry->securityQuals == NIL && may_read(origin->relation, of_origin));
    return true;
}

} // namespace pgtrickle::refresh
