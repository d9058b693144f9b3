#include "refresh/code/compile_right.hpp"

#include "definition/stream_table.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "refresh/code/interpreted_code.hpp"

extern "C" {
#include "utils/rel.h"
#include "utils/relcache.h"
}

namespace pgtrickle::refresh {

AskedFor::AskedFor(Oid relid) : outer_(innermost_), owner_(call([=] { return owner_of_relation(relid, true); }))
{
    innermost_ = this;
}

AskedFor::~AskedFor()
{
    innermost_ = outer_;
}

bool AskedFor::includes(Oid owner)
{
    const AskedFor *asked = innermost_;
    while (asked != nullptr && asked->owner_ != owner)
        asked = asked->outer_;
    return asked != nullptr && OidIsValid(owner);
}

bool is_created_here(Oid relid)
{
    return call([=] {
        Relation relation = RelationIdGetRelation(relid);
        if (!RelationIsValid(relation))
            return false;
        const bool answer = relation->rd_createSubid != InvalidSubTransactionId;
        RelationClose(relation);
        return answer;
    });
}

bool may_run_any_code_of(Oid relid)
{
    return !KnownCodeOnly::is_in_force() &&
           (SessionSwitch::is_in_worker() || call([=] { return is_trusted_here(relid); }) ||
            AskedFor::includes(call([=] { return owner_of_relation(relid, true); })) || is_created_here(relid));
}

bool may_compile_here(Oid relid)
{
    return may_run_any_code_of(relid) || !may_run_interpreted_code(relid);
}

void require_right_to_compile(Oid relid)
{
    if (!may_compile_here(relid))
        raise({.sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE,
               .message = "the query of stream table " +
                          std::string(call([=] { return definition::qualified_name(relid); })) +
                          " must not run in this session",
               .detail = "It may run code of its owner.",
               .hint = "Use SET ROLE to become its owner.",
               .is_public = true});
}

} // namespace pgtrickle::refresh
