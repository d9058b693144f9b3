#include "pg/rights.hpp"

#include "pg/context.hpp"

extern "C" {
#include "utils/memutils.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

std::vector<Oid> &served_owners()
{
    static std::vector<Oid> *owners = nullptr;
    if (owners == nullptr)
        owners = make_in<std::vector<Oid>>(TopMemoryContext);
    return *owners;
}

} // namespace

bool ServedOwner::serve(std::vector<Oid> owners)
{
    std::sort(owners.begin(), owners.end());
    owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
    if (served_owners().empty())
        served_owners() = owners;
    return served_owners() == owners;
}

bool ServedOwner::serves(Oid owner)
{
    return std::find(all().begin(), all().end(), owner) != all().end();
}

const std::vector<Oid> &ServedOwner::all()
{
    return served_owners();
}

void ServedOwner::require(Oid owner)
{
    if (all().empty())
        (void)serve({owner});
    if (!serves(owner))
        raise({.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE,
               .message = "could not run code of an owner in the worker of another one",
               .detail = "A stream table has got another owner meanwhile."});
}

} // namespace pgtrickle
