#include "pg/rights.hpp"

extern "C" {
#include "utils/acl.h"
}

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
    if (!has_limits_)
        call([=] { take_limits_of(owner); });
    has_limits_ = true;
}

void AsOwner::hide_messages_from_others(Oid owner)
{
    call([=] {
        if (!has_privs_of_role(statement_user(), owner))
            set_for_now("client_min_messages", "notice");
    });
}

} // namespace pgtrickle
