#include "refresh/run/value_error.hpp"

namespace pgtrickle::refresh {

bool is_about_values(const ErrorData &error)
{
    const int found = ERRCODE_TO_CATEGORY(error.sqlerrcode);
    if (found == ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION))
        return error.internalpos == 0;
    for (int category : {ERRCODE_DATA_EXCEPTION, ERRCODE_CARDINALITY_VIOLATION, ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION,
                         ERRCODE_PROGRAM_LIMIT_EXCEEDED, ERRCODE_FEATURE_NOT_SUPPORTED, ERRCODE_PLPGSQL_ERROR,
                         ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION})
        if (found == ERRCODE_TO_CATEGORY(category))
            return true;
    return false;
}

} // namespace pgtrickle::refresh
