#include "storage/storage.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::storage {

namespace {

Oid relation_of(const char *name)
{
    Oid schema = get_namespace_oid("pg_trickle_storage", true);
    return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

} // namespace

Oid namespace_oid()
{
    return call([] { return get_namespace_oid("pg_trickle_storage", true); });
}

Oid storage_of(Oid relid)
{
    return call([=] {
        char name[NAMEDATALEN];
        snprintf(name, sizeof(name), "st_%u", relid);
        return relation_of(name);
    });
}

Oid arrangement_of(Oid relid, int step)
{
    return call([=] {
        char name[NAMEDATALEN];
        snprintf(name, sizeof(name), "st_%u_%d", relid, step);
        return relation_of(name);
    });
}

std::string storage_name(Oid relid)
{
    return "st_" + std::to_string(relid);
}

std::string arrangement_name(Oid relid, int step)
{
    return "st_" + std::to_string(relid) + "_" + std::to_string(step);
}

} // namespace pgtrickle::storage
