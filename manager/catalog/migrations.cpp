#include "catalog/migrations.hpp"

namespace pgtrickle::catalog {

namespace {

const char *const schema =
#include "build/catalog_schema.inc"
    ;

} // namespace

const char *migration_from(int version)
{
    return version == 0 ? schema : nullptr;
}

} // namespace pgtrickle::catalog
