#include "pg/rights.hpp"

namespace pgtrickle {

bool ServedOwner::serve(Oid owner)
{
    if (owner_ == InvalidOid)
        owner_ = owner;
    return owner_ == owner;
}

void ServedOwner::require(Oid owner)
{
    if (!serve(owner))
        raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
               .message = "could not run code of an owner in the worker of another one",
               .detail = "A stream table has got another owner meanwhile."});
}

} // namespace pgtrickle
