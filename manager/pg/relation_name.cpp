#include "pg/relation_name.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

RelationName name_of_relation(Oid relation)
{
    const RelationName found = {get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation)};
    return found.schema != nullptr && found.name != nullptr ? found : RelationName{};
}

const char *quoted_relation_name(Oid relation)
{
    const char *name = quoted_name_if_exists(relation);
    if (name == nullptr)
        elog(ERROR, "cache lookup failed for relation %u", relation);
    return name;
}

const char *quoted_name_if_exists(Oid relation)
{
    const RelationName found = name_of_relation(relation);
    return found.name == nullptr ? nullptr : quote_qualified_identifier(found.schema, found.name);
}

} // namespace pgtrickle
