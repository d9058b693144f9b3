#include "translate/check/usable_types.hpp"

#include "pg/boundary.hpp"
#include "pg/type_name.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
}

#include <set>

namespace pgtrickle::translate {

namespace {

bool may_use(const std::string &type)
{
    return call([&] {
        const Oid oid = named_type(type.c_str()).type;
        return object_aclcheck(TypeRelationId, oid, GetUserId(), ACL_USAGE) == ACLCHECK_OK;
    });
}

} // namespace

std::optional<engine::Objection> objection_to_types(const engine::Program &program)
{
    const std::vector<engine::Step> &steps = program.steps();
    std::set<std::string> seen;
    for (int i = 0; i < steps.back().output_count; i++)
        seen.insert(steps.back().columns[i].column.type);
    for (const engine::Step &step : steps)
        for (const engine::ArrangementColumn &column : step.columns)
            if (const std::string &type = column.column.type; seen.insert(type).second && !may_use(type))
                return engine::Objection{
                    "type " + type,
                    "Its values would have to be stored, and the owner of the stream table has no USAGE privilege on "
                    "the type.",
                    "Grant USAGE on the type, or use refresh_mode 'FULL' or 'AUTO'."};
    return std::nullopt;
}

} // namespace pgtrickle::translate
