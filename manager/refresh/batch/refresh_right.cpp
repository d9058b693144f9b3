#include "refresh/batch/refresh_right.hpp"

#include "definition/lock_right.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "refresh/code/interpreted_code.hpp"

extern "C" {
#include "utils/rel.h"
#include "utils/relcache.h"
}

namespace pgtrickle::refresh {

namespace {

/* Whether this transaction has created the relation. PostgreSQL frame. */
bool is_created_here(Oid relid)
{
    Relation relation = RelationIdGetRelation(relid);
    if (!RelationIsValid(relation))
        return false;
    const bool answer = relation->rd_createSubid != InvalidSubTransactionId;
    RelationClose(relation);
    return answer;
}

} // namespace

bool may_refresh_here(Oid relid)
{
    if (SessionSwitch::is_in_worker())
        return ServedOwner::owner() == call([=] { return owner_of_relation(relid); });
    return call([=] { return definition::may_store(relid); }) &&
           (may_run_here(relid) || call([=] { return is_created_here(relid); }));
}

} // namespace pgtrickle::refresh
