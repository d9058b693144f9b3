#include "fdw/scan/user_type.hpp"

extern "C" {
#include "access/transam.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

bool is_type_of_a_user(Oid type)
{
    return type >= FirstNormalObjectId && get_typtype(type) != TYPTYPE_ENUM;
}

} // namespace pgtrickle
